"""The controller behind the proxy plugin, asked directly: as containerd asks it, but for the calls that a test leaves
out."""
import json
import os
import uuid

METADATA = "github.com/containerd/cri/pkg/store/sandbox/Metadata"


def create_request(node, identifier, config, handler):
    """What CRI sends for a pod of this handler, as far as it matters."""
    request = node.contracts.message("containerd.services.sandbox.v1.ControllerCreateRequest")(
        sandbox_id=identifier, sandboxer="podsandboxd", options={
            "type_url": "runtime.v1.PodSandboxConfig", "value": config.SerializeToString()})
    request.sandbox.sandbox_id = identifier
    request.sandbox.runtime.name = "io.containerd.runc.v2"
    options = node.contracts.message("containerd.runc.v1.Options")(root=node.path("runc"))
    request.sandbox.runtime.options.type_url = "containerd.runc.v1.Options"
    request.sandbox.runtime.options.value = options.SerializeToString()
    metadata = {"Version": "v1", "Metadata": {"ID": identifier, "RuntimeHandler": handler.name}}
    request.sandbox.extensions["metadata"].type_url = METADATA
    request.sandbox.extensions["metadata"].value = json.dumps(metadata).encode()
    return request


class Sandbox:
    """One with host network that CRI does not know of. What looks for sandboxes that CRI has forgotten would find it: it
    must be off."""

    def __init__(self, node, handler):
        self.node, self.controller = node, node.controller("k8s.io")
        self.id = uuid.uuid4().hex * 2
        self.config = node.cri.pod_config(host_network=True)
        self.request = create_request(node, self.id, self.config, handler)
        self.pid = None
        os.makedirs(self.config.log_directory)
        node.remember(self.id)

    def create(self):
        self.controller.Create(self.request)

    def start(self, deadline=60):
        self.pid = self.controller.Start(sandbox_id=self.id, deadline=deadline).pid

    def stop(self, deadline=60):
        self.controller.Stop(sandbox_id=self.id, deadline=deadline)

    def shutdown(self, deadline=60):
        """Also the pod's cgroup, which is kubelet's: nothing may be left in it."""
        self.controller.Shutdown(sandbox_id=self.id, deadline=deadline)
        self.node.cri.remove_pod_cgroup(self.config)

    def state(self):
        return self.controller.Status(sandbox_id=self.id).state

    def wait(self):
        """The exit status; for as long as it takes."""
        return self.controller.Wait(sandbox_id=self.id, deadline=None).exit_status
