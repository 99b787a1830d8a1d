#!/usr/bin/python3
"""What becomes of the shims of pods when who looks after them is killed.

PODSANDBOX_TEST_MANY=1 kills for longer. PODSANDBOX_TEST_SEED repeats the moments of another run; PODSANDBOX_TEST_SHOW=1
shows what was killed.
"""
import collections
import concurrent.futures
import contextlib
import itertools
import os
import random
import signal
import time
import unittest

import grpc

from harness import traces
from harness.cri import READY, RUNNING
from harness.leftovers import leftovers
from harness.repeating import repeated
from harness.shim_case import MANY, ShimsCase
from harness.waiting import eventually

SEED = int(os.environ.get("PODSANDBOX_TEST_SEED", random.randrange(1 << 32)))
SHOW = bool(os.environ.get("PODSANDBOX_TEST_SHOW"))


class TheDaemonDies(ShimsCase):
    def test_before_the_first_container(self):
        pods = self.run_pods(3)
        self.restart_daemon()
        self.many(lambda pod: self.assert_works(pod, "main"), pods)
        self.assert_end_and_leave_nothing(*pods)

    def test_a_container_that_starts_without_it_fails(self):
        pod = self.cri.run_pod()
        container = self.cri.create_container(pod, "early")
        self.node.daemon.kill()
        with self.assertRaises(grpc.RpcError):
            self.cri.runtime.StartContainer(container_id=container, deadline=20)
        self.start_daemon()
        self.assert_works(pod, "next")
        self.assert_end_and_leave_nothing(pod)

    def test_while_a_shim_starts(self):
        pod = self.cri.run_pod()
        self.node.shim.waits()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            start = pool.submit(self.cri.start_container, pod)
            [shim] = eventually(self.node.shim.starts, "no shim is started")
            self.restart_daemon()
            self.assertEqual(self.shims_of(pod), [shim])
            self.node.shim.goes_on()
            self.assertEqual(self.cri.container_status(start.result()).state, RUNNING)
        self.assert_works(pod, "next")
        self.assertEqual((self.shims_of(pod), self.node.shim.starts()), ([shim], [shim]))
        self.assert_end_and_leave_nothing(pod)

    def test_with_the_shim_that_it_starts(self):
        pod = self.cri.run_pod()
        self.node.shim.waits()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            start = pool.submit(self.cri.start_container, pod)
            [shim] = eventually(self.node.shim.starts, "no shim is started")
            self.node.daemon.kill()
            os.kill(shim, signal.SIGKILL)
            self.start_daemon()
            self.node.shim.goes_on()
            with self.assertRaises(grpc.RpcError):
                start.result()
        self.assert_works(pod, "next")
        self.assert_end_and_leave_nothing(pod)

    def test_while_containers_run(self):
        pods = self.run_pods(5)
        containers = self.many(self.cri.start_container, pods)
        shims = {pod.id: self.shim_of(pod) for pod in pods}
        for name in ("second", "third"):
            self.restart_daemon()
            self.many(lambda pod, name=name: self.assert_works(pod, name), pods)
            self.assertEqual({pod.id: self.shim_of(pod) for pod in pods}, shims)
        self.assertEqual({self.cri.container_status(container).state for container in containers}, {RUNNING})
        self.assert_end_and_leave_nothing(*pods)

    def test_while_pods_end(self):
        """The next daemon goes on with what the last one began."""
        pods = self.run_pods(10)
        self.many(self.cri.start_container, pods)
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            ends = [pool.submit(self.cri.end_pod, pod) for pod in pods]
            eventually(lambda: len(self.bundles()) < len(pods), "no pod ends", pause=0.001)
            self.node.daemon.kill()
            concurrent.futures.wait(ends)
        self.start_daemon()
        self.cri.end_all_pods()
        self.assert_nothing_left()


