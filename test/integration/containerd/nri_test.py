#!/usr/bin/python3
"""The plugins of the old NRI (0.1) on a node: they are told of a pod's sandbox before it starts and when it has ended,
as the built-in controller tells them; and neither one that fails nor one that hangs leaves anything.

Their configuration is /etc/nri/conf.json, wherever anything else is: here in an /etc of the test's own.
"""
import concurrent.futures
import json
import os
import shutil
import signal
import tempfile
import time
import unittest

import grpc

from harness import private_etc, traces
from harness.case import NodeCase
from harness.cri import NOTREADY, READY
from harness.handlers import BUILT_IN, LINUX, TESTED, pause_is_in_a_shim
from harness.waiting import eventually

CONFIG = "/etc/nri/conf.json"
PLUGIN_TIME = 5  # seconds, that one is given

# Writes down what it is told, under names that tell the order.
RECORD = 'request=$(cat); echo "$request" >"$0.told.$(date +%s%N)"'
DONE = 'echo "{\\"version\\":\\"0.1\\",\\"plugin\\":\\"${0##*/}\\",\\"metadata\\":{\\"said\\":\\"by ${0##*/}\\"}}"'
FAIL = 'echo "{\\"version\\":\\"0.1\\",\\"error\\":\\"it does not like it\\"}"'
HANG = "sleep 1000"


def only_at(state, line, otherwise=DONE):
    return f"""case "$request" in *'"state":"{state}"'*) {line} ;; *) {otherwise} ;; esac"""


