"""irkit on a pseudo-terminal, and what may reach one."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import time
import unicodedata
from collections.abc import Callable

from tests.acceptance.command import Irkit

OWN_SEQUENCES = re.compile(r"\x1b\[(?:\?25[lh]|[0-9]*[AK]|[0-9;]*m)")
"""What the bars draw with: cursor hidden and shown, up, a line erased, colours."""
SCREEN_SEQUENCES = re.compile(
    "\x1b\\[[0-9;]*[Hm]"  # where, and in which colours
    "|\x1b\\[\\?[0-9;]+[hl]"  # modes: the other screen, the mouse, what belongs together
    "|\x1b\\[\\?[0-9;]+\\$p"  # whether the terminal has one
    "|\x1b\\[[<>][0-9]*u"  # keys as the terminal should send them
    "|\x1b\\[c"
    "|\x1b\\]22;[a-z]+\x07"  # the shape of the mouse's pointer
)
"""What the terminal interface draws with."""
_LINES = {"\n"}


def on_terminal(
    irkit: Irkit,
    *words: str,
    answer: str = "",
    timeout: float = 240,
    question: str = "to go on:",
    watch: Callable[[int], None] = lambda pid: None,
) -> tuple[int, str]:
    """Exit status and all that the terminal was sent; `answer` is typed once what was sent ends with the question.

    `watch` is called with irkit's process id each time something was sent.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    environment = {**irkit.environment(), "TERM": "xterm-256color"}
    process = subprocess.Popen(
        irkit.argv(*words),
        env=environment,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0) and None,  # noqa: PLW1509 - as a shell's terminal is
    )
    os.close(slave)
    shown, end = b"", time.monotonic() + timeout
    while time.monotonic() < end:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        shown += piece
        watch(process.pid)
        if answer and shown.rstrip().endswith(question.encode()):
            os.write(master, answer.encode() + b"\n")
            answer = ""
    os.close(master)
    return process.wait(timeout), shown.decode()


def obeyed(text: str) -> set[str]:
    """The characters of a text that a terminal would obey, or not show, and those that mislead a reader."""
    return {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")} - _LINES


def obeyed_on_terminal(text: str) -> set[str]:
    """The same for what came through a terminal, which turns LF into CR LF, without what the bars draw with."""
    return obeyed(OWN_SEQUENCES.sub("", text)) - {"\r"}
