#!/usr/bin/python3
"""podsandboxd, or containerd, is killed at each moment of a shim's life, and started again: a pod has one shim, which
works, and nothing is left of what was begun."""
import concurrent.futures
import contextlib
import os
import signal
import unittest

import grpc

from harness import places
from harness.cri import READY, RUNNING
from harness.repeating import repeated
from harness.shim_case import ShimsCase
from harness.waiting import eventually

# Failpoints of the daemon, in the order in which they are passed.
WHILE_A_POD_STARTS = ["shim's bundle is made", "shim's socket is made", "shim's socket is there"]
WHILE_A_SHIM_STARTS = ["shim is started", "shim runs", "shim's record is drafted", "shim's record takes its place",
                       "shim's record is there"]
WHILE_A_POD_ENDS = ["shim is told to end", "shim has ended", "shim's record goes", "shim's socket goes",
                    "shim's bundle goes", "shim's bundle is gone"]


class MomentsCase(ShimsCase):
    @contextlib.contextmanager
    def in_background(self, call, *arguments):
        """The call, which may fail, is over at the end."""
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            with contextlib.suppress(grpc.RpcError):
                future = pool.submit(call, *arguments)
                yield future
                future.result()

    def pod(self):
        [pod] = self.run_pods(1)
        return pod

    def assert_one_shim_works(self, pod):
        self.assert_works_soon(pod)
        self.assertEqual((self.cri.state(pod), len(self.shims_of(pod))), (READY, 1))


class TheDaemonDies(MomentsCase):
    def arm(self, failpoint):
        """The daemon, from a new start on, so that it is killed when it gets there."""
        process = self.node.daemon.process
        self.node.daemon.kill()
        command, environment = process.command, process.env
        process.command = [places.ours("podsandboxd-failpoints") if word == places.ours("podsandboxd") else word
                           for word in command]
        process.env = {**environment, "PODSANDBOX_FAILPOINT": f"{failpoint}#1"}
        self.start_daemon()
        process.command, process.env = command, environment

    def wait_dead(self):
        eventually(lambda: not self.node.daemon.process.running(), "the daemon does not get there")

    def test_while_a_pod_starts(self):
        for failpoint in WHILE_A_POD_STARTS:
            with self.subTest(failpoint):
                config = self.cri.pod_config(host_network=True)
                self.arm(failpoint)
                with self.assertRaises(grpc.RpcError):
                    self.cri.run_pod(config)
                self.wait_dead()
                self.start_daemon()
                eventually(lambda: self.sockets() + self.bundles() == [], "what was begun is not undone")
                self.cri.remove_pod_cgroup(config)
                self.assert_nothing_left(timeout=40)

    def test_while_a_shim_starts(self):
        for failpoint in WHILE_A_SHIM_STARTS:
            with self.subTest(failpoint):
                pod = self.pod()
                container = self.cri.create_container(pod)
                self.arm(failpoint)
                self.node.shim.mend()
                with self.in_background(lambda: self.cri.runtime.StartContainer(container_id=container)) as start:
                    self.wait_dead()
                    self.start_daemon()
                if not start.exception():
                    self.assertEqual(self.cri.container_status(container).state, RUNNING)
                    self.assertEqual(len(self.node.shim.starts()), 1)
                self.assert_one_shim_works(pod)
                self.assertLessEqual(len(self.node.shim.starts()), 2)
                self.assert_end_and_leave_nothing(pod)

    def test_while_a_pod_ends(self):
        for failpoint in WHILE_A_POD_ENDS:
            with self.subTest(failpoint):
                pod = self.pod()
                self.cri.start_container(pod)
                self.arm(failpoint)
                with self.in_background(self.cri.end_pod, pod):
                    self.wait_dead()
                self.start_daemon()
                repeated(self.cri.end_pod, pod)
                self.assertEqual((self.sockets(), self.bundles(), self.shims_of(pod)), ([], [], []))
                self.assertEqual(len(self.node.shim.starts()), 1)
                self.node.shim.mend()
                self.assert_nothing_left(timeout=30)


class ContainerdDies(MomentsCase):
    def test_before_the_first_container(self):
        pods = self.run_pods(5)
        for _ in range(2):
            self.restart_containerd()
        self.assertEqual((self.node.shim.starts(), [self.cri.state(pod) for pod in pods]), ([], [READY] * 5))
        self.many(lambda pod: self.assert_works(pod, "main"), pods)
        self.assertEqual(len(self.node.shim.starts()), 5)
        self.assert_end_and_leave_nothing(*pods)

    def test_while_a_shim_starts(self):
        for comes_back_first in (True, False):
            with self.subTest(comes_back_first=comes_back_first):
                pod = self.pod()
                self.node.shim.waits()
                with self.in_background(self.cri.start_container, pod):
                    [shim] = eventually(self.node.shim.starts, "no shim is started")
                    self.node.kill_containerd()
                if comes_back_first:
                    self.node.containerd.process.start()
                    self.node.shim.goes_on()
                    self.node.wait_for_cri()
                else:
                    self.node.shim.goes_on()
                    self.node.start_containerd()
                self.assertIn(self.shims_of(pod), ([], [shim]))
                self.assert_one_shim_works(pod)
                self.assertLessEqual(len(self.node.shim.starts()), 2)
                self.assert_end(pod)
                self.node.shim.mend()

    def test_and_the_last_container_with_it(self):
        """Whether the shim outlives both or not."""
        for shim_dies in (False, True):
            with self.subTest(shim_dies=shim_dies):
                pod = self.pod()
                container = self.cri.start_container(pod)
                [pid] = self.pids([container])
                self.node.kill_containerd()
                if shim_dies:
                    self.kill_shim(pod)
                else:
                    os.kill(pid, signal.SIGKILL)
                self.node.start_containerd()
                self.assert_lost_is_removed([container], [pid])
                self.assert_one_shim_works(pod)
                self.assert_end_and_leave_nothing(pod)


if __name__ == "__main__":
    unittest.main()
