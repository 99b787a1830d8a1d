"""The intended differences between the built-in controller and ours: the only ones that are allowed.

Each has the cases in which it may occur and the key of the observation, both as shell patterns; and the reason. One
that never occurs is an error too: then the table is out of date.
"""
from collections import namedtuple

from harness.handlers import TESTED

Intended = namedtuple("Intended", "cases key reason")

NO_IMAGE = "our pause is a program of its own: there is no image, no snapshot and no container of it"
EMPTY_ROOT = "our pause has an empty read-only root: nothing of the host or of an image can be reached in it"
NO_RIGHTS = "our pause has no capabilities, and a seccomp filter of its own for exactly what it needs"
THE_QUESTION = "the handlers are different: that is how the two controllers are chosen"
IMAGE_USER = "the built-in's groups come from looking its user up in an image"
REFUSED = "what cannot run is refused before anything is made, with INVALID_ARGUMENT; runc finds it out later"
IMPOSSIBLE = "a mode that this namespace does not have is refused; the built-in takes it for POD"
NEWER = "containerd can do this from 2.3 on; we can with every containerd"
NOT_PINNED = "the pod's user namespace is found through its network namespace: nothing is pinned on a disk"
OWN_PARENT = "a parent cgroup that we had to make goes with the sandbox, where no container has used it"
DEFAULTS = "the built-in writes the sysctls that it adds into the pod's own config, if that has any"
OWN_GROUPS = "the built-in forgets the pod's groups as soon as the pod has a user; we add them to its image's"
LEAKED_SHIM = "the built-in leaves the shim of a pod whose pause died before its containers; we leave nothing"
NO_CGROUP = "where no parent cgroup is given none is made: the sandbox stays in its keeper's"
OWN_SHM = "the shared memory of a pod whose pause died is unmounted then, not at its removal; containers keep theirs"
HANDED_ON = "pod_annotations are for OCI runtimes: no other program makes our pause"
LATER_SECCOMP = "one family of sockets more is refused, as by the releases of containerd after 2.1"
OUR_MARK = "the label and the extensions by which we know what is ours; with CRI's the built-in would take it over"
RESERVED = "a pod's labels with the prefixes that containerd keeps to itself mean something to it: they are left out"

# Whatever the runtime of podsandboxd is.
ALWAYS = [
    Intended("*", "run.code", REFUSED),
    Intended("pid_target", "run", IMPOSSIBLE),
    Intended("ipc_container", "run", IMPOSSIBLE),
    Intended("user_pod_with_host_network", "run", NEWER),
    Intended("sysctl_*", "*onfig.linux.sysctls.net.ipv4.ip_unprivileged_port_start", DEFAULTS),
    Intended("sysctl_*", "*onfig.linux.sysctls.net.ipv4.ping_group_range", DEFAULTS),
    Intended("pause_is_killed*", "left", LEAKED_SHIM),
    Intended("pause_is_killed*", "stopped.file */shm", OWN_SHM),
    Intended("pause_is_killed*", "stopped.pod.mount */shm", OWN_SHM),
    Intended("*", "*.runtimeHandler", THE_QUESTION),
    Intended("*", "*.info.sandboxMetadata.Metadata.RuntimeHandler", THE_QUESTION),
]

BY_RUNTIME = {"linux": [
    Intended("user_pod", "*.info.runtimeSpec.linux.namespaces*.path", NOT_PINNED),
    Intended("user_pod", "*/pinned-namespaces*", NOT_PINNED),
    Intended("user_pod", "stopped.cgroups", OWN_PARENT),
    Intended("cgroup_parent_none", "pause.cgroup", NO_CGROUP),
    Intended("cgroup_parent_none", "*.info.runtimeSpec.linux.cgroupsPath", NO_CGROUP),
    Intended("cgroup_parent_none", "*.info.runtimeSpec.linux.resources.cpu.shares", NO_CGROUP),
    Intended("annotations_passed", "*.info.runtimeSpec.annotations.podsandbox.test/*", HANDED_ON),
    Intended("*", "*.record.*", NO_IMAGE),
    Intended("*", "*.snapshot.*", NO_IMAGE),
    Intended("*", "pause.command", NO_IMAGE),
    Intended("*", "*.info.image", NO_IMAGE),
    Intended("*", "*.info.snapshotKey", NO_IMAGE),
    Intended("*", "*.info.snapshotter", NO_IMAGE),
    Intended("*", "*.info.runtimeSpec.annotations.io.kubernetes.cri.podsandbox.image-name", NO_IMAGE),
    Intended("*", "*.info.runtimeSpec.process.args", NO_IMAGE),
    Intended("*", "pause.Groups", IMAGE_USER),
    Intended("*", "*.info.runtimeSpec.process.user.additionalGids", IMAGE_USER),
    Intended("*", "pause.mount *", EMPTY_ROOT),
    Intended("*", "*.info.runtimeSpec.mounts*", EMPTY_ROOT),
    Intended("*", "*.info.runtimeSpec.linux.maskedPaths", EMPTY_ROOT),
    Intended("*", "*.info.runtimeSpec.linux.readonlyPaths", EMPTY_ROOT),
    Intended("*", "*.info.runtimeSpec.linux.resources.devices*", EMPTY_ROOT),
    Intended("*", "pause.Cap*", NO_RIGHTS),
    Intended("*", "*.info.runtimeSpec.process.capabilities*", NO_RIGHTS),
    Intended("*", "pause.Seccomp", NO_RIGHTS),
    Intended("*", "*.info.runtimeSpec.linux.seccomp*", NO_RIGHTS),
], "containerd": [
    Intended("supplemental_groups*", "pause.Groups", OWN_GROUPS),
    Intended("supplemental_groups*", "*.info.runtimeSpec.process.user.additionalGids", OWN_GROUPS),
    Intended("seccomp_*default", "*.info.runtimeSpec.linux.seccomp.syscalls*", LATER_SECCOMP),
    Intended("*", "*.record.labels.podsandboxd.io/owner", OUR_MARK),
    Intended("*", "*.record.extensions.*", OUR_MARK),
    Intended("*", "*.snapshot.labels.podsandboxd.io/owner", OUR_MARK),
    Intended("*", "*.snapshot.labels", OUR_MARK),  # the built-in's has none at all
    Intended("labels_of_others", "*.record.labels.*containerd*note", RESERVED),
]}

INTENDED = ALWAYS + BY_RUNTIME.get(TESTED.runtime, [])
