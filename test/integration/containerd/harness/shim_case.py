"""What tests of shims have in common."""
import concurrent.futures
import os
import signal
import unittest

import grpc

from . import traces
from .case import NodeCase
from .handlers import LINUX, TESTED
from .leftovers import leftovers, names_in
from .repeating import repeated
from .shim_node import ShimNode
from .waiting import eventually

# More pods, and for longer.
MANY = bool(os.environ.get("PODSANDBOX_TEST_MANY"))


@unittest.skipUnless(TESTED == LINUX, "only the linux runtime has shims of its own")
class ShimsCase(NodeCase):
    node_type = ShimNode

    def setUp(self):
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
