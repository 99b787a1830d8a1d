"""The life of one pod under one controller, as everything that can be seen of it: a flat dict of text."""
import contextlib
import json
import os
import re

import grpc
from google.protobuf import json_format

from differential import keeping
from harness import traces
from harness.cri import EXITED, NOTREADY, POD
from harness.handlers import ALL
from harness.leftovers import leftovers
from harness.waiting import eventually

PROBE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "probe.sh")
NAMESPACES = ("net", "ipc", "uts", "pid", "mnt", "user", "cgroup", "time")

# What two runs of the same controller do not have in common either.
VOLATILE_KEYS = {"createdAt", "startedAt", "finishedAt", "timestamp", "exited_at", "created_at"}
VOLATILE_SYSCTLS = re.compile(r"/(netdev_rss_key|nf_conntrack_count|stable_secret|.*_random_id)$")


def flatten(value, path, into):
    """Adds value's leaves by their path; lists of objects that have a name of their own by that name."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in VOLATILE_KEYS:
                flatten(item, f"{path}.{key}", into)
        if not value:
            into[path] = "{}"
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for index, item in enumerate(value):
            name = item.get("destination") or (item.get("type") if path.endswith("namespaces") else None) or index
            flatten(item, f"{path}[{name}]", into)
    else:
        into[path] = json.dumps(value, sort_keys=True, ensure_ascii=False)


def message(value):
    return json_format.MessageToDict(value)


def controllers(cgroups):
    """/proc/PID/cgroup without version 2's line where version 1 has the controllers: it means nothing there."""
    lines = cgroups.splitlines()
    return "\n".join(line for line in lines if len(lines) == 1 or not line.startswith("0::"))


def left_but(node, late_records):
    """What is left on the node, without these records, which are still to go."""
    left = leftovers(node)
    if not late_records.issuperset(left.get("containers", ())):
        return left
    left.pop("containers", None)
    return left


