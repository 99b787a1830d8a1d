"""How long CRI's calls take, and how many pods can live in a second."""
import concurrent.futures
import json
import time
import uuid

from .samples import Samples
from .sides import BUILT_IN, OURS, REST, SIDES, Pods, alternating

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
    print(f"A pod's life through CRI, the two controllers alternating, {count} calls of each kind, ms")
    print(f"{'':32}  {'built-in':>17}   {'podsandboxd':>17}   built-in / ours")
    print(f"at once  {'call':23}       p50       p99        p50       p99     p50     p99")
    for at_once in (1, 8):
        samples = measure_calls(node, at_once, count)
        for what in (RUN, STATUS, STOP, REMOVE, EMPTY):
            (p50, p99), (our_p50, our_p99) = (samples.milliseconds(what, side) for side in SIDES)
            print(f"{at_once:7}  {what:23} {p50:9.2f} {p99:9.2f}  {our_p50:9.2f} {our_p99:9.2f}"
                  f" {p50 / our_p50:7.1f} {p99 / our_p99:7.1f}", flush=True)


def pods_per_second(node, clients, slices, pods_of):
    """Whole lives, each client one after the other; slices of both sides alternate."""
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
    print("clients    built-in  podsandboxd  ours / built-in")
    for clients in (1, 8):
        rates = pods_per_second(node, clients, slices, {BUILT_IN: 2 * clients, OURS: 10 * clients})
        print(f"{clients:7}  {rates[BUILT_IN]:10.1f} {rates[OURS]:12.1f} {rates[OURS] / rates[BUILT_IN]:16.1f}",
              flush=True)


class Direct:
    """Asks podsandboxd as CRI does, without containerd in between."""

    def __init__(self, node):
        self.node, self.pods, self.controller = node, Pods(node, OURS), node.controller()
        self.create_request = node.contracts.message("containerd.services.sandbox.v1.ControllerCreateRequest")

    def request(self):
        config, identifier = self.pods.config(), uuid.uuid4().hex * 2
        request = self.create_request(sandbox_id=identifier, sandboxer="podsandboxd", options={
            "type_url": "runtime.v1.PodSandboxConfig", "value": config.SerializeToString()})
        request.sandbox.sandbox_id = identifier
        request.sandbox.runtime.name = "io.containerd.runc.v2"
        metadata = {"Version": "v1", "Metadata": {"ID": identifier, "RuntimeHandler": OURS}}
        request.sandbox.extensions["metadata"].type_url = METADATA
        request.sandbox.extensions["metadata"].value = json.dumps(metadata).encode()
        return config, request

    def one_round(self, crowd, into):
        made = [self.request() for _ in range(crowd.count)]
        crowd.timed(into, "Create", OURS, lambda one: self.controller.Create(one[1]), made)
        for what in DIRECT[1:]:
            method = getattr(self.controller, what)
            crowd.timed(into, what, OURS, lambda one, method=method: method(sandbox_id=one[1].sandbox_id), made)
        crowd.timed(into, DIRECT_EMPTY, OURS, lambda _: self.controller.Platform(), made)
        for config, _ in made:
            self.node.cri.remove_pod_cgroup(config)


def print_direct(node, count):
    print(f"Of which podsandboxd's: the same calls made to its own socket, {count} of each kind, ms")
    print(f"at once  {'call':24}       p50       p99")
    direct = Direct(node)
    for at_once in (1, 8):
        samples = Samples()
        with Crowd(at_once) as crowd:
            direct.one_round(crowd, Samples())
            for _ in range(-(-count // at_once)):
                time.sleep(REST)
                direct.one_round(crowd, samples)
        for what in (*DIRECT, DIRECT_EMPTY):
            p50, p99 = samples.milliseconds(what, OURS)
            print(f"{at_once:7}  {what:24} {p50:9.2f} {p99:9.2f}", flush=True)
