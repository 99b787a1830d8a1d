"""What systemd is to a podsandboxd with our units: it has the listening socket, also while no daemon runs, and keeps the
descriptors that daemons give it; each daemon that is started gets all of them."""
import array
import fcntl
import os
import socket
import sys
import threading

FIRST_PASSED, ABOVE_PASSED = 3, 500
# Only the process itself can say who it is, and only when it is there.
LAUNCHER = f"""
import os, sys
for number, descriptor in enumerate(map(int, sys.argv[1].split(",")), {FIRST_PASSED}):
    os.dup2(descriptor, number)
    os.close(descriptor)
os.execvpe(sys.argv[2], sys.argv[2:], {{**os.environ, "LISTEN_PID": str(os.getpid())}})
"""


def above_passed(descriptor):
    """A copy that is not in the way of those that are passed. The name of a descriptor is its number."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, ABOVE_PASSED)


class ServiceManager:
    def __init__(self, path, notify):
        self.kept = []  # (name, descriptor)
        self.lock = threading.Lock()
        if os.path.exists(path):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path)
            os.chmod(path, 0o600)
            bound.listen(socket.SOMAXCONN)
            self.descriptor = above_passed(bound.fileno())
        self.notify = notify
        self.told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.told.bind(notify)
        threading.Thread(target=self.hear, daemon=True).start()

    def hear(self):
        while True:
            said, control, _, _ = self.told.recvmsg(4096, socket.CMSG_SPACE(array.array("i").itemsize))
            descriptors = array.array("i")
            for _, _, data in control:
                descriptors.frombytes(data)
            with self.lock:
                self.take(dict(line.split("=", 1) for line in said.decode().splitlines()), descriptors)
            for descriptor in descriptors:
                os.close(descriptor)

    def take(self, said, descriptors):
        if said.get("FDSTORE") == "1":
            self.kept += [(said["FDNAME"], above_passed(descriptor)) for descriptor in descriptors]
        if said.get("FDSTOREREMOVE") == "1":
            for _, descriptor in [entry for entry in self.kept if entry[0] == said["FDNAME"]]:
                os.close(descriptor)
            self.kept = [entry for entry in self.kept if entry[0] != said["FDNAME"]]

    def keeps(self):
        """Names and descriptors."""
        with self.lock:
            return list(self.kept)

    def pass_to(self, command, env):
        """The command that runs this one with all that is kept, what that must inherit, and its environment."""
        kept = self.keeps()
        descriptors = [self.descriptor] + [descriptor for _, descriptor in kept]
        env = {**(env or os.environ), "NOTIFY_SOCKET": self.notify, "LISTEN_FDS": str(len(descriptors))}
        if kept:
            env["LISTEN_FDNAMES"] = ":".join(["podsandboxd.socket"] + [name for name, _ in kept])
        return [sys.executable, "-ISc", LAUNCHER, ",".join(map(str, descriptors)), *command], descriptors, env