class Observer:
    def __init__(self, node, handler, events, late_records):
        self.node, self.cri, self.handler, self.events = node, node.cri, handler, events
        self.late_records = late_records
        self.seen, self.names = {}, []

    def name(self, text, stands_for):
        """From now on text is shown as what it stands for."""
        if text:
            self.names.append((text, stands_for))

    def clean(self, text):
        for name, stands_for in self.names:
            text = text.replace(name, stands_for)
        text = re.sub(r"cni-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "NETNS", text)
        text = re.sub(r"\b[0-9a-f]{64}\b", "ID", text)
        text = re.sub(r"\bveth[0-9a-f]{8}\b", "VETH", text)
        text = re.sub(r"\bfe80::[0-9a-f:]+", "LINK-LOCAL", text)
        return re.sub(r"\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b", "MAC", text)

    def note(self, key, text):
        self.seen[self.clean(key)] = self.clean(text)

    def note_all(self, key, value):
        leaves = {}
        flatten(value, key, leaves)
        for path, text in leaves.items():
            self.note(path, text)

    def observe(self, config, pause_is_killed=False):
        self.name(self.node.directory, "DIR")
        self.name(self.node.name, "NODE")
        self.name(config.metadata.uid, "UID")
        try:
            pod = self.cri.run_pod(config, self.handler)
        except grpc.RpcError as error:
            self.note("run", "refused")
            self.note("run.code", error.code().name)
            self.seen["run text"] = error.details()
            self.note_leftovers(config)
            return self.seen
        self.note("run", "ok")
        self.name(pod.id, "POD")
        network = self.cri.status(pod).status.network
        self.name(network.ip, "IP")
        self.note_status("ready", pod)
        self.note_pause(pod)
        self.note_kept("ready", pod)
        container = self.note_container(pod)
        if pause_is_killed:
            os.kill(self.cri.info(pod)["pid"], 9)
            # podsandboxd says so at once, and cleans up then; the built-in controller does it in the other order.
            eventually(lambda: self.cri.state(pod) == NOTREADY
                       and self.cri.info(pod)["processStatus"] == "deleted", "the pod is still READY")
            self.note_status("killed", pod)
            if config.linux.security_context.namespace_options.pid == POD:
                # It was in the pid namespace of pause. containerd fails a stop that meets its last container's end.
                self.cri.wait_exited(container)
        self.note_end(pod, container)
        self.note_events(pod)
        if not ALL[self.handler].pause_is_a_container:
            self.late_records.add(pod.id)
        self.note_leftovers(config)
        return self.seen

    def note_status(self, phase, pod):
        answer = self.cri.status(pod, verbose=True)
        self.note_all(f"{phase}.status", message(answer.status))
        self.note(f"{phase}.info keys", " ".join(sorted(answer.info)))
        info = json.loads(answer.info["info"])
        pid = info.pop("pid")
        self.note(f"{phase}.info.pid", "alive" if pid and os.path.exists(f"/proc/{pid}") else str(pid))
        self.note_all(f"{phase}.info", info)
        [item] = self.cri.runtime.ListPodSandbox(filter={"id": pod.id}).items
        self.note_all(f"{phase}.listed", message(item))

    def note_kept(self, phase, pod):
        """In containerd, if pause is a container there; and on the disk."""
        for path, text in keeping.files(self.node, pod).items():
            self.note(f"{phase}.file {path}", text)
        self.note_mounts(f"{phase}.pod", keeping.pod_mounts(self.node, pod))
        if not ALL[self.handler].pause_is_a_container:
            return
        container, record = keeping.record(self.node, pod)
        self.note_all(f"{phase}.record", record)
        spec = keeping.stored_spec(container)
        told = self.cri.info(pod)["runtimeSpec"]
        self.note(f"{phase}.record.spec", "as it is told" if spec == told else json.dumps(spec, sort_keys=True))
        snapshot, parent = keeping.snapshot(self.node, container)
        self.note_all(f"{phase}.snapshot", snapshot)
        self.seen[f"{phase}.snapshot.parent"] = parent  # as it is: the image is the same

    def note_namespaces(self, who, pid, others):
        for kind in NAMESPACES:
            own = os.readlink(f"/proc/{pid}/ns/{kind}")
            same = [name for name, other in others.items() if os.readlink(f"/proc/{other}/ns/{kind}") == own]
            self.note(f"{who}.namespace.{kind}", " ".join(same) or "its own")

    def note_pause(self, pod):
        pid = self.cri.info(pod)["pid"]
        containerd = self.node.containerd.process.pid
        # runc's own program becomes pause's after the start.
        eventually(lambda: "pause" in traces.command_line(pid), "pause does not run")
        self.note_namespaces("pause", pid, {"host": containerd})
        for line in traces.read(f"/proc/{pid}/status").splitlines():
            key, _, value = line.partition(":")
            if key in ("Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp") or key.startswith("Cap"):
                self.note(f"pause.{key}", " ".join(value.split()))
        self.note("pause.oom_score_adj", traces.read(f"/proc/{pid}/oom_score_adj").strip())
        self.note("pause.cgroup", controllers(traces.read(f"/proc/{pid}/cgroup")))
        self.note("pause.command", traces.command_line(pid))
        self.note_mounts("pause", traces.read(f"/proc/{pid}/mountinfo"))

    def note_mounts(self, who, mountinfo):
        """By mount point: source, type and options, without what differs from mount to mount."""
        for line in mountinfo.splitlines():
            before, _, after = line.partition(" - ")
            _, _, _, root, point, options, *propagation = before.split()
            kind, source, super_options = after.split()
            if kind in ("overlay", "tmpfs", "sysfs", "proc", "devtmpfs", "cgroup") and root != "/":
                root = re.sub(r"^/.*", "/…", root) if kind in ("overlay", "cgroup") else root
            if kind == "nsfs":
                root = re.sub(r"\d+", "…", root)
            if kind == "overlay":
                super_options = re.sub(r"\b(lowerdir|upperdir|workdir)=[^,]*", r"\1=…", super_options)
            if kind == "tmpfs":
                super_options = re.sub(r"\bnr_inodes=\d+k?,?", "", super_options)
            propagation = " ".join(re.sub(r":\d+", "", tag) for tag in propagation)
            self.note(f"{who}.mount {point}", f"{root} {kind} {source} {options} {super_options} {propagation}")

    def note_container(self, pod):
        context = pod.config.linux.security_context
        try:
            container = self.cri.start_container(pod, linux={"security_context": {
                "namespace_options": context.namespace_options, "privileged": context.privileged}})
        except grpc.RpcError as error:
            self.note("container", f"refused: {error.code().name}: {error.details()}")
            return None
        self.name(container, "CONTAINER")
        pid = self.cri.container_pid(container)
        others = {"pause": self.cri.info(pod)["pid"], "host": self.node.containerd.process.pid}
        self.note_namespaces("container", pid, others)
        with open(PROBE) as script:
            output = self.cri.execute(container, "sh", "-c", script.read())
        for section in output.split("=== ")[1:]:
            title, _, text = section.partition("\n")
            if title == "mounts":
                self.note_mounts("container", text)
            elif title == "sysctls":
                for line in text.splitlines():
                    name, _, value = line.partition(":")
                    if not VOLATILE_SYSCTLS.search(name):
                        self.note(f"container.sysctl {name}", " ".join(value.split()))
            else:
                self.note(f"container.{title}", controllers(text) if title == "cgroup" else text)
        return container

    def note_end(self, pod, container):
        self.cri.stop_pod(pod)
        if container:
            status = self.cri.container_status(container)
            self.note("stopped.container", f"{status.exit_code} {status.reason} {status.state == EXITED}")
        self.note_status("stopped", pod)
        self.note_kept("stopped", pod)
        self.note("stopped.cgroups", " ".join(sorted(
            {path.partition(self.node.name)[2] for path in traces.cgroups(self.node.cgroup)})))
        self.cri.runtime.RemovePodSandbox(pod_sandbox_id=pod.id)

    def note_events(self, pod):
        """What CRI told about the pod and its container, in order."""
        types = self.node.contracts.enum("runtime.v1.ContainerEventType")
        names = {number: name for name, number in types.items()}

        def told():
            events = self.events.of(pod)
            last = [event for event in events if event.container_id == pod.id]
            return events if last and last[-1].container_event_type == types["CONTAINER_DELETED_EVENT"] else None
        count = {}
        for event in eventually(told, "no event of the pod's removal"):
            # Pod and container may end in either order, so each has its own row.
            index = count[event.container_id] = count.get(event.container_id, 0) + 1
            pods = event.container_id == pod.id
            state = (event.pod_sandbox_status.state if pods else
                     [status.state for status in event.containers_statuses])
            self.note(f"event {event.container_id} {index}", f"{names[event.container_event_type]} {state}")

    def note_leftovers(self, config):
        self.cri.remove_pod_cgroup(config)

        def nothing():
            self.left = left_but(self.node, self.late_records)
            return not self.left
        with contextlib.suppress(TimeoutError):
            eventually(nothing, "", timeout=10)
        kinds = {kind: len(left) for kind, left in self.left.items()}
        self.note("left", str(kinds))
