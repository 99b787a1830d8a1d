"""What systemd is to a podsandboxd with our socket unit: it has the listening socket, also while no daemon runs, and
passes it to each that is started."""
import fcntl
import os
import socket

# Only the process itself can say who it is, and only when it is there. The name of the descriptor is its number.
EXEC = 'exec 3<&"$0" {0}<&-; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
ABOVE_3 = 10


class ActivatedSocket:
    def __init__(self, path):
        if os.path.exists(path):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path)
            os.chmod(path, 0o600)
            bound.listen(socket.SOMAXCONN)
            self.descriptor = fcntl.fcntl(bound.fileno(), fcntl.F_DUPFD_CLOEXEC, ABOVE_3)

    def pass_to(self, command):
        """The command that runs this one with the socket as descriptor 3. It must inherit self.descriptor."""
        return ["bash", "-c", EXEC.format(self.descriptor), str(self.descriptor), *command]

    def close(self):
        os.close(self.descriptor)
