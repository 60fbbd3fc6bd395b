"""What one item of a bundle holds: text made safe, JSON laid out, the members of an archive, or hex."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget

from irkit.app.evidence_look import Item, Preview, hex_lines, looks_like_text, members, preview
from irkit.app.json_text import is_json, readable_lines
from irkit.app.one_look import Look
from irkit.cli.table import size_text
from irkit.core.text import safe
from irkit.tui.archive_lines import MemberLine, about_member, member_lines
from irkit.tui.line_view import MOST, Line, LineView
from irkit.tui.notice import Notice
from irkit.tui.panes.pane import first_lines
from irkit.tui.searching import SearchScreen
from irkit.tui.wrapping import piece_of, shortened, whole_lines, whole_safe, width_for, wrapped

if TYPE_CHECKING:
    from irkit.app.live import Changed

_PACKED: Final = ".zst"


class ItemScreen(SearchScreen[None]):
    """The beginning of one item, always made safe or as hex."""

    help_text = (
        "What is foreign is shown with its controls as signs, JSON laid out anew. A line that begins with \u21b3 goes "
        "on with the one before. Of an archive its members, as it says of them. The evidence stays as it is."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "hex", "Hex", id="item.hex", tooltip="As bytes, or as text again"),
        Binding(
            "Y",
            "copy_digest",
            "Copy SHA-256",
            id="item.copy-digest",
            show=False,
            tooltip="Copy the SHA-256 shown below",
        ),
        Binding("escape", "back", "Back", id="item.back"),
    ]

    def __init__(self, bundle: Path, item: Item) -> None:
        super().__init__()
        self._item = item
        self._is_hex: bool | None = None
        self._members = members(bundle, item.path, item.index) if item.is_archive else None
        self._preview = preview(bundle, item.path)
        self._made: Look[list[Line]] | None = None
        self._is_told = False
        self._is_anew = True
        self._width = 0

    def compose_body(self) -> Iterable[Widget]:
        yield Notice(id="item-path")
        yield Notice(Content("reading ..."), id="item-title")
        yield LineView(id="item-lines")
        yield Notice(id="item-digest")
        yield self.search_field()

    def on_mount(self) -> None:
        """It is read meanwhile."""
        self.query_one(LineView).is_following = False
        self.query_one(LineView).focus()
        self._show_about()

    def on_unmount(self) -> None:
        """Give up what is under way."""
        self._preview.cancel()
        if self._members is not None:
            self._members.cancel()

    def on_resize(self) -> None:
        """Lines are as wide as the window."""
        if self.is_ready:
            self._show_about()

    def on_line_view_moved(self) -> None:
        """What is told below is of the member under the cursor."""
        self._show_about()

    def tick(self, changed: Changed) -> None:
        """Show it once it is there, and its lines are made, on a thread of their own: they may be many."""
        look = self._members if self._members is not None and self._is_hex is not True else self._preview
        width = width_for(self.query_one(LineView))
        if width and width != self._width:
            self._width, self._is_told, self._made = width, False, None
        if self._is_told or not look.is_over:
            return
        if self._made is None:
            self._made = self._begin_lines(look, width)
        if self._made.is_over:
            self._is_told = True
            failed = [Line(safe(self._made.error, 300), "bold $error")]
            self._show(failed if self._made.value is None else self._made.value)

    def _show(self, lines: list[Line]) -> None:
        """Show them; at another width the cursor stays on its line, however many it takes there."""
        view = self.query_one(LineView)
        held = whole_lines(view.lines, view.cursor)
        view.show(lines)
        if self._is_anew:
            self._is_anew = False
            view.action_edge(False)
        else:
            view.action_cursor(piece_of(view.lines, held) - view.cursor)
        self._show_about()

    def _begin_lines(self, look: Look[Any], width: int) -> Look[list[Line]]:
        told = look.value
        lines: Iterable[Line] = ()
        if told is None:
            self._say(look.error, "bold $error")
        elif isinstance(told, Preview):
            lines = self._lines_of(told)
        else:
            lines = member_lines(told, width)
            self._say("; ".join([f"{len(told)} members, by {look.source}", *look.notes, "nothing is extracted"]))
        every = (piece for line in lines for piece in wrapped(line, width))
        return Look(lambda _: first_lines(every, MOST - 1))

    def _lines_of(self, told: Preview) -> Iterator[Line]:
        if self._is_hex is None:
            self._is_hex = not looks_like_text(told.data)
        name = self._item.path.removesuffix(_PACKED)
        is_json_file = name.endswith(".json") and is_json(told.data)
        how = "as hex" if self._is_hex else "as JSON, laid out, made safe" if is_json_file else "as text, made safe"
        evidence = self._item.evidence
        of = f" of {size_text(evidence.source_size)}" if told.is_cut and evidence is not None else ""
        size = f"the first {size_text(len(told.data))}{of}" if told.is_cut else size_text(len(told.data))
        self._say(f"{size}, {how}", "bold $warning" if told.is_cut else "")
        lines = hex_lines(told.data) if self._is_hex else readable_lines(name, told.data)
        return (Line(whole_safe(line)) for line in lines)

    def _say(self, text: str, style: str = "") -> None:
        """The title, with what is not whole of the item itself."""
        evidence = self._item.evidence
        doubt = self._item.doubt or (
            f"PARTIAL: {evidence.partial}" if evidence is not None and evidence.partial else ""
        )
        title = safe(f"{doubt}; {text}" if doubt else text, 600)
        style = style or ("bold $warning" if doubt else "")
        self.query_one("#item-title", Notice).update(Content.styled(title, style) if style else Content(title))

    def _show_about(self) -> None:
        """Above what it is, below the digest of what the cursor is on."""
        path = shortened(self._item.path, self.size.width)
        self.query_one("#item-path", Notice).update(Content(safe(path, 300)))
        line = self.query_one(LineView).line
        about = f"  {about_member(line.member)}" if isinstance(line, MemberLine) and line.member is not None else ""
        digest = self._digest()
        self.query_one("#item-digest", Notice).update(Content(safe(f"sha256 {digest or '-'}{about}", 600)))

    def _digest(self) -> str:
        """Of the member under the cursor, else of the item."""
        line = self.query_one(LineView).line
        if isinstance(line, MemberLine) and line.member is not None:
            return line.member.sha256
        return self._item.evidence.sha256 if self._item.evidence is not None else ""

    def action_copy_digest(self) -> None:
        """Copy the SHA-256 of the member under the cursor, or of the item."""
        digest = self._digest()
        if digest:
            self.irkit.copy(safe(digest, 64))
        else:
            self.irkit.say("no SHA-256 is known of it", "warning")

    def action_hex(self) -> None:
        """As bytes, or as text again."""
        self._is_hex, self._is_told, self._made = not self._is_hex, False, None
        self._is_anew = True

    def action_back(self) -> None:
        """End the search, or go back to the bundle."""
        if not self.end_search():
            self.dismiss()
