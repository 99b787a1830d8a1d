#!/usr/bin/python3
"""The shims of pods of the linux runtime: podsandboxd starts one when a pod's first container starts.

PODSANDBOX_TEST_MANY=1 does it with more pods.
"""
import concurrent.futures
import os
import select
import signal
import time
import unittest

import grpc

from harness import traces
from harness.cri import READY, RUNNING
from harness.shim_case import MANY, ShimsCase
from harness.shim_node import CRUN, SHIM
from harness.waiting import eventually


class ShimsComeAndGo(ShimsCase):
    def test_a_pod_without_containers_has_none(self):
        pods = self.run_pods(300)
        self.assertEqual((traces.shims(self.node.directory), self.node.shim.starts()), ([], []))
        self.assertEqual(len(self.sockets()), len(pods))
        self.many(self.cri.end_pod, pods)
        self.assertEqual((self.sockets(), self.bundles()), ([], []))

    def test_a_pod_with_containers_has_one(self):
        pods = self.run_pods(30)
        first = self.many(self.cri.start_container, pods)
        shims = {pod.id: self.shim_of(pod) for pod in pods}
        self.assertEqual({int(traces.stat_fields(shim)[1]) for shim in shims.values()}, {self.node.daemon.process.pid})
        self.many(lambda pod: self.cri.start_container(pod, "second"), pods)
        self.many(self.remove_container, first)
        self.many(lambda pod: self.assert_works(pod, "third"), pods)
        self.assertEqual({pod.id: self.shim_of(pod) for pod in pods}, shims)
        self.assertEqual(sorted(self.node.shim.starts()), sorted(shims.values()))
        ended, kept = pods[:20], pods[20:]
        self.many(self.cri.end_pod, ended)
        self.assertEqual(sorted(traces.shims(self.node.directory)), sorted(shims[pod.id] for pod in kept))
        self.assertEqual((self.bundles(), len(self.sockets())), (sorted(pod.id for pod in kept), len(kept)))
        self.many(self.cri.end_pod, kept)
        self.assertEqual((self.sockets(), self.bundles(), traces.shims(self.node.directory)), ([], [], []))

    def test_many_pods_leave_nothing(self):
        def life(number):
            pod = self.cri.run_pod(self.cri.pod_config(f"pod-{number}", host_network=True))
            if not MANY or number % 5 == 0:
                self.cri.start_container(pod)
            self.cri.end_pod(pod)

        def descriptors():
            return len(os.listdir(f"/proc/{self.node.daemon.process.pid}/fd"))
        self.many(life, range(10))
        self.assert_nothing_left()
        before = descriptors()
        self.many(life, range(1000 if MANY else 50))
        self.assert_nothing_left()
        eventually(lambda: descriptors() <= before, lambda: f"{before} descriptors are {descriptors()} now")

    def test_containers_of_crun(self):
        if not os.path.exists(self.node.path("bin/crun")):
            self.skipTest("there is no crun")
        pod = self.cri.run_pod(handler=CRUN.name)
        containers = [self.assert_works(pod, name) for name in ("a", "b")]
        pids = self.pids(containers)
        shim = self.kill_shim(pod)
        self.assert_lost_is_removed(containers, pids)
        self.assert_works(pod, "next")
        self.assertNotEqual(self.shim_of(pod), shim)
        self.assert_end_and_leave_nothing(pod)


class SocketsAreKept(ShimsCase):
    """Under a service manager that keeps descriptors, as our units say."""

    def setUp(self):
        super().setUp()
        self.node.daemon.activate()  # also after a test that failed, when the node is a new one
        self.manager = self.node.daemon.activated

    def wait_kept(self, count):
        """Until this many sockets are; answers them."""
        eventually(lambda: len(self.manager.keeps()) == count,
                   lambda: f"{count} sockets are not kept: {self.manager.keeps()}")
        return [descriptor for _, descriptor in self.manager.keeps()]

    def test_first_containers_while_there_is_no_daemon(self):
        for end in (signal.SIGKILL, signal.SIGTERM):
            pods = self.run_pods(5)
            containers = self.many(self.cri.create_container, pods)
            sockets = self.wait_kept(len(pods))
            self.node.daemon.process.end(end)
            with concurrent.futures.ThreadPoolExecutor(len(pods)) as pool:
                starts = [pool.submit(self.cri.runtime.StartContainer, container_id=container)
                          for container in containers]
                eventually(lambda: self.waits_in_all(sockets), lambda: f"containerd does not connect: {starts}")
                self.assertEqual(traces.shims(self.node.directory), [])
                self.start_daemon()
                for start in starts:
                    start.result()
            for pod, container in zip(pods, containers):
                self.assertEqual(self.cri.execute(container, "echo", "here"), "here\n")
                self.shim_of(pod)
            self.assert_end_and_leave_nothing(*pods)

    def waits_in_all(self, sockets):
        waiting, _, _ = select.select(sockets, [], [], 0)
        return len(waiting) == len(sockets)

    def test_shims_that_end_while_there_is_no_daemon(self):
        pod = self.cri.run_pod()
        container = self.cri.start_container(pod)
        pids = self.pids([container])
        next_one = self.cri.create_container(pod, "next")
        sockets = self.wait_kept(1)
        self.node.daemon.kill()
        self.kill_shim(pod)
        self.cri.wait_exited(container)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            start = pool.submit(self.cri.runtime.StartContainer, container_id=next_one)
            eventually(lambda: self.waits_in_all(sockets), lambda: f"containerd does not connect: {start}")
            self.start_daemon()
            start.result()
        self.assertEqual(self.cri.execute(next_one, "echo", "here"), "here\n")
        self.assert_lost_is_removed([container], pids)
        self.assert_end_and_leave_nothing(pod)


