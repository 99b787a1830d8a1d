"""What an idle pod costs in memory, everywhere."""
import collections
import concurrent.futures
import re
import time

from .sides import LINUX, SIDES, TITLES, WITH_SHIM, Pods, QuietNode
from harness import traces

CLIENTS = 4
WARM_UP = 20  # what the first pods of all cost is no other's cost

POD, SHIM, DAEMON, KEEPER, CONTAINERD = "pause", "shim", "podsandboxd", "keeper", "containerd"
KERNEL = "kernel"

# "Kernel" is of the whole machine, so other programs are in it too.
ROWS = {POD: "pause processes, PSS", SHIM: "shims, PSS", DAEMON: "podsandboxd: growth of its PSS",
        KEEPER: "keeper: growth of its PSS", CONTAINERD: "containerd: growth of its PSS",
        KERNEL: "kernel: growth of slabs, per-CPU, stacks and page tables, roughly"}


OURS_AND_SHIMS = (POD, SHIM, DAEMON, KEEPER)


def kib(path, *fields):
    found = re.findall(rf"^(?:{'|'.join(fields)}):\s+(\d+) kB", traces.read(path), re.MULTILINE)
    if len(found) != len(fields):
        raise RuntimeError(f"{path} lacks a field")
    return sum(map(int, found))


def kind_of(node, pid):
    command = traces.command_line(pid)
    if pid == node.containerd.process.pid:
        return CONTAINERD
    if pid == node.daemon.process.pid:
        return DAEMON
    if "containerd-shim" in command:
        return SHIM
    return KEEPER if command == "podsandbox-keeper" else POD


def use(node):
    """KiB by kind, and how many processes there are of each."""
    memory, processes = collections.Counter(), collections.Counter()
    for pid in traces.processes(node.directory):
        kind = kind_of(node, pid)
        memory[kind] += kib(f"/proc/{pid}/smaps_rollup", "Pss")
        processes[kind] += 1
    memory[KERNEL] = kib("/proc/meminfo", "Slab", "Percpu", "KernelStack", "PageTables")
    return memory, processes


def settle(node, seconds):
    """Until allocators have given back what only the calls needed, which some do when they have something to do."""
    for _ in range(seconds):
        time.sleep(1)
        for _ in range(100):
            node.cri.runtime.ListPodSandbox()


def measure(side, count, seconds):
    """KiB per pod by kind, on a node of its own: one side's memory is not what the other has left."""
    with QuietNode() as node, concurrent.futures.ThreadPoolExecutor(CLIENTS) as workers:
        pods = Pods(node, side)
        with pods.running(WARM_UP, workers):
            pass
        settle(node, seconds)
        before, _ = use(node)
        with pods.running(count, workers):
            settle(node, seconds)
            after, processes = use(node)
        expected = {POD: count, SHIM: count if side in WITH_SHIM else 0}
        if {kind: processes[kind] for kind in expected} != expected:
            raise RuntimeError(f"{count} pods of {side} have these processes: {dict(processes)}")
    return {kind: (after[kind] - before[kind]) / count for kind in ROWS}


def print_memory(quick):
    few, many = (10, 50) if quick else (50, 200)
    counts = {side: many if side == LINUX else few for side in SIDES}
    shares = {side: measure(side, count, 1 if quick else 12) for side, count in counts.items()}
    print(f"Memory of an idle pod, one of {few} ({TITLES[LINUX]}: {many}), KiB")
    print(f"{'':66}" + "".join(f"  {TITLES[side]:>14}" for side in SIDES))

    def row(what, *kinds):
        print(f"{what:66}" + "".join(f"  {sum(shares[side][kind] for kind in kinds):14.1f}" for side in SIDES))
    for kind in OURS_AND_SHIMS:
        row(ROWS[kind], kind)
    row("  all of these", *OURS_AND_SHIMS)
    for kind in (CONTAINERD, KERNEL):
        row(ROWS[kind], kind)
