"""A CRI client, as kubelet is one: the pods and containers of the tests."""
import contextlib
import json
import os
import threading
import uuid

import grpc

from . import images, traces
from .handlers import TESTED
from .waiting import eventually

READY, NOTREADY = 0, 1  # PodSandboxState
CREATED, RUNNING, EXITED, UNKNOWN = range(4)  # ContainerState
POD, CONTAINER, NODE, TARGET = range(4)  # NamespaceMode

# Ends at once when it is told to; a shell that waits for a foreground child would not.
SLEEP = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done"]


class Pod:
    """One that runs: its id, the config that it was made of, and its handler."""

    def __init__(self, identifier, config, handler):
        self.id, self.config, self.handler = identifier, config, handler


class Cri:
    def __init__(self, node):
        self.node = node
        self.runtime = self.images = None
        self.pod_config_type = node.contracts.message("runtime.v1.PodSandboxConfig")

    def connect(self):
        self.runtime = self.node.contracts.service(self.node.channel, "runtime.v1.RuntimeService")
        self.images = self.node.contracts.service(self.node.channel, "runtime.v1.ImageService")

    def has_image(self, name):
        try:
            return self.images.ImageStatus(image={"image": name}).HasField("image")
        except grpc.RpcError:
            return False

    def pod_config(self, name="pod", host_network=False, **fields):
        """A config as kubelet would send it, unless the fields say otherwise."""
        uid = str(uuid.uuid4())
        config = self.pod_config_type(
            metadata={"name": name, "namespace": "test", "uid": uid, "attempt": 0},
            hostname="" if host_network else name,
            log_directory=os.path.join(self.node.directory, "logs", uid),
            linux={"cgroup_parent": f"{self.node.cgroup}/pod-{uid}"})
        if host_network:
            config.linux.security_context.namespace_options.network = NODE
        config.MergeFrom(self.pod_config_type(**fields))
        return config

    def run_pod(self, config=None, handler=TESTED.name, deadline=60):
        config = config or self.pod_config()
        if config.log_directory:
            os.makedirs(config.log_directory, exist_ok=True)  # kubelet makes it
        identifier = self.runtime.RunPodSandbox(config=config, runtime_handler=handler,
                                                deadline=deadline).pod_sandbox_id
        self.node.remember(identifier)
        return Pod(identifier, config, handler)

    def status(self, pod, verbose=False):
        return self.runtime.PodSandboxStatus(pod_sandbox_id=pod.id, verbose=verbose)

    def state(self, pod):
        return self.status(pod).status.state

    def create_container(self, pod, name="main", command=SLEEP, args=(), **fields):
        config = {"metadata": {"name": name}, "image": {"image": images.BUSYBOX}, "command": list(command),
                  "args": list(args), "log_path": f"{name}.log", **fields}
        # As kubelet does, a container's namespaces and cgroup parent are the pod's.
        linux = config.setdefault("linux", {})
        context = linux.setdefault("security_context", {})
        context.setdefault("namespace_options", pod.config.linux.security_context.namespace_options)
        identifier = self.runtime.CreateContainer(pod_sandbox_id=pod.id, config=config,
                                                  sandbox_config=pod.config).container_id
        self.node.remember(identifier)
        return identifier

    def start_container(self, pod, name="main", command=SLEEP, **fields):
        container = self.create_container(pod, name, command, **fields)
        self.runtime.StartContainer(container_id=container)
        return container

    def container_status(self, container):
        return self.runtime.ContainerStatus(container_id=container).status

    def info(self, pod):
        """The verbose status, as the controller tells it."""
        return json.loads(self.status(pod, verbose=True).info["info"])

    def container_pid(self, container):
        """The pid of the container's first process, on the node."""
        tasks = self.node.service("containerd.services.tasks.v1.Tasks")
        return tasks.Get(container_id=container).process.pid

    def execute(self, container, *command, timeout=30):
        """stdout of a command in the container, which has to succeed."""
        done = self.runtime.ExecSync(container_id=container, cmd=list(command), timeout=timeout)
        if done.exit_code != 0:
            raise RuntimeError(f"{command}: exit code {done.exit_code}, {done.stderr.decode()}")
        return done.stdout.decode()

    def wait_exited(self, container, timeout=20):
        def exited():
            status = self.container_status(container)
            return status if status.state == EXITED else None
        return eventually(exited, f"container {container} does not exit", timeout)

    def stop_pod(self, pod):
        self.runtime.StopPodSandbox(pod_sandbox_id=pod.id)

    def remove_pod(self, pod):
        """Also the pod's cgroup, which is kubelet's: nothing may be left in it."""
        self.runtime.RemovePodSandbox(pod_sandbox_id=pod.id)
        self.remove_pod_cgroup(pod.config)

    def remove_pod_cgroup(self, config):
        path = os.path.normpath("/" + config.linux.cgroup_parent.lstrip("/"))
        while path.startswith(self.node.cgroup + "/"):
            for root in traces.cgroup_roots():
                with contextlib.suppress(FileNotFoundError):
                    os.rmdir(root + path)
            path = os.path.dirname(path)

    def end_pod(self, pod):
        self.stop_pod(pod)
        self.remove_pod(pod)

    def end_all_pods(self):
        """For after a test: whatever it left, of whatever state."""
        for item in self.runtime.ListPodSandbox().items:
            self.runtime.StopPodSandbox(pod_sandbox_id=item.id)
            self.runtime.RemovePodSandbox(pod_sandbox_id=item.id)
        for path in traces.cgroups(self.node.cgroup):
            if os.path.basename(path).startswith("pod-"):
                with contextlib.suppress(OSError):  # what is in it is found by whoever looks for leftovers
                    os.rmdir(path)

    def events(self):
        return Events(self.runtime.GetContainerEvents(deadline=None))


class Events:
    """Collects CRI's events: a client that does not read them would block containerd."""

    def __init__(self, stream):
        self.stream, self.seen = stream, []
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        try:
            for event in self.stream:
                self.seen.append(event)
        except grpc.RpcError:
            pass

    def of(self, pod):
        return [event for event in list(self.seen) if event.pod_sandbox_status.id == pod.id]

    def close(self):
        self.stream.cancel()
        self.thread.join(timeout=5)
