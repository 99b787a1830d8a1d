#!/usr/bin/python3
"""The sandbox image is not on the node: the first pod brings it, from a registry that may be slow, lie, or be gone."""
import concurrent.futures
import unittest

import grpc

from harness import images
from harness.case import NodeCase
from harness.cri import READY
from harness.handlers import LINUX, TESTED, only_ours
from harness.registry_node import RegistryNode
from harness.waiting import eventually


@unittest.skipUnless(TESTED.pause_is_a_container, "its pause needs no image")
class Pulls(NodeCase):
    node_type = RegistryNode

    def setUp(self):
        self.front = self.node.front
        self.front.forget()
        self.pool = concurrent.futures.ThreadPoolExecutor(20)
        self.addCleanup(self.pool.shutdown)

    def tearDown(self):
        super().tearDown()
        # Whoever has remembered that it was there must see that it is not.
        self.cri.images.RemoveImage(image={"image": images.PAUSE})
        eventually(lambda: not self.cri.has_image(images.PAUSE), "the image does not go")

    def run_pods(self, count):
        """As futures."""
        return [self.pool.submit(self.cri.run_pod, self.cri.pod_config(f"pod-{number}")) for number in range(count)]

    def assert_run(self, pods):
        self.assertEqual([self.cri.state(pod) for pod in pods], [READY] * len(pods))
        self.cri.execute(self.cri.start_container(pods[0]), "true")

    def assert_fails(self, *texts):
        config = self.cri.pod_config()
        with self.assertRaises(grpc.RpcError) as caught:
            self.cri.run_pod(config)
        for text in texts:
            self.assertIn(text, caught.exception.details())
        self.cri.remove_pod_cgroup(config)
        self.assert_nothing_left()

    def hold(self):
        self.front.hold()
        self.addCleanup(self.front.release)

    def wait_held(self):
        eventually(self.front.blobs_asked, "nobody asks for the image")

    def test_the_first_pod_brings_it(self):
        self.assert_run([pod.result() for pod in self.run_pods(1)])
        self.assertTrue(self.front.blobs_asked())
        self.front.forget()
        self.assert_run([pod.result() for pod in self.run_pods(1)])
        self.assertEqual(self.front.blobs_asked(), {})

    @only_ours
    def test_20_at_once_bring_it_once(self):
        self.hold()
        pods = self.run_pods(20)
        self.wait_held()
        self.front.release()
        self.assert_run([pod.result() for pod in pods])
        # Of blobs that come containerd itself sees to it that they come once, not of what is asked about the image.
        self.assertEqual(set(self.front.blobs_asked().values()), {1})
        self.assertEqual(self.front.times_resolved(images.PAUSE), 1)

    def test_a_slow_one_delays_no_pod_that_does_not_need_it(self):
        self.hold()
        [first] = self.run_pods(1)
        self.wait_held()
        other = self.cri.run_pod(self.cri.pod_config("other"), LINUX.name, deadline=10)
        self.assertEqual(self.cri.state(other), READY)
        self.assertFalse(first.done())
        self.front.release()
        self.assert_run([first.result()])

    def test_a_client_that_does_not_wait_leaves_nothing(self):
        self.hold()
        config = self.cri.pod_config()
        with self.assertRaises(grpc.RpcError) as caught:
            self.cri.run_pod(config, deadline=1)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assertTrue(self.front.blobs_asked())
        self.front.release()
        self.cri.remove_pod_cgroup(config)
        self.assert_nothing_left(timeout=30)
        self.assert_run([pod.result() for pod in self.run_pods(1)])

    def test_wrong_bytes_are_refused(self):
        self.front.lie()
        self.addCleanup(self.front.lie, False)
        self.assert_fails(images.PAUSE)
        self.front.lie(False)
        self.assert_run([pod.result() for pod in self.run_pods(5)])

    def test_it_is_gone_and_comes_back(self):
        self.front.go()
        try:
            self.assert_fails(images.PAUSE, "connection refused")
        finally:
            self.front.come()
        self.assert_run([pod.result() for pod in self.run_pods(5)])


if __name__ == "__main__":
    unittest.main()
