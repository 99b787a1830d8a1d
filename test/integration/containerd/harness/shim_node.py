"""A node whose podsandboxd starts shims that can be broken. It has one handler more, with crun for the containers."""
import os
import shutil

from . import handlers, places, traces
from .node import Node

SHIM = "containerd-shim-runc-v2"
CRUN = handlers.Handler("podsandboxd-crun", "linux", handlers.RECORD)

CRUN_HANDLER = """
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.{name}]
  runtime_type = 'io.containerd.runc.v2'
  sandboxer = 'podsandboxd'
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.{name}.options]
    BinaryName = '{bin}/crun'
    Root = '{dir}/runc'
"""

# Debian 12's knows no containers of newer versions of the specification, and refuses to work where a controller is left
# to the second of two versions of cgroups.
CRUN_WITH_OLD_WAYS = """
PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin
for word; do
  [ "$last" != --bundle ] || sed -i 's/"ociVersion":"[^"]*"/"ociVersion":"1.0.2"/' "$word/config.json"
  last=$word
done
exec unshare --mount sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"' crun {crun} "$@"
"""

BROKEN = "exit 7"
WAITING = "while [ ! -e {go} ]; do /bin/sleep 0.02; done; exec {real} \"$@\""
WORKING = "exec {real} \"$@\""
# Into its log, which is its stderr, before it serves.
TALKING = """
number=0
while {talks_on}; do
  echo "time=\\"2026-01-01T00:00:00Z\\" level=info msg=\\"line $number\\""
  number=$((number + 1))
done >&2
exec {real} "$@"
"""


def write_script(path, lines):
    """In place of what is there, which may be running."""
    with open(path + "~", "w") as out:
        out.write(f"#!/bin/sh\n{lines}\n")
    os.chmod(path + "~", 0o755)
    os.rename(path + "~", path)


class ShimProgram:
    """What podsandboxd starts as a shim. It writes down each start."""

    def __init__(self, directory):
        self.path = os.path.join(directory, SHIM)
        self.log, self.go = os.path.join(directory, "starts"), os.path.join(directory, "go")
        self.mend()

    def write(self, lines, **values):
        write_script(self.path, f"echo $$ >>{self.log}\n" + lines.format(go=self.go, real=places.stock(SHIM), **values))

    def mend(self):
        """Those that wait go on, too."""
        self.write(WORKING)
        open(self.go, "w").close()
        open(self.log, "w").close()

    def remove(self):
        os.unlink(self.path)

    def breaks(self):
        self.write(BROKEN)

    def waits(self):
        """It hangs until it is mended, or told to go on."""
        os.unlink(self.go)
        self.write(WAITING)

    def talks(self, lines=None):
        """First it writes so many lines into its log; or until it is mended, or told to go on."""
        if lines is None:
            os.unlink(self.go)
        self.write(TALKING, talks_on=f"[ ! -e {self.go} ]" if lines is None else f"[ $number -lt {lines} ]")

    def goes_on(self):
        open(self.go, "w").close()

    def starts(self):
        """The pids of all that were started since it was mended."""
        return [int(pid) for pid in traces.read(self.log).split()]


class ShimNode(Node):
    """podsandboxd finds its programs in a directory that is all its PATH, and no shim beside containerd's program,
    which is a copy. containerd has the usual PATH, and the real shim."""

    def start(self):
        directory = self.path("bin")
        os.mkdir(directory)
        path = self.environment_of_services["PATH"]
        for program in ("runc", "nsenter"):
            os.symlink(shutil.which(program, path=path), os.path.join(directory, program))
        if crun := shutil.which("crun", path=path):
            write_script(os.path.join(directory, "crun"), CRUN_WITH_OLD_WAYS.format(crun=crun))
        self.shim = ShimProgram(directory)
        self.daemon.process.env = {**self.environment_of_services, "PATH": directory}
        self.daemon.config[f"handlers.{CRUN.name}"] = {"restrict_oom_score_adj": True}
        self.place_containerd()
        super().start()

    def place_containerd(self):
        real, own = places.stock("containerd"), self.path("containerd")
        shutil.copy(real, own)
        process = self.containerd.process
        process.command = [own if word == real else word for word in process.command]
        path = os.path.dirname(places.stock(SHIM)) + ":" + process.env["PATH"]
        process.env = {**process.env, "PATH": path}
        with open(self.path("podsandboxd-handlers.toml"), "a") as out:
            out.write(CRUN_HANDLER.format(name=CRUN.name, dir=self.directory, bin=self.path("bin")))
