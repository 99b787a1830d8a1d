"""A registry of images, Debian's docker-registry, and a front of it that can be slow, lie, or be gone."""
import collections
import contextlib
import http.client
import http.server
import os
import socket
import threading
import urllib.parse

from . import images, places
from .network_namespace import listening_socket
from .process import Process
from .waiting import eventually

CONFIG = """version: 0.1
log:
  level: info
storage:
  filesystem:
    rootdirectory: {directory}
http:
  net: unix
  addr: {socket}
"""

# containerd asks the front for all images of this registry.
HOSTS = """server = "http://{address}"
[host."http://{address}"]
  capabilities = ["pull", "resolve"]
"""


class Connection(http.client.HTTPConnection):
    """HTTP on a unix socket."""

    def __init__(self, path):
        super().__init__("registry", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Registry:
    """On a unix socket: what asks it over the network is the front's to serve."""

    def __init__(self, directory, environment):
        self.socket = os.path.join(directory, "registry.sock")
        config = os.path.join(directory, "registry.yml")
        with open(config, "w") as out:
            out.write(CONFIG.format(directory=os.path.join(directory, "registry"), socket=self.socket))
        self.process = Process("docker-registry", [places.stock("docker-registry"), "serve", config],
                               os.path.join(directory, "registry.log"), environment)
        self.process.start()
        eventually(self.serves, "docker-registry does not serve")

    def ask(self, method, path, body=None, headers=None):
        """Status, headers and body of the answer."""
        connection = Connection(self.socket)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def must(self, expected, *request):
        status, headers, body = self.ask(*request)
        if status != expected:
            raise RuntimeError(f"the registry answers {request[:2]} with {status}: {body}")
        return headers

    def serves(self):
        self.process.must_run()
        try:
            return self.ask("GET", "/v2/")[0] == 200
        except OSError:
            return False

    def push(self, image):
        name, _, tag = image.name.partition("/")[2].partition(":")
        manifest = image.manifest["digest"].partition(":")[2]
        for digest, data in image.blobs.items():
            if digest == manifest:
                continue
            upload = self.must(202, "POST", f"/v2/{name}/blobs/uploads/")["Location"]
            path = urllib.parse.urlsplit(upload)
            self.must(201, "PUT", f"{path.path}?{path.query}&digest=sha256:{digest}", data,
                      {"Content-Type": "application/octet-stream"})
        self.must(201, "PUT", f"/v2/{name}/manifests/{tag}", image.blobs[manifest], {"Content-Type": images.MANIFEST})


class Front:
    """Passes what containerd asks to the registry. What is wrong, if something is, is wrong with blobs: the layers and
    the config of an image."""

    def __init__(self, node, registry):
        self.netns, self.registry = node.netns, registry
        self.lock, self.asked = threading.Lock(), []
        self.released, self.holds, self.lies = threading.Event(), False, False
        self.released.set()
        self.port, self.server = 0, None
        self.come()
        hosts = node.path("registries", images.BUSYBOX.partition("/")[0])
        os.makedirs(hosts)
        with open(os.path.join(hosts, "hosts.toml"), "w") as out:
            out.write(HOSTS.format(address=f"127.0.0.1:{self.port}"))

    def come(self):
        """Also again, at the same place."""
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                with contextlib.suppress(ConnectionError):  # who asked does not wait any more
                    front.answer(self)
            do_HEAD = do_GET

            def log_message(self, *_):
                pass
        listening = listening_socket(self.netns, self.port)
        self.port = listening.getsockname()[1]
        self.server = http.server.ThreadingHTTPServer(listening.getsockname(), Handler, bind_and_activate=False)
        self.server.socket.close()
        self.server.socket = listening
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def go(self):
        """Who connects is refused."""
        self.server.shutdown()
        self.server.server_close()

    def hold(self):
        """From now on blobs are not answered until they are released."""
        self.released.clear()
        self.holds = True

    def release(self):
        self.holds = False
        self.released.set()

    def lie(self, lies=True):
        """Blobs have as many bytes as they should have, but others."""
        self.lies = lies

    def forget(self):
        with self.lock:
            self.asked = []

    def blobs_asked(self):
        """How often each was."""
        with self.lock:
            return collections.Counter(path for method, path in self.asked if method == "GET" and "/blobs/" in path)

    def times_resolved(self, name):
        """How often somebody asked what the image of this name is."""
        repository, _, tag = name.partition("/")[2].partition(":")
        with self.lock:
            return [path for _, path in self.asked].count(f"/v2/{repository}/manifests/{tag}")

    def answer(self, request):
        with self.lock:
            self.asked.append((request.command, request.path.partition("?")[0]))
        is_blob = "/blobs/" in request.path
        if is_blob:
            self.released.wait()
        headers = {name: value for name, value in request.headers.items() if name in ("Accept", "Range")}
        status, answered, body = self.registry.ask(request.command, request.path, headers=headers)
        if is_blob and self.lies:
            body = bytes(byte ^ 1 for byte in body)
        request.send_response(status)
        for name, value in answered.items():
            if name not in ("Date", "Server", "Connection", "Transfer-Encoding"):
                request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    def close(self):
        self.release()
        self.go()
