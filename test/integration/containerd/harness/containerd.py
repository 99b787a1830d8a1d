"""The stock containerd: its configuration and its process, everything of it inside the node's directory."""
import os
import subprocess

from . import handlers, images, places
from .process import Process

CONFIG = """version = 3
imports = ['{dir}/podsandboxd-handlers.toml']
root = '{dir}/root'
state = '{dir}/state'
temp = '{dir}/temp'

[grpc]
  address = '{dir}/c.sock'

[debug]
  level = '{log_level}'

[plugins.'io.containerd.cri.v1.images']
  snapshotter = '{snapshotter}'
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = '{pause}'
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = '{dir}/registries'

[plugins.'io.containerd.cri.v1.runtime']
  disable_apparmor = true
  # Not every machine lets root lower its own oom_score_adj.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = 'io.containerd.runc.v2'
    pod_annotations = {pod_annotations}
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      Root = '{dir}/runc'
      SystemdCgroup = false
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['{cni_bin}']
    conf_dir = '{dir}/cni'

[plugins.'io.containerd.nri.v1.nri']
  disable = true

[plugins.'io.containerd.internal.v1.opt']
  path = '{dir}/opt'
"""


def deployed_handlers(directory, daemon_socket):
    """The fragment that operators are given, but for the places of this node; and its handler once more, under the
    other name."""
    with open(os.path.join(places.REPOSITORY, "deploy/containerd-podsandboxd.toml")) as fragment:
        text = fragment.read()
    for deployed, here in (('"/run/podsandboxd/podsandboxd.sock"', f"'{daemon_socket}'"),
                           ("SystemdCgroup = true", f"SystemdCgroup = false\n    Root = '{directory}/runc'")):
        if deployed not in text:
            raise RuntimeError(f"deploy/containerd-podsandboxd.toml has no {deployed}")
        text = text.replace(deployed, here)
    runtimes = "containerd.runtimes."
    handler = text[text.index(f"[plugins.'io.containerd.cri.v1.runtime'.{runtimes}{handlers.LINUX.name}]"):]
    other = handler.replace(runtimes + handlers.LINUX.name, runtimes + handlers.CONTAINERD.name)
    sandboxer = 'sandboxer = "podsandboxd"'
    return text + "\n" + other.replace(sandboxer, f"{sandboxer}\n  pod_annotations = {handlers.POD_ANNOTATIONS}")


def usable_snapshotter(directory):
    """overlayfs where the directory's filesystem can do it."""
    lower, upper, work, merged = (os.path.join(directory, "try", name) for name in ("l", "u", "w", "m"))
    for path in (lower, upper, work, merged):
        os.makedirs(path)
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    mounted = subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", merged], capture_output=True)
    if mounted.returncode == 0:
        subprocess.run(["umount", merged], check=True)
    return "overlayfs" if mounted.returncode == 0 else "native"


class Containerd:
    def __init__(self, directory, netns, daemon_socket, environment, snapshotter, log_level="debug"):
        self.directory = directory
        self.socket = os.path.join(directory, "c.sock")
        self.cri_root = os.path.join(directory, "root/io.containerd.grpc.v1.cri")
        self.cri_state = os.path.join(directory, "state/io.containerd.grpc.v1.cri")
        self.snapshotter = snapshotter
        config = os.path.join(directory, "containerd.toml")
        values = {"dir": directory, "pause": images.PAUSE, "log_level": log_level,
                  "pod_annotations": handlers.POD_ANNOTATIONS,
                  "cni_bin": places.CNI_BIN, "snapshotter": self.snapshotter}
        with open(config, "w") as out:
            out.write(CONFIG.format(**values))
        with open(os.path.join(directory, "podsandboxd-handlers.toml"), "w") as out:
            out.write(deployed_handlers(directory, daemon_socket))
        self.process = Process("containerd", [places.stock("containerd"), "--config", config],
                               os.path.join(directory, "containerd.log"), environment, netns)

    def ctr(self, *arguments, namespace="k8s.io"):
        done = subprocess.run([places.stock("ctr"), "-a", self.socket, "-n", namespace, *arguments],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"ctr {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def import_image(self, tar):
        self.ctr("images", "import", "--snapshotter", self.snapshotter, tar)
