#!/usr/bin/python3
"""The shims of pods of the linux runtime: podsandboxd starts one when a pod's first container starts.

PODSANDBOX_TEST_MANY=1 does it with more pods, and for longer. PODSANDBOX_TEST_SEED repeats the moments of another run;
PODSANDBOX_TEST_SHOW=1 shows what was killed.
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
from harness.case import NodeCase
from harness.cri import READY, RUNNING
from harness.handlers import LINUX, TESTED
from harness.leftovers import leftovers, names_in
from harness.repeating import repeated
from harness.shim_node import CRUN, SHIM, ShimNode
from harness.waiting import eventually

MANY = bool(os.environ.get("PODSANDBOX_TEST_MANY"))
SEED = int(os.environ.get("PODSANDBOX_TEST_SEED", random.randrange(1 << 32)))
SHOW = bool(os.environ.get("PODSANDBOX_TEST_SHOW"))


@unittest.skipUnless(TESTED == LINUX, "only the linux runtime has shims of its own")
class ShimsCase(NodeCase):
    node_type = ShimNode

    def setUp(self):
        self.random = random.Random(f"{SEED} {self.id()}")
        self.node.shim.mend()

    def tearDown(self):
        self.node.shim.mend()
        super().tearDown()

    def many(self, call, arguments, at_once=10):
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(call, arguments))

    def run_pods(self, count):
        """With the host's network, which takes less time."""
        return self.many(self.cri.run_pod, [self.cri.pod_config(f"pod-{number}", host_network=True)
                                            for number in range(count)])

    def shims_of(self, pod):
        return [pid for pid in traces.shims(self.node.directory) if pod.id in traces.command_line(pid)]

    def shim_of(self, pod):
        [shim] = self.shims_of(pod)
        return shim

    def kill_shim(self, pod):
        shim = self.shim_of(pod)
        os.kill(shim, signal.SIGKILL)
        return shim

    def bundles(self):
        return names_in(self.node.directory, "d/shims")

    def sockets(self):
        return names_in(self.node.directory, "d/s")

    def pids(self, containers):
        return [self.cri.container_pid(container) for container in containers]

    def start_daemon(self):
        """Until containerd, which tries again after a second, is connected to it."""
        self.node.daemon.start()
        for item in self.cri.runtime.ListPodSandbox().items:
            repeated(lambda pod=item.id: self.cri.runtime.PodSandboxStatus(pod_sandbox_id=pod))

    def restart_daemon(self):
        self.node.daemon.kill()
        self.start_daemon()

    def restart_containerd(self):
        self.node.kill_containerd()
        self.node.start_containerd()

    def remove_container(self, container):
        self.cri.runtime.StopContainer(container_id=container)
        self.cri.runtime.RemoveContainer(container_id=container)

    def assert_does_not_start(self, pod, name, deadline=20):
        """StartContainer fails. Who gives up before containerd does finds the container exited later."""
        container = self.cri.create_container(pod, name)
        with self.assertRaises(grpc.RpcError):
            self.cri.runtime.StartContainer(container_id=container, deadline=deadline)
        self.cri.wait_exited(container, timeout=30)

    def assert_works(self, pod, name):
        container = self.cri.start_container(pod, name)
        self.assertEqual(self.cri.execute(container, "echo", "here"), "here\n")
        return container

    def assert_works_soon(self, pod):
        """A pause after failures takes its time."""
        def works():
            container = self.cri.create_container(pod, "next")
            try:
                self.cri.runtime.StartContainer(container_id=container)
            except grpc.RpcError:
                self.cri.runtime.RemoveContainer(container_id=container)
                return False
            self.cri.execute(container, "true")
            return True
        eventually(works, "no container starts", timeout=30)

    def assert_lost_is_removed(self, containers, pids):
        """That nothing is left of what ran in a shim that was killed, and that CRI knows."""
        for container in containers:
            self.cri.wait_exited(container)
        eventually(lambda: all(map(traces.is_dead, pids)), "processes run on without a shim")

        def left():
            seen = leftovers(self.node)
            return [what for kind in ("runc's state", "cgroups") for what in seen.get(kind, [])
                    if any(container in what for container in containers)]
        eventually(lambda: not left(), lambda: f"left of lost containers: {left()}")

    def assert_end(self, *pods):
        """At the first try, and with their shims."""
        for pod in pods:
            self.cri.end_pod(pod)
            self.assertEqual(self.shims_of(pod), [])

    def assert_end_and_leave_nothing(self, *pods):
        self.assert_end(*pods)
        # A daemon that was just started may be slow to connect to containerd, where its records are.
        self.assert_nothing_left(timeout=30)


class ShimsComeAndGo(ShimsCase):
    def test_a_pod_without_containers_has_none(self):
        pods = self.run_pods(300 if MANY else 30)
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

    def all_end(self):
        try:
            self.cri.end_all_pods()
        except grpc.RpcError:
            return False
        return True


class EverythingDies(ShimsCase):
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
    print(f"PODSANDBOX_TEST_SEED={SEED}", flush=True)
    unittest.main()
