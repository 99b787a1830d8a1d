#!/usr/bin/python3
"""A containerd that starts finds bundles of containers that are not there any more, and connects to the sockets that
they name: those of our pods. What it does then harms no pod, and starts no storm of shims."""
import os
import shutil
import unittest

from harness.cri import READY, RUNNING
from harness.shim_case import ShimsCase

BUNDLES = "state/io.containerd.runtime.v2.task/k8s.io"
MANY_BUNDLES = 10


class StaleBundles(ShimsCase):
    def setUp(self):
        super().setUp()
        self.kept = self.node.path("kept")
        os.mkdir(self.kept)
        self.addCleanup(shutil.rmtree, self.kept)

    def containers_service(self):
        return self.node.service("containerd.services.containers.v1.Containers")

    def pod_with(self, count, name="pod"):
        """A pod with this many containers, of which everything is kept that a containerd needs to find them again."""
        pod = self.cri.run_pod(self.cri.pod_config(name, host_network=True))
        containers = self.many(lambda number: self.cri.start_container(pod, f"c{number}"), range(count))
        for container in containers:
            bundle = self.node.path(BUNDLES, container)
            names = [name for name in os.listdir(bundle) if name in ("bootstrap.json", "sandbox", "runtime",
                                                                     "options.json", "config.json")]
            self.assertIn("bootstrap.json", names)
            os.mkdir(os.path.join(self.kept, container))
            for name in names:
                shutil.copy(os.path.join(bundle, name), os.path.join(self.kept, container))
        return pod, containers

    def restart_containerd_with(self, stale):
        """Which has these bundles, and a record of each container, which is no CRI's."""
        for container in stale:
            self.containers_service().Create(container={
                "id": container, "runtime": {"name": "io.containerd.runc.v2"}})
        self.node.kill_containerd()
        for container in stale:
            work = self.node.path("root/io.containerd.runtime.v2.task/k8s.io", container)
            os.makedirs(work, exist_ok=True)
            shutil.copytree(os.path.join(self.kept, container), self.node.path(BUNDLES, container))
            os.mkdir(self.node.path(BUNDLES, container, "rootfs"))
            os.symlink(work, self.node.path(BUNDLES, container, "work"))
        self.node.shim.mend()
        self.node.start_containerd()
        for container in stale:
            self.containers_service().Delete(id=container)
        self.assert_was_loaded(stale)

    def assert_was_loaded(self, stale):
        """Else this is a test of nothing: containerd has removed them, because it found no task there."""
        for container in stale:
            self.assertFalse(os.path.exists(self.node.path(BUNDLES, container)), container)

    def test_of_a_pod_without_a_shim(self):
        pod, containers = self.pod_with(MANY_BUNDLES)
        self.many(self.remove_container, containers)
        self.kill_shim(pod)
        self.restart_containerd_with(containers)
        self.assertIn(len(self.node.shim.starts()), range(1, MANY_BUNDLES + 1))
        self.assertEqual(self.cri.state(pod), READY)
        self.assert_works_soon(pod)
        self.assertEqual(len(self.shims_of(pod)), 1)
        self.assert_end_and_leave_nothing(pod)

    def test_of_a_pod_with_a_shim(self):
        pod, containers = self.pod_with(3)
        stale, running = containers[:2], containers[2]
        self.many(self.remove_container, stale)
        shim, pids = self.shim_of(pod), self.pids([running])
        self.restart_containerd_with(stale)
        self.assertEqual((self.shim_of(pod), self.node.shim.starts(), self.pids([running])), (shim, [], pids))
        self.assertEqual((self.cri.state(pod), self.cri.container_status(running).state), (READY, RUNNING))
        self.assert_works(pod, "next")
        self.assert_end_and_leave_nothing(pod)

    def test_of_a_pod_with_an_idle_shim(self):
        """It may be ended, and is started again when it is needed."""
        pod, containers = self.pod_with(2)
        self.many(self.remove_container, containers)
        self.restart_containerd_with(containers)
        self.assertEqual(self.cri.state(pod), READY)
        self.assert_works_soon(pod)
        self.assertEqual(len(self.shims_of(pod)), 1)
        self.assert_end_and_leave_nothing(pod)

    def test_of_a_pod_that_is_gone(self):
        pod, containers = self.pod_with(MANY_BUNDLES)
        other = self.cri.run_pod(self.cri.pod_config("other", host_network=True))
        self.cri.end_pod(pod)
        self.restart_containerd_with(containers)
        self.assertEqual((self.node.shim.starts(), self.bundles(), len(self.sockets())), ([], [other.id], 1))
        self.assert_works(other, "main")
        self.assert_end_and_leave_nothing(other)


if __name__ == "__main__":
    unittest.main()
