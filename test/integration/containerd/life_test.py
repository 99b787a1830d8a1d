#!/usr/bin/python3
"""The life of pods and containers through CRI, as kubelet would drive it."""
import concurrent.futures
import fcntl
import ipaddress
import os
import socket
import threading
import unittest

import grpc

from harness import traces
from harness.case import NodeCase
from harness.cri import CONTAINER, EXITED, NODE, NOTREADY, POD, READY, RUNNING, SLEEP
from harness.handlers import PAUSE, TESTED
from harness.leftovers import leftovers
from harness.waiting import eventually


NS_GET_USERNS = 0xB701


def same_namespace(kind, first, second):
    return os.readlink(f"/proc/{first}/ns/{kind}") == os.readlink(f"/proc/{second}/ns/{kind}")


class PodLife(NodeCase):
    def test_a_pod_with_host_network(self):
        pod = self.cri.run_pod(self.cri.pod_config(host_network=True))
        status = self.cri.status(pod).status
        self.assertEqual((status.state, status.network.ip), (READY, ""))
        pid = self.cri.info(pod)["pid"]
        self.assertTrue(same_namespace("net", pid, self.node.containerd.process.pid))
        container = self.cri.start_container(pod)
        self.assertEqual(self.cri.execute(container, "hostname").strip(), socket.gethostname())
        self.assertTrue(same_namespace("net", self.cri.container_pid(container), pid))

    def test_pods_with_a_network_of_their_own_reach_each_other(self):
        pods = [self.cri.run_pod(self.cri.pod_config(f"pod-{number}")) for number in range(2)]
        addresses = [self.cri.status(pod).status.network.ip for pod in pods]
        for address in addresses:
            self.assertIn(ipaddress.ip_address(address), ipaddress.ip_network("10.88.0.0/16"))
        container = self.cri.start_container(pods[0])
        self.cri.execute(container, "ping", "-c1", "-W5", addresses[1])

    def test_status_tells_what_the_pod_is(self):
        config = self.cri.pod_config("red", labels={"app": "a"}, annotations={"note": "b"})
        pod = self.cri.run_pod(config)
        status = self.cri.status(pod).status
        self.assertEqual(status.metadata, config.metadata)
        self.assertEqual((dict(status.labels), dict(status.annotations)), ({"app": "a"}, {"note": "b"}))
        self.assertEqual(status.runtime_handler, pod.handler)
        self.assertGreater(status.created_at, 0)
        listed = self.cri.runtime.ListPodSandbox(filter={"label_selector": {"app": "a"}}).items
        self.assertEqual([(item.id, item.state) for item in listed], [(pod.id, READY)])

    def test_containers_share_the_namespaces_of_the_pod(self):
        pod = self.cri.run_pod()
        first, second = (self.cri.container_pid(self.cri.start_container(pod, name)) for name in ("a", "b"))
        pause = self.cri.info(pod)["pid"]
        for kind in ("net", "ipc", "uts", "pid"):
            self.assertTrue(same_namespace(kind, first, pause), kind)
            self.assertTrue(same_namespace(kind, second, pause), kind)
            self.assertFalse(same_namespace(kind, first, os.getpid()), kind)
        self.assertFalse(same_namespace("mnt", first, second))

    def test_containers_with_pid_namespaces_of_their_own(self):
        config = self.cri.pod_config()
        config.linux.security_context.namespace_options.pid = CONTAINER
        pod = self.cri.run_pod(config)
        first, second = (self.cri.container_pid(self.cri.start_container(pod, name)) for name in ("a", "b"))
        pids = {os.readlink(f"/proc/{pid}/ns/pid") for pid in (first, second, self.cri.info(pod)["pid"])}
        self.assertEqual(len(pids), 3)
        self.assertTrue(same_namespace("net", first, second))

    def test_the_hosts_pid_and_ipc_namespaces(self):
        config = self.cri.pod_config()
        config.linux.security_context.namespace_options.pid = NODE
        config.linux.security_context.namespace_options.ipc = NODE
        pod = self.cri.run_pod(config)
        for pid in (self.cri.container_pid(self.cri.start_container(pod)), self.cri.info(pod)["pid"]):
            for kind in ("pid", "ipc"):
                self.assertTrue(same_namespace(kind, pid, os.getpid()), kind)
        self.cri.stop_pod(pod)
        self.assertTrue(os.path.isdir("/dev/shm"))

    def test_a_user_namespace_of_the_pods_own(self):
        mapping = [{"host_id": 100000, "container_id": 0, "length": 65536}]
        pod = self.cri.run_pod(self.cri.pod_config(linux={"security_context": {"namespace_options": {
            "userns_options": {"mode": POD, "uids": mapping, "gids": mapping}}}}))
        pause = self.cri.info(pod)["pid"]
        self.assertEqual(traces.read(f"/proc/{pause}/uid_map").split(), ["0", "100000", "65536"])
        self.assertFalse(same_namespace("user", pause, os.getpid()))
        with open(f"/proc/{pause}/ns/net") as network, open(f"/proc/{pause}/ns/user") as user:
            owner = fcntl.ioctl(network, NS_GET_USERNS)
            self.assertEqual(os.fstat(owner).st_ino, os.fstat(user.fileno()).st_ino)
            os.close(owner)
        # Debian 12's runc has no mounts with mapped ids, so containers of such pods need a newer one.
        if any(handler.features.user_namespaces for handler in self.cri.runtime.Status().runtime_handlers):
            container = self.cri.start_container(pod)
            self.assertTrue(same_namespace("user", self.cri.container_pid(container), pause))
            self.cri.execute(container, "touch", "/dev/shm/file")

    def test_shared_memory_is_the_pods(self):
        pods = [self.cri.run_pod(), self.cri.run_pod()]
        first, second = (self.cri.start_container(pods[0], name) for name in ("a", "b"))
        other = self.cri.start_container(pods[1])
        self.cri.execute(first, "sh", "-c", "echo shared >/dev/shm/file")
        self.assertEqual(self.cri.execute(second, "cat", "/dev/shm/file"), "shared\n")
        self.assertEqual(self.cri.execute(other, "ls", "/dev/shm"), "")
        self.assertEqual(self.cri.execute(first, "df", "-k", "/dev/shm").split()[-5], "65536")

    def test_files_of_the_pod(self):
        pod = self.cri.run_pod(self.cri.pod_config("red", dns_config={
            "servers": ["10.0.0.1", "10.0.0.2"], "searches": ["a.example", "b.example"], "options": ["ndots:5"]}))
        container = self.cri.start_container(pod)
        self.assertEqual(self.cri.execute(container, "cat", "/etc/hostname"), "red\n")
        self.assertEqual(self.cri.execute(container, "hostname"), "red\n")
        self.assertEqual(self.cri.execute(container, "cat", "/etc/resolv.conf"),
                         "search a.example b.example\nnameserver 10.0.0.1\nnameserver 10.0.0.2\noptions ndots:5\n")
        self.assertEqual(self.cri.execute(container, "cat", "/etc/hosts"), traces.read("/etc/hosts"))

    def test_sysctls_of_the_pod(self):
        pod = self.cri.run_pod(self.cri.pod_config(
            linux={"sysctls": {"net.core.somaxconn": "1234", "kernel.shm_rmid_forced": "1"}}))
        container = self.cri.start_container(pod)

        def sysctl(name):
            return self.cri.execute(container, "cat", "/proc/sys/" + name.replace(".", "/")).split()
        self.assertEqual(sysctl("net.core.somaxconn"), ["1234"])
        self.assertEqual(sysctl("kernel.shm_rmid_forced"), ["1"])
        # What CRI's configuration asks for by default.
        self.assertEqual(sysctl("net.ipv4.ip_unprivileged_port_start"), ["0"])
        self.assertEqual(sysctl("net.ipv4.ping_group_range"), ["0", "2147483647"])

    def test_exec(self):
        container = self.cri.start_container(self.cri.run_pod())
        done = self.cri.runtime.ExecSync(container_id=container, cmd=["sh", "-c", "echo out; echo err >&2; exit 7"])
        self.assertEqual((done.stdout, done.stderr, done.exit_code), (b"out\n", b"err\n", 7))
        self.assert_refused(grpc.StatusCode.DEADLINE_EXCEEDED, self.cri.runtime.ExecSync, container_id=container,
                            cmd=["sleep", "100"], timeout=1)

    def test_logs(self):
        pod = self.cri.run_pod()
        container = self.cri.start_container(pod, command=["sh", "-c", "echo hello; echo trouble >&2"])
        self.cri.wait_exited(container)
        log = os.path.join(pod.config.log_directory, "main.log")
        lines = sorted(line.split(" ", 1)[1] for line in traces.read(log).splitlines())
        self.assertEqual(lines, ["stderr F trouble", "stdout F hello"])

    def test_stats(self):
        pod = self.cri.run_pod()
        container = self.cri.start_container(pod)
        stats = self.cri.runtime.ContainerStats(container_id=container).stats
        self.assertGreater(stats.cpu.usage_core_nano_seconds.value, 0)
        self.assertGreater(stats.memory.working_set_bytes.value, 0)
        of_pod = self.cri.runtime.PodSandboxStats(pod_sandbox_id=pod.id).stats
        self.assertEqual([c.attributes.id for c in of_pod.linux.containers], [container])
        self.assertGreater(of_pod.linux.memory.usage_bytes.value, 0)
        self.assertEqual(of_pod.linux.network.default_interface.name, "eth0")
        listed = self.cri.runtime.ListPodSandboxStats().stats
        self.assertEqual([s.attributes.id for s in listed], [pod.id])

    def test_exit_codes(self):
        pod = self.cri.run_pod()
        for number, (command, code) in enumerate([(["true"], 0), (["sh", "-c", "exit 3"], 3),
                                                  (["sh", "-c", "kill -9 $$"], 137)]):
            container = self.cri.start_container(pod, f"c{number}", command)
            with self.subTest(command=command):
                self.assertEqual(self.cri.wait_exited(container).exit_code, code)
        self.assertEqual(self.cri.state(pod), READY)

    def test_a_container_is_stopped_with_its_grace_period(self):
        pod = self.cri.run_pod()
        polite = self.cri.start_container(pod, "polite", SLEEP)
        rude = self.cri.start_container(pod, "rude", ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"])
        # A signal that comes before the shell has set its trap would not test anything.
        for container in (polite, rude):
            pid = self.cri.container_pid(container)
            eventually(lambda pid=pid: int(traces.read(f"/proc/{pid}/status").split("SigCgt:")[1].split()[0], 16)
                       or int(traces.read(f"/proc/{pid}/status").split("SigIgn:")[1].split()[0], 16), "no trap")
        self.cri.runtime.StopContainer(container_id=polite, timeout=30)
        self.cri.runtime.StopContainer(container_id=rude)
        self.assertEqual(self.cri.container_status(polite).exit_code, 0)
        self.assertEqual(self.cri.container_status(rude).exit_code, 137)

    def test_stop_and_remove_can_be_repeated(self):
        pod = self.cri.run_pod()
        container = self.cri.start_container(pod)
        for _ in range(2):
            self.cri.stop_pod(pod)
            self.assertEqual(self.cri.state(pod), NOTREADY)
        self.assertEqual(self.cri.container_status(container).state, EXITED)
        for _ in range(2):
            self.cri.runtime.RemovePodSandbox(pod_sandbox_id=pod.id)
        self.assert_refused(grpc.StatusCode.NOT_FOUND, self.cri.status, pod)

    def test_a_running_pod_can_be_removed(self):
        pod = self.cri.run_pod()
        self.cri.start_container(pod)
        self.cri.remove_pod(pod)
        self.assert_nothing_left()

    def test_stop_frees_the_pods_cgroup(self):
        pod = self.cri.run_pod()
        self.cri.start_container(pod)
        self.cri.stop_pod(pod)
        # kubelet removes it now; a cgroup with a child cannot be removed.
        children = [path for path in traces.cgroups(pod.config.linux.cgroup_parent)
                    if not path.endswith(pod.config.linux.cgroup_parent)]
        self.assertEqual(children, [])

    def test_containers_come_and_go_in_a_pod(self):
        pod = self.cri.run_pod()
        for number in range(5):
            container = self.cri.start_container(pod, f"c{number}")
            self.assertEqual(self.cri.container_status(container).state, RUNNING)
            self.cri.runtime.StopContainer(container_id=container)
            self.cri.runtime.RemoveContainer(container_id=container)
            self.assertEqual(self.cri.state(pod), READY)

    def test_a_pod_that_cannot_start_leaves_nothing(self):
        refused = {
            "a sysctl of the whole machine": {"linux": {"sysctls": {"vm.swappiness": "10"}}},
            "a seccomp profile that does not exist": {"linux": {"security_context": {"seccomp": {
                "profile_type": 2, "localhost_ref": "/nonexistent.json"}}}},
            "a group without a user": {"linux": {"security_context": {"run_as_group": {"value": 5}}}},
        }
        for what, fields in refused.items():
            with self.subTest(what):
                config = self.cri.pod_config(**fields)
                with self.assertRaises(grpc.RpcError):
                    self.cri.run_pod(config)
                self.assertEqual(list(self.cri.runtime.ListPodSandbox().items), [])
                self.cri.remove_pod_cgroup(config)
                self.assert_nothing_left()

    def test_a_client_that_gives_up_leaves_nothing(self):
        self.cri.run_pod()  # by it the daemon knows that this is its containerd
        for milliseconds in range(2, 42, 2):
            try:
                self.cri.run_pod(deadline=milliseconds / 1000)
            except grpc.RpcError as error:
                # Which of the two it is depends on whose clock was first.
                self.assertIn(error.code(), (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED),
                              error.details())

        # Where containerd gives up between two calls, or while an answer is on its way, it calls nobody any more.
        def nobodys():
            known = {pod.id for pod in self.cri.runtime.ListPodSandbox().items}
            return [sandbox for sandbox in self.node.daemon.sandboxes() if sandbox["id"] not in known]
        eventually(lambda: not nobodys(), lambda: f"nobody knows of {nobodys()}")
        # Some were ready before the client's answer was lost; tearDown finds what must not be left.

    def test_100_pods_at_once_leave_nothing(self):
        count = 100
        all_run = threading.Barrier(count)

        def life(number):
            try:
                pod = self.cri.run_pod(self.cri.pod_config(f"pod-{number}"), deadline=120)
                container = self.cri.start_container(pod)
            except grpc.RpcError:
                all_run.abort()  # nobody waits for one that never comes
                raise
            all_run.wait(timeout=150)
            state = self.cri.state(pod), self.cri.container_status(container).state
            self.cri.end_pod(pod)
            return state
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            states = list(pool.map(life, range(count)))
        self.assertEqual(set(states), {(READY, RUNNING)})
        self.assert_nothing_left()


class TheLeftoverCheck(NodeCase):
    def test_what_containerd_has_of_a_sandbox(self):
        pod = self.cri.run_pod()

        def seen():
            return {kind for kind in PAUSE if kind in leftovers(self.node)}
        eventually(lambda: seen() == TESTED.in_containerd, lambda: f"containerd has {seen()} of {pod.id}")

    def test_it_sees_a_running_pod(self):
        pod = self.cri.run_pod()
        self.cri.start_container(pod)
        seen = leftovers(self.node)
        of_the_daemon = ["podsandboxd's files", "podsandboxctl ls"] if TESTED.ours else []
        for kind in ("containers", "tasks", "leases", "sandbox records", "snapshots", "processes", "shims", "mounts",
                     "network namespaces", "addresses", "CNI results", "cgroups", "pod directories",
                     "container directories", "bundles", "runc's state", *of_the_daemon):
            self.assertIn(kind, seen)


if __name__ == "__main__":
    unittest.main()
