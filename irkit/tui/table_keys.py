"""The keys of a live table. Each has an id, so that a configuration file can give it another."""

from textual.binding import Binding, BindingType

BINDINGS: list[BindingType] = [
    Binding("j,down", "step(1)", "Down", id="table.down", show=False),
    Binding("k,up", "step(-1)", "Up", id="table.up", show=False),
    Binding("g,home", "first", "First", id="table.first", show=False),
    Binding("G,end", "last", "Last", id="table.last", show=False),
    Binding("pagedown", "page(1)", "Page down", id="table.page_down", show=False),
    Binding("pageup", "page(-1)", "Page up", id="table.page_up", show=False),
    Binding("enter", "open", "Open", id="table.open", show=False),
    Binding("space", "mark", "Mark", id="table.mark"),
    Binding("v", "mark_range", "Mark from here to there", id="table.mark_range", show=False),
    Binding("a", "mark_all", "Mark all shown", id="table.mark_all", show=False),
    Binding("u", "unmark", "Take all marks away", id="table.unmark", show=False),
    Binding("escape", "cancel_range", "Give up the range", id="table.cancel_range", show=False),
]
