"""Cleans up after a node when it ends, however it ends.

A process of its own, in a session of its own and no descendant of the test's, which waits for the end of its
standard input: that comes when the node is closed, and also when the test is killed. Then it ends all that the
node started and removes the node's directory. It prints what it could not remove.

Usage: python3 -m harness.guardian DIRECTORY CGROUP
"""
import ctypes
import os
import shutil
import signal
import sys

from . import traces
from .waiting import eventually

MNT_DETACH = 2


def kill_all(directory):
    def none_left():
        left = traces.processes(directory)
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return not left
    eventually(none_left, lambda: f"processes do not end: {traces.processes(directory)}")


def unmount_all(directory):
    umount2 = ctypes.CDLL(None, use_errno=True).umount2
    for point in reversed(traces.mounts_under(directory)):
        if umount2(point.encode(), MNT_DETACH) != 0:
            print(f"cannot unmount {point}: {os.strerror(ctypes.get_errno())}")


def remove_cgroups(directory, cgroup):
    parents = [cgroup, *(f"/k8s.io/{name}" for name in traces.identifiers(directory))]

    def none_left():
        left = [path for parent in parents for path in traces.cgroups(parent)]
        for path in left:
            try:
                os.rmdir(path)
            except OSError:
                pass
        return not left
    eventually(none_left, lambda: f"cgroups do not go: {[traces.cgroups(parent) for parent in parents]}")


def remove_files(directory):
    for path in traces.dead_shim_sockets(directory) + traces.cni_results(directory):
        os.unlink(path)
    shutil.rmtree(directory)


def clean(directory, cgroup):
    for step in (lambda: kill_all(directory), lambda: unmount_all(directory),
                 lambda: remove_cgroups(directory, cgroup), lambda: remove_files(directory)):
        try:
            step()
        except (OSError, TimeoutError) as error:
            print(error, flush=True)


def main():
    directory, cgroup = sys.argv[1:]
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    print("ready", flush=True)
    sys.stdin.buffer.read()
    clean(directory, cgroup)


if __name__ == "__main__":
    main()
