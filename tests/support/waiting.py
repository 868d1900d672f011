"""How a test waits for what real processes do in their own time."""
import time


def eventually(condition, what, within=120):
    """What `condition()` returns, once that is true. It is asked for at most `within` seconds, many times over what an
    idle machine needs; a server that does not answer yet (OSError) counts as not true."""
    until = time.monotonic() + within
    while True:
        try:
            if found := condition():
                return found
        except OSError:
            pass
        if time.monotonic() > until:
            raise AssertionError(f"not within {within} s: {what}")
        time.sleep(0.02)
