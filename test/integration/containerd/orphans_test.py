#!/usr/bin/python3
"""Sandboxes that nobody knows of are removed, and no others."""
import unittest

from harness.case import NodeCase
from harness.controller import create_request
from harness.cri import READY
from harness.handlers import TESTED, only_ours
from harness.waiting import eventually


@only_ours
class Orphans(NodeCase):
    def create(self, identifier, namespace="k8s.io"):
        """What is left when containerd forgets a pod after the Create: it came from there, without a record."""
        config = self.cri.pod_config(identifier, host_network=True)
        controller = self.node.controller(namespace)
        controller.Create(create_request(self.node, identifier, config, TESTED))
        return controller

    def run_lost(self, identifier="lost"):
        self.create(identifier).Start(sandbox_id=identifier, sandboxer="podsandboxd")

    def ids(self):
        return {sandbox["id"] for sandbox in self.node.daemon.sandboxes()}

    def wait_for(self, *expected):
        eventually(lambda: self.ids() == set(expected), lambda: f"there are {self.ids()}, not {expected}")

    def log_lines(self, *parts):
        with open(self.node.daemon.process.log) as log:
            return [line for line in log if all(part in line for part in parts)]

    def test_what_nobody_knows_of_is_removed(self):
        pod = self.cri.run_pod()
        self.create("created")
        self.run_lost("started")
        self.wait_for(pod.id)
        for lost in ("created", "started"):
            found, removed = self.log_lines("level=warn", f"sandbox={lost} ", "no record of it")
            self.assertIn(f"`podsandboxctl shutdown {lost}`", found)
            self.assertIn("it is removed", removed)
        self.assertEqual(self.cri.state(pod), READY)

    def test_what_did_not_come_through_cri_is_left_alone(self):
        pod = self.cri.run_pod()
        self.node.daemon.run("mine")
        self.create("others", namespace="default")
        self.run_lost()
        self.wait_for(pod.id, "mine", "others")
        self.run_lost()  # found at a later look, as those would be
        self.wait_for(pod.id, "mine", "others")
        for identifier in ("mine", "others"):
            self.node.daemon.forget(identifier)

    def test_pods_outlive_containerds_absence(self):
        pod = self.cri.run_pod()
        pid = self.cri.info(pod)["pid"]
        for _ in range(2):
            self.node.kill_containerd()
            if TESTED.pause_is_a_container:
                self.create("lost")  # it could not be started without containerd
            else:
                self.run_lost()
            self.node.start_containerd()
            self.wait_for(pod.id)
            self.assertEqual((self.cri.state(pod), self.cri.info(pod)["pid"]), (READY, pid))

    def test_a_restart_of_the_daemon_forgets_nothing(self):
        pod = self.cri.run_pod()
        self.run_lost()
        self.node.daemon.kill()
        self.node.daemon.start()
        self.wait_for(pod.id)
        self.assertEqual(self.cri.state(pod), READY)


if __name__ == "__main__":
    unittest.main()
