"""A program on a terminal of its own, with what it shows there."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """Standard output and error are a terminal of `columns` x `rows`, and so is the input where `stdin` is no other."""

    def __init__(self, command, columns=80, rows=24, stdin=None, **environment):
        self.fd, self.inner = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(self.inner)
        self.seen = b""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PODRING_") and name != "NO_COLOR"}
        self.process = subprocess.Popen(command, stdin=stdin or self.inner, stdout=self.inner, stderr=self.inner,
                                        start_new_session=True, env={**kept, "TERM": "xterm", **environment})

    def resize(self, columns, rows):
        fcntl.ioctl(self.inner, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys):
        os.write(self.fd, keys.encode())

    def read(self, within=0.0):
        """Adds what has come to `seen`; waits at most `within` seconds for it."""
        while select.select([self.fd], [], [], within)[0]:
            self.seen += os.read(self.fd, 65536)
            within = 0.0

    def screen(self):
        """The lines of the last screen that was drawn whole, without control sequences."""
        self.read()
        frames = self.seen.decode(errors="replace").split("\x1b[H")
        whole = [frame for frame in frames[1:] if "\x1b[J" in frame]
        return CONTROL.sub("", whole[-1].split("\x1b[J")[0]).split("\r\n") if whole else []

    def wait(self, within=60):
        """The exit code. All that was shown is in `seen` then."""
        until = time.monotonic() + within
        while self.process.poll() is None:
            if time.monotonic() > until:
                raise AssertionError(f"it has not ended within {within} s: {self.seen[-2000:]}")
            self.read(0.05)
        self.read()
        return self.process.returncode

    def modes(self):
        """Of the terminal, as they are now."""
        return termios.tcgetattr(self.inner)

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.fd)
        os.close(self.inner)
