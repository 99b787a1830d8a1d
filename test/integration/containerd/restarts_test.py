#!/usr/bin/python3
"""What CRI shows, and what still works, when podsandboxd is killed or ended under containerd, and started again.

PODSANDBOX_TEST_SEED repeats the moments of another run; PODSANDBOX_TEST_SHOW=1 shows how long CRI has no answer, and how
calls failed.
"""
import concurrent.futures
import os
import random
import select
import signal
import threading
import time
import unittest

import grpc

from harness.case import NodeCase
from harness.cri import NODE, NOTREADY, READY
from harness.handlers import only_ours
from harness.leftovers import leftovers
from harness.repeating import repeated, told
from harness.waiting import eventually
from harness.watch import Watch

KILLED = 128 + signal.SIGKILL
ENDS = (signal.SIGKILL, signal.SIGTERM)
SEED = int(os.environ.get("PODSANDBOX_TEST_SEED", random.randrange(1 << 32)))
SHOW = bool(os.environ.get("PODSANDBOX_TEST_SHOW"))


def show(line):
    if SHOW:
        print(line, flush=True)


class RestartsCase(NodeCase):
    """Over the whole of each test CRI is asked for the pods that run."""

    def setUp(self):
        self.watch = Watch(self.node)
        self.random = random.Random(f"{SEED} {self.id()}")

    def tearDown(self):
        untrue = self.watch.close()
        super().tearDown()
        self.assertEqual(untrue, set())

    def many(self, call, arguments):
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            return list(pool.map(call, arguments))

    def run_pods(self, count):
        """With a container in each; answers both, in the same order."""
        pods = self.many(self.cri.run_pod, [self.cri.pod_config(f"pod-{number}", host_network=number % 2 == 0)
                                            for number in range(count)])
        self.watch.runs(*pods)
        return pods, self.many(self.cri.start_container, pods)

    def end_pods(self, pods):
        self.watch.ends(*pods)
        self.many(lambda pod: repeated(self.cri.stop_pod, pod), pods)
        self.many(lambda pod: repeated(self.cri.remove_pod, pod), pods)

    def pids(self, pods, containers):
        return ([repeated(self.cri.info, pod)["pid"] for pod in pods],
                [self.cri.container_pid(container) for container in containers])

    def restart_daemon(self, end):
        self.node.daemon.process.end(end)
        self.node.daemon.start()

    def assert_ready(self, pods):
        """Also in the list, which is of what containerd remembers, and does not ask the daemon."""
        states = {pod.id: repeated(self.cri.state, pod) for pod in pods}
        self.assertEqual(states, {pod.id: READY for pod in pods})
        listed = {item.id: item.state for item in self.cri.runtime.ListPodSandbox().items}
        self.assertEqual({pod.id: listed.get(pod.id) for pod in pods}, states)

    def wait_only_these(self, pods):
        """That nobody knows of another pod any more, and that nothing of another is left on the machine."""
        names = sorted(pod.id for pod in pods)
        networks = [pod for pod in pods if pod.config.linux.security_context.namespace_options.network != NODE]

        def left():
            seen = leftovers(self.node)
            return {
                "CRI": sorted(item.id for item in self.cri.runtime.ListPodSandbox().items) != names,
                "podsandboxctl ls": sorted(sandbox["id"] for sandbox in self.node.daemon.sandboxes()) != names,
                "sandbox records": sorted(seen.get("sandbox records", [])) != names,
                "network namespaces": len(seen.get("network namespaces", [])) != len(networks),
                "addresses": len(seen.get("addresses", [])) != len(networks)}
        eventually(lambda: not any(left().values()),
                   lambda: f"more than {names} is left: {left()} {leftovers(self.node)}", timeout=40, pause=0.2)


