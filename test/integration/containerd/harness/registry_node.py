"""A node on which the sandbox image is not: a registry has it."""
from . import images
from .node import Node
from .registry import Front, Registry


class RegistryNode(Node):
    """With self.registry, which containerd asks through self.front."""
    front = registry = None

    def images(self):
        return [images.busybox()]

    def start(self):
        super().start()
        self.registry = Registry(self.directory, self.environment_of_services)
        self.registry.push(images.pause(self.directory))
        self.front = Front(self, self.registry)

    def services(self):
        return [*super().services(), *([self.registry.process] if self.registry else [])]

    def close(self):
        if self.front:
            self.front.close()
        super().close()
        if self.registry:
            self.registry.process.child.wait()  # the guardian has killed it
