"""What tests on a node have in common: one node per file, and nothing left after each test."""
import unittest

import grpc

from .leftovers import leftovers
from .node import Node
from .waiting import eventually


class NodeCase(unittest.TestCase):
    """Tests that share a node, which they find as self.node; its CRI client is self.cri."""
    maxDiff = None
    node_type = Node

    @classmethod
    def setUpClass(cls):
        cls.node = cls.node_type()
        cls.addClassCleanup(lambda: cls.node.close())
        cls.cri = cls.node.cri

    @classmethod
    def renew_node(cls):
        """For after a test that leaves something, so that it does not spoil the others."""
        cls.node.close()
        cls.node = cls.node_type()
        cls.cri = cls.node.cri

    def tearDown(self):
        try:
            self.cri.end_all_pods()
            self.assert_nothing_left()
        except BaseException:
            self.renew_node()
            raise

    def left(self):
        return leftovers(self.node)

    def assert_nothing_left(self, timeout=10):
        seen = {}

        def nothing():
            seen["left"] = self.left()
            return not seen["left"]
        # containerd's garbage collection and the ends of processes are not waited for by its answers.
        eventually(nothing, lambda: f"left: {seen['left']}", timeout=timeout)

    def assert_refused(self, code, call, *arguments, **fields):
        """That a call fails with this gRPC code; answers the error's text."""
        with self.assertRaises(grpc.RpcError) as caught:
            call(*arguments, **fields)
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        return caught.exception.details()