@only_ours
class Restarts(RestartsCase):
    def test_30_pods_outlive_the_daemon(self):
        pods, containers = self.run_pods(30)
        pids = self.pids(pods, containers)
        for end in ENDS:
            self.restart_daemon(end)
            self.assert_ready(pods)
            self.assertEqual(self.pids(pods, containers), pids)
            added = self.many(lambda pod, name=end.name.lower(): self.cri.start_container(pod, name), pods)
            for container in containers[:5] + added[:5]:
                self.cri.execute(container, "true")
        self.assertGreater(self.watch.answers, 100)
        self.end_pods(pods)
        self.assert_nothing_left()

    def test_pauses_that_die_meanwhile_are_not_ready(self):
        pods, _ = self.run_pods(10)
        dead, alive = pods[:4], pods[4:]
        pids, _ = self.pids(dead, [])
        for end in ENDS:
            self.node.daemon.process.end(end)
            dying, dead = dead[:2], dead[2:]
            self.watch.ends(*dying)
            for pid in pids[:2]:
                os.kill(pid, signal.SIGKILL)
            pids = pids[2:]
            self.node.daemon.start()
            for pod in dying:
                self.wait_not_ready(pod)
            self.assert_ready(alive + dead)
        listed = {sandbox["id"]: (sandbox["phase"], sandbox.get("exit_status"))
                  for sandbox in self.node.daemon.sandboxes()}
        self.assertEqual({pod.id: listed[pod.id] for pod in pods[:4]}, dict.fromkeys(
            (pod.id for pod in pods[:4]), ("NOTREADY", KILLED)))
        self.end_pods(pods)

    def wait_not_ready(self, pod):
        def states():
            listed = self.cri.runtime.ListPodSandbox(filter={"id": pod.id}).items
            return [repeated(self.cri.state, pod)] + [item.state for item in listed]
        eventually(lambda: states() == [NOTREADY, NOTREADY], lambda: f"the pod's states are {states()}")


