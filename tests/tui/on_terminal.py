"""irkit on a real pseudo-terminal with its real driver: what it sends is kept, and what modes it leaves behind."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

ROOT = Path(__file__).parent.parent.parent
_MODE = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")
_KITTY = re.compile(rb"\x1b\[([<>])[0-9]*u")
USUAL_MODES = {"7": True, "25": True}
"""The modes of a terminal that are on where nothing runs: lines wrap, the cursor shows."""
PATIENCE = 60


class Terminal:
    """A command on a terminal of its own, which it is the leader of, as under a shell."""

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        *,
        variables: Mapping[str, str] = MappingProxyType({}),
        size: tuple[int, int] = (80, 24),
        ignored: Sequence[signal.Signals] = (),
    ) -> None:
        self.master, self._slave = pty.openpty()
        self.resize(*size)
        self.before = self.attributes()
        self.shown = b""
        self.answered = 0
        self.is_read = True
        self._ignored = ignored
        self._reading = threading.Lock()
        self.process = subprocess.Popen(
            argv,
            env={**environment, "TERM": "xterm-256color", **variables},
            cwd=ROOT,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            preexec_fn=self._become_leader,  # noqa: PLW1509 - as a shell's terminal is
        )
        self._is_open = True
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _become_leader(self) -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN if number in self._ignored else signal.SIG_DFL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.close()

    def close(self) -> None:
        """Take the terminal away."""
        if self._is_open:
            self._is_open = False
            os.close(self._slave)
            self._reader.join(10)
            os.close(self.master)

    def _read(self) -> None:
        while self._is_open:
            if self.is_read and select.select([self.master], [], [], 0.05)[0]:
                self._take_in()
            elif not self.is_read:
                time.sleep(0.05)

    def _take_in(self) -> bool:
        """Read what is there by now, once what another thread reads was kept; whether there was anything."""
        with self._reading, contextlib.suppress(OSError):
            if select.select([self.master], [], [], 0)[0]:
                piece = os.read(self.master, 65536)
                self.shown += piece
                return bool(piece)
        return False

    def read_out(self) -> None:
        """Read all that was sent, where nothing more is being sent: it may be on its way through the terminal."""
        time.sleep(0.2)
        is_more = True
        while is_more and self.is_read and self._is_open:
            is_more = self._take_in()

    # What is seen ------------------------------------------------------------------------------------------------

    def attributes(self) -> list[Any]:
        """How the terminal is set."""
        return termios.tcgetattr(self._slave)

    def modes(self) -> dict[str, bool]:
        """The modes that were set or reset, as they were left."""
        found: dict[str, bool] = {}
        for names, word in _MODE.findall(self.shown):
            found.update((name, word == b"h") for name in names.decode().split(";"))
        return found

    def check_restored(self) -> None:
        """The terminal is as it was before irkit was begun."""
        assert self.attributes() == self.before
        modes = self.modes()
        assert modes["1049"] is False, "the screen is still the alternate one"
        assert {name: on for name, on in modes.items() if on != USUAL_MODES.get(name, False)} == {}
        keyboards = list(_KITTY.findall(self.shown))
        assert keyboards.count(b">") == keyboards.count(b"<"), "the keyboard's protocol is still another one"
        assert b"\x1b" not in self.after_screens()

    def after_screens(self) -> bytes:
        """What was written since the screens were left."""
        return _MODE.sub(b"", self.shown.rpartition(b"\x1b[?1004l")[2])

    def until(self, condition: Callable[[], object], seconds: float = PATIENCE) -> None:
        """Wait until something is so."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"it did not come:\n{self.text()[-3000:]}"
            assert self.process.poll() is None or condition(), f"it ended:\n{self.text()[-3000:]}"
            time.sleep(0.02)

    def sees(self, text: str, since: int = 0) -> None:
        """Wait until the terminal was sent some text."""
        self.until(lambda: text in self.text(since))

    def text(self, since: int = 0) -> str:
        """What was sent, less its sequences: a line that is drawn in parts is in parts here too."""
        return re.sub(r"\x1b\[[0-9;?<>=$]*[A-Za-z]|\x1b[=>]", "", self.shown[since:].decode("utf-8", "replace"))

    # What is done ------------------------------------------------------------------------------------------------

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.master, keys.encode())

    def resize(self, width: int, height: int) -> None:
        """Make it another size."""
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def send(self, number: signal.Signals) -> None:
        """Send a signal to irkit alone."""
        self.process.send_signal(number)

    def ended(self, seconds: float = PATIENCE) -> int:
        """Its exit status, once it has ended."""
        status = self.process.wait(seconds)
        self.read_out()
        return status


def staged(scenario: str, folder: Path, *options: str, **more: Any) -> Terminal:
    """The terminal interface on hosts in memory, with options of the command line: see tests/tui/staged.py."""
    left_out = ("DOCKER_", "IRKIT_", "COLORTERM", "NO_COLOR")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    environment |= {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state"), "PYTHONWARNINGS": "default"}
    return Terminal([sys.executable, "-m", "tests.tui.staged", scenario, str(folder), *options], environment, **more)
