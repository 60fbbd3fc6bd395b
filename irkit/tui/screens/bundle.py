"""One bundle: how its run ended, its items, its log; whether it verifies; and what an item holds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from irkit.app import read_records
from irkit.app.again import Again
from irkit.app.evidence_look import (
    Item,
    Preview,
    Verdict,
    VerifyProgress,
    hex_lines,
    items_of,
    looks_like_text,
    members,
    preview,
    text_lines,
    verifying,
)
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
from irkit.tui.screen import IrkitScreen

if TYPE_CHECKING:
    from irkit.app.live import Changed

_TARS = (".tar", ".tar.zst")


class BundleScreen(IrkitScreen[None]):
    """Summary and items; `l` shows the log as a time line instead, `v` verifies."""

    help_text = (
        "How the run ended, then the items. An item is shown as text, made safe, or as hex; of a tar its members."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Look into", id="bundle.open"),
        Binding("v", "verify", "Verify", id="bundle.verify"),
        Binding("l", "log", "Log", id="bundle.log", tooltip="The log as a time line, or the items again"),
        Binding("U", "app.undo", "Undo", id="bundle.undo", tooltip="Plan to undo its run"),
        Binding("escape", "back", "Back", id="bundle.back"),
    ]

    def __init__(self, path: Path, *, verify: bool = False) -> None:
        super().__init__()
        self.path = path
        self._verify_first = verify
        self._is_log = self._is_anew = False
        self._verifying: Look[Verdict] | None = None
        self._progress = VerifyProgress()
        self._problems: tuple[str, ...] = ()
        self._reading: Again[list[Line]] = Again(self._read)

    def compose_body(self) -> Iterable[Widget]:
        yield Notice(Content(safe(self.path.name, 200)))
        yield Notice(id="bundle-verdict")
        yield LineView(id="bundle-lines")

    def on_mount(self) -> None:
        """The items, and the verification where that was asked for."""
        view = self.query_one(LineView)
        view.is_following = False
        view.focus()
        self._reading.ask()
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
        is_log = self._is_log
        try:
            records = read_records(self.path)
            run = replay(records)
            left = self.services.evidence.left_of(run)
        except IrkitError as error:
            lines = [Line(safe(error, 1000), "bold $error")]
        else:
            text = RecordText()
            told = (text.line(record) for record in records) if is_log else run_text(run, left).splitlines()
            lines = [Line(safe(line, 1000)) for line in told if line]
        return lines if is_log else [*lines, Line(safe("")), *first_lines(map(item_line, items_of(self.path)))]

    def tick(self, changed: Changed) -> None:
        """What was read, and how far the verification has come."""
        read = self._reading.take()
        if read is not None:
            problems = [Line(safe(one, 600), "bold $error") for one in self._problems]
            failed = [Line(safe(read.error, 1000), "bold $error")]
            view = self.query_one(LineView)
            view.show([*problems, *(failed if read.value is None else read.value)])
            if self._is_anew:
                self._is_anew = False
                view.action_edge(False)
                view.scroll_to(x=0, animate=False)
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
        line = self.query_one(LineView).line
        if line is not None and line.path is not None:
            self.irkit.push_screen(ItemScreen(self.path, line.path))

    def action_back(self) -> None:
        """Back to the bundles."""
        self.dismiss()


def item_line(one: Item) -> Line:
    """An item: its size as it is stored, and its path."""
    path = safe(one.path, 4000)
    return Line(safe(f"{size_text(one.size):>10}  {one.path}", 600), "$primary", value=path, path=path)


class ItemScreen(IrkitScreen[None]):
    """The beginning of one item, always made safe or as hex."""

    help_text = "What is foreign is shown with its controls as signs. The evidence stays as it is."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "hex", "Hex", id="item.hex", tooltip="As bytes, or as text again"),
        Binding("escape", "back", "Back", id="item.back"),
    ]

    def __init__(self, bundle: Path, item: str) -> None:
        super().__init__()
        self._bundle, self._item = bundle, item
        self._is_hex: bool | None = None
        self._is_tar = item.endswith(_TARS)
        self._members = members(bundle, item) if self._is_tar else None
        self._preview = preview(bundle, item)
        self._made: Look[list[Line]] | None = None
        self._is_told = False

    def compose_body(self) -> Iterable[Widget]:
        yield Notice(Content(safe(self._item, 300)))
        yield Notice(Content("reading ..."), id="item-title")
        yield LineView(id="item-lines")

    def on_mount(self) -> None:
        """It is read meanwhile."""
        self.query_one(LineView).is_following = False
        self.query_one(LineView).focus()

    def on_unmount(self) -> None:
        """Give up what is under way."""
        self._preview.cancel()
        if self._members is not None:
            self._members.cancel()

    def tick(self, changed: Changed) -> None:
        """Show it once it is there, and its lines are made, on a thread of their own: they may be many."""
        look = self._members if self._members is not None and self._is_hex is not True else self._preview
        if self._is_told or not look.is_over:
            return
        if self._made is None:
            self._made = self._begin_lines(look)
        if self._made.is_over:
            self._is_told = True
            failed = [Line(safe(self._made.error, 300), "bold $error")]
            self.query_one(LineView).show(failed if self._made.value is None else self._made.value)

    def _begin_lines(self, look: Look[Any]) -> Look[list[Line]]:
        title, told = self.query_one("#item-title", Notice), look.value
        lines: Iterable[str] = ()
        if told is None:
            title.update(Content.styled(safe(look.error, 300), "bold $error"))
        elif isinstance(told, Preview):
            lines = self._lines_of(told)
            cut = f"the first {size_text(len(told.data))}" if told.is_cut else size_text(len(told.data))
            title.update(Content(f"{cut}, {'as hex' if self._is_hex else 'as text, made safe'}"))
        else:
            lines = told
            title.update(Content(f"{len(told)} members, by {look.source}; nothing is extracted"))
        return Look(lambda _: first_lines(Line(safe(line, 1000)) for line in lines))

    def _lines_of(self, told: Preview) -> Iterable[str]:
        if self._is_hex is None:
            self._is_hex = not looks_like_text(told.data)
        return hex_lines(told.data) if self._is_hex else text_lines(told.data)

    def action_hex(self) -> None:
        """As bytes, or as text again."""
        self._is_hex, self._is_told, self._made = not self._is_hex, False, None

    def action_back(self) -> None:
        """Back to the bundle."""
        self.dismiss()
