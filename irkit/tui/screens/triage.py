"""The first screen: all containers of the hosts meant as they are now, the gravest first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from irkit.app.live import Changed
from irkit.core.container import SHORT_ID
from irkit.core.text import Safe, safe
from irkit.tui.known_rows import KnownRows
from irkit.tui.live_table import LiveTable, Row
from irkit.tui.notice import Notice
from irkit.tui.row_filter import FilterError, RowFilter, compile_filter
from irkit.tui.screen import IrkitScreen
from irkit.tui.table_messages import CursorGone, CursorMoved, MarksChanged, Opened
from irkit.tui.triage_rows import COLUMNS, ORDERS, USE_WIDTH, row_of

if TYPE_CHECKING:
    from irkit.app.live import LiveHost, LiveRow

_ORDERS = tuple(ORDERS)
_AGES_EVERY = 25
"""Ticks after which the list is gone through though nothing changed: ages grow, and filters ask for them."""
_ROWS_A_TICK = 1250
_MOST_TICKS = 5
"""A tick more between two looks at what changed for so many rows, and how many at most: 5,000 rows, once a second."""
_MOST_PROBLEMS = 3
_MOVE = "move the cursor first ({table.down:j}, {table.up:k}, {table.first:g})"
ISOLATE = "Plan to isolate and preserve"


class TriageScreen(IrkitScreen[None]):
    """Mark, look, plan. The cursor and the marks belong to containers, not to lines."""

    help_text = (
        "All containers of the hosts listed ({screen.hosts:7}), the gravest first. A filter has words and terms, all of"
        " which must match: state: host: image: label: name: id: risk>=M flag:PD age<1h restarts>=3; ! inverts a term,"
        " * and ? match, quotes make one word."
    )
    chooses_targets = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", id="triage.filter"),
        Binding("o", "sort", "Sort", id="triage.sort", tooltip="Sort by the next order"),
        Binding("I", "app.plan_at_once('isolate')", "Isolate", id="triage.isolate", tooltip=ISOLATE),
        Binding("P", "app.plan", "Playbook", id="triage.plan", tooltip="Plan a playbook"),
        Binding("z", "freeze", "Freeze", id="triage.freeze", show=False, tooltip="Let no line move, or move again"),
        Binding("l", "open('logs')", "Logs", id="triage.logs", show=False),
        Binding("i", "open('inspect')", "Inspect", id="triage.inspect", show=False),
        Binding("t", "open('processes')", "Processes", id="triage.processes", show=False),
        Binding("f", "open('files')", "Files", id="triage.files", show=False),
        Binding("w", "open('network')", "Network", id="triage.network", show=False),
        Binding("n", "again(1)", "Next match", id="triage.next", show=False),
        Binding("N", "again(-1)", "Match before", id="triage.previous", show=False),
        Binding("escape", "clear", "Clear the filter", id="triage.clear", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._are_marks_lost = False
        self._known = KnownRows(self._row_now)
        self._filter: RowFilter = compile_filter("")
        self._order = _ORDERS[0]
        self._shown = 0
        self._news = Changed()
        self._ticks = self._due_at = self._gone_through = 0
        self._told = ""

    def compose_body(self) -> Iterable[Widget]:
        yield Notice(id="triage-line")
        yield Input(placeholder="filter: words, state: host: image: label: risk>=M flag:P age<1h, ! inverts",
                    id="triage-filter", select_on_focus=False)  # fmt: skip
        yield LiveTable(COLUMNS, self._look, id="triage-table")
        yield Notice(id="triage-told")

    @property
    def table(self) -> LiveTable:
        """The list."""
        return self.query_one(LiveTable)

    def on_mount(self) -> None:
        """All there is already."""
        self.query_one("#triage-filter").display = False
        self.table.focus()
        self._take_all()

    def on_screen_resume(self) -> None:
        """Much may have changed meanwhile."""
        if self.is_ready:
            self._take_all()

    # News ------------------------------------------------------------------------------------------------------------

    def tick(self, changed: Changed) -> None:
        """Take in what changed."""
        self._ticks += 1
        self._news.add(changed)
        if self._ticks >= self._due_at:
            self._take_in()
        self._see_to_use()
        self._say()

    def _see_to_use(self) -> None:
        """Sample what is in view, where there is room to show it, of containers that run on hosts that answer."""
        seen = self.table.in_view if self.size.width >= USE_WIDTH else []
        hosts = self.irkit.hosts_now
        up = {name for name, host in hosts.items() if host.state.is_up}
        alive = [
            key
            for key in seen
            if (one := self._known.get(key)) and one.row.host in up and one.row.summary.state in ("running", "paused")
        ]
        if self.services.use.see_to(alive):
            self.table.look_again()

    def on_screen_suspend(self) -> None:
        """Nothing is sampled that nobody sees."""
        self.services.use.close()

    def _take_in(self) -> None:
        """Show what changed since the last time; of many rows not at each tick, as it costs what there are rows."""
        changed, self._news = self._news, Changed()
        is_old = self._ticks - self._gone_through >= _AGES_EVERY
        is_other = self._known.take(changed)
        if changed.gone:
            self._forget(changed.gone)
        if is_other or is_old:
            self._show()
        elif changed:
            self.table.look_again()
        if changed:
            self._due_at = self._ticks + min(1 + len(self._known) // _ROWS_A_TICK, _MOST_TICKS)

    def _take_all(self) -> None:
        self._news = Changed()
        self._forget(self._known.take_all(self.services.live.rows))
        self._show(at_once=True)
        self._say()

    def _row_now(self, key: str) -> LiveRow | None:
        return self.services.live.row(key)

    def _forget(self, gone: set[str]) -> None:
        """These are no more. Where all that was marked went, nothing is chosen until the responder chooses anew."""
        had_marks = bool(self.table.marked)
        self.table.drop_marks(gone)
        self._are_marks_lost = self._are_marks_lost or (had_marks and not self.table.marked)

    def _show_at_once(self) -> None:
        """The responder asked for something else: show it, with all that is known by now."""
        self._take_in()
        self._show(at_once=True)

    def _show(self, *, at_once: bool = False) -> None:
        self._gone_through = self._ticks
        kept = self._known.in_order(self._order)
        if self._filter.tests:
            now = self.services.clock.now().timestamp()
            kept = self._filter.select(self._known.facets(kept), now)
        self._shown = len(kept)
        self.table.show(kept, at_once=at_once)

    def _look(self, key: str) -> Row:
        one = self._known[key]
        host = self.irkit.hosts_now.get(one.row.host)
        is_stale = host is not None and not host.state.is_up
        return row_of(one, self.services.clock.now().timestamp(), is_stale=is_stale, use=self.services.use.of(key))

    def _say(self) -> None:
        """The line above the list: filter, counts, marks, order; and the line below it: hosts that do not answer."""
        table = self.table
        marked = len(table.marked)
        hidden = f" ({table.hidden_marks} hidden by the filter)" if table.hidden_marks else ""
        parts = [
            f"filter {safe(self._filter.text, 30)}" if self._filter.text else "no filter (/)",
            f"{self._shown}/{len(self._known)} shown",
            f"{marked} marked{hidden}",
            *self._as_of(),
            f"sort {self._order}" + self._held(table),
        ]
        self.query_one("#triage-line", Notice).update(Content("   ".join(parts)))
        self.query_one("#triage-told", Notice).update(self._problems())

    def _as_of(self) -> list[str]:
        """The time of the oldest list of those that are shown as being of now: what is older is told below."""
        times = [one.as_of for one in self.irkit.hosts_now.values() if one.state.is_up and one.as_of]
        return [f"as of {min(times):%H:%M:%S}Z"] if times else []

    def _problems(self) -> Content:
        """What cannot be believed of the list just now."""
        if self._told:
            return Content.styled(self._told, "bold $warning")
        hosts = [one for one in self.irkit.hosts_now.values() if not one.state.is_up or one.unread]
        told = [_host_text(one) for one in hosts[:_MOST_PROBLEMS]]
        more = [f"and {len(hosts) - _MOST_PROBLEMS} more"] if len(hosts) > _MOST_PROBLEMS else []
        services = self.services
        unseen = "" if services.opened.hosts else services.not_shown.line(self.irkit.hosts_now)
        return Content(safe("; ".join(filter(None, [*told, *more, unseen])), 400))

    # What keys do ----------------------------------------------------------------------------------------------------

    def target_keys(self) -> list[str]:
        """Those marked; where none is, the one under the cursor, unless all that were marked just went."""
        marked = [key for key in self.table.marked if key in self._known]
        key = self.table.cursor_key
        return marked if marked or key is None or self._are_marks_lost else [key]

    def looked_at(self) -> list[str]:
        """The one under the cursor, whatever is marked."""
        key = self.table.cursor_key
        return [key] if key is not None else []

    def action_open(self, tab: str = "overview") -> None:
        """Open the container under the cursor."""
        key = self.table.cursor_key
        if key is None:
            self._tell(f"the cursor holds no row: {self.hint(_MOVE)}")
        else:
            self.irkit.open_container(key, tab)

    @on(Opened)
    def _open_row(self, event: Opened) -> None:
        """Enter opens."""
        if event.key is not None:
            self.irkit.open_container(event.key)

    @on(CursorGone)
    def _tell_gone(self, event: CursorGone) -> None:
        """Say what became of the row that the cursor was on."""
        if event.key is None:
            self._tell(self.hint(_MOVE))
            return
        known = self._known.get(event.key)
        name = safe(known.row.summary.name, 60) if known else safe(event.key.rpartition("/")[2][:SHORT_ID])
        what = "is not shown any more" if known else "is gone"
        self._tell(safe(f"{name} {what}: the cursor holds no row now", 300))

    @on(CursorMoved)
    def _tell_moved(self, event: CursorMoved) -> None:
        """What was said of the cursor is past, and it is where the responder put it."""
        if event.key is not None:
            self._are_marks_lost = False
            self._tell("")

    @on(MarksChanged)
    def _tell_marks(self, event: MarksChanged) -> None:
        """Marks that went with their containers are told."""
        self._are_marks_lost = self._are_marks_lost and bool(event.dropped)
        self._tell(f"{len(event.dropped)} marked container(s) are gone, and their marks" if event.dropped else "")

    def _tell(self, text: str) -> None:
        self._told = text
        self._say()

    def action_sort(self) -> None:
        """The next order."""
        self._order = _ORDERS[(_ORDERS.index(self._order) + 1) % len(_ORDERS)]
        self.table.touch()
        self._show_at_once()
        self._say()

    def action_again(self, step: int) -> None:
        """The next row of those that the filter lets through."""
        self.table.action_step(step)

    def to_copy(self) -> Safe | None:
        """Host and id: what names the container wherever irkit is asked for one."""
        key = self.table.cursor_key
        return safe(key) if key is not None else None

    def action_freeze(self) -> None:
        """Let no line move until it is said again; what is in the lines stays of now."""
        self.table.freeze(not self.table.is_frozen)
        self._say()

    def action_filter(self) -> None:
        """Type a filter: the list follows as it is typed."""
        field = self.query_one("#triage-filter", Input)
        field.display = True
        field.focus()

    def filter_by(self, text: str) -> None:
        """Filter by this, as if it had been typed."""
        self.query_one("#triage-filter", Input).value = text

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as it is typed; what is wrong with it is said, and the last one that was right stays."""
        try:
            self._filter = compile_filter(event.value)
        except FilterError as error:
            self._tell(safe(f"filter: {error}", 300))
            return
        self._told = ""
        self._show_at_once()
        self._say()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Back to the list, with the filter."""
        event.stop()
        self._end_typing()

    def _end_typing(self) -> None:
        self.query_one("#triage-filter").display = False
        self.table.focus()

    def _held(self, table: LiveTable) -> str:
        if table.is_frozen:
            return self.hint(", FROZEN ({triage.freeze:z})")
        return ", held while you move" if table.is_order_kept else ""

    def action_clear(self) -> None:
        """Take the filter away."""
        self.query_one("#triage-filter", Input).value = ""
        self._end_typing()


def _host_text(one: LiveHost) -> str:
    """What is to be known of a host whose rows may not be as they are shown."""
    if one.state.is_up:
        return f"{one.name}: facts of {one.unread} still to be read"
    seen = f", as of {one.as_of:%H:%M:%S}Z" if one.as_of else ""
    return f"{one.name} {one.state}{seen}" + (f": {one.reason}" if one.reason else "")
