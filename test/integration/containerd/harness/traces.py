"""What a node leaves on the machine: processes, mounts, cgroups, sockets. Found by what they are, not by what is
remembered, so that it is found too when the one who made it was killed."""
import hashlib
import os
import re
import socket

MARK = "PODSANDBOX_TEST_NODE"  # in the environment of what a node starts, with its directory
SHIM_SOCKETS = "/run/containerd/s"  # wherever containerd's state directory is
CNI_CACHE = "/var/lib/cni/results"
ID = re.compile(r"\b[0-9a-f]{64}\b")  # as CRI makes them


def read(path):
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def unescape(path):
    """A path as /proc writes it."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)


def mounts_under(directory):
    """Mount points at and under a directory, in the order in which they were mounted."""
    points = [unescape(line.split()[4]) for line in read("/proc/self/mountinfo").splitlines()]
    return [point for point in points if point == directory or point.startswith(directory + "/")]


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def stat_fields(pid):
    """The fields of /proc/PID/stat behind the command's name, or none when it is gone."""
    return read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def is_dead(pid):
    fields = stat_fields(pid)
    return not fields or fields[0] in "ZX"


def command_line(pid):
    return read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()


def namespace(path):
    try:
        status = os.stat(path)
        return (status.st_dev, status.st_ino)
    except OSError:
        return None


def network_namespaces(directory):
    """Those that are mounted under the directory: the node's and its pods'."""
    # Regular files have other device numbers, so they match no process.
    return {namespace(point) for point in mounts_under(directory) if not os.path.isdir(point)} - {None}


def root_is_under(pid, directory):
    """Whether the process's root filesystem is of the node's snapshots."""
    for line in read(f"/proc/{pid}/mountinfo").splitlines():
        if line.split()[4] == "/":
            return directory + "/" in line
    return False


def belongs(pid, directory, networks):
    return (namespace(f"/proc/{pid}/ns/net") in networks
            or f"{MARK}={directory}\0" in read(f"/proc/{pid}/environ") + "\0"
            or f" {directory}/c.sock" in command_line(pid)
            or root_is_under(pid, directory))


def processes(directory):
    """The pids of the node's living processes, and of all their descendants."""
    networks = network_namespaces(directory)
    alive = [pid for pid in pids() if not is_dead(pid)]
    found = {pid for pid in alive if pid != os.getpid() and belongs(pid, directory, networks)}
    parents = {pid: int((stat_fields(pid) + ["0", "0"])[1]) for pid in alive}
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return sorted(found)
        found |= more


def shims(directory):
    return [pid for pid in pids() if not is_dead(pid) and "containerd-shim" in command_line(pid)
            and f" {directory}/c.sock" in command_line(pid)]


def cgroup_roots():
    roots = []
    for line in read("/proc/self/mountinfo").splitlines():
        fields, _, rest = line.partition(" - ")
        if rest.split()[0] in ("cgroup", "cgroup2"):
            roots.append(unescape(fields.split()[4]))
    return roots


def cgroups(path):
    """The directories at and below a cgroup path in every hierarchy, deepest first."""
    return [directory for root in cgroup_roots()
            for directory, _, _ in os.walk(os.path.join(root, path.strip("/")), topdown=False)]


def identifiers(directory):
    """Of pods and containers, also of those whose start failed: nobody was told these, but they are in the logs."""
    logs = (read(os.path.join(directory, name)) for name in ("containerd.log", "podsandboxd.log"))
    return {*read(os.path.join(directory, "ids")).split(), *(name for log in logs for name in ID.findall(log))}


def dead_shim_sockets(directory):
    """Sockets of this node's shims at which nobody listens any more; a shim names them by what it serves."""
    names = [hashlib.sha256(f"{directory}/c.sock/k8s.io/{identifier}{suffix}".encode()).hexdigest()
             for identifier in identifiers(directory) for suffix in ("", "/debug")]
    return [path for path in (os.path.join(SHIM_SOCKETS, name) for name in names)
            if os.path.exists(path) and not answers(path)]


def answers(path):
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(path)
            return True
    except OSError:
        return False


def cni_results(directory):
    """What libcni remembers of attachments, at a place of its own choice."""
    paths = [os.path.join(CNI_CACHE, name) for name in os.listdir(CNI_CACHE)] if os.path.isdir(CNI_CACHE) else []
    return [path for path in paths if directory + "/" in read(path)]
