"""How soon CRI tells that a pod's pause process was killed."""
import os
import signal
import threading
import time

import grpc

from .samples import Samples
from .sides import SIDES, Pods, alternating
from harness.cri import NOTREADY

POLLED = "PodSandboxStatus, asked again and again"
TOLD = "GetContainerEvents"


class Listener:
    """Notes when CRI's events first call a pod NOTREADY."""

    def __init__(self, cri):
        self.told, self.changed = {}, threading.Condition()
        self.stream = cri.runtime.GetContainerEvents(deadline=None)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.cancel()
        self.thread.join(timeout=5)

    def read(self):
        try:
            for event in self.stream:
                now = time.perf_counter()
                if event.pod_sandbox_status.state == NOTREADY:
                    with self.changed:
                        self.told.setdefault(event.pod_sandbox_status.id, now)
                        self.changed.notify_all()
        except grpc.RpcError:
            pass

    def when(self, pod):
        with self.changed:
            if not self.changed.wait_for(lambda: pod.id in self.told, timeout=30):
                raise TimeoutError(f"CRI told nothing of the end of pod {pod.id}")
            return self.told[pod.id]


def kill(pid):
    now = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    return now


def polled(cri, pod, pid):
    began = kill(pid)
    while cri.state(pod) != NOTREADY:
        pass
    return time.perf_counter() - began


def measure_deaths(node, count):
    samples, cri = Samples(), node.cri

    def measure(what, die):
        for side in alternating(count):
            with Pods(node, side).running(1) as [pod]:
                samples.add(what, side, die(pod, cri.info(pod)["pid"]))

    measure(POLLED, lambda pod, pid: polled(cri, pod, pid))
    with Listener(cri) as listener:
        def told(pod, pid):
            began = kill(pid)
            return listener.when(pod) - began
        measure(TOLD, told)
    return samples


def print_deaths(node, count):
    print(f"From SIGKILL of the pause process until CRI tells NOTREADY, {count} of each kind, ms")
    print(f"{'':41} {'built-in':>19}   {'podsandboxd':>19}   built-in / ours")
    print(f"{'seen through':41}       p50       p99        p50       p99       p50     p99")
    samples = measure_deaths(node, count)
    for what in (POLLED, TOLD):
        (p50, p99), (our_p50, our_p99) = (samples.milliseconds(what, side) for side in SIDES)
        print(f"{what:41} {p50:9.2f} {p99:9.2f}  {our_p50:9.2f} {our_p99:9.2f}   {p50 / our_p50:7.1f}"
              f" {p99 / our_p99:7.1f}")
