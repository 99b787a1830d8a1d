#!/usr/bin/python3
"""What a pod costs through the CRI of a stock containerd: with its built-in controller, and with podsandboxd.

Usage: cri_bench.py [quick]

One containerd drives both in one run. The client is Python's, so a part of each call's time is its own: an empty
call shows how much. PODSANDBOX_BIN says where our programs are (default build/dev/bin).
"""
import sys

from cri.calls import print_calls, print_direct, print_pods_per_second
from cri.deaths import print_deaths
from cri.memory import print_memory
from cri.sides import QuietNode


def main():
    if sys.argv[1:] not in ([], ["quick"]):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    quick = sys.argv[1:] == ["quick"]
    with QuietNode() as node:
        print(f"Through CRI of a stock containerd {node.cri.runtime.Version().runtime_version}, pods with host "
              "network\n")
        print_calls(node, 16 if quick else 200)
        print()
        print_direct(node, 16 if quick else 200)
        print()
        print_pods_per_second(node, 1 if quick else 8)
        print()
        print_deaths(node, 5 if quick else 100)
        print(flush=True)
    print_memory(quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())
