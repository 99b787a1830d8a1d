"""How long CRI's calls take, and how many pods can live in a second."""
import concurrent.futures
import json
import time
import uuid

from .samples import Samples
from .sides import BUILT_IN, LINUX, OURS, SIDES, TITLES, Pods, alternating
from .table import Table

RUN, STATUS, STOP, REMOVE = "RunPodSandbox", "PodSandboxStatus", "StopPodSandbox", "RemovePodSandbox"
EMPTY = "Version (an empty call)"

# What CRI asks the controller for in these calls.
DIRECT = ("Create", "Start", "Status", "Stop", "Shutdown")
DIRECT_EMPTY = "Platform (an empty call)"
METADATA = "github.com/containerd/cri/pkg/store/sandbox/Metadata"


class Crowd:
    """Clients that call at the same time."""

    def __init__(self, count):
        self.count = count
        self.pool = concurrent.futures.ThreadPoolExecutor(count)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pool.shutdown()

    def timed(self, samples, what, whose, call, arguments):
        def measure(argument):
            began = time.perf_counter()
            answer = call(argument)
            return answer, time.perf_counter() - began
        answers = list(self.pool.map(measure, arguments))
        for _, seconds in answers:
            samples.add(what, whose, seconds)
        return [answer for answer, _ in answers]


def measure_calls(node, at_once, count):
    """All at once make the same call, and none makes the next before the last has its answer."""
    samples, runtime = Samples(), node.cri.runtime
    with Crowd(at_once) as crowd:
        def one_round(side, into):
            pods = Pods(node, side)
            configs = [pods.config() for _ in range(at_once)]
            made = crowd.timed(into, RUN, side, pods.run, configs)
            for pod in made:
                node.remember(pod.id)
            for what, call in ((STATUS, lambda pod: runtime.PodSandboxStatus(pod_sandbox_id=pod.id)),
                               (STOP, lambda pod: runtime.StopPodSandbox(pod_sandbox_id=pod.id)),
                               (REMOVE, lambda pod: runtime.RemovePodSandbox(pod_sandbox_id=pod.id)),
                               (EMPTY, lambda pod: runtime.Version())):
                crowd.timed(into, what, side, call, made)
            pods.forget(made)

        for side in SIDES:
            one_round(side, Samples())  # the first ones pay for connections and caches
        for side in alternating(-(-count // at_once)):
            one_round(side, samples)
    return samples


def print_calls(node, count):
    print(f"A pod's life through CRI, the three ways alternating, {count} calls of each kind, ms")
    table = Table("at once  call", SIDES)
    for at_once in (1, 8):
        samples = measure_calls(node, at_once, count)
        for what in (RUN, STATUS, STOP, REMOVE, EMPTY):
            table.row(f"{at_once:7}  {what}", samples, what)


def pods_per_second(node, clients, slices, pods_of):
    """Whole lives, each client one after the other; slices of all sides alternate."""
    seconds, done = dict.fromkeys(SIDES, 0.0), dict.fromkeys(SIDES, 0)
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        for side in alternating(slices):
            pods = Pods(node, side)

            def life(config, pods=pods):
                pod = pods.run(config)
                node.cri.state(pod)
                pods.end(pod)
                return pod
            configs = [pods.config() for _ in range(pods_of[side])]
            began = time.perf_counter()
            ended = list(pool.map(life, configs))
            seconds[side] += time.perf_counter() - began
            done[side] += len(ended)
            pods.forget(ended)
    return {side: done[side] / seconds[side] for side in SIDES}


def print_pods_per_second(node, slices):
    print("Pods per second, each run, asked for its status, stopped and removed")
    print("clients" + "".join(f"  {TITLES[side]:>16}" for side in SIDES)
          + "".join(f"  {TITLES[side] + ' / ' + TITLES[BUILT_IN]:>25}" for side in OURS))
    for clients in (1, 8):
        rates = pods_per_second(node, clients, slices,
                                {side: (10 if side == LINUX else 2) * clients for side in SIDES})
        print(f"{clients:7}" + "".join(f"  {rates[side]:16.1f}" for side in SIDES)
              + "".join(f"  {rates[side] / rates[BUILT_IN]:25.2f}" for side in OURS), flush=True)


class Direct:
    """Asks podsandboxd as CRI does, without containerd in between."""

    def __init__(self, node):
        self.node, self.controller = node, node.controller()
        self.create_request = node.contracts.message("containerd.services.sandbox.v1.ControllerCreateRequest")

    def request(self, side):
        config, identifier = Pods(self.node, side).config(), uuid.uuid4().hex * 2
        request = self.create_request(sandbox_id=identifier, sandboxer="podsandboxd", options={
            "type_url": "runtime.v1.PodSandboxConfig", "value": config.SerializeToString()})
        request.sandbox.sandbox_id = identifier
        request.sandbox.runtime.name = "io.containerd.runc.v2"
        metadata = {"Version": "v1", "Metadata": {"ID": identifier, "RuntimeHandler": side}}
        request.sandbox.extensions["metadata"].type_url = METADATA
        request.sandbox.extensions["metadata"].value = json.dumps(metadata).encode()
        return config, request

    def one_round(self, crowd, side, into):
        made = [self.request(side) for _ in range(crowd.count)]
        crowd.timed(into, "Create", side, lambda one: self.controller.Create(one[1]), made)
        for what in DIRECT[1:]:
            method = getattr(self.controller, what)
            crowd.timed(into, what, side, lambda one, method=method: method(sandbox_id=one[1].sandbox_id), made)
        crowd.timed(into, DIRECT_EMPTY, side, lambda _: self.controller.Platform(), made)
        for config, _ in made:
            self.node.cri.remove_pod_cgroup(config)


def print_direct(node, count):
    print(f"Of which podsandboxd's: the same calls made to its own socket, {count} of each kind, ms")
    table, direct = Table("at once  call", OURS), Direct(node)
    for at_once in (1, 8):
        samples = Samples()
        with Crowd(at_once) as crowd:
            for side in OURS:
                direct.one_round(crowd, side, Samples())
            for side in alternating(-(-count // at_once), OURS):
                direct.one_round(crowd, side, samples)
        for what in (*DIRECT, DIRECT_EMPTY):
            table.row(f"{at_once:7}  {what}", samples, what)
