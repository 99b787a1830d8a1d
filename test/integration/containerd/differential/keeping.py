"""What there is of a pod's sandbox in containerd and on the disk, as flat text, for comparison."""
import json
import os
import re
import stat

from google.protobuf import json_format

from harness import traces

WHOSE = re.compile(r"\b(upperdir|workdir)=[^,]*")  # a snapshot's own
LONGEST = 4096


def runtime_options(node, options):
    """Decoded, so that they are seen to be equal however they are encoded."""
    name = options.type_url.rpartition("/")[2]
    if not name:
        return {}
    return json_format.MessageToDict(node.contracts.message(name).FromString(options.value))


def record(node, pod):
    """The container record of pause. Extensions by their types: what is in them is for their owner alone."""
    container = node.service("containerd.services.containers.v1.Containers").Get(id=pod.id).container
    return container, {
        "image": container.image, "labels": dict(container.labels), "snapshotter": container.snapshotter,
        "snapshot_key": container.snapshot_key, "sandbox": container.sandbox, "spec type": container.spec.type_url,
        "runtime": container.runtime.name, "runtime options type": container.runtime.options.type_url,
        "runtime options": runtime_options(node, container.runtime.options),
        "extensions": {key: value.type_url for key, value in container.extensions.items()}}


def stored_spec(container):
    return json.loads(container.spec.value)


def snapshot(node, container):
    """The snapshot that pause's root is made of."""
    which = {"snapshotter": container.snapshotter, "key": container.snapshot_key}
    snapshots = node.service("containerd.services.snapshots.v1.Snapshots")
    info = snapshots.Stat(**which).info
    mounts = [f"{mount.type} {mount.source} {mount.target} "
              + WHOSE.sub(r"\1=…", ",".join(mount.options)) for mount in snapshots.Mounts(**which).mounts]
    return {"kind": info.kind, "labels": dict(info.labels), "mounts": mounts}, info.parent


def file(path):
    status = os.lstat(path)
    told = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"
    if stat.S_ISREG(status.st_mode) and not os.path.ismount(path):
        told += " " + json.dumps(traces.read(path)[:LONGEST])
    return told


def files(node, pod):
    """The pod's directories by their places: whose everything in them is, and what is in the files."""
    found = {}
    for kept in (node.containerd.cri_root, node.containerd.cri_state):
        top = os.path.join(kept, "sandboxes", pod.id)
        paths = [top] if os.path.lexists(top) else []
        paths += [os.path.join(where, name) for where, directories, names in os.walk(top)
                  for name in directories + names]
        found.update((path, file(path)) for path in paths)
    return found


def pod_mounts(node, pod):
    """What is mounted in these directories, as lines of /proc/PID/mountinfo."""
    lines = traces.read("/proc/self/mountinfo").splitlines()
    return "\n".join(line for line in lines if f"/sandboxes/{pod.id}/" in line.split()[4])
