"""What a pod's containers cost through CRI: the first one pays for a shim where the sandbox has none."""
import collections
import concurrent.futures
import time

from .samples import Samples
from .sides import SIDES, TITLES, Pods, QuietNode, alternating
from .table import Table
from .memory import CLIENTS, DAEMON, POD, ROWS, SHIM, WARM_UP, settle, use

RUN, STOP, REMOVE = "RunPodSandbox", "StopPodSandbox", "RemovePodSandbox"
FIRST, SECOND = "CreateContainer, StartContainer: the first", "  the second"
READY = "RunPodSandbox to the first container's start"


def measure_containers(node, count):
    samples, cri = Samples(), node.cri

    def timed(into, what, side, call):
        began = time.perf_counter()
        answer = call()
        into.add(what, side, time.perf_counter() - began)
        return answer

    def one_life(side, into):
        pods = Pods(node, side)
        config = pods.config()
        began = time.perf_counter()
        pod = timed(into, RUN, side, lambda: pods.run(config))
        node.remember(pod.id)
        timed(into, FIRST, side, lambda: cri.start_container(pod, "first"))
        into.add(READY, side, time.perf_counter() - began)
        timed(into, SECOND, side, lambda: cri.start_container(pod, "second"))
        timed(into, STOP, side, lambda: cri.runtime.StopPodSandbox(pod_sandbox_id=pod.id))
        timed(into, REMOVE, side, lambda: cri.runtime.RemovePodSandbox(pod_sandbox_id=pod.id))
        pods.forget([pod])

    for side in SIDES:
        one_life(side, Samples())  # the first ones pay for connections and caches
    for side in alternating(count):
        one_life(side, samples)
    return samples


def print_containers(node, count):
    print(f"A pod with two containers through CRI, the three ways alternating, {count} of each, ms")
    table, samples = Table("call", SIDES), measure_containers(node, count)
    for what in (RUN, FIRST, READY, SECOND, STOP, REMOVE):
        table.row(what, samples, what)


def measure_memory(side, count, seconds):
    """KiB per pod with a container by kind, on a node of its own."""
    with QuietNode() as node, concurrent.futures.ThreadPoolExecutor(CLIENTS) as workers:
        pods = Pods(node, side)

        def fill(all_pods):
            list(workers.map(node.cri.start_container, all_pods))
        with pods.running(WARM_UP, workers) as warm:
            fill(warm)
        settle(node, seconds)
        before, _ = use(node)
        with pods.running(count, workers) as all_pods:
            fill(all_pods)
            settle(node, seconds)
            after, processes = use(node)
        if processes[SHIM] != count:
            raise RuntimeError(f"{count} pods of {side} have these processes: {dict(processes)}")
    return collections.Counter({kind: (after[kind] - before[kind]) / count for kind in ROWS})


def print_container_memory(quick):
    count = 10 if quick else 200
    shares = {side: measure_memory(side, count, 1 if quick else 12) for side in SIDES}
    print(f"Memory of a pod with one container, one of {count}, KiB")
    print(f"{'':66}" + "".join(f"  {TITLES[side]:>14}" for side in SIDES))
    names = {**ROWS, POD: "pause and container, PSS"}
    for kind in (POD, SHIM, DAEMON):
        print(f"{names[kind]:66}" + "".join(f"  {shares[side][kind]:14.1f}" for side in SIDES))
