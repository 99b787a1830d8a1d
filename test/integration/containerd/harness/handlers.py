"""The runtime handlers of a node, and what differs between them that is no fault of any.

Tests run pods of one handler, TESTED. Expectations that do not hold for each of them say so with what is here.
"""
import os
import unittest
from dataclasses import dataclass

# What leftovers.py finds of a pod without containers, of its sandbox alone.
RECORD = frozenset({"containers"})
PAUSE = RECORD | {"tasks", "snapshots", "shims", "bundles", "runc's state"}


@dataclass(frozen=True)
class Handler:
    name: str
    runtime: str  # podsandboxd's; empty: the controller that is built into containerd
    in_containerd: frozenset  # of leftovers.py's kinds, those that there are of a sandbox of it

    @property
    def ours(self):
        return self.runtime != ""

    @property
    def pause_is_a_container(self):
        return "tasks" in self.in_containerd


BUILT_IN = Handler("runc", "", PAUSE)
# Its pause is a process of our keeper: all that containerd has of it is a record, so that it leaves the pod's
# directories alone when it starts.
LINUX = Handler("podsandboxd", "linux", RECORD)
CONTAINERD = Handler("podsandboxd-containerd", "containerd", PAUSE)
# Passed to the OCI runtime by those whose pause is a container, so that it is seen to be so.
POD_ANNOTATIONS = ["podsandbox.test/*"]
ALL = {handler.name: handler for handler in (BUILT_IN, LINUX, CONTAINERD)}

# What holds for the built-in controller too is no matter of taste.
TESTED = ALL[os.environ.get("PODSANDBOX_TEST_HANDLER", LINUX.name)]

only_ours = unittest.skipUnless(
    TESTED.ours, "the built-in controller is a part of containerd: there is no daemon that could be asked or killed")
pause_is_apart = unittest.skipIf(
    TESTED.pause_is_a_container, "pause is in the shim of the pod's containers and does not outlive it")
pause_is_in_a_shim = unittest.skipUnless(
    TESTED.ours and TESTED.pause_is_a_container, "there is no shim of the sandbox, or it is not ours to clean up after")
# It leaves runc's state and the cgroups of the pod's containers, whoever made the sandbox.
shims_are_apart = unittest.skipUnless(
    TESTED == LINUX, "containerd cleans up badly after the containers in a pause container's shim that was killed")
