#!/usr/bin/python3
"""Each call of containerd that podsandboxd makes for a sandbox fails once, in each way: podsandboxd answers in time,
what it was asked can be asked again, no exit is lost, and in the end nothing is left.

Which calls there are is seen, not known. PODSANDBOX_TEST_SHOW=1 prints them, and what came of it when one failed.
"""
import collections
import concurrent.futures
import os
import signal
import time
import unittest

import grpc

from harness import traces
from harness.case import NodeCase
from harness.controller import Sandbox
from harness.cri import NOTREADY
from harness.failing_proxy import FAILURES, INJECTED, lost, refused, unanswered
from harness.handlers import TESTED, only_ours, pause_is_in_a_shim
from harness.proxied_node import ProxiedNode
from harness.repeating import repeated
from harness.waiting import eventually

SHOW = bool(os.environ.get("PODSANDBOX_TEST_SHOW"))
KILLED = 128 + signal.SIGKILL
IN_TIME = 12  # seconds, for an answer of any kind: more than the longest timeout that the node's daemon has
QUIET = 0.3  # seconds without a call: all that belongs to an operation have come

# What the daemon asks whether or not there are sandboxes, at times of its own.
SUBSCRIBE = "/containerd.services.events.v1.Events/Subscribe"
OF_NO_SANDBOX = {SUBSCRIBE, "/containerd.services.containers.v1.Containers/List",
                 "/containerd.services.sandbox.v1.Store/List", "/runtime.v1.RuntimeService/Status"}


class Start:
    """The first of a daemon, which remembers nothing of images yet."""

    @staticmethod
    def prepare(node, sandbox):
        node.daemon.kill()
        node.daemon.start()
        sandbox.create()

    @staticmethod
    def act(sandbox):
        sandbox.start(IN_TIME)


class Stop:
    @staticmethod
    def prepare(_, sandbox):
        sandbox.create()
        sandbox.start()

    @staticmethod
    def act(sandbox):
        sandbox.stop(IN_TIME)


class Death:
    """Pause is killed by somebody else; what follows is done without being asked."""
    prepare = Stop.prepare

    @staticmethod
    def act(sandbox):
        os.kill(sandbox.pid, signal.SIGKILL)
        eventually(lambda: sandbox.state() == "SANDBOX_NOTREADY", "the sandbox is still READY", timeout=2)


class Shutdown:
    """After Stop."""

    @staticmethod
    def prepare(node, sandbox):
        Stop.prepare(node, sandbox)
        sandbox.stop()

    @staticmethod
    def act(sandbox):
        sandbox.shutdown(IN_TIME)


class ShutdownAtOnce:
    """Without Stop: of one that runs."""
    prepare = Stop.prepare
    act = Shutdown.act


OPERATIONS = (Start, Stop, Death, Shutdown, ShutdownAtOnce)


class ProxiedCase(NodeCase):
    node_type = ProxiedNode

    def tearDown(self):
        self.node.proxy.record()  # whatever is to fail does so no more
        super().tearDown()

    def wait_quiet(self):
        begin = time.monotonic()
        proxy = self.node.proxy
        eventually(lambda: time.monotonic() - max(begin, proxy.last_of_all_but(OF_NO_SANDBOX)) > QUIET,
                   "podsandboxd goes on calling")


