"""Sockets in another network namespace than the test's."""
import ctypes
import os
import socket
import threading

CLONE_NEWNET = 0x40000000


def listening_socket(netns, port=0):
    """One on the loopback address of the namespace whose file this is; port 0 is one that is free."""
    made = []

    def make():
        # A socket stays in the namespace of the thread that made it, and this thread ends here.
        with open(netns) as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
                made.append(OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno())))
                return
        made.append(socket.create_server(("127.0.0.1", port)))
    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]
