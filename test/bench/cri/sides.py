"""What is compared, and the pods that it is compared with."""
import contextlib
import itertools
import os
import subprocess
import time

from . import samples  # noqa: F401  (the package's __init__ makes the harness importable)
from harness.cri import Pod
from harness import handlers
from harness.node import Node

# The runtime handlers, which stand for the controller and the two runtimes of ours.
BUILT_IN, CONTAINERD, LINUX = (one.name for one in (handlers.BUILT_IN, handlers.CONTAINERD, handlers.LINUX))
OURS = (CONTAINERD, LINUX)
SIDES = (BUILT_IN, *OURS)
WITH_SHIM = (BUILT_IN, CONTAINERD)
TITLES = {BUILT_IN: "built-in", CONTAINERD: "containerd rt.", LINUX: "linux rt."}

# Between one side's pods and another's: what is still done about them, by containerd and by the kernel, is not
# the other's delay.
REST = 0.05


class QuietNode(Node):
    """One that logs only what is wrong, and whose state directories are in memory, as /run is."""

    def __init__(self):
        super().__init__(log_level="warn")

    def start(self):
        for directory in (self.path("state"), self.daemon.config[""]["state_dir"]):
            os.mkdir(directory, 0o711)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0711", "tmpfs", directory], check=True)
        super().start()


def alternating(rounds, sides=SIDES):
    """Each side once in every round, and none always first, or always after the same other."""
    orders = itertools.cycle(itertools.permutations(sides))
    for order in itertools.islice(orders, rounds):
        for side in order:
            time.sleep(REST)
            yield side


class Pods:
    """Makes pods with host network, a call at a time, and nothing but the call is in a call's time."""

    def __init__(self, node, side):
        self.node, self.cri, self.side = node, node.cri, side

    def run(self, config=None):
        config = config or self.config()
        answer = self.cri.runtime.RunPodSandbox(config=config, runtime_handler=self.side)
        return Pod(answer.pod_sandbox_id, config, self.side)

    def config(self):
        config = self.cri.pod_config(host_network=True)
        config.ClearField("log_directory")  # kubelet's, and only a container's
        return config

    def forget(self, pods):
        """What kubelet does after a pod's end; the guardian has nothing to look for any more."""
        for pod in pods:
            self.cri.remove_pod_cgroup(pod.config)

    @contextlib.contextmanager
    def running(self, count, workers=None):
        """That many, until the end of the block."""
        configs = [self.config() for _ in range(count)]
        pods = list((workers.map if workers else map)(self.run, configs))
        for pod in pods:
            self.node.remember(pod.id)
        yield pods
        list((workers.map if workers else map)(self.end, pods))
        self.forget(pods)

    def end(self, pod):
        self.cri.stop_pod(pod)
        self.cri.runtime.RemovePodSandbox(pod_sandbox_id=pod.id)
