"""Stands between podsandboxd and containerd's API, records the calls, and lets one of them fail.

It knows no message: requests and answers are bytes that pass as they are, with metadata and deadlines. Unary calls
and those that answer with a stream are the same to it.

    proxy.fail("/containerd.services.tasks.v1.Tasks/Create", lost)
"""
import concurrent.futures
import threading
import time

import grpc

from .contracts import channel_to

INJECTED = "the proxy fails this call"
CUT = "the proxy cuts this stream"
YEAR = 365 * 24 * 3600.0
MOST_CALLS_AT_ONCE = 500  # each open stream and each Wait has a thread


class Call:
    """One that a client makes: what was asked, and how it goes on."""

    def __init__(self, proxy, method, request, context):
        self.proxy, self.method, self.request, self.context = proxy, method, request, context
        self.given_up = threading.Event()
        self.upstream = None
        self.was_cut = False

    def forward(self):
        """Asks containerd; its answers, as they come. Its error is the client's."""
        metadata = [(key, value) for key, value in self.context.invocation_metadata()
                    if key != "user-agent" and not key.startswith("grpc-")]
        rpc = self.proxy.channel.unary_stream(self.method)
        remaining = self.context.time_remaining()
        # Without a deadline that is a number too large to be added to the time.
        self.upstream = rpc(self.request, metadata=metadata, timeout=remaining if remaining < YEAR else None)
        if self.given_up.is_set():
            self.upstream.cancel()
        try:
            yield from self.upstream
        except grpc.RpcError as error:
            if self.was_cut:
                self.context.abort(grpc.StatusCode.UNAVAILABLE, CUT)
            self.context.set_trailing_metadata(error.trailing_metadata() or ())
            self.context.abort(error.code(), error.details())

    def fail(self):
        self.context.abort(grpc.StatusCode.UNAVAILABLE, INJECTED)

    def ended(self):
        self.given_up.set()
        if self.upstream:
            self.upstream.cancel()

    def cut(self):
        self.was_cut = True
        if self.upstream:
            self.upstream.cancel()


# The failures: each serves a call, and yields what the client is answered.

def refused(call):
    """It never reaches containerd."""
    call.fail()
    yield


def lost(call):
    """It happens, but the answer is an error."""
    for _ in call.forward():
        pass
    call.fail()
    yield


def unanswered(call):
    """It happens, and no answer ever comes."""
    for _ in call.forward():
        pass
    call.given_up.wait()
    yield from ()


def delayed(call, seconds=1):
    """It takes a while, unless the client does not wait."""
    call.given_up.wait(seconds)
    yield from call.forward()


def doubled(call):
    """It happens twice, and the second answer is the client's."""
    for _ in call.forward():
        pass
    yield from call.forward()


FAILURES = (refused, lost, unanswered, delayed, doubled)


class FailingProxy(grpc.GenericRpcHandler):
    def __init__(self, socket, target):
        self.path = socket
        self.channel = channel_to(target)
        self.lock = threading.Lock()
        self.seen, self.open = [], set()
        self.last = {}  # by method, when it was called or ended
        self.failing = None
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(MOST_CALLS_AT_ONCE), handlers=[self],
                                  options=[("grpc.max_receive_message_length", 16 << 20)])
        self.server.add_insecure_port("unix:" + socket)
        self.server.start()

    def close(self):
        self.server.stop(None).wait()
        self.channel.close()

    def calls(self, about=""):
        """The methods that were called since the last fail() or record(), in order; only those with this in their
        request."""
        with self.lock:
            return [call.method for call in self.seen if about.encode() in call.request]

    def record(self):
        """Forgets what was called, and lets nothing fail."""
        self.fail(None, None)

    def fail(self, method, failure, number=1):
        """Of the calls of this method that come from now on, the number-th fails so, and no other."""
        with self.lock:
            self.seen, self.failing = [], [method, failure, number]

    def has_failed(self):
        """Whether the call that was to fail has come."""
        with self.lock:
            return self.failing[2] <= 0

    def last_of_all_but(self, methods):
        """When one has begun or ended last, in seconds of the monotonic clock."""
        with self.lock:
            return max((moment for method, moment in self.last.items() if method not in methods), default=0)

    def open_calls(self, method):
        """Those of this method that have not ended."""
        with self.lock:
            return [call for call in self.open if call.method == method]

    def cut(self, method):
        """Ends the open calls of this method, for the client as if containerd had gone; answers how many."""
        cut = self.open_calls(method)
        for call in cut:
            call.cut()
        return len(cut)

    def service(self, handler_call_details):
        method = handler_call_details.method
        return grpc.unary_stream_rpc_method_handler(lambda request, context: self.serve(method, request, context))

    def serve(self, method, request, context):
        call = Call(self, method, request, context)
        context.add_callback(call.ended)
        failure = self.begin(call)
        try:
            yield from failure(call) if failure else call.forward()
        finally:
            with self.lock:
                self.open.discard(call)
                self.last[method] = time.monotonic()

    def begin(self, call):
        """Notes it; answers the failure that is its."""
        with self.lock:
            self.seen.append(call)
            self.open.add(call)
            self.last[call.method] = time.monotonic()
            if not self.failing or self.failing[0] != call.method:
                return None
            self.failing[2] -= 1
            return self.failing[1] if self.failing[2] == 0 else None