@only_ours
class Calls(ProxiedCase):
    seen = {}

    def prepared(self, operation):
        sandbox = Sandbox(self.node, TESTED)
        operation.prepare(self.node, sandbox)
        self.wait_quiet()
        return sandbox

    def calls_of(self, operation):
        """The methods that it calls when nothing fails, each as often as it does."""
        if operation not in self.seen:
            sandbox = self.prepared(operation)
            self.node.proxy.record()
            operation.act(sandbox)
            self.wait_quiet()
            calls = [method for method in self.node.proxy.calls() if method not in OF_NO_SANDBOX]
            if operation not in (Shutdown, ShutdownAtOnce):
                self.end(sandbox)
            self.seen[operation] = collections.Counter(calls)
            if SHOW:
                print(f"{operation.__name__}:", *calls, sep="\n    ", flush=True)
        return self.seen[operation]

    def end(self, sandbox):
        """As kubelet ends a pod: it asks until it has been done."""
        repeated(sandbox.stop)
        self.assertEqual(sandbox.state(), "SANDBOX_NOTREADY")
        self.assertTrue(traces.is_dead(sandbox.pid))
        repeated(sandbox.shutdown)

    @pause_is_in_a_shim
    def test_the_calls_are_seen(self):
        """Or nothing would be tested here."""
        for operation, method in ((Start, "Create"), (Start, "Start"), (ShutdownAtOnce, "Delete")):
            self.assertIn(f"/containerd.services.tasks.v1.Tasks/{method}", self.calls_of(operation))

    def fail_each_call(self, operation, failure):
        calls = self.calls_of(operation)
        if not calls:
            self.skipTest(f"{operation.__name__} makes no call")
        for method, times in calls.items():
            for number in range(1, times + 1):
                with self.subTest(operation=operation.__name__, failure=failure.__name__, method=method,
                                  number=number):
                    self.fail_one_call(operation, failure, method, number)

    def fail_one_call(self, operation, failure, method, number):
        sandbox = self.prepared(operation)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            exits = [pool.submit(sandbox.wait)] if sandbox.pid else []
            self.node.proxy.fail(method, failure, number)
            error = self.answer(operation, sandbox)
            if number == 1:  # how often it is asked how a task is depends on how fast the rest is
                eventually(self.node.proxy.has_failed, f"{method} is not called")
            if SHOW:
                print(f"{operation.__name__}, {method} {number} {failure.__name__}: {error or 'ok'}", flush=True)
            self.assert_tells(error, failure, sandbox)
            if operation is Start and error:
                self.node.cri.remove_pod_cgroup(sandbox.config)
            elif operation is Start:
                self.assertEqual(sandbox.state(), "SANDBOX_READY")
                self.assertFalse(traces.is_dead(sandbox.pid))
                self.end(sandbox)
            elif operation in (Stop, Death):
                self.end(sandbox)
            else:
                repeated(sandbox.shutdown)
            self.assertEqual([ended.result(timeout=10) for ended in exits], [KILLED] * len(exits))
        self.assert_nothing_left(timeout=30)

    def assert_tells(self, error, failure, sandbox):
        """What came of the call, and for which sandbox; the rest of it is for people."""
        if not error:
            return
        self.assertIn(sandbox.id, error)
        if failure in (refused, lost):
            self.assertIn(INJECTED, error)
        elif failure is unanswered:
            self.assertIn(": Deadline Exceeded", error)  # of the call, not of all that was to be done

    def answer(self, operation, sandbox):
        """The text of the error, if it is one; in time it comes either way."""
        before = time.monotonic()
        try:
            operation.act(sandbox)
            error = ""
        except grpc.RpcError as caught:
            error = f"{caught.code().name}: {caught.details()}"
            self.assertTrue(caught.details())
        self.assertLess(time.monotonic() - before, IN_TIME, error)
        return error


def test_of(operation, failure):
    return lambda self: self.fail_each_call(operation, failure)


for each in OPERATIONS:
    for way in FAILURES:
        setattr(Calls, f"test_{each.__name__}_{way.__name__}", test_of(each, way))


@only_ours
@pause_is_in_a_shim
class Events(ProxiedCase):
    """Of the deaths of pauses containerd tells in a stream of events, which may end at any time."""

    def run_pods(self, count):
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            return list(pool.map(self.cri.run_pod, [self.cri.pod_config(f"pod-{n}") for n in range(count)]))

    def kill_all(self, pods):
        for pod in pods:
            os.kill(self.cri.info(pod)["pid"], signal.SIGKILL)

    def assert_all_killed(self, pods):
        for pod in pods:
            eventually(lambda pod=pod: self.cri.state(pod) == NOTREADY, "the pod is still READY")
            exit_of = self.node.controller().Wait(sandbox_id=pod.id, deadline=10)
            self.assertEqual(exit_of.exit_status, KILLED)
            self.cri.end_pod(pod)

    def test_the_stream_ends_while_pods_die(self):
        pods = self.run_pods(20)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            dying = pool.submit(self.kill_all, pods)
            cuts = 0
            while not dying.done():
                cuts += self.node.proxy.cut(SUBSCRIBE)
        self.assertGreater(cuts, 0)
        dying.result()
        self.assert_all_killed(pods)

    def test_pods_die_while_there_is_no_stream(self):
        pods = self.run_pods(5)
        self.node.proxy.fail(SUBSCRIBE, refused)
        self.assertGreater(self.node.proxy.cut(SUBSCRIBE), 0)
        self.kill_all(pods)
        self.assert_all_killed(pods)
        eventually(lambda: self.node.proxy.open_calls(SUBSCRIBE), "podsandboxd does not ask for events again")
        self.assertTrue(self.node.proxy.has_failed())


if __name__ == "__main__":
    unittest.main()
