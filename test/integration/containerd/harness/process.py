"""A program that runs beside the test, with a log; it is known and ended by its pid."""
import os
import signal
import subprocess


class Process:
    def __init__(self, name, command, log, env=None, netns=None):
        self.name, self.command, self.log, self.env = name, command, log, env
        if netns:
            # Each becomes the next one, so the pid is the program's. It may open more files than it is told to at first,
            # as under systemd.
            self.command = ["nsenter", f"--net={netns}", "--", "/usr/bin/prlimit", "--nofile=1024:", "--", *command]
        self.child = None

    def start(self, activated=None):
        """By a ServiceManager, when there is one."""
        command, inherited, env = self.command, (), self.env
        if activated:
            command, inherited, env = activated.pass_to(command, env)
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                                          pass_fds=inherited, start_new_session=True)

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child is not None and self.child.poll() is None

    def end(self, signal_number=signal.SIGTERM, timeout=30):
        """Ends it and answers its return code, as subprocess tells it."""
        if not self.running():
            return self.child and self.child.returncode
        os.kill(self.child.pid, signal_number)
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise TimeoutError(f"{self.name} did not end within {timeout} s of signal {signal_number}") from None

    def must_run(self):
        if not self.running():
            raise RuntimeError(f"{self.name} ended with {self.child.returncode}; its log ends with\n{self.log_tail()}")

    def log_tail(self, lines=20):
        with open(self.log, errors="replace") as log:
            return "".join(log.readlines()[-lines:])