@pause_is_in_a_shim
class Nri(NodeCase):
    @classmethod
    def setUpClass(cls):
        cls.plugins = tempfile.mkdtemp(prefix="pst-nri-")
        cls.addClassCleanup(shutil.rmtree, cls.plugins)
        path = os.environ["PATH"]
        cls.addClassCleanup(os.environ.__setitem__, "PATH", path)
        os.environ["PATH"] = f"{cls.plugins}:{path}"
        super().setUpClass()

    def setUp(self):
        os.makedirs(os.path.dirname(CONFIG), exist_ok=True)
        self.addCleanup(self.forget_plugins)

    def tearDown(self):
        self.configure()
        super().tearDown()

    def forget_plugins(self):
        os.unlink(CONFIG)
        for name in os.listdir(self.plugins):
            os.unlink(os.path.join(self.plugins, name))

    def plugin(self, name, *lines):
        path = os.path.join(self.plugins, name)
        with open(path, "w") as out:
            out.write("\n".join(["#!/bin/sh", RECORD, *lines, ""]))
        os.chmod(path, 0o755)
        return {"type": name}

    def configure(self, *plugins):
        with open(CONFIG, "w") as out:
            json.dump({"version": "0.1", "plugins": plugins}, out)

    def told(self, name):
        """All that a plugin was told so far, in order."""
        files = sorted(file for file in os.listdir(self.plugins) if file.startswith(name + ".told."))
        return [json.loads(traces.read(os.path.join(self.plugins, file))) for file in files]

    def pod_config(self):
        return self.cri.pod_config(labels={"app": "x", "é": "\"y\""}, annotations={"podsandbox.test/a": "b"})

    def live(self, handler):
        """What the plugins are told of one pod's life; and what of it is another for each pod."""
        pod = self.cri.run_pod(self.pod_config(), handler)
        info = self.cri.info(pod)
        [netns] = [namespace["path"] for namespace in info["runtimeSpec"]["linux"]["namespaces"]
                   if namespace["type"] == "network"]
        self.cri.end_pod(pod)
        told = {name: self.told(name) for name in ("first", "second")}
        for name in os.listdir(self.plugins):
            if ".told." in name:
                os.unlink(os.path.join(self.plugins, name))
        return told, {pod.id: "ID", pod.config.metadata.uid: "UID", netns: "NETNS",
                      f'"pid": {info["pid"]}': '"pid": "PID"'}

    @staticmethod
    def comparable(told, varying):
        text = json.dumps(told, indent=1, sort_keys=True)
        for seen, name in varying.items():
            text = text.replace(seen, name)
        return text

    def test_they_are_told_of_create_and_delete(self):
        self.configure({**self.plugin("first", DONE), "conf": {"a": [1, "two"]}}, self.plugin("second", DONE))
        told, varying = self.live(TESTED.name)
        [created, deleted] = told["first"]
        pod = next(iter(varying))
        for request, state in ((created, "create"), (deleted, "delete")):
            self.assertEqual((request["state"], request["id"], request["sandboxID"], request["version"]),
                             (state, pod, pod, "0.1"))
            self.assertEqual(request["conf"], {"a": [1, "two"]})
            self.assertNotIn("results", request)
            self.assertEqual(request["spec"]["annotations"]["io.kubernetes.cri.container-type"], "sandbox")
            self.assertIn(pod, request["spec"]["cgroupsPath"])
            self.assertIn("NETNS", [varying.get(path) for path in request["spec"]["namespaces"].values()])
            self.assertIn("cpu", request["spec"]["resources"])
        self.assertEqual(created["pid"], deleted["pid"])
        self.assertIn(f'"pid": {created["pid"]}', varying)
        self.assertEqual(created["labels"], {"app": "x", "é": "\"y\""})
        self.assertNotIn("labels", deleted)
        for request in told["second"]:
            self.assertNotIn("conf", request)
            self.assertEqual(request["results"], [
                {"plugin": "first", "version": "0.1", "error": "", "metadata": {"said": "by first"}}])
        self.assertEqual(len(told["second"]), 2)

    def test_the_built_in_controller_tells_them_the_same(self):
        self.configure({**self.plugin("first", DONE), "conf": {"a": [1, "two"]}}, self.plugin("second", DONE))
        ours, built_in = (self.comparable(*self.live(handler.name)) for handler in (TESTED, BUILT_IN))
        self.assertEqual(ours, built_in)

    def fail_to_run(self):
        """The error's text, and how long it took."""
        config = self.pod_config()
        before = time.monotonic()
        with self.assertRaises(grpc.RpcError) as caught:
            self.cri.run_pod(config)
        took = time.monotonic() - before
        self.cri.remove_pod_cgroup(config)
        return caught.exception.details(), took

    def is_unused(self, config):
        try:
            self.cri.remove_pod_cgroup(config)
        except OSError:
            return False
        return True

    def test_one_that_fails_fails_the_pod_and_nothing_is_left(self):
        self.configure(self.plugin("first", DONE), self.plugin("second", only_at("create", FAIL)),
                       self.plugin("third", DONE))
        error, _ = self.fail_to_run()
        self.assertIn("it does not like it", error)
        self.assertIn("second", error)
        self.assert_nothing_left()
        self.assertEqual([request["state"] for request in self.told("first")], ["create", "delete"])
        self.assertEqual([request["state"] for request in self.told("third")], ["delete"])

    def test_one_that_is_not_there_fails_the_pod(self):
        self.configure({"type": "no-such-plugin"})
        error, _ = self.fail_to_run()
        self.assertIn("no-such-plugin", error)
        self.assert_nothing_left()

    def test_a_configuration_that_makes_no_sense_fails_the_pod(self):
        with open(CONFIG, "w") as out:
            out.write("{")
        error, _ = self.fail_to_run()
        self.assertIn(CONFIG, error)
        self.assert_nothing_left()

    def test_one_that_hangs_fails_the_pod_in_time_and_delays_no_other(self):
        self.configure(self.plugin("first", only_at("create", HANG)))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            failing = pool.submit(self.fail_to_run)
            eventually(lambda: self.told("first"), "the plugin is not run")
            other = self.cri.run_pod(self.cri.pod_config("other"), LINUX.name, deadline=PLUGIN_TIME)
            self.assertFalse(failing.done())
            error, took = failing.result()
        self.assertIn("first", error)
        self.assertLess(took, 3 * PLUGIN_TIME)
        self.assertEqual(self.cri.state(other), READY)
        self.cri.end_pod(other)
        self.assert_nothing_left()  # no process of the plugin either

    def test_one_that_fails_at_the_end_keeps_nothing(self):
        self.configure(self.plugin("first", only_at("delete", FAIL)))
        pod = self.cri.run_pod(self.pod_config())
        self.cri.end_pod(pod)
        self.assert_nothing_left()
        self.assertIn("it does not like it", traces.read(self.node.daemon.process.log))

    def test_one_that_hangs_at_the_end_keeps_nothing(self):
        self.configure(self.plugin("first", only_at("delete", HANG)))
        pod = self.cri.run_pod(self.pod_config())
        os.kill(self.cri.info(pod)["pid"], signal.SIGKILL)
        # Whatever becomes of the rest: that it is dead is told.
        eventually(lambda: self.cri.state(pod) == NOTREADY, "the pod is still READY", timeout=PLUGIN_TIME / 2)
        before = time.monotonic()
        self.cri.end_pod(pod)
        self.assertLess(time.monotonic() - before, 3 * PLUGIN_TIME)
        self.assert_nothing_left()

    def test_the_daemon_dies_under_one(self):
        self.configure(self.plugin("first", only_at("create", HANG)))
        config = self.pod_config()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            failing = pool.submit(self.cri.run_pod, config)
            eventually(lambda: self.told("first"), "the plugin is not run")
            self.node.daemon.kill()
            self.configure()
            self.assertIsNotNone(failing.exception())
        self.node.daemon.start()
        for pid in traces.processes(self.node.directory):  # nobody was there to end it
            if traces.command_line(pid) in (HANG, f"/bin/sh {self.plugins}/first invoke"):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: self.is_unused(config), "its cgroup is still used")
        self.assert_nothing_left(timeout=30)


if __name__ == "__main__":
    private_etc.enter()
    unittest.main()