@only_ours
class RestartsWithTheSocketKept(RestartsCase):
    """Under a service manager that has the listening socket, as our units say."""

    def setUp(self):
        self.node.daemon.activate()  # also after a test that failed, when the node is a new one
        super().setUp()

    def end_containerd_and_daemon(self, end):
        self.node.daemon.process.end(end)
        self.node.kill_containerd()

    def test_who_asks_meanwhile_is_answered(self):
        pods, _ = self.run_pods(10)
        for end in ENDS:
            self.node.daemon.process.end(end)
            with concurrent.futures.ThreadPoolExecutor(len(pods)) as pool:
                asked = [pool.submit(repeated, self.cri.state, pod) for pod in pods]
                self.wait_for_client()
                self.node.daemon.start()
            self.assertEqual({answer.result() for answer in asked}, {READY})
            self.assert_ready(pods)
        self.end_pods(pods)

    def test_containerd_starts_before_the_daemon_is_back(self):
        pods, containers = self.run_pods(10)
        pids = self.pids(pods, containers)
        for end in ENDS:
            self.end_containerd_and_daemon(end)
            self.node.containerd.process.start()
            self.wait_for_client()
            self.node.daemon.start()
            self.node.wait_for_cri()
            self.assert_ready(pods)
            self.assertEqual(self.pids(pods, containers), pids)
            self.many(lambda pod, name=end.name.lower(): self.cri.start_container(pod, name), pods)
        self.end_pods(pods)

    def wait_for_client(self):
        """Until one waits in the socket; while containerd starts, that is one that asks for its pods."""
        waiting, _, _ = select.select([self.node.daemon.activated.descriptor], [], [], 20)
        self.assertTrue(waiting, "nobody connects")

    def test_pods_that_containerd_could_not_ask_for_come_back_with_its_next_start(self):
        pods, containers = self.run_pods(3)
        pids = self.pids(pods, containers)
        self.watch.ends(*pods)
        self.end_containerd_and_daemon(signal.SIGKILL)
        self.node.start_containerd()
        self.assertEqual([item.state for item in self.cri.runtime.ListPodSandbox().items], [NOTREADY] * 3)
        self.node.daemon.start()
        self.assertEqual([repeated(self.cri.state, pod) for pod in pods], [READY] * 3)
        self.assert_refused(grpc.StatusCode.UNKNOWN, self.cri.start_container, pods[0], "refused")
        for container in containers:
            self.cri.execute(container, "true")
        self.node.kill_containerd()
        self.node.start_containerd()
        self.watch.runs(*pods)
        self.assert_ready(pods)
        self.assertEqual(self.pids(pods, containers), pids)
        self.many(lambda pod: self.cri.start_container(pod, "next"), pods)
        self.end_pods(pods)

    # In the middle of calls: here each of them gets as far as the daemon

    def kill_daemon_during(self, calls, kills):
        """Kills it at random moments while these run, one after the other, and starts it again each time."""
        for _ in range(kills):
            concurrent.futures.wait(calls, timeout=self.random.uniform(0, 0.15))
            self.restart_daemon(self.random.choice(ENDS))
        concurrent.futures.wait(calls)

    def run_or_fail(self, config):
        """The pod, which is READY, or the error."""
        try:
            pod = self.cri.run_pod(config)
        except grpc.RpcError as error:
            return error
        self.watch.runs(pod)
        return pod

    def test_pods_start_or_fail_while_the_daemon_is_killed(self):
        pods, failures = [self.cri.run_pod()], []  # by the first the daemon knows that this is its containerd
        self.watch.runs(*pods)
        for number in range(6):
            configs = [self.cri.pod_config(f"pod-{number}-{n}", host_network=n % 2 == 0) for n in range(12)]
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                runs = [pool.submit(self.run_or_fail, config) for config in configs]
                self.kill_daemon_during(runs, kills=2)
            for outcome in (run.result() for run in runs):
                (failures if isinstance(outcome, grpc.RpcError) else pods).append(outcome)
            self.assert_ready(pods)
        show(f"{len(pods)} pods started, {len(failures)} failed: {told(failures)}")
        self.assertGreater(len(failures), 0)
        self.assertGreater(len(pods), 1)
        self.assertEqual({error.code() for error in failures}, {grpc.StatusCode.UNAVAILABLE})
        self.wait_only_these(pods)
        self.assert_ready(pods)
        self.many(self.cri.start_container, pods)
        self.end_pods(pods)

    def test_pods_end_while_the_daemon_is_killed(self):
        stay, _ = self.run_pods(3)
        failures = []
        for _ in range(3):
            pods, _ = self.run_pods(12)
            self.watch.ends(*pods)
            with concurrent.futures.ThreadPoolExecutor(6) as pool:
                ends = [pool.submit(self.end_as_kubelet, pod, failures) for pod in pods]
                self.kill_daemon_during(ends, kills=3)
            for end in ends:
                end.result()
            self.wait_only_these(stay)
            self.assert_ready(stay)
        show(f"stops and removals failed {len(failures)} times: {told(failures)}")
        self.end_pods(stay)

    def end_as_kubelet(self, pod, failures):
        repeated(self.cri.stop_pod, pod, errors=failures)
        repeated(self.cri.remove_pod, pod, errors=failures)


@only_ours
@unittest.skipUnless(SHOW, "only shown, with PODSANDBOX_TEST_SHOW=1")
class Stalls(RestartsCase):
    """How long CRI has no answer about a pod of ours. Only shown: that there is one again is what others test."""

    def test_show_them(self):
        pods, _ = self.run_pods(1)
        for kept in (False, True):
            if kept:
                self.node.daemon.activate()
            for end in ENDS:
                for absence in (0, 0.05, 0.5, 2):
                    self.show_stall(pods[0], end, absence, kept)
        self.end_pods(pods)

    def show_stall(self, pod, end, absence, kept):
        repeated(self.cri.state, pod)
        before = time.monotonic()
        self.node.daemon.process.end(end)
        errors = []
        back = threading.Timer(absence, self.node.daemon.start)
        back.start()
        repeated(self.cri.state, pod, pause=0.002, errors=errors)
        silence = time.monotonic() - before
        back.join()
        show(f"{end.name}, away for {absence * 1000:.0f} ms, socket {'kept' if kept else 'not kept'}: answered after "
             f"{silence * 1000:.0f} ms and {len(errors)} errors")


if __name__ == "__main__":
    print(f"PODSANDBOX_TEST_SEED={SEED}", flush=True)
    unittest.main()
