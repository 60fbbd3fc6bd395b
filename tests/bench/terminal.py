"""Runs a program in a pseudo-terminal: what it writes is read all the time, and keys are typed into it."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Mapping, Sequence


class Terminal:
    """A program in a terminal of 160 by 45. `wait_for` tells when a text was written since it was last asked."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], size: tuple[int, int] = (45, 160)) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        terminal = {**environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self.begun = time.time()
        self.process = subprocess.Popen(
            argv, env=terminal, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        self.count = 0
        self._changed = threading.Condition()
        self._recent = b""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 65536)
            except OSError:  # what Linux says where the other end is closed
                return
            if not data:
                return
            with self._changed:
                self.count += len(data)
                self._recent = (self._recent + data)[-1_000_000:]
                self._changed.notify_all()

    def press(self, keys: str) -> None:
        """Type; what was written before is forgotten."""
        with self._changed:
            self._recent = b""
        os.write(self._ours, keys.encode())

    def wait_for(self, text: str, seconds: float) -> float:
        """The moment (Unix time) at which the text had come; fails where it does not."""
        wanted = text.encode()
        with self._changed:
            if not self._changed.wait_for(lambda: wanted in self._recent, seconds):
                sys.exit(f"bench: {text!r} was never shown")
        return time.time()

    def wait(self) -> None:
        """Until the program ends, which must be well."""
        status = self.process.wait()
        os.close(self._ours)
        if status:
            sys.exit(f"bench: {self.process.args!r} ended with {status}: {self._recent[-2000:]!r}")
