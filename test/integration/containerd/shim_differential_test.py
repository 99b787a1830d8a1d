#!/usr/bin/python3
"""A shim that podsandboxd starts and one that containerd starts for the controller built into it, in one containerd:
what a process takes over from whoever starts it, and hands on to containers, is equal but for the intended differences.
"""
import os
import re
import unittest

from harness import traces
from harness.case import NodeCase
from harness.handlers import BUILT_IN, LINUX, TESTED

ABSENT = "(absent)"

INTENDED = {
    "argument -debug": "how much containerd logs is not told; what a shim says is in podsandboxd's log, by its level",
    "cwd": "a bundle in the daemon's state directory: containerd's has none for a pod of ours",
    "parent": "it stays our child, so that its end is known at once, and how it was",
    "environment LD_LIBRARY_PATH": "containerd's, for what is installed by `ctr install`; the place is not told",
    "environment PATH": "likewise; what podsandboxd starts is looked for in its own PATH",
}

STATUS = {"Umask", "Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp", "SigBlk", "SigIgn", "Cpus_allowed", "Mems_allowed",
          "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "THP_enabled", "CoreDumping"}
FILES = ("oom_score_adj", "cgroup", "coredump_filter", "timerslack_ns", "personality", "loginuid", "setgroups")
# Of the fields of /proc/PID/stat behind the command's name.
STAT = {"terminal": 4, "priority": 15, "nice": 16, "real time priority": 37, "scheduling policy": 38}


class Facts:
    """A flat dict of text."""

    def __init__(self, pid, service, names):
        self.pid, self.service, self.names, self.seen = pid, service, names, {}
        for part in (self.arguments, self.environment, self.files, self.status, self.limits, self.family, self.links,
                     self.descriptors):
            part()

    def note(self, key, text):
        self.seen[self.named(key)] = self.named(text)

    def named(self, text):
        for name, stands_for in self.names:
            text = text.replace(name, stands_for)
        return text

    def read(self, name):
        return traces.read(f"/proc/{self.pid}/{name}")

    def link(self, name):
        return os.readlink(f"/proc/{self.pid}/{name}")

    def arguments(self):
        program, *words = self.read("cmdline").split("\0")[:-1]
        self.note("program", program)
        for number, word in enumerate(words):
            if word.startswith("-"):
                value = "".join(words[number + 1:number + 2])
                self.note(f"argument {word}", "" if value.startswith("-") else value)

    def environment(self):
        for entry in filter(None, self.read("environ").split("\0")):
            name, _, value = entry.partition("=")
            self.note(f"environment {name}", value)

    def files(self):
        for name in FILES:
            self.note(name, self.read(name))

    def status(self):
        for line in self.read("status").splitlines():
            key, _, value = line.partition(":")
            if key in STATUS:
                self.note(f"status {key}", " ".join(value.split()))

    def limits(self):
        for line in self.read("limits").splitlines():
            name, *values = re.split(r"\s{2,}", line.strip())
            self.note(f"limit {name}", " ".join(values))

    def family(self):
        fields = traces.stat_fields(self.pid)
        for name, index in STAT.items():
            self.note(name, fields[index])
        parent, group, session = (int(field) for field in fields[1:4])
        self.note("parent", "its service" if parent == self.service else "another")
        self.note("process group", "its own" if group == self.pid else "another's")
        self.note("session", "its service's" if session == self.service else "another's")

    def links(self):
        self.note("cwd", self.link("cwd"))
        self.note("root", self.link("root"))
        for name in os.listdir(f"/proc/{self.pid}/ns"):
            self.note(f"namespace {name}", self.link(f"ns/{name}"))

    def descriptors(self):
        """The first three by their numbers. Of others what they are, and not how many: the shim has its own."""
        for name in os.listdir(f"/proc/{self.pid}/fd"):
            target = re.sub(r":\[\d+\]$|(?<=/io/)\d+", "", self.link(f"fd/{name}"))
            if int(name) <= 2:
                self.note(f"descriptor {name}", target)
            if target not in ("pipe", "anon_inode:[pidfd]"):  # while it runs a program
                self.note(f"open {target}", "yes")


@unittest.skipUnless(TESTED == LINUX, "only the linux runtime has shims of its own")
class ShimsOfBoth(NodeCase):
    def facts_of(self, handler, service, bundles):
        pod = self.cri.run_pod(handler=handler.name)
        container = self.cri.start_container(pod)
        [shim] = [pid for pid in traces.shims(self.node.directory) if pod.id in traces.command_line(pid)]
        names = [(os.path.join(self.node.directory, bundles, pod.id, "log"), "LOG"), (pod.id, "POD"),
                 (container, "CONTAINER"), (self.node.directory, "DIR")]
        return Facts(shim, service.process.pid, names).seen

    def test_they_are_equal(self):
        theirs = self.facts_of(BUILT_IN, self.node.containerd, "state/io.containerd.runtime.v2.task/k8s.io")
        ours = self.facts_of(LINUX, self.node.daemon, "d/shims")
        pairs = {key: (theirs.get(key, ABSENT), ours.get(key, ABSENT)) for key in sorted({*theirs, *ours})}
        differences = {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
        self.assertEqual({key: pair for key, pair in differences.items() if key not in INTENDED}, {})
        self.assertEqual([key for key in INTENDED if key not in differences], [], "they do not occur")
        self.assertGreater(len(pairs), 80)


if __name__ == "__main__":
    unittest.main()
