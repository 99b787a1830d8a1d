#!/usr/bin/python3
"""The proxy between podsandboxd and containerd does what it is told: to calls of ours, and to those of the daemon."""
import threading
import time
import unittest

import grpc

from harness.case import NodeCase
from harness.contracts import channel_to
from harness.failing_proxy import CUT, FAILURES, INJECTED, delayed, doubled, lost, refused, unanswered
from harness.handlers import CONTAINERD, LINUX
from harness.proxied_node import ProxiedNode
from harness.waiting import eventually

CONTAINERS = "containerd.services.containers.v1.Containers"
LEASES = "containerd.services.leases.v1.Leases"
EVENTS = "containerd.services.events.v1.Events"


class NodeWithoutContainerdRuntime(ProxiedNode):
    """All that its daemon asks of containerd is for its records: a runtime that works through containerd has calls of
    its own, which go on all the time."""

    def start(self):
        del self.daemon.config[f"handlers.{CONTAINERD.name}"]
        super().start()


class Proxied(NodeCase):
    node_type = NodeWithoutContainerdRuntime

    def tearDown(self):
        self.node.proxy.record()
        super().tearDown()


class AClient(Proxied):
    """Leases are as good as anything: the daemon of these pods makes none."""

    def setUp(self):
        self.channel = channel_to(self.node.proxy.path)
        self.addCleanup(self.channel.close)
        self.leases = self.service(LEASES)

    def service(self, name, *metadata):
        return self.node.contracts.service(self.channel, name, (("containerd-namespace", "k8s.io"), *metadata))

    def there(self):
        return [lease.id for lease in self.node.service(LEASES).List().leases]

    def create_fails(self, failure, code, text, deadline=60):
        self.node.proxy.fail(f"/{LEASES}/Create", failure)
        self.assertFalse(self.node.proxy.has_failed())
        self.assertIn(text, self.assert_refused(code, self.leases.Create, id="l", deadline=deadline))
        self.assertTrue(self.node.proxy.has_failed())

    def end_lease(self):
        self.leases.Delete(id="l")

    def test_calls_pass_as_they_are(self):
        self.leases.Create(id="l", labels={"a": "b"})
        self.assertEqual([(lease.id, dict(lease.labels)) for lease in self.leases.List().leases], [("l", {"a": "b"})])
        self.assertEqual(self.there(), ["l"])
        self.end_lease()
        details = self.assert_refused(grpc.StatusCode.NOT_FOUND, self.leases.Delete, id="l")
        self.assertIn("l", details)
        with self.assertRaises(grpc.RpcError) as bare:
            self.node.contracts.service(self.channel, LEASES).List()
        self.assertEqual(bare.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)

    def test_metadata_passes(self):
        self.leases.Create(id="l")
        snapshots = self.service("containerd.services.snapshots.v1.Snapshots", ("containerd-lease", "l"))
        snapshots.Prepare(snapshotter=self.node.containerd.snapshotter, key="s")
        held = self.leases.ListResources(id="l").resources
        self.assertEqual([resource.id for resource in held], ["s"])
        self.end_lease()  # its collection removes the snapshot, too

    def test_a_deadline_passes(self):
        events = self.service(EVENTS).Subscribe(filters=['topic=="/none"'], deadline=0.2)
        with self.assertRaises(grpc.RpcError) as ended:
            list(events)
        self.assertEqual(ended.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        eventually(lambda: not self.node.proxy.open_calls(f"/{EVENTS}/Subscribe"), "the proxy still asks")

    def test_streams_pass_and_are_cut(self):
        events, seen = self.service(EVENTS).Subscribe(filters=['topic=="/test"'], deadline=None), []
        ends = []

        def read():
            try:
                seen.extend(iter(lambda: next(events).topic, None))
            except grpc.RpcError as error:
                ends.append((error.code(), error.details()))
        reader = threading.Thread(target=read)
        reader.start()
        empty = {"type_url": "google.protobuf.Empty"}

        def published():
            # One that is published before the subscription stands is nobody's.
            self.node.service(EVENTS).Publish(topic="/test", event=empty)
            return seen
        eventually(published, "no event comes through")
        self.assertEqual(self.node.proxy.cut(f"/{EVENTS}/Subscribe"), 1)
        reader.join(timeout=10)
        self.assertEqual(ends, [(grpc.StatusCode.UNAVAILABLE, CUT)])

    def test_refused(self):
        self.create_fails(refused, grpc.StatusCode.UNAVAILABLE, INJECTED)
        self.assertEqual(self.there(), [])

    def test_lost(self):
        self.create_fails(lost, grpc.StatusCode.UNAVAILABLE, INJECTED)
        self.assertEqual(self.there(), ["l"])
        self.end_lease()

    def test_unanswered(self):
        self.create_fails(unanswered, grpc.StatusCode.DEADLINE_EXCEEDED, "", deadline=0.5)
        self.assertEqual(self.there(), ["l"])
        self.end_lease()

    def test_delayed(self):
        self.node.proxy.fail(f"/{LEASES}/Create", delayed)
        before = time.monotonic()
        self.leases.Create(id="l")
        self.assertGreater(time.monotonic() - before, 0.9)
        self.end_lease()

    def test_doubled(self):
        self.create_fails(doubled, grpc.StatusCode.ALREADY_EXISTS, "")
        self.assertEqual(self.there(), ["l"])
        self.end_lease()

    def test_only_the_one_call_fails(self):
        self.node.proxy.fail(f"/{LEASES}/List", refused, number=2)
        self.leases.List()
        self.assert_refused(grpc.StatusCode.UNAVAILABLE, self.leases.List)
        self.leases.List()
        self.leases.Create(id="l")
        self.end_lease()
        self.assertEqual([method for method in self.node.proxy.calls() if LEASES in method],
                         [f"/{LEASES}/{name}" for name in ("List", "List", "List", "Create", "Delete")])


class TheDaemon(Proxied):
    """Its record of a sandbox: nothing waits for it, and it is made and removed in the end whatever fails."""

    def records(self):
        return [container.id for container in self.node.service(CONTAINERS).List().containers]

    def run_pod(self):
        return self.cri.run_pod(self.cri.pod_config(host_network=True), LINUX.name)

    def wait_for_records(self, *expected):
        eventually(lambda: self.records() == list(expected), lambda: f"there are {self.records()}, not {expected}")

    def test_its_calls_are_seen(self):
        self.node.proxy.record()
        pod = self.run_pod()
        self.wait_for_records(pod.id)
        self.cri.end_pod(pod)
        self.wait_for_records()
        # Not those about an earlier pod, of which one may still be repeated.
        seen = [method for method in self.node.proxy.calls(about=pod.id) if CONTAINERS in method]
        self.assertEqual(seen, [f"/{CONTAINERS}/Create", f"/{CONTAINERS}/Delete"])

    def test_it_makes_and_removes_its_record_in_the_end(self):
        for failure in FAILURES:
            with self.subTest(failure.__name__):
                self.node.proxy.fail(f"/{CONTAINERS}/Create", failure)
                pod = self.run_pod()
                self.wait_for_records(pod.id)
                self.assertTrue(self.node.proxy.has_failed())
                self.node.proxy.fail(f"/{CONTAINERS}/Delete", failure)
                self.cri.end_pod(pod)
                self.wait_for_records()
                eventually(self.node.proxy.has_failed, "no record was deleted")


if __name__ == "__main__":
    unittest.main()
