#!/usr/bin/python3
"""The specs of pause containers as the built-in controller stores them, and as we build them of the same configs.

They are equal but for what is listed here, each with its reason.
"""
import copy
import json
import os
import subprocess
import unittest

import grpc
from google.protobuf import json_format

from differential.cases import CASES
from harness import images, places, traces
from harness.case import NodeCase
from harness.waiting import eventually

DEFAULT_IMAGE = {"Entrypoint": ["/pause"], "User": "65535:65535"}

PASSWD = "root:x:0:0:root:/root:/bin/sh\nsomebody:x:1000:2000::/:/bin/sh\nother:x:1234:77::/:/bin/sh\n"
GROUP = "root:x:0:\nsomething:x:3000:somebody\n"

# Images that say more than the usual one.
IMAGES = {
    "no_user": {"Entrypoint": ["/pause"]},
    "user_by_number": {"Cmd": ["/pause"], "User": "1000"},
    "user_by_unknown_number": {"Cmd": ["/pause"], "User": "4321"},
    "user_by_name": {"Entrypoint": ["/pause"], "User": "somebody"},
    "user_and_group_by_name": {"Entrypoint": ["/pause"], "User": "somebody:something"},
    "user_by_number_group_by_name": {"Entrypoint": ["/pause"], "User": "5:something"},
    "user_by_name_group_by_number": {"Entrypoint": ["/pause"], "User": "somebody:9"},
    "environment": {"Entrypoint": ["/pause"], "Cmd": ["a", "b c"], "WorkingDir": "/etc", "User": "65535:65535",
                    "Env": ["PATH=/bin", "A=1", "B=", "C=x=y"]},
    "environment_of_the_same_names": {"Entrypoint": ["/pause"], "Env": ["A=1", "AB=2", "A=3", "AB", "C", "A="]},
    "no_such_user": {"Entrypoint": ["/pause"], "User": "nobody-here"},
    "no_such_group": {"Entrypoint": ["/pause"], "User": "somebody:nothing"},
    "user_of_three_parts": {"Entrypoint": ["/pause"], "User": "1:2:3"},
    "user_out_of_range": {"Entrypoint": ["/pause"], "User": "2147483648"},
    "no_command": {"User": "65535:65535"},
    "relative_directory": {"Entrypoint": ["/pause"], "WorkingDir": "etc"},
}

# The pods that each of them is tried with, as fields of their security contexts.
PODS = {
    "plain": {},
    "run_as_user": {"run_as_user": {"value": 1234}},
    "run_as_group": {"run_as_user": {"value": 1234}, "run_as_group": {"value": 88}},
    "groups": {"supplemental_groups": [9, 7]},
}

# Pods of which the two controllers show no difference, but their specs might.
MORE_CASES = {
    "cgroup_parent_slice": lambda node: {"linux": {"cgroup_parent": f"{node.cgroup}/pod-slice/a-b.slice"}},
    "resources_of_nothing": lambda node: {"linux": {"resources": {}}},
    "sysctls_in_both_forms": lambda node: {"linux": {"sysctls": {
        "net/ipv4/conf/all/forwarding": "1", "net.ipv4.conf.lo.forwarding": "1", "kernel.domainname": "d"}}},
    "user_pod_privileged": lambda node: {"linux": {"security_context": {
        "privileged": True, "namespace_options": {"userns_options": {
            "uids": [{"host_id": 200000, "length": 70000}], "gids": [{"host_id": 300000, "length": 70000}]}}}}},
}

ALL_CASES = {**CASES, **MORE_CASES}

# What we refuse and the built-in takes for something else.
ONLY_OURS_REFUSES = {"pid_target", "ipc_container"}
# What only shows when it is tried: a sysctl that this kernel does not have, or not with that value.
ONLY_THEIRS_REFUSES = {"sysctl_unknown", "sysctl_with_a_bad_value"}
# containerd can do this from 2.3 on.
ONLY_LATER_ONES_CAN = {"user_pod_with_host_network"}


