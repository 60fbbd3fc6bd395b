"""irkit in tmux, as somebody at a terminal of 80 by 24 sees it: keys are pressed, and what is shown is read."""

import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.command import Irkit
from tests.lab.tools import run, tool

WIDTH, HEIGHT = 80, 24
PATIENCE = 120.0
_MOST_LINES = 100
_SETTINGS = (("status", "off"), ("escape-time", "0"), ("remain-on-exit", "on"), ("default-terminal", "screen-256color"))


@dataclass
class TmuxScreen:
    """A terminal with irkit in it. `presses` counts the keys that were pressed; what is typed is not counted."""

    socket: Path
    presses: int = 0

    def _tmux(self, *words: str) -> str:
        return run([tool("tmux"), "-u", "-S", str(self.socket), *words]).stdout.decode()

    def shown(self) -> str:
        """What is on the screen now."""
        return self._tmux("capture-pane", "-p")

    @property
    def sent(self) -> str:
        """All that irkit has sent to the terminal."""
        return self.record.read_bytes().decode("utf-8", "replace")

    @property
    def record(self) -> Path:
        """Where that is written."""
        return self.socket.with_name("sent")

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names of them."""
        for key in keys:
            self.presses += 1
            self._tmux("send-keys", key)

    def type(self, text: str) -> None:
        """Type a text as it stands."""
        self._tmux("send-keys", "-l", text)

    def until(self, *wanted: str, without: str = "") -> str:
        """Wait until all of that is shown, and the other is not; what is shown then."""

        def is_so(text: str) -> bool:
            return all(one in text for one in wanted) and not (without and without in text)

        return self.until_so(is_so, " and ".join(map(repr, wanted)) + (f" without {without!r}" if without else ""))

    def until_so(self, is_so: Callable[[str], bool], what: str) -> str:
        """Wait until what is shown is so; AssertionError, with what is shown, where it never is."""
        end = time.monotonic() + PATIENCE
        while not is_so(text := self.shown()):
            if time.monotonic() > end or self.ended is not None:
                raise AssertionError(f"never shown: {what}; status {self.ended}\n{text}")
            time.sleep(0.1)
        return text

    def scroll_to(self, wanted: str) -> str:
        """Scroll down by `j` until that is shown; what is shown then."""
        for _ in range(_MOST_LINES):
            if wanted in (before := self.shown()):
                return before
            self.press("j")
            self.until_so(lambda text, before=before: text != before, "anything else")  # type: ignore[misc]
        raise AssertionError(f"not within {_MOST_LINES} lines: {wanted}\n{self.shown()}")

    @property
    def ended(self) -> int | None:
        """irkit's exit status once it has ended. tmux cannot be asked: now and then it leaves what has ended unread."""
        return int(self.status.read_text(encoding="ascii")) if self.status.exists() else None

    @property
    def status(self) -> Path:
        """Where the shell that irkit was started from writes how that ended."""
        return self.socket.with_name("status")

    def wait(self) -> int:
        """Wait for the end of irkit; its exit status."""
        end = time.monotonic() + PATIENCE
        while (status := self.ended) is None:
            assert time.monotonic() < end, f"it does not end:\n{self.shown()}"
            time.sleep(0.1)
        return status


_TELL = '"$@"; echo $? > "$0.new"; mv "$0.new" "$0"'


@contextmanager
def in_tmux(irkit: Irkit, *words: str) -> Iterator[TmuxScreen]:
    """irkit in a tmux of its own, whose server is ended with the block, and irkit with it."""
    with tempfile.TemporaryDirectory(prefix="irkit-tmux-") as folder:  # a socket's path must be short
        screen = TmuxScreen(Path(folder) / "s")
        tmux = [tool("tmux"), "-u", "-S", str(screen.socket), "-f", "/dev/null"]
        set_all = [word for name, value in _SETTINGS for word in ("set-option", "-g", name, value, ";")]
        size = ("-x", str(WIDTH), "-y", str(HEIGHT))
        environment = {**irkit.environment(), "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
        environment.pop("TMUX", None)
        shell = ("sh", "-c", _TELL, str(screen.status), *irkit.argv(*words))
        start = ("start-server", ";", *set_all, "new-session", "-d", *size, *shell, ";")
        run([*tmux, *start, "pipe-pane", "-o", f"exec cat > {shlex.quote(str(screen.record))}"], env=environment)
        try:
            yield screen
        finally:
            subprocess.run([*tmux, "kill-server"], check=False, capture_output=True, timeout=30)
