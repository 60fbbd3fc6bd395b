"""The hosts: how each stands and why, and what can be done about one that is not up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from irkit.app.live import Changed, LiveHost, LiveState
from irkit.cli.table import age_text, size_text
from irkit.core.container import SHORT_ID
from irkit.core.errors import IrkitError
from irkit.core.text import Safe, safe
from irkit.tui import flows, going
from irkit.tui.live_table import Cell, Column, LiveTable, Row
from irkit.tui.screen import IrkitScreen
from irkit.tui.screens.choice import ChoiceScreen
from irkit.tui.table_messages import CursorMoved, Opened

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLUMNS: Final = (
    Column("sign", "", 1),
    Column("host", "HOST", 14, grow=2, max_width=30),
    Column("state", "STATE", 16),
    Column("ping", "PING", 7, align="right"),
    Column("engine", "ENGINE", 13, grow=1, max_width=24),
    Column("running", "RUN/ALL", 9, align="right"),
    Column("seen", "SEEN", 5, align="right"),
    Column("free", "FREE", 9, min_width=100, align="right"),
    Column("route", "ROUTE", 20, min_width=120, grow=1, max_width=40),
)
_WHAT_TO_DO: Final[Mapping[LiveState, str]] = {
    LiveState.AUTH: "{hosts.retry:r} tries again, and asks for a password or a passphrase on the terminal",
    LiveState.KEY_UNKNOWN: "{hosts.trust:K} shows the key on the terminal; compare its fingerprint before you say yes",
    LiveState.KEY_CHANGED: (
        "REFUSED. Somebody may be in between. If you know that the host was set up anew, take the old line out of"
        " known_hosts by hand, then {hosts.retry:r}"
    ),
    LiveState.KEY_REVOKED: "REFUSED. A revoked key is never accepted",
    LiveState.NO_ENGINE: "the login works, and no engine answers there: its socket, or your rights to it",
    LiveState.LEFT_OUT: "correct the inventory",
    LiveState.API_TOO_OLD: "irkit needs Docker 20.10 or later, or Podman 4 or later",
    LiveState.DOWN: "it is tried again with growing pauses; {hosts.retry:r} tries at once",
    LiveState.STALE: "what is shown of it is old; it is tried again with growing pauses, {hosts.retry:r} tries at once",
}


_MOST_OFFERED = 200
_TYPE, _TYPE_MORE = "", "+"
"""Answers that are the name of no host."""


class HostsScreen(IrkitScreen[None]):
    """Every host with its state and reason; keys and passwords are dealt with in the terminal proper."""

    help_text = (
        "Every host, how it stands and why. Enter shows a host's containers. Keys and passwords are dealt with on the"
        " terminal proper, with the screens put aside. A key that is not known is recorded after a typed yes; one that"
        " changed is never accepted here."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "retry", "Try again", id="hosts.retry"),
        Binding(
            "K", "trust", "Its key", id="hosts.trust", tooltip="Show the key of a host that is not known, and record it"
        ),
        Binding(
            "plus", "add", "Add", id="hosts.add", tooltip="Add a host to this list: one of the inventory, or another"
        ),
        Binding("escape", "back", "Back", id="hosts.back"),
    ]

    def compose_body(self) -> Iterable[Widget]:
        yield Input(placeholder="host: a name, an address, context:NAME", id="hosts-input", max_length=300)
        yield LiveTable(_COLUMNS, self._look, id="hosts-table", marks=False)
        with VerticalScroll(id="hosts-about"):
            yield Static(id="hosts-text", markup=False)

    @property
    def table(self) -> LiveTable:
        """The list."""
        return self.query_one(LiveTable)

    def on_mount(self) -> None:
        """The hosts as they are now."""
        self.query_one("#hosts-input").display = False
        self.table.focus()
        self._show()

    def on_screen_resume(self) -> None:
        """They may stand otherwise by now."""
        if self.is_ready:
            self._show()

    def tick(self, changed: Changed) -> None:
        """Latencies and ages change all the time."""
        self._show()

    def _show(self) -> None:
        self.table.show(list(self.irkit.hosts_now))
        if self.table.cursor_key is None and len(self.irkit.hosts_now):
            self.table.move_to(next(iter(self.irkit.hosts_now)))
        self._say_about()

    def _look(self, key: str) -> Row:
        one = self.irkit.hosts_now[key]
        return Row(tuple(_cells(one, self.services.live.clock.monotonic())), is_stale=one.state is LiveState.STALE)

    @on(CursorMoved)
    def _say_about(self) -> None:
        """What is known of the host under the cursor, and what can be done."""
        one = self.irkit.hosts_now.get(self.table.cursor_key or "")
        if one is None:
            return
        parts = [Content.styled(f"{safe(one.name, 60)}: {one.state}", "bold")]
        if todo := _WHAT_TO_DO.get(one.state):  # before the reason, which may be longer than there is room
            parts.append(Content.styled(self.hint(todo), "bold $warning"))
        if one.reason:
            parts.append(Content(safe(one.reason, 1000)))
        facts = [("address", one.address), ("route", one.route), ("engine ID", one.engine_id[:SHORT_ID])]
        parts += [Content(f"{name} {safe(value, 200)}") for name, value in facts if value]
        if one.as_of is not None:
            parts.append(Content.styled(f"as of {one.as_of:%Y-%m-%dT%H:%M:%S}Z", "dim"))
        parts += [Content.styled(safe(note, 400), "dim") for note in self.services.told if note.startswith("note")]
        self.query_one("#hosts-text", Static).update(Content("\n").join(parts))

    @on(Opened)
    async def _open(self, event: Opened) -> None:
        """Enter shows its containers."""
        if event.key is not None:
            await going.show_host(self.irkit, event.key)

    def to_copy(self) -> Safe | None:
        """The host's name."""
        key = self.table.cursor_key
        return safe(key) if key is not None else None

    # Keys ------------------------------------------------------------------------------------------------------------

    def action_retry(self) -> None:
        """Try the host again, whatever it was refused for."""
        key = self.table.cursor_key
        if key is not None:
            self.services.live.retry(key)
            self.irkit.say(f"trying {safe(key, 60)} again")

    def action_trust(self) -> None:
        """Show the key of a host that is not known, and record it where the responder says yes."""
        one = self.irkit.hosts_now.get(self.table.cursor_key or "")
        if one is None or one.state is not LiveState.KEY_UNKNOWN:
            self.irkit.say("only the key of a host whose key is unknown can be recorded", "warning")
            return
        flows.trust_host(self.irkit, one.name)

    def action_add(self) -> None:
        """Choose one of the inventory that is not in the list; where there is none, type it."""
        offered = self.services.not_shown.beside(self.irkit.hosts_now)
        if not offered:
            self._type()
            return

        def told(answer: str | None) -> None:
            if answer in (_TYPE, _TYPE_MORE):
                self._type()
            elif answer is not None:
                self._add(answer)

        question = "Which host is to be added to this list? irkit connects to it at once."
        answers = list(_offers(offered, self.services.not_shown.file))
        self.irkit.push_screen(ChoiceScreen(question, answers), told)

    def _type(self) -> None:
        field = self.query_one("#hosts-input", Input)
        field.display = True
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take it into the list; the inventory stays as it is."""
        event.stop()
        self._end_typing()
        self._add(event.value.strip())

    def _add(self, selector: str) -> None:
        try:
            new = self.services.live.add(selector)
        except IrkitError as error:
            self.irkit.say(error, "error")
            return
        self.irkit.say(f"added {', '.join(safe(name, 60) for name in new) or 'nothing: it is in the list already'}")

    def _end_typing(self) -> None:
        self.query_one("#hosts-input").display = False
        self.table.focus()

    async def action_back(self) -> None:
        """End the typing, or go back to the list of containers."""
        if self.query_one("#hosts-input").display:
            self._end_typing()
        else:
            await self.irkit.action_mode("triage")


def _offers(names: Sequence[str], file: Safe) -> Iterator[tuple[str, str, str]]:
    """The hosts to choose from, as a question has its answers."""
    yield _TYPE, "Another one", "its name or address is typed"
    if len(names) > 1:
        yield "all", f"All of {file}", f"{len(names)} hosts that are not in the list"
    for name in names[:_MOST_OFFERED]:
        yield name, name, f"of {file}"
    if len(names) > _MOST_OFFERED:
        yield _TYPE_MORE, f"and {len(names) - _MOST_OFFERED} more", "the name is typed"


def _cells(one: LiveHost, now: float) -> Iterable[Cell]:
    """A host as cells; a sign says before any colour whether it is up."""
    is_up = one.state.is_up
    yield Cell(Safe("+" if is_up else "." if one.state is LiveState.CONNECTING else "!"), "good" if is_up else "bad")
    yield Cell(safe(one.name, 100), "strong")
    yield Cell(safe(one.state), "good" if is_up else "critical")
    yield Cell(safe(f"{one.latency_ms:.0f} ms" if one.latency_ms is not None else "-"))
    yield Cell(safe(one.engine or "-", 100))
    running = "?" if one.running is None else one.running
    yield Cell(safe(f"{running}/{one.containers}" if one.containers is not None else "-"))
    yield Cell(safe(age_text(now - one.seen) if one.seen is not None else "-"))
    yield Cell(safe(size_text(one.free_bytes) if one.free_bytes is not None else "-"))
    yield Cell(safe(one.route or "-", 200))
