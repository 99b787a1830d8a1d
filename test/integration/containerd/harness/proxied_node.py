"""A node on which podsandboxd's calls of containerd pass through a FailingProxy."""
import os

from . import places
from .failing_proxy import FailingProxy
from .node import Node


class ProxiedNode(Node):
    """The proxy takes the place of containerd's socket, as self.proxy. So podsandboxd, which finds shims by that path,
    too, knows nothing of it, and is started last: a connection that it had before would pass it by. The harness, and
    CRI in containerd, use the real one. A containerd that is started again needs a new node. The shim's program is in
    podsandboxd's PATH: who listens at the socket is not the containerd beside which it is."""

    def start(self):
        self.proxy = None
        self.make_network()
        self.start_containerd()
        self.import_images()
        path = self.containerd.socket
        self.containerd.socket = path + ".real"
        os.rename(path, self.containerd.socket)
        self.wait_for_cri()
        self.proxy = FailingProxy(path, self.containerd.socket)
        environment = self.daemon.process.env
        path = environment["PATH"] + ":" + os.path.dirname(places.stock("containerd-shim-runc-v2"))
        self.daemon.process.env = {**environment, "PATH": path}
        # So that what is not answered does not take long.
        self.daemon.config[""].update(start_timeout="10s", cleanup_timeout="4s")
        self.daemon.config["orphans"]["dry_run"] = True  # tests make sandboxes that CRI does not know of
        self.daemon.start()

    def close(self):
        if self.proxy:
            self.proxy.close()
        super().close()
