"""The playbooks there are, by what they do, with what each is for; and the form of a playbook's parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static
from textual.widgets.option_list import Option

from irkit.app.again import Again
from irkit.app.planning import Shelved, shelf
from irkit.core.text import safe
from irkit.tui import flows
from irkit.tui.choices import Choices
from irkit.tui.notice import Notice
from irkit.tui.searching import SearchScreen

if TYPE_CHECKING:
    from irkit.app.live import Changed
    from irkit.core.playbook import Playbook

_GROUPS: Final[Mapping[str, str]] = {
    "collect": "Look: reads, and changes nothing",
    "contain": "Contain: cuts off, freezes, stops",
    "acquire": "Acquire: brings out what is there",
    "": "Not valid",
}


class PlaybooksScreen(SearchScreen[None]):
    """Choose a playbook for the containers that were marked."""

    help_text = (
        "Playbooks grouped by the gravest thing they do. Enter makes a plan for the containers marked, or the one "
        "under the cursor of the list; nothing is done by that."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Plan it", id="playbooks.choose"),
        Binding("escape", "back", "Back", id="playbooks.back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._known: list[Shelved] = []
        self._reading: Again[list[Shelved]] = Again(lambda: shelf(self.services.setting))

    def compose_body(self) -> Iterable[Widget]:
        yield Notice(id="playbooks-for")
        yield Choices(id="playbooks", markup=False, classes="pane")
        with VerticalScroll(id="playbooks-about"):
            yield Static(id="playbooks-text", markup=False)
        yield self.search_field()

    @property
    def searched(self) -> Choices:
        """The playbooks, as their lines tell them."""
        return self.query_one("#playbooks", Choices)

    def on_mount(self) -> None:
        """The playbooks as they are now: they are read and checked on a thread."""
        self._reading.ask()
        self.query_one("#playbooks").focus()
        self._say_targets()

    def on_unmount(self) -> None:
        """Give up what is under way."""
        self._reading.close()

    def tick(self, changed: Changed) -> None:
        """Show the playbooks once they were read."""
        read = self._reading.take()
        if read is not None:
            if read.value is None:
                self.irkit.say(f"the playbooks cannot be read: {read.error}", "error")
            self._fill(read.value or [])

    def on_screen_resume(self) -> None:
        """The containers may be others now."""
        if self.is_ready:
            self._reading.ask()
            self._say_targets()

    def target_keys(self) -> list[str]:
        """Those that the list was left with."""
        return self.irkit.planned_for

    def _say_targets(self) -> None:
        names = flows.names_of(self.irkit, self.target_keys())
        nobody = "no container marked: go back with {screen.triage:1} and mark some ({table.mark:space})"
        text = f"for {names}" if names else self.hint(nobody)
        self.query_one("#playbooks-for", Notice).update(Content(safe(text, 300)))

    def _fill(self, found: list[Shelved]) -> None:
        before = self._now()
        self._known = []
        options: list[Option] = []
        for effect, title in _GROUPS.items():
            mine = [one for one in found if one.effect == effect]
            if mine:
                options.append(Option(Content.styled(title, "bold"), disabled=True))
            for one in mine:
                options.append(Option(_line(one), id=str(len(self._known)), disabled=one.playbook is None))
                self._known.append(one)
        listed = self.query_one("#playbooks", Choices)
        listed.clear_options()
        listed.add_options(options)
        listed.action_first()
        again = next((number for number, one in enumerate(self._known) if before and one.name == before.name), None)
        if again is not None:
            listed.highlighted = listed.get_option_index(str(again))

    def _now(self) -> Shelved | None:
        listed = self.query_one("#playbooks", Choices)
        at = listed.highlighted
        option = listed.get_option_at_index(at) if at is not None else None
        return self._known[int(option.id)] if option is not None and option.id else None

    def on_option_list_option_highlighted(self) -> None:
        """What it is for."""
        one = self._now()
        if one is not None:
            self.query_one("#playbooks-text", Static).update(_about(one))

    async def action_back(self) -> None:
        """End the search, or go back to the list."""
        if not self.end_search():
            await self.irkit.action_mode("triage")

    def action_choose(self) -> None:
        """Plan this one; ask for its parameters first where one has no default."""
        one = self._now()
        if one is None or one.playbook is None:
            return
        flows.plan(self.irkit, one.name, self.target_keys())


def _line(one: Shelved) -> Content:
    origin = "shipped" if one.is_shipped else "your own"
    if one.playbook is None:
        return Content.styled(f"  {safe(one.name, 40):<24} NOT VALID: {safe(one.problem, 200)}", "$error")
    return Content(f"  {safe(one.name, 40):<24} v{one.playbook.version:<3} {origin:<9} {one.playbook.digest[:12]}")


def _about(one: Shelved) -> Content:
    playbook = one.playbook
    if playbook is None:
        return Content(safe(one.problem, 1000))
    steps = ", ".join(f"{step.id} ({step.action})" for step in playbook.steps)
    lines = [
        Content.styled(safe(playbook.title, 200), "bold"),
        Content(safe(playbook.description, 1000)),
        Content(f"steps: {safe(steps, 1000)}"),
        *(Content(safe(line, 300)) for line in _parameters(playbook)),
        Content.styled(f"references: {safe(', '.join(playbook.references) or '-', 300)}", "dim"),
    ]
    return Content("\n").join(lines)


def _parameters(playbook: Playbook) -> Iterable[str]:
    for name, parameter in playbook.parameters.items():
        usual = "must be given" if parameter.default is None else f"usually {parameter.default}"
        yield f"parameter {name} ({parameter.type}, {usual}): {parameter.description}"
