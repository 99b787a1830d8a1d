"""A node: containerd, podsandboxd, a network of their own, and the images, in a temporary directory.

    with Node() as node:
        pod = node.cri.run_pod(...)

Everything is in a network namespace of its own, so that CNI's bridge and addresses never meet the machine's; it
is what a pod with host network sees. When the node ends, nothing is left (guardian.py).
"""
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile

import grpc

from . import images, places, traces
from .containerd import Containerd, usable_snapshotter
from .contracts import Contracts, channel_to
from .cri import Cri
from .daemon import Daemon
from .waiting import eventually

CNI = {"cniVersion": "1.0.0", "name": "podsandbox-test", "plugins": [
    {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": False,
     "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}

PID_FILE = "containerd.pid"  # of the one that runs


class Node:
    def __init__(self, log_level="debug"):
        self.directory = tempfile.mkdtemp(prefix="pst-")  # short: sockets in it have at most 107 bytes
        os.chmod(self.directory, 0o755)  # the root of a user namespace passes through it
        self.name = os.path.basename(self.directory)
        self.cgroup = "/" + self.name
        self.netns = os.path.join(self.directory, "netns")
        self.guardian = self.start_guardian()
        try:
            for name in ("temp", "cni", "logs", "runc"):
                os.mkdir(os.path.join(self.directory, name))
            # By the mark the guardian knows them, and whatever they start.
            self.environment_of_services = {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin:/sbin:/bin",
                                            "TMPDIR": self.path("temp"), traces.MARK: self.directory}
            snapshotter = usable_snapshotter(self.directory)
            self.daemon = Daemon(self.directory, self.netns, self.environment_of_services, snapshotter, log_level)
            self.containerd = Containerd(self.directory, self.netns, self.daemon.socket,
                                         self.environment_of_services, snapshotter, log_level)
            self.contracts = Contracts()
            self.channel = None
            self.cri = Cri(self)
            self.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def start_guardian(self):
        package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        guardian = subprocess.Popen(
            [sys.executable, "-m", "harness.guardian", self.directory, self.cgroup],
            cwd=package, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        guardian.stdout.readline()
        guardian.wait()
        return guardian

    def start(self):
        self.make_network()
        self.daemon.start()
        self.start_containerd()
        self.import_images()

    def images(self):
        """Those that are there from the start."""
        return [images.busybox(), images.pause(self.directory)]

    def import_images(self):
        wanted = self.images()
        for image in wanted:
            tar = self.path("image.tar")
            images.layout(tar, image)
            self.containerd.import_image(tar)
            os.unlink(tar)
        for image in wanted:
            eventually(lambda name=image.name: self.cri.has_image(name), f"CRI does not see {image.name}")

    def make_network(self):
        open(self.netns, "w").close()
        subprocess.run(["unshare", f"--net={self.netns}", "ip", "link", "set", "lo", "up"], check=True)
        ipam = CNI["plugins"][0]["ipam"]
        ipam["dataDir"] = os.path.join(self.directory, "ipam")
        with open(os.path.join(self.directory, "cni/10-test.conflist"), "w") as out:
            json.dump(CNI, out)

    def start_containerd(self):
        """Also after its death. The channel is a new one: an old one takes seconds to try again."""
        self.containerd.process.start()
        with open(self.path(PID_FILE), "w") as out:
            out.write(f"{self.containerd.process.pid}\n")
        self.wait_for_cri()

    def wait_for_cri(self):
        eventually(self.cri_serves, lambda: "CRI does not serve:\n" + self.containerd.process.log_tail(),
                   timeout=60)

    def cri_serves(self):
        self.containerd.process.must_run()
        if self.channel:
            self.channel.close()
        self.channel = channel_to(self.containerd.socket)
        self.cri.connect()
        try:
            conditions = self.cri.runtime.Status(deadline=1).status.conditions
        except grpc.RpcError:
            return False
        return {c.type for c in conditions if c.status} >= {"RuntimeReady", "NetworkReady"}

    def kill_containerd(self):
        self.containerd.process.end(signal.SIGKILL)

    def service(self, name):
        """One of containerd's own services, in CRI's namespace."""
        return self.contracts.service(self.channel, name, (("containerd-namespace", "k8s.io"),))

    def controller(self, namespace=None):
        """The controller behind the proxy, asked directly, or as if by containerd in one of its namespaces."""
        metadata = (("containerd-namespace", namespace),) if namespace else ()
        return self.contracts.service(channel_to(self.daemon.socket), "containerd.services.sandbox.v1.Controller",
                                      metadata)

    def services(self):
        """What runs whether or not there are pods."""
        return [self.containerd.process, self.daemon.process]

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def remember(self, identifier):
        """An id of a pod or container, for the guardian: cgroups are named so."""
        with open(os.path.join(self.directory, "ids"), "a") as out:
            out.write(identifier + "\n")

    def environment(self):
        """What a developer's tools need to find this node."""
        return {"CONTAINERD_ADDRESS": self.containerd.socket, "CONTAINERD_NAMESPACE": "k8s.io",
                "CONTAINER_RUNTIME_ENDPOINT": "unix://" + self.containerd.socket,
                "PODSANDBOXD_SOCKET": self.daemon.socket, "CTR": places.stock("ctr"),
                "PODSANDBOXCTL": places.ours("podsandboxctl"), "NODE_DIRECTORY": self.directory,
                "NODE_NETNS": self.netns, "NODE_SNAPSHOTTER": self.containerd.snapshotter,
                "NODE_SANDBOX_IMAGE": images.PAUSE, "NODE_CONTAINERD": self.containerd_command()}

    def containerd_command(self):
        """A shell's, which becomes containerd: for somebody else to start it again. Who does so writes down its pid."""
        process = self.containerd.process
        variables = [f"{name}={value}" for name, value in process.env.items()]
        return (f"exec {shlex.join(['env', '-i', *variables, *process.command])} "
                f"</dev/null >>{shlex.quote(process.log)} 2>&1")

    def close(self):
        """Ends everything; what cannot be removed is an error."""
        if getattr(self, "channel", None):
            self.channel.close()
        if not self.guardian.stdin.closed:
            self.guardian.stdin.close()
            trouble = self.guardian.stdout.read()
            self.guardian.stdout.close()
            for service in (getattr(self, name, None) for name in ("containerd", "daemon")):
                if service and service.process.child:
                    service.process.child.wait()  # the guardian has killed it, but it is our child
            if trouble:
                raise RuntimeError(f"the node {self.directory} leaves something: {trouble}")
