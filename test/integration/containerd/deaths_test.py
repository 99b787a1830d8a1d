#!/usr/bin/python3
"""What CRI shows, and what still works, when something is killed under it."""
import concurrent.futures
import os
import signal
import unittest

import grpc

from harness import traces
from harness.case import NodeCase
from harness.cri import CONTAINER, EXITED, NOTREADY, READY, RUNNING
from harness.handlers import only_ours, pause_is_apart, pause_is_in_a_shim, shims_are_apart
from harness.leftovers import leftovers
from harness.waiting import eventually

KILLED = 128 + signal.SIGKILL


class Deaths(NodeCase):
    def pause_pid(self, pod):
        return self.cri.info(pod)["pid"]

    def wait_not_ready(self, pod):
        eventually(lambda: self.cri.state(pod) == NOTREADY, "the pod is still READY", timeout=10)

    def assert_ready_again(self, pods):
        states = {pod.id: self.cri.state(pod) for pod in pods}
        self.assertEqual(states, {pod.id: READY for pod in pods})
        listed = {item.id: item.state for item in self.cri.runtime.ListPodSandbox().items}
        self.assertEqual(listed, states)

    def restart_containerd(self):
        self.node.kill_containerd()
        self.node.start_containerd()

    # Sandboxes

    def test_a_killed_pause_is_not_ready(self):
        pod = self.cri.run_pod()
        pid = self.pause_pid(pod)
        os.kill(pid, signal.SIGKILL)
        self.wait_not_ready(pod)
        self.assertEqual(self.pause_pid(pod), 0)
        listed = self.cri.runtime.ListPodSandbox(filter={"id": pod.id}).items
        self.assertEqual([item.state for item in listed], [NOTREADY])
        self.assert_refused(grpc.StatusCode.UNKNOWN, self.cri.start_container, pod)

    @only_ours
    def test_the_exit_of_pause_is_told_truly(self):
        pod = self.cri.run_pod()
        os.kill(self.pause_pid(pod), signal.SIGKILL)
        exit_of = self.node.controller().Wait(sandbox_id=pod.id, deadline=10)
        self.assertEqual(exit_of.exit_status, KILLED)
        [listed] = self.node.daemon.sandboxes()
        self.assertEqual((listed["phase"], listed["exit_status"]), ("NOTREADY", KILLED))

    def test_containers_die_with_the_pid_namespace_of_their_pod(self):
        pod = self.cri.run_pod()
        container = self.cri.start_container(pod)
        os.kill(self.pause_pid(pod), signal.SIGKILL)
        self.wait_not_ready(pod)
        self.assertEqual(self.cri.wait_exited(container).exit_code, KILLED)

    def test_containers_outlive_pause_in_pid_namespaces_of_their_own(self):
        config = self.cri.pod_config()
        config.linux.security_context.namespace_options.pid = CONTAINER
        pod = self.cri.run_pod(config)
        container = self.cri.start_container(pod)
        pid = self.cri.container_pid(container)
        os.kill(self.pause_pid(pod), signal.SIGKILL)
        self.wait_not_ready(pod)
        self.assertEqual(self.cri.container_status(container).state, RUNNING)
        self.cri.stop_pod(pod)
        self.assertEqual(self.cri.container_status(container).state, EXITED)
        self.assertTrue(traces.is_dead(pid))

    def test_50_killed_at_once(self):
        pods = self.many(self.cri.run_pod, [self.cri.pod_config(f"pod-{n}") for n in range(50)])
        for pid in [self.pause_pid(pod) for pod in pods[:49]]:
            os.kill(pid, signal.SIGKILL)
        for pod in pods[:49]:
            self.wait_not_ready(pod)
        self.assertEqual(self.cri.state(pods[49]), READY)

    # Containers and shims

    def test_a_killed_container_leaves_its_pod_ready(self):
        pod = self.cri.run_pod()
        container = self.cri.start_container(pod)
        os.kill(self.cri.container_pid(container), signal.SIGKILL)
        self.assertEqual(self.cri.wait_exited(container).exit_code, KILLED)
        self.assertEqual(self.cri.state(pod), READY)
        self.cri.execute(self.cri.start_container(pod, "next"), "true")

    @pause_is_apart
    def test_a_killed_shim_leaves_its_pod_ready(self):
        pod = self.cri.run_pod()
        container = self.cri.start_container(pod)
        pid = self.cri.container_pid(container)
        [shim] = traces.shims(self.node.directory)
        os.kill(shim, signal.SIGKILL)
        self.cri.wait_exited(container)
        eventually(lambda: traces.is_dead(pid), "the container's process runs on without a shim")
        self.assertEqual(self.cri.state(pod), READY)
        self.cri.execute(self.cri.start_container(pod, "next"), "true")
        self.assertEqual(self.cri.state(pod), READY)

    @pause_is_in_a_shim
    def test_a_killed_shim_is_the_death_of_its_pod(self):
        pods = [self.cri.run_pod(), self.cri.run_pod(self.cri.pod_config("other"))]
        container = self.cri.start_container(pods[1])
        pid = self.pause_pid(pods[0])
        [shim] = [shim for shim in traces.shims(self.node.directory) if pods[0].id in traces.command_line(shim)]
        os.kill(shim, signal.SIGKILL)
        self.wait_not_ready(pods[0])
        eventually(lambda: traces.is_dead(pid), "pause runs on without a shim")
        exit_of = self.node.controller().Wait(sandbox_id=pods[0].id, deadline=10)
        self.assertEqual(exit_of.exit_status, KILLED)
        self.assertEqual(self.cri.state(pods[1]), READY)
        self.assertEqual(self.cri.container_status(container).state, RUNNING)
        self.cri.end_pod(pods[0])
        self.cri.execute(self.cri.start_container(pods[1], "next"), "true")

    @shims_are_apart
    def test_shims_killed_under_many_pods_leave_nothing(self):
        pods = [self.cri.run_pod(self.cri.pod_config(f"pod-{number}")) for number in range(5)]
        containers = [self.cri.start_container(pod) for pod in pods]
        for shim in traces.shims(self.node.directory):
            os.kill(shim, signal.SIGKILL)
        for container in containers:
            self.cri.wait_exited(container)
        for pod in pods:
            self.cri.end_pod(pod)
        self.assert_nothing_left()

    # containerd

    def many(self, call, arguments):
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            return list(pool.map(call, arguments))

    def test_30_pods_outlive_containerd(self):
        configs = [self.cri.pod_config(f"pod-{number}", host_network=number % 2 == 0) for number in range(30)]
        pods = self.many(self.cri.run_pod, configs)
        containers = self.many(self.cri.start_container, pods)
        pids = {pod.id: self.pause_pid(pod) for pod in pods}
        for container in containers[:5]:
            self.cri.execute(container, "sh", "-c", "echo old >/dev/shm/file")
        self.restart_containerd()
        self.assert_ready_again(pods)
        self.assertEqual({pod.id: self.pause_pid(pod) for pod in pods}, pids)
        self.assertEqual({self.cri.container_status(container).state for container in containers}, {RUNNING})
        self.assert_containers_can_be_added(pods, containers)
        os.kill(pids[pods[0].id], signal.SIGKILL)
        self.wait_not_ready(pods[0])
        self.assert_ready_again_but(pods[0], pods)
        for container in self.containers_of(pods[0]):
            self.cri.wait_exited(container)  # containerd fails a stop that meets its last container's end
        self.many(self.cri.end_pod, pods)
        self.assert_nothing_left()

    def containers_of(self, pod):
        return [c.id for c in self.cri.runtime.ListContainers(filter={"pod_sandbox_id": pod.id}).containers]

    def assert_ready_again_but(self, dead, pods):
        self.assertEqual({pod.id for pod in pods if self.cri.state(pod) == NOTREADY}, {dead.id})

    def assert_containers_can_be_added(self, pods, containers):
        """To pods that outlived a containerd: with the files and the shared memory that the pod had before."""
        for pod, old in zip(pods[:5], containers):
            new = self.cri.start_container(pod, "new")
            self.assertEqual(self.cri.execute(new, "cat", "/dev/shm/file"), "old\n")
            for name in ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf"):
                self.assertEqual(self.cri.execute(new, "cat", name), self.cri.execute(old, "cat", name), name)
        self.many(lambda pod: self.cri.start_container(pod, "new"), pods[5:])

    def test_containerd_is_killed_again_and_again(self):
        pods = [self.cri.run_pod(self.cri.pod_config(f"pod-{number}")) for number in range(3)]
        for _ in range(5):
            self.restart_containerd()
            self.assert_ready_again(pods)
        for pod in pods:
            self.cri.execute(self.cri.start_container(pod), "true")

    def test_pause_dies_while_there_is_no_containerd(self):
        pods = [self.cri.run_pod(), self.cri.run_pod(self.cri.pod_config("other"))]
        pid = self.pause_pid(pods[0])
        self.node.kill_containerd()
        os.kill(pid, signal.SIGKILL)
        self.node.start_containerd()
        self.wait_not_ready(pods[0])
        self.assertEqual(self.cri.state(pods[1]), READY)

    def test_a_container_exits_while_there_is_no_containerd(self):
        pod = self.cri.run_pod()
        container = self.cri.start_container(pod)
        pid = self.cri.container_pid(container)
        self.node.kill_containerd()
        os.kill(pid, signal.SIGKILL)
        self.node.start_containerd()
        self.cri.wait_exited(container)
        self.assertEqual(self.cri.state(pod), READY)
        self.cri.execute(self.cri.start_container(pod, "next"), "true")

    def test_containerd_dies_while_pods_end(self):
        pods = self.many(self.cri.run_pod, [self.cri.pod_config(f"pod-{number}") for number in range(20)])
        self.many(self.cri.start_container, pods)
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            ends = [pool.submit(self.cri.end_pod, pod) for pod in pods]
            eventually(lambda: any(end.done() for end in ends), "no pod ends", pause=0.001)
            self.node.kill_containerd()
            concurrent.futures.wait(ends)
        self.node.start_containerd()
        self.cri.end_all_pods()
        self.assert_nothing_left()

    def test_containerd_dies_while_pods_start(self):
        configs = [self.cri.pod_config(f"pod-{number}") for number in range(20)]
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            runs = [pool.submit(self.cri.run_pod, config) for config in configs]
            eventually(lambda: len(self.cri.runtime.ListPodSandbox().items) >= 3, "no pod starts")
            self.node.kill_containerd()
            concurrent.futures.wait(runs)
        self.node.start_containerd()
        known = {record.sandbox_id for record in
                 self.node.service("containerd.services.sandbox.v1.Store").List().list}
        self.cri.end_all_pods()
        # containerd itself loses networks of pods that it had not written down: only what is the sandbox's counts.
        ours = ("containers", "tasks", "snapshots", "processes", "shims", "pod directories", "cgroups",
                "sandbox records", "podsandboxctl ls")

        def nothing():
            return not [kind for kind in ours if kind in leftovers(self.node)]
        eventually(nothing, lambda: f"left: {leftovers(self.node)}, of {len(known)} known pods")
        self.renew_node()


if __name__ == "__main__":
    unittest.main()
