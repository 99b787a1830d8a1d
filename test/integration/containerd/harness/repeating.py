"""Asking again when something failed, as kubelet does it."""
import collections
import re

import grpc

from .waiting import eventually


def told(errors):
    """How often which of them came, whatever pod they are about."""
    return dict(collections.Counter(
        f"{error.code().name} {re.sub('[0-9a-f]{64}', 'ID', error.details())[:100]}" for error in errors))


def repeated(call, *arguments, errors=None, pause=0.1):
    """The first answer; the errors on the way go to `errors`."""
    errors = [] if errors is None else errors

    def answered():
        try:
            return [call(*arguments)]
        except grpc.RpcError as error:
            errors.append(error)
            return None
    [answer] = eventually(answered, lambda: f"{call.__name__} fails: {told(errors[-1:])}", timeout=60, pause=pause)
    return answer
