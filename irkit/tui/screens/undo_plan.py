"""The dry run of an undo: a plan, with what can be chosen of how a container gets back what it had."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual.content import Content

from irkit.app.one_look import Look
from irkit.app.planning import Planning, plan_undo_of
from irkit.app.undo import lasting_changes
from irkit.core.text import safe
from irkit.tui.screens.choice import ChoiceScreen
from irkit.tui.screens.plan import PlanScreen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from irkit.app.live import Changed
    from irkit.core.plan import Plan
    from irkit.tui.services import Services

_RESET, _ADDRESS = "reset_connections", "new_address"
_CHECKS: Final = {"undo.connections": _RESET, "undo.address": _ADDRESS}
"""What is noticed where a choice matters, and which one."""
_DONE: Final = {
    _RESET: "connections that are open are ended before it is put back, as root on its host",
    _ADDRESS: "whose address is taken is given the nearest free one",
}
_ANSWERS: Final = {
    (): ("As it is", "connections that are open go on; each address is asked for as it was"),
    (_RESET,): ("End connections", "first, as root on the host; nothing is put back where that fails"),
    (_ADDRESS,): ("Other addresses", "the nearest free one, where its own is taken"),
    (_RESET, _ADDRESS): ("Both", "connections are ended, and a free address is given where its own is taken"),
}


class UndoPlanScreen(PlanScreen):
    """A plan that takes a run back, by its id or its bundle; nothing is taken back before it is confirmed."""

    here: ClassVar[Mapping[str, str]] = {
        "undo.connections": "{plan.parameters:f}",
        "undo.address": "{plan.parameters:f}",
    }

    def __init__(self, services: Services, run: str) -> None:
        self._chosen: set[str] = set()

        def make() -> Planning:
            return plan_undo_of(
                services.setting,
                run,
                responder=services.responder,
                new_address=_ADDRESS in self._chosen,
                reset_connections=_RESET in self._chosen,
            )

        super().__init__(f"undo of {Path(run).name}", make, edit=self._choose)
        self._stays: Look[list[str]] = Look(lambda _: lasting_changes(services.setting, run))
        self._is_told = False

    def tick(self, changed: Changed) -> None:
        """Show the plan, and then what it leaves as it is."""
        super().tick(changed)
        if self._stays.is_over and not self._is_told and self.plan is not None:
            self._is_told = True
            self._show()

    def on_unmount(self) -> None:
        """Give up what is under way; called beside that of a plan."""
        self._stays.cancel()

    def chosen_lines(self, plan: Plan) -> Iterable[Content]:
        """What stays changed whatever is done, and what was chosen."""
        for what in self._stays.value or ():
            yield Content.styled(f"stays: {safe(what, 400)}", "bold $warning")
        for name in (_RESET, _ADDRESS):
            if name in self._chosen:
                yield Content.styled(f"as chosen ({self.hint('{plan.parameters:f}')}): {_DONE[name]}", "bold")

    def _choose(self) -> None:
        """Ask for what matters here; the plan is made anew for it."""
        if self.plan is None and not self._chosen:
            self.irkit.say("the plan is not there yet", "warning")
            return
        found = {_CHECKS[one.check] for one in self.plan.findings if one.check in _CHECKS} if self.plan else set()
        can_be = found | self._chosen
        if not can_be:
            self.irkit.say("nothing is to be chosen: no address is taken, and no open connection is known", "warning")
            return
        answers = [(" ".join(names) or "as-is", *told) for names, told in _ANSWERS.items() if can_be.issuperset(names)]

        def told(answer: str | None) -> None:
            if answer is not None:
                self._chosen = set(answer.split()) & {_RESET, _ADDRESS}
                self.action_again()

        self.irkit.push_screen(ChoiceScreen("How is it to be taken back?", answers), told)
