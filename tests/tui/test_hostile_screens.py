"""A host whose every word is an attack, on every screen and tab of the terminal interface, on a real pseudo-terminal.

What the terminal is sent is looked at byte by byte: it must be what Textual draws with, and plain text.
"""

import base64
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.acceptance.terminal import SCREEN_SEQUENCES, obeyed
from tests.soak import SOAKING
from tests.tui.hostile import COUNT, MARKUP, RAW, STOLEN, contents, write_playbooks

LONGEST = 900
SIZES = {"narrow": (80, 24), "wide": (160, 45)}
CLIPBOARD = re.compile("\x1b\\]52;c;([A-Za-z0-9+/=]*)\x07")
STOPS, COPIED = 45, 2


class Toured(NamedTuple):
    """What was met on the way, what the terminal was sent, and the exit status."""

    report: dict[str, Any]
    sent: bytes
    status: int


def toured(folder: Path, size: tuple[int, int]) -> Toured:
    """Lead irkit through all its screens on a terminal of that size."""
    write_playbooks(folder / "config" / "irkit" / "playbooks")
    master, slave = pty.openpty()
    width, height = size
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "IRKIT_", "TEXTUAL"))}
    mine = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8", "HOME": str(folder)}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.tui.hostile_tour", str(folder)],
        env={**kept, **mine, "XDG_CONFIG_HOME": str(folder / "config")},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0) and None,  # noqa: PLW1509 - as a shell's terminal is
    )
    os.close(slave)
    try:
        sent = read_all(master)
    finally:
        os.close(master)
        process.kill()
        status = process.wait()
    report = folder / "report.json"
    assert report.exists(), sent[-3000:].decode("utf-8", "replace")
    return Toured(json.loads(report.read_bytes()), sent, status)


def read_all(master: int) -> bytes:
    """All that is sent until the other side is closed."""
    sent, end = bytearray(), time.monotonic() + LONGEST
    while time.monotonic() < end:
        try:
            piece = os.read(master, 1 << 16)
        except OSError:
            break
        if not piece:
            break
        sent += piece
    return bytes(sent)


@pytest.mark.parametrize("size", SIZES if SOAKING else ["narrow"])
def test_no_word_of_a_hostile_host_is_obeyed_on_any_screen_and_all_of_them_are_kept(size: str, tmp_path: Path) -> None:
    way = toured(tmp_path, SIZES[size])
    assert way.report["crash"] == ""
    assert way.report["problems"] == []
    assert len(way.report["stops"]) >= STOPS
    assert way.status == 0
    check_sent(way.sent.decode("utf-8"))
    check_evidence(tmp_path / "evidence")


def check_sent(text: str) -> None:
    """The terminal was sent what Textual draws with, plain text, and what was copied, which is plain text too."""
    copied = [base64.b64decode(one).decode("utf-8") for one in CLIPBOARD.findall(text)]
    assert STOLEN not in CLIPBOARD.findall(text)
    assert len(copied) == COPIED and [obeyed(one) for one in copied] == [set()] * COPIED
    drawn = CLIPBOARD.sub("", text)
    left = SCREEN_SEQUENCES.sub("", drawn)
    assert obeyed(left) - {"\r"} == set()
    assert MARKUP in left, "markup is shown as it stands"
    assert [one for one in RAW if one in drawn] == []


def check_evidence(folder: Path) -> None:
    """The bytes are in the bundle as they were."""
    (bundle,) = folder.glob("irb-*")
    for name in ("inspect.json", "changes.json", "processes/processes.jsonl", "stats.json", "logs/stdout.log"):
        stored = list(bundle.glob(f"data/wild/*/{name}"))
        assert len(stored) == COUNT and {one.read_bytes() for one in stored} == {contents()[name]}
