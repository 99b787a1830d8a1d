#!/usr/bin/python3
"""The same pods through containerd's built-in controller and through ours: everything that can be seen is equal,
but for the intended differences (differential/intended.py).

PODSANDBOX_TEST_SHOW=1 prints all differences of each case, the intended ones too.
"""
import copy
import fnmatch
import os
import unittest

from differential.cases import CASES
from differential.intended import INTENDED
from differential.observe import Observer, left_but
from harness.case import NodeCase
from harness.handlers import BUILT_IN, TESTED, only_ours
from harness.leftovers import leftovers
from harness.waiting import eventually

ABSENT = "(absent)"
SHOW = bool(os.environ.get("PODSANDBOX_TEST_SHOW"))


def differences(theirs, ours):
    keys = {*theirs, *ours} if theirs["run"] == ours["run"] else {"run"}  # or all the rest would be one
    for key in sorted(keys):
        pair = theirs.get(key, ABSENT), ours.get(key, ABSENT)
        if pair[0] != pair[1] and key != "run text":
            yield key, *pair


@only_ours
class Differential(NodeCase):
    ran, used = set(), set()
    # Of the linux runtime's pods, by their ids: these go a second after the pod. The next ones do not wait for that.
    late_records = set()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.events = cls.cri.events()

    @classmethod
    def renew_node(cls):
        super().renew_node()
        cls.events = cls.cri.events()

    @classmethod
    def tearDownClass(cls):
        cls.events.close()
        eventually(lambda: not leftovers(cls.node), lambda: f"left: {leftovers(cls.node)}", timeout=10)
        if cls.ran == set(CASES):
            unused = [entry for entry in INTENDED if entry not in cls.used]
            if unused:
                raise AssertionError(f"intended differences that do not occur: {unused}")

    def config(self, name):
        fields = copy.deepcopy(CASES[name](self.node))
        absent = [key for key in ("hostname", "log_directory") if fields.pop("no_" + key, False)]
        no_cgroup_parent = fields.get("linux", {}).pop("no_cgroup_parent", False)
        pause_is_killed = fields.pop("pause_is_killed", False)
        config = self.cri.pod_config(name.replace("_", "-")[:63], **fields)
        for key in absent:
            config.ClearField(key)
        if no_cgroup_parent:
            config.linux.ClearField("cgroup_parent")
        return config, pause_is_killed

    def left(self):
        return left_but(self.node, self.late_records)

    def observe(self, handler, name):
        return Observer(self.node, handler.name, self.events, self.late_records).observe(*self.config(name))

    def compare(self, name):
        theirs = self.observe(BUILT_IN, name)
        if theirs["left"] != "{}":
            self.renew_node()
        ours = self.observe(TESTED, name)
        self.ran.add(name)
        wrong = []
        for key, built_in, our in differences(theirs, ours):
            reasons = [entry for entry in INTENDED
                       if fnmatch.fnmatchcase(name, entry.cases) and fnmatch.fnmatchcase(key, entry.key)]
            self.used.update(reasons)
            text = f"{key}:\n    built-in: {built_in!r}\n    ours:     {our!r}"
            if SHOW:
                print(text, *(f"\n    ({entry.reason})" for entry in reasons))
            if not reasons:
                wrong.append(text)
        if wrong and ours["run"] != "ok":
            wrong.append(f"ours says: {ours.get('run text')}\nbuilt-in says: {theirs.get('run text')}")
        self.assertFalse(wrong, "\n".join(["", *wrong]))


def test_of(name):
    return lambda self: self.compare(name)


for case_name in CASES:
    setattr(Differential, f"test_{case_name}", test_of(case_name))

if __name__ == "__main__":
    unittest.main()