class ShimsDie(ShimsCase):
    def test_its_containers_end_and_others_can_start(self):
        pods = [self.cri.run_pod(self.cri.pod_config(f"pod-{number}")) for number in range(2)]
        containers = [self.cri.start_container(pods[0], name) for name in ("a", "b")]
        other = self.cri.start_container(pods[1])
        pids = self.pids(containers)
        shim = self.kill_shim(pods[0])
        self.assert_lost_is_removed(containers, pids)
        self.assertEqual(self.cri.state(pods[0]), READY)
        self.assertNotEqual(self.shim_of_next(pods[0]), shim)
        self.assertEqual(self.cri.container_status(other).state, RUNNING)
        self.assert_end_and_leave_nothing(*pods)

    def shim_of_next(self, pod):
        self.assert_works(pod, "next")
        return self.shim_of(pod)

    def test_the_pod_can_be_removed_when_cri_has_seen_it(self):
        pod = self.cri.run_pod()
        containers = [self.cri.start_container(pod, name) for name in ("a", "b")]
        self.kill_shim(pod)
        for container in containers:
            self.cri.wait_exited(container)  # until then containerd itself does not remove them
        self.assert_end_and_leave_nothing(pod)

    def test_again_and_again(self):
        pod = self.cri.run_pod()
        lost = []
        for number in range(3):
            lost.append(eventually(lambda number=number: self.started(pod, f"c{number}"), "no container starts"))
            self.kill_shim(pod)
            self.cri.wait_exited(lost[-1])
        self.assert_lost_is_removed(lost, [])
        self.assert_end_and_leave_nothing(pod)

    def started(self, pod, name):
        """Not yet, when containerd still has the connection to the shim that died."""
        container = self.cri.create_container(pod, name)
        try:
            self.cri.runtime.StartContainer(container_id=container)
        except grpc.RpcError:
            self.cri.runtime.RemoveContainer(container_id=container)
            return None
        return container

    def test_while_the_daemon_is_away(self):
        pods = [self.cri.run_pod(self.cri.pod_config(f"pod-{number}")) for number in range(2)]
        containers = [self.cri.start_container(pods[0], name) for name in ("a", "b")]
        pids = self.pids(containers)
        self.cri.start_container(pods[1])
        self.node.daemon.kill()
        self.kill_shim(pods[0])
        self.start_daemon()
        self.assert_lost_is_removed(containers, pids)
        for pod in pods:
            self.assert_works(pod, "next")
        self.assert_end_and_leave_nothing(*pods)


class BrokenShims(ShimsCase):
    def assert_does_not_start(self, pod, name, deadline=20):
        """What StartContainer says."""
        container = self.cri.create_container(pod, name)
        with self.assertRaises(grpc.RpcError) as caught:
            self.cri.runtime.StartContainer(container_id=container, deadline=deadline)
        self.cri.wait_exited(container, timeout=30)  # containerd goes on for a while with what its client gave up
        return caught.exception

    def test_a_pod_without_a_shim_is_refused(self):
        self.node.shim.remove()
        config = self.cri.pod_config()
        with self.assertRaises(grpc.RpcError) as caught:
            self.cri.run_pod(config)
        self.assertIn(SHIM, caught.exception.details())
        self.cri.remove_pod_cgroup(config)
        self.assert_nothing_left()
        self.node.shim.mend()
        self.assert_works(self.cri.run_pod(), "main")

    def test_one_that_is_removed_under_a_pod(self):
        pod = self.cri.run_pod()
        self.node.shim.remove()
        self.assert_does_not_start(pod, "early")
        self.assertEqual(self.cri.state(pod), READY)
        self.node.shim.mend()
        self.assert_works_soon(pod)
        self.assert_end_and_leave_nothing(pod)

    def test_one_that_ends_at_once(self):
        pod = self.cri.run_pod()
        self.node.shim.breaks()
        begin, failures = time.monotonic(), 0
        while time.monotonic() < begin + 3:
            self.assert_does_not_start(pod, f"c{failures}")
            failures += 1
        # With pauses of one second and two.
        self.assertIn(len(self.node.shim.starts()), (1, 2, 3), f"{failures} containers did not start")
        self.assertEqual((self.cri.state(pod), self.shims_of(pod)), (READY, []))
        self.node.shim.mend()
        self.assert_works_soon(pod)
        self.assert_end_and_leave_nothing(pod)

    def test_one_that_hangs(self):
        pods = self.run_pods(3)
        self.node.shim.waits()
        self.many(lambda start: self.assert_does_not_start(*start, deadline=2),
                  [(pods[0], "a"), (pods[0], "b"), (pods[1], "a")])
        [hung], [other] = (self.shims_of(pod) for pod in pods[:2])
        self.assertEqual((sorted(self.node.shim.starts()), self.cri.state(pods[0])), (sorted([hung, other]), READY))
        self.assert_end(*pods[1:])
        self.assertEqual((self.bundles(), len(self.sockets())), ([pods[0].id], 1))
        self.node.shim.mend()
        self.assert_works_soon(pods[0])
        self.assertEqual(len(self.shims_of(pods[0])), 1)
        self.assert_end_and_leave_nothing(pods[0])


if __name__ == "__main__":
    unittest.main()
