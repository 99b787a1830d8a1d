"""Where the programs are that a node is made of."""
import functools
import os
import subprocess

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REPOSITORY = os.path.abspath(os.path.join(HERE, "../../.."))

# Our programs, and the stock containerd's, can be those of another build.
OUR_BIN = os.environ.get("PODSANDBOX_BIN", os.path.join(REPOSITORY, "build/dev/bin"))
PACKAGES = os.environ.get("PODSANDBOX_CONTAINERD_PACKAGES", os.path.join(REPOSITORY, "build/containerd-packages"))

CNI_BIN = "/usr/lib/cni"


def ours(program):
    return os.path.join(OUR_BIN, program)


def stock(program):
    """A program of containerd's; they are fetched when they are not there yet."""
    fetch()
    return os.path.join(PACKAGES, "bin", program)


def published_protos():
    fetch()
    return os.path.join(PACKAGES, "proto")


@functools.cache
def fetch():
    """Takes no time when everything is there."""
    subprocess.run([os.path.join(HERE, "fetch-packages"), PACKAGES], check=True)
