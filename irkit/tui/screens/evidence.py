"""The evidence folder: all bundles by case, the newest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets.option_list import Option

from irkit.app.again import Again
from irkit.app.evidence_look import BundleSeen
from irkit.core.text import Safe, safe
from irkit.tui.choices import Choices
from irkit.tui.notice import Notice
from irkit.tui.plan_text import count
from irkit.tui.run_view import outcome_text
from irkit.tui.searching import SearchScreen

if TYPE_CHECKING:
    from irkit.app.live import Changed

_EVERY = 25


class EvidenceScreen(SearchScreen[None]):
    """Choose a bundle: enter opens it, v verifies it, U plans to take its run back. Nothing here deletes."""

    help_text = (
        "All bundles of the evidence folder. STILL CHANGED: so many operations of that run are not taken back yet. "
        "PARTIAL: its run was killed or goes on; `irkit seal` closes it."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="evidence.open"),
        Binding("v", "verify", "Verify", id="evidence.verify"),
        Binding("U", "app.undo", "Undo", id="evidence.undo", tooltip="Plan to undo its run"),
        Binding("escape", "back", "Back", id="evidence.back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._seen: list[BundleSeen] = []
        self._lines: list[Content] = []
        self._reading: Again[list[BundleSeen]] = Again(self._read)
        self._ticks = 0

    def compose_body(self) -> Iterable[Widget]:
        yield Notice(id="evidence-title")
        yield Choices(id="evidence", markup=False, classes="pane")
        yield self.search_field()

    @property
    def searched(self) -> Choices:
        """The bundles, as their lines tell them."""
        return self.query_one("#evidence", Choices)

    def on_mount(self) -> None:
        """The bundles as they are now: they are read on a thread, as there may be many, on a slow disk."""
        self.query_one("#evidence-title", Notice).update(Content("reading ..."))
        self._reading.ask()
        self.query_one("#evidence").focus()
        self._open_wanted()

    def on_unmount(self) -> None:
        """Give up what is under way."""
        self._reading.close()

    def on_screen_resume(self) -> None:
        """There may be others now."""
        if self.is_ready:
            self._reading.ask()
            self._open_wanted()

    def tick(self, changed: Changed) -> None:
        """Show what was read, and have it read again now and then."""
        self._ticks += 1
        if self._ticks % _EVERY == 0:
            self._reading.ask()
        read = self._reading.take()
        if read is None:
            return
        if read.value is None:
            told = f"the evidence folder cannot be read: {read.error}"
            self.query_one("#evidence-title", Notice).update(Content.styled(safe(told, 300), "bold $error"))
        else:
            self._fill(read.value)

    def _read(self) -> list[BundleSeen]:
        """On another thread: the bundles there are."""
        return self.services.evidence.bundles()

    def _fill(self, seen: list[BundleSeen]) -> None:
        listed = self.query_one("#evidence", Choices)
        lines = [bundle_line(one) for one in seen]
        if [one.path for one in seen] == [one.path for one in self._seen] and listed.option_count == len(seen):
            for number, (line, before) in enumerate(zip(lines, self._lines, strict=True)):
                if not line.is_same(before):
                    listed.replace_option_prompt_at_index(number, line)
            self._seen, self._lines = seen, lines
        else:
            at = place_of(self._now(), seen) if self._seen else 0 if seen else None
            self._seen, self._lines = seen, lines
            listed.clear_options()
            listed.add_options([Option(line, id=f"bundle{number}") for number, line in enumerate(lines)])
            listed.highlighted = at
        left = sum(one.left > 0 for one in seen)
        told = f"{count(len(seen), 'bundle')} in {self.services.setting.folder}" + (
            f"; {left} STILL CHANGED" if left else ""
        )
        self.query_one("#evidence-title", Notice).update(Content(safe(told, 300)))

    def _now(self) -> BundleSeen | None:
        at = self.query_one("#evidence", Choices).highlighted
        return self._seen[at] if at is not None and at < len(self._seen) else None

    def run_in_view(self) -> str:
        """The bundle under the cursor."""
        one = self._now()
        return str(one.path) if one is not None and one.run is not None else ""

    def to_copy(self) -> Safe | None:
        """The path of the bundle under the cursor."""
        one = self._now()
        return safe(str(one.path)) if one is not None else None

    def _open_wanted(self) -> None:
        """Where somebody came here for one bundle, open that."""
        wanted, self.irkit.bundle_wanted = self.irkit.bundle_wanted, None
        if wanted is not None:
            self._open(wanted)

    def _open(self, path: Path, *, verify: bool = False) -> None:
        from irkit.tui.screens.bundle import BundleScreen

        self.irkit.push_screen(BundleScreen(path, verify=verify))

    async def action_back(self) -> None:
        """End the search, or go back to the list."""
        if not self.end_search():
            await self.irkit.action_mode("triage")

    def action_open(self) -> None:
        """Open the bundle under the cursor."""
        one = self._now()
        if one is not None:
            self._open(one.path)

    def action_verify(self) -> None:
        """Open it, and verify it."""
        one = self._now()
        if one is not None:
            self._open(one.path, verify=True)


def place_of(one: BundleSeen | None, seen: Sequence[BundleSeen]) -> int | None:
    """Where a bundle is by now; None where it is not: the cursor is never put on another by itself.

    Sealing gives a bundle another name, so the run counts where it is known.
    """
    if one is None:
        return None
    paths, run = [other.path for other in seen], _run_of(one)
    if one.path in paths:
        return paths.index(one.path)
    return next((number for number, other in enumerate(seen) if run and _run_of(other) == run), None)


def _run_of(one: BundleSeen) -> str:
    return one.run.started.run if one.run is not None and one.run.started is not None else ""


def bundle_line(one: BundleSeen) -> Content:
    """A bundle in a line: when, what, how it ended, and what it left changed."""
    if one.run is None or one.run.started is None:
        return Content.styled(f"CANNOT BE READ  {safe(one.path.name, 200)}", "bold $error")
    started, run = one.run.started, one.run
    outcome = outcome_text(run)
    state = "" if one.is_sealed else "  PARTIAL"
    left = f"  STILL CHANGED: {one.left}" if one.left else ""
    undoes = f" of {started.undoes[:8]}" if started.undoes else ""
    names = ", ".join(dict.fromkeys(run.names.values()))
    text = (
        f"{run.started_at[:16]}Z {started.case or '-':<12} {started.playbook}{undoes}: {outcome}{state}{left}  {names}"
    )
    style = "bold $warning" if one.left or not one.is_sealed else "" if run.is_clean else "$error"
    return Content.styled(safe(text, 400), style)
