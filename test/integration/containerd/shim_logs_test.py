#!/usr/bin/python3
"""What shims say comes to podsandboxd's log; when nobody reads that, or one of them says too much, no shim stops."""
import concurrent.futures
import contextlib
import fcntl
import os
import re
import unittest

from harness import traces
from harness.cri import READY
from harness.shim_case import ShimsCase
from harness.waiting import eventually

MUCH = 50_000  # lines; a FIFO holds 64 kB, some 1000 of them


class ShimLogs(ShimsCase):
    def setUp(self):
        super().setUp()
        self.start_of_log = os.path.getsize(self.node.daemon.process.log)

    def said(self, pod):
        """The lines of the pod's shim in the daemon's log."""
        log = traces.read(self.node.daemon.process.log)[self.start_of_log:]
        return [line for line in log.splitlines() if f"component=shim sandbox={pod.id}" in line]

    def assert_works_and_ends(self, *pods):
        for name in ("main", "next"):
            self.many(lambda pod, name=name: self.assert_works(pod, name), pods)
        self.assertEqual([self.cri.state(pod) for pod in pods], [READY] * len(pods))
        self.assert_end_and_leave_nothing(*pods)

    def test_one_that_never_stops_does_not_drown_others(self):
        loud, *others = self.run_pods(6)
        self.node.shim.talks()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            start = pool.submit(self.assert_works, loud, "loud")
            eventually(lambda: self.said(loud), "it says nothing")
            self.node.shim.talks(1)
            self.many(lambda pod: self.assert_works(pod, "quiet"), others)
            self.node.shim.goes_on()
            start.result()
        for pod in others:
            self.assertEqual(len([line for line in self.said(pod) if "line 0" in line]), 1)
        self.assert_works_and_ends(loud, *others)

    @contextlib.contextmanager
    def blocked_log(self):
        """The daemon's log is a pipe that is full and that nobody reads."""
        process = self.node.daemon.process
        log, process.log = process.log, self.node.path("blocked")
        os.mkfifo(process.log)
        reader = os.open(process.log, os.O_RDWR | os.O_NONBLOCK)
        try:
            fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
            self.restart_daemon()
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(reader, b"x")
            yield reader
        finally:
            self.node.daemon.kill()
            os.close(reader)
            os.unlink(process.log)
            process.log = log
            self.start_daemon()

    @staticmethod
    def read_all(reader):
        read = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                read += os.read(reader, 1 << 20)
        return read

    def says_what_is_lost(self, reader):
        said = self.read_all(reader)
        self.assert_end_and_leave_nothing(*self.run_pods(1))  # it has something to say
        return re.search(rb"[0-9]+ lines are lost: nobody read the log", said)

    def test_nobody_reads_the_daemons_log(self):
        pods = self.run_pods(3)
        self.node.shim.talks(MUCH)
        with self.blocked_log() as reader:
            self.assert_works_and_ends(*pods)
            eventually(lambda: self.says_what_is_lost(reader), "it does not say that lines are lost")


if __name__ == "__main__":
    unittest.main()
