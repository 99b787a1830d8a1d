"""podsandboxd: its configuration and its process, everything of it inside the node's directory."""
import json
import os
import signal
import subprocess

from . import handlers, images, places, traces
from .activation import ServiceManager
from .process import Process
from .waiting import eventually


def toml(value):
    """A value as TOML writes it; JSON's strings, numbers and truth values are TOML's too."""
    return json.dumps(value)


class Daemon:
    def __init__(self, directory, netns, environment, snapshotter, log_level="debug"):
        self.directory = directory
        self.socket = os.path.join(directory, "d.sock")
        self.config_file = os.path.join(directory, "podsandboxd.toml")
        self.config = {
            "": {"socket": self.socket, "state_dir": os.path.join(directory, "d"),
                 "data_dir": os.path.join(directory, "data"),
                 "keeper_program": places.ours("podsandbox-keeper"),
                 "pause_program": places.ours("podsandbox-pause"), "log_level": log_level},
            "containerd": {"address": os.path.join(directory, "c.sock")},
            "orphans": {"remove_after": "2s"},
            "cri": {"root_dir": os.path.join(directory, "root/io.containerd.grpc.v1.cri"),
                    "state_dir": os.path.join(directory, "state/io.containerd.grpc.v1.cri"),
                    "sandbox_image": images.PAUSE},
            f"handlers.{handlers.LINUX.name}": {"restrict_oom_score_adj": True},
            f"handlers.{handlers.CONTAINERD.name}": {
                "restrict_oom_score_adj": True, "runtime": "containerd", "snapshotter": snapshotter,
                "pod_annotations": handlers.POD_ANNOTATIONS},
        }
        self.process = Process("podsandboxd", [places.ours("podsandboxd"), "--config", self.config_file],
                               os.path.join(directory, "podsandboxd.log"), environment, netns)
        self.activated = None

    def write_config(self):
        with open(self.config_file, "w") as out:
            for section, keys in self.config.items():
                out.write(f"\n[{section}]\n" if section else "")
                out.writelines(f"{key} = {toml(value)}\n" for key, value in keys.items())

    def activate(self):
        """It is started again, by a service manager, as from then on: that keeps its socket, which is there in between,
        too, and what else it asks to be kept."""
        if not self.activated:
            self.process.end()
            self.activated = ServiceManager(self.socket, os.path.join(self.directory, "notify"))
            self.start()

    def start(self):
        self.write_config()
        self.process.start(self.activated)
        eventually(self.serves, "podsandboxd does not serve")

    def serves(self):
        self.process.must_run()
        return subprocess.run([places.ours("podsandboxctl"), "--socket", self.socket, "health"],
                              capture_output=True).returncode == 0

    def kill(self):
        self.process.end(signal.SIGKILL)

    def ctl(self, *arguments):
        done = subprocess.run([places.ours("podsandboxctl"), "--socket", self.socket, "-o", "json", *arguments],
                              check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    def run(self, sandbox):
        subprocess.run([places.ours("podsandboxctl"), "--socket", self.socket, "run", sandbox], check=True,
                       capture_output=True)

    def forget(self, sandbox):
        subprocess.run([places.ours("podsandboxctl"), "--socket", self.socket, "shutdown", sandbox], check=True)

    def sandboxes(self):
        return self.ctl("ls").get("sandboxes", [])

    def keeper_pids(self):
        """The keepers that this daemon started; they outlive it."""
        return [pid for pid in traces.processes(self.directory)
                if traces.command_line(pid) == "podsandbox-keeper"]
