"""Asks CRI for the states of pods all the time, as kubelet does, and remembers whatever was untrue."""
import threading

import grpc

from .contracts import channel_to
from .cri import READY

PAUSE = 0.01
AT_ONCE = (("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 100))


class Watch:
    """Of pods that run: none may ever be said to be NOTREADY, or not to exist. UNAVAILABLE says neither."""

    def __init__(self, node):
        self.channel = channel_to(node.containerd.socket, *AT_ONCE)
        self.cri = node.contracts.service(self.channel, "runtime.v1.RuntimeService")
        self.lock, self.running = threading.Lock(), frozenset()
        self.untrue, self.answers = set(), 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.ask, daemon=True)
        self.thread.start()

    def runs(self, *pods):
        with self.lock:
            self.running |= {pod.id for pod in pods}

    def ends(self, *pods):
        """Before they are ended: from now on they may be in any state."""
        with self.lock:
            self.running -= {pod.id for pod in pods}

    def close(self):
        """Answers what was untrue: how it was asked, the pod's id, and what was said."""
        self.ended.set()
        self.thread.join()
        self.channel.close()
        return self.untrue

    def ask(self):
        while not self.ended.wait(PAUSE):
            self.judge("ListPodSandbox", self.running, self.list)
            for pod in self.running:
                self.judge("PodSandboxStatus", {pod}, lambda pod=pod: self.status(pod))

    def list(self):
        return {item.id: item.state for item in self.cri.ListPodSandbox().items}

    def status(self, pod):
        return {pod: self.cri.PodSandboxStatus(pod_sandbox_id=pod).status.state}

    def judge(self, call, asked, answer):
        try:
            states = answer()
            self.answers += 1
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNAVAILABLE:
                return
            states = dict.fromkeys(asked, f"{error.code().name}: {error.details()}")
        # Only what ran before the question and runs after the answer cannot have ended in between.
        self.untrue |= {(call, pod, states.get(pod, "not there")) for pod in asked & self.running
                        if states.get(pod) != READY}
