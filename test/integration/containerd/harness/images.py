"""The images of the tests, made here: OCI layouts in a tar file each, the same bytes every time."""
import hashlib
import io
import json
import os
import platform
import subprocess
import tarfile

BUSYBOX = "podsandbox.test/busybox:1"
PAUSE = "podsandbox.test/pause:1"

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


class Layer:
    """A tar file in memory, owned by root and without times."""

    def __init__(self):
        self.buffer = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.buffer, mode="w", format=tarfile.USTAR_FORMAT)

    def add(self, name, kind, mode, data=b"", link=""):
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(data), link
        self.tar.addfile(entry, io.BytesIO(data))

    def directory(self, name, mode=0o755):
        self.add(name, tarfile.DIRTYPE, mode)

    def file(self, name, data, mode=0o644):
        self.add(name, tarfile.REGTYPE, mode, data)

    def link(self, name, target):
        self.add(name, tarfile.SYMTYPE, 0o777, link=target)

    def bytes(self):
        self.tar.close()
        return self.buffer.getvalue()


def busybox_layer():
    layer = Layer()
    for name in ("bin", "dev", "etc", "proc", "sys", "root"):
        layer.directory(name)
    layer.directory("tmp", 0o1777)
    layer.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n")
    layer.file("etc/group", b"root:x:0:\nuser:x:1000:\n")
    with open("/bin/busybox", "rb") as program:
        layer.file("bin/busybox", program.read(), 0o755)
    applets = subprocess.run(["/bin/busybox", "--list"], check=True, capture_output=True, text=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            layer.link("bin/" + applet, "busybox")
    return layer.bytes()


def pause_layer(directory, files=()):
    program = os.path.join(directory, "pause")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pause.c")
    subprocess.run(["musl-gcc", "-static", "-Os", "-o", program, source], check=True)
    layer = Layer()
    with open(program, "rb") as data:
        layer.file("pause", data.read(), 0o755)
    os.unlink(program)
    if files:
        layer.directory("etc")
    for name in files:
        layer.file(name, files[name].encode())
    return layer.bytes()


class Image:
    """Its blobs, by the hex digits of their digests, and the descriptor of its manifest. `more` are layers upon the
    first."""

    def __init__(self, name, layer, config, more=()):
        self.name, self.blobs = name, {}
        layers = [self.blob(one, LAYER) for one in (layer, *more)]
        config_descriptor = self.json_blob(
            {"architecture": ARCHITECTURE, "os": "linux", "config": config,
             "rootfs": {"type": "layers", "diff_ids": [one["digest"] for one in layers]}}, CONFIG)
        self.manifest = self.json_blob({"schemaVersion": 2, "mediaType": MANIFEST, "config": config_descriptor,
                                        "layers": layers}, MANIFEST)

    def blob(self, data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}

    def json_blob(self, value, media_type):
        return self.blob(json.dumps(value, sort_keys=True).encode(), media_type)


def layout(path, image):
    """Writes the image as a tar file that `ctr images import` takes."""
    manifest = {**image.manifest, "platform": {"architecture": ARCHITECTURE, "os": "linux"},
                "annotations": {"io.containerd.image.name": image.name,
                                "org.opencontainers.image.ref.name": image.name}}
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        def file(entry_name, data):
            entry = tarfile.TarInfo(entry_name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        file("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        file("index.json", json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode())
        for digest, data in sorted(image.blobs.items()):
            file("blobs/sha256/" + digest, data)


def busybox():
    return Image(BUSYBOX, busybox_layer(), {"Env": ["PATH=/bin"], "Cmd": ["sh"]})


def pause(directory):
    # As the pause image that everybody uses: a user of its own.
    return Image(PAUSE, pause_layer(directory), {"Entrypoint": ["/pause"], "User": "65535:65535"})
