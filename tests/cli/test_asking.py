"""Asking for a secret on a real terminal: what is shown, what comes back, and what the terminal is like afterwards."""

import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

ASK = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from irkit.cli.asking import TerminalAsk
"""
QUESTION = b"password for ana@web: "


@dataclass
class Session:
    """A program with a terminal of its own, seen from the terminal's other side."""

    process: subprocess.Popen[bytes]
    master: int

    def read_until(self, wanted: bytes) -> bytes:
        shown, end = b"", time.monotonic() + 60
        while wanted not in shown:
            ready, _, _ = select.select([self.master], [], [], max(0.0, end - time.monotonic()))
            assert ready, shown
            shown += os.read(self.master, 4096)
        return shown

    def type(self, text: bytes) -> None:
        os.write(self.master, text)

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.master)[3] & termios.ECHO)


@contextmanager
def on_terminal(code: str) -> Iterator[Session]:
    """Python with a controlling terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", ASK + code], stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    try:
        yield Session(process, master)  # the other side stays open here too, so that its modes can be looked at
    finally:
        process.kill()
        process.wait()
        os.close(slave)
        os.close(master)


def test_what_is_typed_comes_back_and_is_not_shown() -> None:
    with on_terminal(f"print('got', repr(TerminalAsk()({QUESTION.decode()!r})), flush=True)") as session:
        assert session.echoes()
        session.read_until(QUESTION)
        assert not session.echoes()
        session.type(b"s3cret \xc3\xb8\n")
        shown = session.read_until(b"got 's3cret \xc3\xb8'")
        assert b"s3cret" not in shown.partition(b"got")[0]
        assert session.process.wait(60) == 0 and session.echoes()


def test_nothing_typed_is_no_answer() -> None:
    for typed in (b"\n", b"\x04"):
        with on_terminal(f"print('got', TerminalAsk()({QUESTION.decode()!r}), flush=True)") as session:
            session.read_until(QUESTION)
            session.type(typed)
            session.read_until(b"got None")
            assert session.echoes()


def test_an_interrupt_leaves_a_terminal_that_shows_what_is_typed() -> None:
    code = f"""
import threading, time
try:
    threading.Thread(target=TerminalAsk(), args=({QUESTION.decode()!r},), daemon=True).start()
    time.sleep(300)
except KeyboardInterrupt:
    sys.exit(130)
"""
    with on_terminal(code) as session:
        session.read_until(QUESTION)
        assert not session.echoes()
        session.type(b"half a secr\x03")  # Ctrl-C, as the terminal takes it
        assert session.process.wait(60) == 130
        assert session.echoes()


def test_without_a_terminal_there_is_no_answer() -> None:
    code = "from irkit.cli.asking import TerminalAsk; print(TerminalAsk()('who? '))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        input="secret\n",
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,
    )
    assert (done.stdout, done.stderr) == ("None\n", "")


def test_asking_is_for_those_who_sit_at_a_terminal_or_ask_for_it() -> None:
    code = "from irkit.cli.asking import terminal_ask as ask; print(ask(wanted=False), ask(wanted=True) is not None)"
    done = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    assert done.stdout == "None True\n"
    with on_terminal("from irkit.cli.asking import terminal_ask as ask; print(ask(wanted=False) is not None)") as one:
        one.read_until(b"True")