class ContainerdDies(ShimsCase):
    def test_while_containers_run(self):
        pods = self.run_pods(5)
        containers = self.many(self.cri.start_container, pods)
        pids = self.pids(containers)
        # Of the last two pods the only container ends meanwhile: containerd may end their shims when it comes back.
        self.node.kill_containerd()
        for pid in pids[3:]:
            os.kill(pid, signal.SIGKILL)
        self.node.start_containerd()
        self.assertEqual(self.pids(containers[:3]), pids[:3])
        for container in containers[3:]:
            self.cri.wait_exited(container)
        self.many(lambda pod: self.assert_works(pod, "next"), pods)
        self.assertEqual([self.cri.state(pod) for pod in pods], [READY] * 5)
        self.assertEqual([len(self.shims_of(pod)) for pod in pods], [1] * 5)
        self.assert_end_and_leave_nothing(*pods)

    def test_with_a_shim(self):
        pods = self.run_pods(2)
        containers = self.many(self.cri.start_container, pods)
        pids = self.pids(containers[:1])
        self.node.kill_containerd()
        self.kill_shim(pods[0])
        self.node.start_containerd()
        self.assert_lost_is_removed(containers[:1], pids)
        self.assertEqual(self.cri.container_status(containers[1]).state, RUNNING)
        self.many(lambda pod: self.assert_works(pod, "next"), pods)
        self.assert_end_and_leave_nothing(*pods)

    def test_with_the_daemon(self):
        pods = self.run_pods(3)
        containers = self.many(self.cri.start_container, pods[:2])
        pids = self.pids(containers)
        self.node.kill_containerd()
        self.node.daemon.kill()
        os.kill(pids[1], signal.SIGKILL)
        self.node.daemon.start()
        self.node.start_containerd()
        self.assertEqual(self.pids(containers[:1]), pids[:1])
        self.cri.wait_exited(containers[1])
        self.many(lambda pod: self.assert_works(pod, "next"), pods)
        self.assert_end_and_leave_nothing(*pods)


class EverythingDies(ShimsCase):
    def setUp(self):
        super().setUp()
        self.random = random.Random(f"{SEED} {self.id()}")

    def test_while_containers_come_and_go(self):
        pods = self.run_pods(6)
        until = time.monotonic() + (120 if MANY else 6)
        kills = collections.Counter()
        with concurrent.futures.ThreadPoolExecutor(len(pods)) as pool:
            lives = [pool.submit(self.live, pod, until) for pod in pods]
            while time.monotonic() < until:
                concurrent.futures.wait(lives, timeout=self.random.uniform(0, 0.5))
                kills[self.kill_something()] += 1
            started = [life.result() for life in lives]
        if SHOW:
            print(f"killed: {dict(kills)}; containers that started: {started}", flush=True)
        for pod in pods:
            self.assertEqual(repeated(self.cri.state, pod), READY)
            self.assert_works_soon(pod)
        self.assert_end(*pods)
        eventually(lambda: not self.left_of_ours(), lambda: f"left: {self.left_of_ours()}", timeout=60)
        if leftovers(self.node):
            self.renew_node()

    def left_of_ours(self):
        """Without what others leave: containerd the bundle of a container whose shim died before the container started,
        runc an empty directory when it dies so early that nothing tells whose container it was going to be."""
        left = {kind: what for kind, what in leftovers(self.node).items() if kind not in ("bundles", "mounts")}
        states = left.pop("runc's state", [])
        written = [name for name in states if os.path.exists(self.node.path("runc/k8s.io", name, "state.json"))]
        return {**left, "runc's state": written} if written else left

    def live(self, pod, until):
        """Containers of one pod, one after the other; how many of them started."""
        started = 0
        for number in itertools.count():
            if time.monotonic() > until:
                return started
            try:
                container = self.cri.create_container(pod, f"c{number}")
                self.cri.runtime.StartContainer(container_id=container)
                started += 1
                self.remove_container(container)
            except grpc.RpcError:
                pass

    def kill_something(self):
        shims = traces.shims(self.node.directory)
        if shims and self.random.random() < 0.7:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.random.choice(shims), signal.SIGKILL)
            return "shim"
        self.node.daemon.kill()
        self.node.daemon.start()
        return "daemon"


if __name__ == "__main__":
    print(f"PODSANDBOX_TEST_SEED={SEED}", flush=True)
    unittest.main()
