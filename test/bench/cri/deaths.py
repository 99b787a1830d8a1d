"""How soon CRI tells that a pod's pause process, or its shim, was killed, and how the pod is got rid of then."""
import os
import signal
import threading
import time

import grpc

from .samples import Samples
from .sides import SIDES, WITH_SHIM, Pods, alternating
from .table import LABEL, Table
from harness import traces
from harness.cri import NOTREADY
from harness.waiting import eventually

POLLED = "PodSandboxStatus, asked again and again"
TOLD = "GetContainerEvents"
SHIM, STOP, REMOVE = "PodSandboxStatus, the shim killed", "  then StopPodSandbox", "  then RemovePodSandbox"


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
    table, samples = Table("seen through", SIDES), measure_deaths(node, count)
    for what in (POLLED, TOLD):
        table.row(what, samples, what)


def shim_of(node, pod):
    [shim] = [pid for pid in traces.shims(node.directory) if pod.id in traces.command_line(pid)]
    return shim


def tried(samples, what, side, call):
    """Whether it succeeded, at the first try."""
    began = time.perf_counter()
    try:
        call()
    except grpc.RpcError:
        return False
    samples.add(what, side, time.perf_counter() - began)
    return True


def measure_lost_shims(node, count):
    """Also, by side, how many pods were stopped and removed without a second try."""
    samples, at_once, cri = Samples(), dict.fromkeys(WITH_SHIM, 0), node.cri
    for side in alternating(count, WITH_SHIM):
        pods = Pods(node, side)
        pod = pods.run()
        node.remember(pod.id)
        samples.add(SHIM, side, polled(cri, pod, shim_of(node, pod)))
        stopped = tried(samples, STOP, side, lambda pod=pod: cri.stop_pod(pod))
        removed = tried(samples, REMOVE, side,
                        lambda pod=pod: cri.runtime.RemovePodSandbox(pod_sandbox_id=pod.id))
        at_once[side] += stopped and removed
        if not (stopped and removed):
            eventually(lambda pod=pod: tried(Samples(), REMOVE, side, lambda: pods.end(pod)),
                       f"pod {pod.id} of {side} cannot be removed", timeout=60)
        pods.forget([pod])
    return samples, at_once


def print_lost_shims(node, count):
    print(f"From SIGKILL of the pod's shim until CRI tells NOTREADY, and the calls after that, {count} of each, ms")
    table, (samples, at_once) = Table("seen through", WITH_SHIM), measure_lost_shims(node, count)
    for what in (SHIM, STOP, REMOVE):
        table.row(what, samples, what)
    print(f"{'pods gone at the first try':{LABEL}}"
          + "".join(f"  {at_once[side]:17}" for side in WITH_SHIM), flush=True)
