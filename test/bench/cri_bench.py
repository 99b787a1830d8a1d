#!/usr/bin/python3
"""What a pod costs through the CRI of a stock containerd: with its built-in controller, and with podsandboxd's
containerd and linux runtimes.

Usage: cri_bench.py [quick] [PART...]

The parts: calls, containers, direct, rate, deaths, shims, memory (default: all). One containerd drives all three in one run. The
client is Python's, so a part of each call's time is its own: an empty call shows how much. PODSANDBOX_BIN says where
our programs are (default build/dev/bin).
"""
import sys

from cri.calls import print_calls, print_direct, print_pods_per_second
from cri.containers import print_container_memory, print_containers
from cri.deaths import print_deaths, print_lost_shims
from cri.memory import print_memory
from cri.sides import QuietNode

# What prints it, and how much of it is measured, quickly or well.
ON_A_NODE = {
    "calls": (print_calls, 16, 200),
    "containers": (print_containers, 10, 100),
    "direct": (print_direct, 16, 200),
    "rate": (print_pods_per_second, 1, 8),
    "deaths": (print_deaths, 5, 100),
    "shims": (print_lost_shims, 5, 100),
}
MEMORY = "memory"


def main():
    arguments = sys.argv[1:]
    quick = arguments[:1] == ["quick"]
    parts = arguments[quick:] or [*ON_A_NODE, MEMORY]
    if not set(parts) <= {*ON_A_NODE, MEMORY}:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    on_a_node = [part for part in parts if part != MEMORY]
    if on_a_node:
        with QuietNode() as node:
            print(f"Through CRI of a stock containerd {node.cri.runtime.Version().runtime_version}, pods with host "
                  "network\n")
            for part in on_a_node:
                show, quickly, well = ON_A_NODE[part]
                show(node, quickly if quick else well)
                print(flush=True)
    if MEMORY in parts:
        print_memory(quick)
        print(flush=True)
        print_container_memory(quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())
