#!/usr/bin/python3
"""Images as a stock containerd has them: found, unpacked for a snapshotter that did not have them, and what is said
of those that cannot be had."""
import json
import os
import subprocess
import unittest

from harness import images, places
from harness.case import NodeCase
from harness.waiting import eventually


class Probe:
    """What the runtime does with images, behind a program."""

    def __init__(self, node):
        command = [places.ours("image_probe"), node.containerd.socket, images.ARCHITECTURE]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)

    def ask(self, image, **more):
        self.process.stdin.write(json.dumps({"image": image, **more}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=10)


class Images(NodeCase):
    def setUp(self):
        self.ctr = self.node.containerd.ctr
        self.probe = Probe(self.node)

    def tearDown(self):
        self.probe.close()
        super().tearDown()

    def import_two_layers(self, name):
        """An image whose layers are packed, and that no snapshotter has."""
        base, top = images.Layer(), images.Layer()
        base.file("base", b"1")
        top.file("top", b"2")
        tar = self.node.path("two.tar")
        config = {"Entrypoint": ["/top"], "Labels": {"a": "b"}}
        images.layout(tar, images.Image(name, base.bytes(), config, more=[top.bytes()]))
        self.ctr("images", "import", "--no-unpack", tar)
        os.unlink(tar)
        # It adds a record of its own for it.
        eventually(lambda: self.cri.has_image(name), f"CRI does not see {name}")

    def remove(self, name):
        self.cri.images.RemoveImage(image={"image": name})

    def labels(self, digest):
        content = self.node.service("containerd.services.content.v1.Content")
        return dict(content.Info(digest=digest).info.labels)

    def snapshots(self, snapshotter):
        """Parents by names."""
        service = self.node.service("containerd.services.snapshots.v1.Snapshots")
        return {info.name: info.parent for part in service.List(snapshotter=snapshotter) for info in part.info}

    def test_one_that_is_there(self):
        image = self.probe.ask(images.PAUSE)
        self.assertEqual((image["name"], image["entrypoint"], image["user"]),
                         (images.PAUSE, ["/pause"], "65535:65535"))
        self.assertIn(image["chain"], self.snapshots(self.node.containerd.snapshotter))
        self.assertEqual(self.probe.ask("sha256:" + image["config"].partition(":")[2])["chain"], image["chain"])

    def test_unpacking(self):
        """As containerd does it itself, down to the labels; and nothing else stays, though its garbage is collected."""
        name = "podsandbox.test/two:1"
        self.import_two_layers(name)
        image = self.probe.ask(name)
        self.assertEqual((len(image["layers"]), image["labels"]), (2, {"a": "b"}))
        before = self.snapshots("native")
        for layer in image["layers"]:
            self.assertNotIn(layer["chain"], before)
        self.assertEqual(self.probe.ask(name, unpack="native"), image)
        chain = [layer["chain"] for layer in image["layers"]]
        made = {chain[0]: "", chain[1]: chain[0]}
        self.assertEqual(self.snapshots("native"), {**before, **made})
        self.assertEqual(self.labels(image["config"])["containerd.io/gc.ref.snapshot.native"], chain[1])
        for layer in image["layers"]:  # not compressed, so they are what they are when unpacked
            self.assertEqual(self.labels(layer["blob"])["containerd.io/uncompressed"], layer["blob"])
        self.check_files(chain[1])
        self.collect_garbage()
        self.assertEqual(self.snapshots("native"), {**before, **made})
        self.assertEqual(self.probe.ask(name, unpack="native"), image)  # once more, to no effect
        self.remove(name)
        eventually(lambda: self.snapshots("native") == before, "snapshots stay")

    def check_files(self, snapshot):
        """The layers are in it, one upon the other."""
        snapshots = self.node.service("containerd.services.snapshots.v1.Snapshots")
        view = snapshots.View(snapshotter="native", key="look", parent=snapshot)
        try:
            self.assertEqual(sorted(os.listdir(view.mounts[0].source)), ["base", "top"])
        finally:
            snapshots.Remove(snapshotter="native", key="look")

    def collect_garbage(self):
        """Whoever ends a lease may wait for that."""
        leases = self.node.service("containerd.services.leases.v1.Leases")
        leases.Create(id="for-the-garbage")
        leases.Delete(id="for-the-garbage", sync=True)

    def test_a_layer_that_is_gone(self):
        name = "podsandbox.test/two:2"
        self.import_two_layers(name)
        image = self.probe.ask(name)
        self.ctr("content", "rm", image["layers"][1]["blob"])
        error = self.probe.ask(name, unpack="native")["error"]
        self.assertIn(f"unpacking the image {name} for the snapshotter native: the layer {image['layers'][1]['blob']}",
                      error)
        self.assertIn("discard_unpacked_layers", error)
        self.remove(name)
        eventually(lambda: not self.snapshots("native"), "snapshots stay")

    def test_one_that_cannot_be_had(self):
        """There is no registry; CRI is asked, and says so."""
        name = "localhost:1/nothing:1"
        error = self.probe.ask(name)["error"]
        self.assertIn("pulling the image " + name, error)
        self.assertIn("connection refused", error)
        self.assertIn("`ctr -n k8s.io images pull " + name + "`", error)


if __name__ == "__main__":
    unittest.main()
