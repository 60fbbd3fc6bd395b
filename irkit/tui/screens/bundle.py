"""One bundle: how its run ended, its items, its log; whether it verifies; and what an item holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from irkit.app import read_records
from irkit.app.again import Again
from irkit.app.evidence_look import Item, Verdict, VerifyProgress, items_of, verifying
from irkit.app.one_look import Look
from irkit.cli.record_text import RecordText
from irkit.cli.render import run_text
from irkit.cli.table import size_text
from irkit.core.errors import IrkitError
from irkit.core.run import replay
from irkit.core.text import safe
from irkit.tui.line_view import Line, LineView
from irkit.tui.notice import Notice
from irkit.tui.panes.pane import first_lines
from irkit.tui.screens.item import ItemScreen
from irkit.tui.searching import SearchScreen
from irkit.tui.wrapping import shortened, width_for, wrapped

if TYPE_CHECKING:
    from irkit.app.live import Changed
    from irkit.core.events import Record

_MARGIN = 12
"""Columns of an item's line before its path."""


@dataclass(frozen=True, slots=True)
class ItemLine(Line):
    """A line about an item."""

    item: Item | None = None


class BundleScreen(SearchScreen[None]):
    """Summary and items; `l` shows the log as a time line instead, `v` verifies."""

    help_text = (
        "How the run ended, then the items, with what the log says of each; ! marks one that is not whole, or not as "
        "the log has it. An item is shown as text, made safe, or as hex; of an archive its members."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="bundle.open", tooltip="Look into the item"),
        Binding("v", "verify", "Verify", id="bundle.verify"),
        Binding("l", "log", "Log", id="bundle.log", tooltip="The log as a time line, or the items again"),
        Binding("U", "app.undo", "Undo", id="bundle.undo", tooltip="Plan to undo its run"),
        Binding(
            "Y", "copy_digest", "Copy SHA-256", id="bundle.copy-digest", show=False, tooltip="Copy the item's SHA-256"
        ),
        Binding("escape", "back", "Back", id="bundle.back"),
    ]

    def __init__(self, path: Path, *, verify: bool = False) -> None:
        super().__init__()
        self.path = path
        self._verify_first = verify
        self._is_log = self._is_anew = False
        self._verifying: Look[Verdict] | None = None
        self._width = 0
        self._progress = VerifyProgress()
        self._problems: tuple[str, ...] = ()
        self._reading: Again[list[Line]] = Again(self._read)

    def compose_body(self) -> Iterable[Widget]:
        yield Notice(Content(safe(self.path.name, 200)))
        yield Notice(id="bundle-verdict")
        yield LineView(id="bundle-lines")
        yield Notice(id="bundle-digest")
        yield Notice(id="bundle-source")
        yield self.search_field()

    def on_mount(self) -> None:
        """The items, and the verification where that was asked for."""
        view = self.query_one(LineView)
        view.is_following = False
        view.focus()
        if self._verify_first:
            self.action_verify()

    def on_unmount(self) -> None:
        """Give up what is under way."""
        self._reading.close()
        if self._verifying is not None:
            self._verifying.cancel()

    def run_in_view(self) -> str:
        """This bundle."""
        return str(self.path)

    def _read(self) -> list[Line]:
        """On another thread: the run or its log, and the items."""
        is_log, width = self._is_log, self._width
        records: list[Record] | None = None
        try:
            records = read_records(self.path)
            run = replay(records)
            left = self.services.evidence.left_of(run)
        except IrkitError as error:
            told: Iterable[Line] = [Line(safe(error, 1000), "bold $error")]
        else:
            text = RecordText()
            said = (text.line(record) for record in records) if is_log else run_text(run, left).splitlines()
            told = (Line(safe(line, 4000)) for line in said if line)
        lines = [piece for line in told for piece in wrapped(line, width)]
        if is_log:
            return first_lines(lines)
        items = (line for one in items_of(self.path, records) for line in item_lines(one, width))
        return [*lines, Line(safe("")), *first_lines(items)]

    def tick(self, changed: Changed) -> None:
        """What was read, and how far the verification has come."""
        width = width_for(self.query_one(LineView))
        if width and width != self._width:
            self._width = width
            self._reading.ask()
        read = self._reading.take()
        if read is not None:
            found = (Line(safe(one, 4000), "bold $error") for one in self._problems)
            problems = [piece for line in found for piece in wrapped(line, width)]
            failed = [Line(safe(read.error, 1000), "bold $error")]
            self._show([*problems, *(failed if read.value is None else read.value)])
        self._tell_verdict()

    def _show(self, lines: list[Line]) -> None:
        """Show them; the cursor stays on its item."""
        view = self.query_one(LineView)
        held = view.line.path if view.line is not None else None
        view.show(lines)
        if self._is_anew:
            self._is_anew = False
            view.action_edge(False)
            view.scroll_to(x=0, animate=False)
        elif held is not None and (view.line is None or view.line.path != held):
            at = next((number for number, one in enumerate(view.lines) if one.path == held), view.cursor)
            view.action_cursor(at - view.cursor)
        self._show_about()

    def on_line_view_moved(self) -> None:
        """What is told below is of the item under the cursor."""
        self._show_about()

    def _show_about(self) -> None:
        """The digests of the item under the cursor: of what is stored, and of what came from the host."""
        one = self._item()
        evidence = one.evidence if one is not None else None
        digest = source = ""
        if evidence is not None:
            digest, unpacked = f"sha256 {evidence.sha256}", f"sha256 {evidence.source_sha256} unpacked"
            source = "; ".join([*([unpacked] if evidence.compression else []), evidence.source, *evidence.warnings])
        elif one is not None:
            digest = f"{one.path}: the log says nothing of it"
        self.query_one("#bundle-digest", Notice).update(Content(safe(digest, 300)))
        self.query_one("#bundle-source", Notice).update(Content(safe(source, 600)))

    def _item(self) -> Item | None:
        line = self.query_one(LineView).line
        return line.item if isinstance(line, ItemLine) else None

    def _tell_verdict(self) -> None:
        look, verdict = self._verifying, self.query_one("#bundle-verdict", Notice)
        if look is None:
            return
        if not look.is_over:
            done, total = self._progress.done, self._progress.total
            verdict.update(Content(f"verifying: {size_text(done)} of {size_text(total)}"))
            return
        self._verifying = None
        if look.value is None:
            verdict.update(Content.styled(f"not verified: {safe(look.error, 300)}", "bold $error"))
        else:
            self._judge(look.value, verdict)

    def _judge(self, found: Verdict, verdict: Static) -> None:
        """One line, and where anything is wrong, all of it before the items."""
        if found.problems:
            verdict.update(Content.styled(f"DOES NOT VERIFY: {len(found.problems)} problem(s)", "bold $error"))
            self._problems = found.problems
            self._reading.ask()
        else:
            size = size_text(found.bytes)
            text = f"verifies: {found.files} files, {size}, {found.records} log records; not signed"
            verdict.update(Content.styled(text, "bold $success"))

    def action_verify(self) -> None:
        """Check every file, both manifests and the chain of the log."""
        if self._verifying is None:
            self._verifying, self._progress = verifying(self.services.setting, self.path)

    def action_log(self) -> None:
        """The log as a time line, or the items again."""
        self._is_log = not self._is_log
        self._is_anew = True
        self._reading.ask()

    def action_open(self) -> None:
        """Look into the item under the cursor."""
        one = self._item()
        if one is not None and one.size is not None:
            self.irkit.push_screen(ItemScreen(self.path, one))

    def action_copy_digest(self) -> None:
        """Copy the SHA-256 of the item under the cursor, as it is stored."""
        one = self._item()
        if one is not None and one.evidence is not None:
            self.irkit.copy(safe(one.evidence.sha256, 64))
        else:
            self.irkit.say("no SHA-256 is known of what is under the cursor", "warning")

    def action_back(self) -> None:
        """End the search, or go back to the bundles."""
        if not self.end_search():
            self.dismiss()


def item_lines(one: Item, width: int) -> Iterator[Line]:
    """An item: its size as it is stored, and its path, with its end in view; below it why it is not whole."""
    path = safe(one.path, 4000)
    size = "-" if one.size is None else size_text(one.size)
    partial = one.evidence.partial if one.evidence is not None else ""
    style = "bold $error" if one.doubt else "bold $warning" if partial else "$primary"
    sign = "!" if one.doubt or partial else " "
    text = f"{size:>10} {sign}{shortened(one.path, width - _MARGIN)}"
    yield ItemLine(safe(text, 600), style, path, path, item=one)
    for why in (one.doubt, partial and f"PARTIAL: {partial}"):
        if why:
            yield ItemLine(safe(f"{'':>{_MARGIN}}{why}", 1000), style, path, path, item=one)
