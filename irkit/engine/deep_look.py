"""What is looked at of a held container past its engine's facts: what the host's kernel shows, and the rules put in."""

from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.events import Note
from irkit.core.kernel import KernelFacts
from irkit.core.operation import ALIVE
from irkit.core.ports import Target
from irkit.engine.held import Held
from irkit.engine.hold_desk import Desk

_FAILURES = 2
"""Looks in a row that come to nothing before that is told: a container may end between two reads."""
_PAST_ENGINE = "it was done past the engine, which has no way to take it back: look on the host for who did it"


class DeepLook:
    """The deep looks at one container; `reasons` are why it does not hold by the last one, `hints` what that means."""

    def __init__(self, desk: Desk, target: Target, held: Held) -> None:
        self._desk, self._target, self._held = desk, target, held
        self.reasons: tuple[str, ...] = ()
        self.hints: tuple[str, ...] = ()
        self._failures = 0

    def look(self, now: Container, *, of_change: bool = False) -> None:
        """Look, by the engine's facts just read. Raises TargetError where it was told to stop, StorageError.

        What cannot be looked at stays as it was found last, and is told.
        """
        if now.state not in ALIVE or now.state == "restarting":
            self.forget()
            return
        try:
            kernel = self._see_kernel(now, of_change=of_change)
            past_engine = self._held.breaks_in_kernel(now, kernel)
            rules = self._broken_rules(now, kernel, of_change=of_change)
        except TargetError as error:
            if error.kind is Refusal.CANCELLED:
                raise
            self._fail(error.reason)
            return
        self.reasons = tuple(dict.fromkeys([*past_engine, *rules]))
        self.hints = (_PAST_ENGINE,) if past_engine else ()
        if self._failures >= _FAILURES:
            self._note("can be looked at again")
        self._failures = 0

    def forget(self) -> None:
        """It does not run: there is nothing to look at, and nothing of before counts."""
        self.reasons = self.hints = ()
        self._held.missing.clear()

    def _see_kernel(self, now: Container, *, of_change: bool) -> KernelFacts | None:
        if not any(one.looks_at_kernel for one in self._held.wanted):
            return None
        found = self._target.see_kernel(now, self._desk.deadline(of_change=of_change))
        if found is None and self._held.shown:
            raise TargetError("the host's files cannot be read any more", Refusal.UNSUPPORTED)
        return found

    def _broken_rules(self, now: Container, kernel: KernelFacts | None, *, of_change: bool) -> list[str]:
        """What is not there any more of the rules: they are listed as they were when they were put in."""
        if kernel is not None and not kernel.alive:
            return []
        reasons = []
        for operation in self._held.rules():
            wrong = self._target.check_rules(operation, now, self._desk.deadline(of_change=of_change))
            self._held.note_rules(operation, is_missing=bool(wrong))
            if wrong:
                reasons.append(f"NOT isolated: the rules that drop its traffic do not stand any more: {wrong}")
        return reasons

    def _fail(self, reason: str) -> None:
        self._failures += 1
        if self._failures == _FAILURES:
            self._note(f"cannot be looked at now, and its engine's facts alone are watched: {reason}")

    def _note(self, what: str) -> None:
        rules = " and the rules that were put in" if self._held.rules() else ""
        self._desk.bench.say(Note(text=f"{self._held.facts.name}: what the host's kernel shows of it{rules} {what}"))
