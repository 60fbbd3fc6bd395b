"""The screen of one container: overview, processes, network, files, logs and the engine's own answer, as tabs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from irkit.app.exports import KINDS
from irkit.core.text import safe
from irkit.tui.line_view import LineView
from irkit.tui.notice import Notice
from irkit.tui.panes.files import FilesPane
from irkit.tui.panes.inspect import InspectPane
from irkit.tui.panes.logs import LogsPane
from irkit.tui.panes.network import NetworkPane
from irkit.tui.panes.overview import OverviewPane
from irkit.tui.panes.pane import Pane
from irkit.tui.panes.processes import ProcessesPane
from irkit.tui.panes.tab_line import TabLine
from irkit.tui.searching import SearchScreen
from irkit.tui.themes import SEVERITY_SIGNS, SEVERITY_STYLES, UNKNOWN_SIGN

if TYPE_CHECKING:
    from irkit.app.live import Changed

_TABS: tuple[tuple[str, str, type[Pane[Any]]], ...] = (
    ("o", "overview", OverviewPane),
    ("t", "processes", ProcessesPane),
    ("w", "network", NetworkPane),
    ("f", "files", FilesPane),
    ("l", "logs", LogsPane),
    ("i", "inspect", InspectPane),
)


class ContainerScreen(SearchScreen[None]):
    """One container, by its key: it stays this one whatever moves in the list, and says so where it is gone."""

    help_text = (
        "One container, whatever moves in the list; it is said where it is gone. Tabs look when they are shown, and say"
        " as of when. $ marks a shell, ! what is unusual or was written to stderr, # what the engine says."
    )
    chooses_targets = True
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"tab('{name}')", name.title(), id=f"tab.{name}", show=False) for key, name, _ in _TABS),
        Binding("e", "export", "Export", id="container.export", tooltip="Save it whole, from its source"),
        Binding("escape", "back", "Back", id="container.back"),
    ]

    def __init__(self, key: str, tab: str = "overview") -> None:
        super().__init__()
        self.key, self._tab = key, tab

    def compose_body(self) -> Iterable[Widget]:
        yield Notice(id="container-title")
        yield TabLine([(key, name) for key, name, _ in _TABS], id="container-tabs")
        with ContentSwitcher(initial=self._tab, id="container-body", classes="pane"):
            for _, name, kind in _TABS:
                yield kind(self.key, id=name)
        yield self.search_field()

    def on_mount(self) -> None:
        """Show the first tab."""
        self.irkit.last_container = self.key, self._tab
        self._show_row()
        self.pane.entered()

    def on_unmount(self) -> None:
        """Give up what is under way."""
        for pane in self.query(Pane):
            pane.left()

    @property
    def pane(self) -> Pane[Any]:
        """The tab that is shown."""
        return self.query_one(f"#{self._tab}", Pane)

    @property
    def searched(self) -> LineView:
        """The lines of that tab."""
        return self.pane.view

    def target_keys(self) -> list[str]:
        """This container alone, whatever is marked in the list."""
        return [self.key]

    def tick(self, changed: Changed) -> None:
        """The row, and what the tab looked for."""
        self._show_row()
        self.pane.tick()

    def _show_row(self) -> None:
        row = self.services.live.row(self.key)
        for pane in self.query(Pane):
            if row is not None:
                pane.row = row
        host = self.irkit.hosts_now.get(self.key.partition("/")[0])
        if row is None:
            text = Content.styled("GONE from the list: what is shown was seen before", "bold $error")
        else:
            sign = SEVERITY_SIGNS.get(str(row.risk), UNKNOWN_SIGN)
            parts: list[str | tuple[str, str]] = [
                (sign, SEVERITY_STYLES.get(str(row.risk), "")),
                f" {row.flags or '......'} {safe(row.host, 40)}/",
                (safe(row.summary.name, 60), "bold"),
                f"  {safe(row.summary.state, 20)}  {safe(row.summary.image, 60)}",
            ]
            if host is not None and not host.state.is_up:
                parts.append((f"  OLD: its host is {host.state}", "bold $error"))
            text = Content.assemble(*parts)
        self.query_one("#container-title", Notice).update(text)
        self.query_one(TabLine).show(self._tab)

    @on(TabLine.Chosen)
    def _choose_tab(self, event: TabLine.Chosen) -> None:
        """A click does what the key of the tab does."""
        self.action_tab(event.name)

    def action_tab(self, name: str) -> None:
        """Show a tab; one that is left gives up what it was looking for."""
        if name == self._tab:
            return
        self.pane.left()
        self._tab = name
        self.irkit.last_container = self.key, name
        self.query_one("#container-body", ContentSwitcher).current = name
        self._show_row()
        self.refresh_bindings()
        self.pane.entered()

    def look_again(self) -> None:
        """What the tab shows, anew."""
        self.pane.action_look()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What the overview shows is in the other tabs, whole."""
        return action != "export" or self._tab in KINDS

    def action_export(self) -> None:
        """Save what the tab shows, whole and as it comes from its source; nothing of it was on the screen."""
        if self.services.exports.begin(self.key, self._tab):
            self.irkit.say(f"saving {self._tab} from its source ...")
        else:
            self.irkit.say(f"{self._tab} is being saved already", "warning")

    def action_back(self) -> None:
        """End the search, or go back to the list."""
        if not self.end_search():
            self.dismiss()