class Builder:
    """Our spec builder, behind a program."""

    def __init__(self):
        self.process = subprocess.Popen([places.ours("print_spec")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def build(self, **question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=10)


def without_sockets(spec):
    """Later releases than 2.1 refuse one family more, as we do."""
    filter_ = spec["linux"].get("seccomp", {})
    if "syscalls" in filter_:
        filter_["syscalls"] = [rule for rule in filter_["syscalls"] if rule["names"] != ["socket"]]
    return spec


class PauseSpec(NodeCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.builder = Builder()
        cls.addClassCleanup(cls.builder.close)

    def theirs(self, config):
        """The stored spec and the pod's network namespace, or the error."""
        try:
            pod = self.cri.run_pod(config, "runc")
        except grpc.RpcError as error:
            return None, error.details()
        info = self.cri.info(pod)
        stored = json.loads(self.node.containerd.ctr("containers", "info", pod.id))["Spec"]
        self.assertEqual(stored, info["runtimeSpec"])
        self.cri.end_pod(pod)
        return {"id": pod.id, "netns_path": info["sandboxMetadata"]["Metadata"]["NetNSPath"], "spec": stored}, ""

    def ours(self, config, seen, image, **files):
        containerd = self.node.containerd
        return self.builder.build(
            id=seen["id"], netns_path=seen["netns_path"], runtime="io.containerd.runc.v2",
            config=json_format.MessageToDict(config, preserving_proto_field_name=True), image={"config": image},
            settings={"pod_annotations": ["podsandbox.test/*"], "restrict_oom_score_adj": True,
                      "image": images.PAUSE, "root_dir": containerd.cri_root, "state_dir": containerd.cri_state},
            host={"name": os.uname().nodename, "architecture": images.ARCHITECTURE,
                  "oom_score_adj": int(traces.read("/proc/self/oom_score_adj"))}, **files)

    def compare(self, name, config, image, **files):
        seen, refusal = self.theirs(config)
        ours = self.ours(config, seen or {"id": "refused", "netns_path": ""}, image, **files)
        if not seen:
            mine = name not in ONLY_THEIRS_REFUSES | ONLY_LATER_ONES_CAN
            self.assertEqual("error" in ours, mine, f"built-in: {refusal}\nours: {ours}")
            return
        self.assertEqual("error" in ours, name in ONLY_OURS_REFUSES, ours.get("error"))
        if "error" in ours:
            return
        theirs, ours = without_sockets(seen["spec"]), without_sockets(ours["spec"])
        self.compare_groups(config, theirs["process"]["user"], ours["process"]["user"])
        self.assertEqual(theirs, ours)

    def compare_groups(self, config, theirs, ours):
        """The built-in forgets the pod's groups, which we add to its own."""
        groups = {*config.linux.security_context.supplemental_groups}
        self.assertEqual({*theirs.pop("additionalGids", [])} | groups, {*ours.pop("additionalGids", [])})

    def use_image(self, config):
        tar = self.node.path("image.tar")
        layer = images.pause_layer(self.node.directory, {"etc/passwd": PASSWD, "etc/group": GROUP})
        images.layout(tar, images.Image(images.PAUSE, layer, config))
        before = self.cri.images.ImageStatus(image={"image": images.PAUSE}).image.id
        self.node.containerd.import_image(tar)
        os.unlink(tar)
        eventually(lambda: self.cri.images.ImageStatus(image={"image": images.PAUSE}).image.id != before,
                   "CRI still has the image from before")


def test_of_case(name):
    def test(self):
        fields = copy.deepcopy(ALL_CASES[name](self.node))
        fields.pop("pause_is_killed", None)
        absent = [key for key in ("hostname", "log_directory") if fields.pop("no_" + key, False)]
        no_cgroup_parent = fields.get("linux", {}).pop("no_cgroup_parent", False)
        config = self.cri.pod_config(name.replace("_", "-")[:63], **fields)
        for key in absent:
            config.ClearField(key)
        if no_cgroup_parent:
            config.linux.ClearField("cgroup_parent")
        self.compare(name, config, DEFAULT_IMAGE)
    return test


def test_of_image(name):
    def test(self):
        self.use_image(IMAGES[name])
        for pod, security in PODS.items():
            with self.subTest(pod):
                self.compare(f"{name}, {pod}", self.cri.pod_config(linux={"security_context": security}),
                             IMAGES[name], passwd=PASSWD, group=GROUP)
    return test


for case_name in ALL_CASES:
    setattr(PauseSpec, f"test_{case_name}", test_of_case(case_name))
# After all others: the image is the node's.
for image_name in IMAGES:
    setattr(PauseSpec, f"test_with_image_{image_name}", test_of_image(image_name))

if __name__ == "__main__":
    unittest.main()
