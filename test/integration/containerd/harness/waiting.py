"""Waiting for a condition, with a deadline: nothing here ever sleeps and hopes."""
import time


def eventually(condition, what, timeout=20, pause=0.02):
    """The first true value of condition(); TimeoutError with what was awaited and seen last otherwise."""
    deadline = time.monotonic() + timeout
    while True:
        seen = condition()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout} s: {what() if callable(what) else what}")
        time.sleep(pause)
