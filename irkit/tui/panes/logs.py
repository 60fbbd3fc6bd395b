"""The log as it is written: followed, searched, frozen; what was written too fast to be shown is counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Final, TypeVar

from textual.binding import Binding, BindingType

from irkit.app.looks import LogLook
from irkit.app.seen import LogLine
from irkit.core.text import Safe, safe
from irkit.tui.keys import hint
from irkit.tui.line_view import Line
from irkit.tui.panes.pane import Pane

T = TypeVar("T")
_TAILS: Final = (200, 2000, 10_000)
_SINCES: Final = ("", "10m", "1h", "24h")
"""How far back lines are shown, by the host's clock; empty: however old they are."""
_MOST_A_TICK: Final = 1000
_WIDEST: Final = 1000
"""Characters of a line that are shown at most."""
_STREAMS: Final = ("both", "stdout", "stderr")
_DAY: Final = len("2026-01-31")


class LogsPane(Pane[None]):
    """Both streams of the log, with escapes shown as signs. What is kept as evidence is never read from here."""

    title = "Logs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("z", "freeze", "Freeze", id="logs.freeze", tooltip="Hold still what is shown, or go on"),
        Binding("m", "tail", "More", id="logs.tail", tooltip="Show more lines from before"),
        Binding("b", "since", "Age", id="logs.since", tooltip="Lines of 10m, 1h, 24h, or of any age"),
        Binding("x", "stream", "Stream", id="logs.stream", show=False, tooltip="Both streams, or one"),
    ]

    def __init__(self, key: str, *, id: str) -> None:
        super().__init__(key, id=id)
        self._log: LogLook | None = None
        self._tail, self._since, self._stream = _TAILS[0], _SINCES[0], _STREAMS[0]
        self._left_out = self._shown = 0
        self._day = ""

    def action_look(self) -> None:
        """Follow it anew."""
        if self._log is not None:
            self._log.cancel()
        self._left_out = self._shown = 0
        self._day = ""
        self.view.show([])
        self.view.is_following = True
        self._log = self.irkit.services.looks.logs(self.key, tail=self._tail, since=self._since)

    def entered(self) -> None:
        """Follow it as long as it is shown."""
        self.view.focus()
        if self._log is None:
            self.action_look()

    def left(self) -> None:
        """A log that nobody looks at is not followed."""
        if self._log is not None:
            self._log.cancel()
            self._log = None

    def tick(self) -> None:
        """Show what came, and how much of it could not be shown."""
        log = self._log
        if log is None or self.view.is_frozen:
            return
        lines, left_out = log.take(_MOST_A_TICK)
        self._left_out += left_out
        wanted = [one for one in lines if self._stream in ("both", one.stream)]
        self._shown += len(wanted)
        if wanted:
            self.view.append(list(dated_lines(wanted, self._day)))
            self._day = next((day for one in reversed(wanted) if (day := _day_of(one))), self._day)
        self._say(log)

    def _say(self, log: LogLook) -> None:
        out = f"; {self._left_out} lines came too fast and are NOT shown here" if self._left_out else ""
        gone = f"; {self.view.dropped} scrolled out" if self.view.dropped else ""
        state = f"ended: {log.error}" if log.error else "ended" if log.is_over else "following"
        if not self.view.is_following and not log.is_over:
            state = hint(self.irkit, "not at the end: {lines.last:G} follows")
        stream = f", {self._stream} only" if self._stream != "both" else ""
        since = f" of {self._since}" if self._since else ""
        self.say(f"{state}, {self._shown} lines from the last {self._tail}{since} on{stream}{out}{gone}")

    def action_freeze(self) -> None:
        """Hold still what is shown, or go on; meanwhile what comes is counted as left out where it is too much."""
        self.view.is_frozen = not self.view.is_frozen
        if self.view.is_frozen:
            self.say(hint(self.irkit, "FROZEN: {logs.freeze:z} goes on"), "bold $warning")

    def action_tail(self) -> None:
        """Show more of the lines from before."""
        self._tail = _after(self._tail, _TAILS)
        self.action_look()

    def action_since(self) -> None:
        """Show lines of another age."""
        self._since = _after(self._since, _SINCES)
        self.action_look()

    def action_stream(self) -> None:
        """Both streams, or one of them."""
        self._stream = _after(self._stream, _STREAMS)
        self.action_look()


def _after(one: T, choices: Sequence[T]) -> T:
    """The next choice; after the last the first."""
    return choices[(choices.index(one) + 1) % len(choices)]


def dated_lines(lines: Iterable[LogLine], day: str = "") -> Iterator[Line]:
    """Lines of a log, with the date before each that is of another day than the one before it; `day` is what was."""
    for one in lines:
        if (now := _day_of(one)) and now != day:
            day = now
            yield Line(safe(f"-- {day} UTC --"), "bold")
        yield shown_line(one)


def _day_of(one: LogLine) -> str:
    return one.stamp[:_DAY]


def shown_line(one: LogLine) -> Line:
    """A line of the log: its time of day, a sign for the second stream, and what was written; copied with its time."""
    sign = "!" if one.stream == "stderr" else "#" if one.stream == "engine" else " "
    cut = " … (cut here; the evidence has it whole)" if one.is_cut else ""
    value = safe(one.text, 4000)
    text = value if len(value) <= _WIDEST else safe(value, _WIDEST)
    style = "$warning" if sign == "!" else "$error" if sign == "#" else ""
    copied = Safe(f"{safe(one.stamp, 40)} {value}") if one.stamp else value
    return Line(Safe(f"{safe(one.stamp[11:19])} {sign} {text}{cut}"), style, copied)
