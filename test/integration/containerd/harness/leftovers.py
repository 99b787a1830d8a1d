"""What is left of pods and containers on a node: nothing, when all of them are removed."""
import os

from . import traces


def names_in(*path):
    directory = os.path.join(*path)
    return sorted(os.listdir(directory)) if os.path.isdir(directory) else []


def own_processes(node):
    """What runs without any pod: the services, and the keeper that waits for the next one."""
    return [service.pid for service in node.services() if service.running()] + node.daemon.keeper_pids()


def in_containerd(node):
    """What containerd's own services still know."""
    service = node.service
    snapshots = service("containerd.services.snapshots.v1.Snapshots")
    committed = node.contracts.enum("containerd.services.snapshots.v1.Kind")["COMMITTED"]  # the images' layers
    return {
        "containers": [c.id for c in service("containerd.services.containers.v1.Containers").List().containers],
        "tasks": [t.id for t in service("containerd.services.tasks.v1.Tasks").List().tasks],
        "leases": [lease.id for lease in service("containerd.services.leases.v1.Leases").List().leases],
        "sandbox records": [s.sandbox_id for s in service("containerd.services.sandbox.v1.Store").List().list],
        "snapshots": [info.name for name in {node.containerd.snapshotter, "native"}  # a handler may have its own
                      for part in snapshots.List(snapshotter=name)
                      for info in part.info if info.kind != committed],
        # Images that began to come and are not there whole.
        "ingests": [status.ref for status in
                    service("containerd.services.content.v1.Content").ListStatuses().statuses],
    }


def default_cgroups(node):
    """Those of pods and containers that have no cgroup parent."""
    ids = traces.identifiers(node.directory)
    return [f"/k8s.io/{name}" for root in traces.cgroup_roots() for name in names_in(root, "k8s.io") if name in ids]


def on_the_machine(node):
    """What the kernel and the filesystem still have."""
    directory, containerd = node.directory, node.containerd
    own = own_processes(node)
    return {
        "processes": [(pid, traces.command_line(pid)) for pid in traces.processes(directory) if pid not in own],
        "shims": traces.shims(directory),
        "shim sockets": traces.dead_shim_sockets(directory),
        "mounts": [point for point in traces.mounts_under(directory) if point != node.netns],
        "network namespaces": names_in(containerd.cri_state, "netns"),
        # An address file is named by the address; the others are host-local's own.
        "addresses": [name for name in names_in(directory, "ipam/podsandbox-test") if name[0].isdigit()],
        "CNI results": traces.cni_results(directory),
        "cgroups": sorted({path.partition(node.name)[2] for path in traces.cgroups(node.cgroup)} - {""}
                          | set(default_cgroups(node))),
        "pod directories": names_in(containerd.cri_root, "sandboxes") + names_in(containerd.cri_state, "sandboxes"),
        "container directories": names_in(containerd.cri_root, "containers")
        + names_in(containerd.cri_state, "containers"),
        # With a dot: one that containerd was killed in the middle of removing, and skips ever after.
        "bundles": [name for name in names_in(directory, "state/io.containerd.runtime.v2.task/k8s.io")
                    if not name.startswith(".")],
        "runc's state": names_in(directory, "runc/k8s.io"),
        "podsandboxd's bundles": names_in(directory, "d/shims"),
        "podsandboxd's files": [os.path.join(path, name) for kept in ("data", "d")
                                for path, _, names in os.walk(os.path.join(directory, kept))
                                for name in names if path != os.path.join(directory, kept)],
    }


def leftovers(node):
    """By kind, what is left; an empty dict when there is nothing."""
    found = {**in_containerd(node), **on_the_machine(node), "podsandboxctl ls": node.daemon.sandboxes()}
    if node.daemon.activated:
        found["kept descriptors"] = [name for name, _ in node.daemon.activated.keeps()]
    return {kind: left for kind, left in found.items() if left}
