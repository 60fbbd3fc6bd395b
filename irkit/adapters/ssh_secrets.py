"""Secrets that a responder was asked for: one question at a time, asked once, kept in memory only."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from irkit.core.ports import Ask, Deadline
from irkit.core.text import safe

_PROMPT: Final = 300
_STEP: Final = 0.1


class Secrets:
    """What is asked and remembered while a verb runs. Shows nothing of it anywhere."""

    def __init__(self, ask: Ask | None = None) -> None:
        self._ask = ask
        self._asking = threading.Lock()
        self._known: dict[str, str] = {}
        self._declined: set[str] = set()

    def __repr__(self) -> str:
        return "Secrets()"

    @property
    def can_ask(self) -> bool:
        """Whether there is somebody to ask."""
        return self._ask is not None

    def told(self) -> "Secrets":
        """The same secrets, as far as they are known by the time they are needed: nobody is asked for more."""
        quiet = Secrets()
        quiet._known = self._known
        return quiet

    def ask(self, prompt: str, deadline: Deadline) -> str | None:
        """Ask now; None where nobody can be asked or they decline. The prompt may be foreign text.

        Raises TargetError where time is up before it is this question's turn.
        """
        if self._ask is None:
            return None
        with self._turn(deadline):
            return self._ask(safe(prompt, _PROMPT))

    def ask_for(self, name: str, prompt: str, deadline: Deadline, *, wrong: str | None = None) -> str | None:
        """What is remembered, or else asked for; `wrong` is an answer that was of no use.

        Where several hosts want the same at once, the first asks and the others have the answer, also where it is that
        nobody tells. Raises TargetError.
        """
        found = self._known.get(name)
        if self._ask is None or (found is not None and found != wrong):
            return found if found != wrong else None
        with self._turn(deadline):
            found = self._known.get(name)
            if name in self._declined or (found is not None and found != wrong):
                return found
            answer = self._ask(safe(prompt if wrong is None else f"That was wrong. {prompt}", _PROMPT))
            if answer is None:
                self.forget(name)
                self._declined.add(name)
            else:
                self._known[name] = answer
            return answer

    def ask_again(self) -> None:
        """Forget what was declined: whoever wants it next asks once more."""
        self._declined.clear()

    def knows(self, name: str, *, but: str | None = None) -> bool:
        """Whether there is an answer already, other than one that was of no use."""
        return self._known.get(name, but) != but

    def forget(self, name: str) -> None:
        """What is remembered was of no use."""
        self._known.pop(name, None)

    @contextmanager
    def _turn(self, deadline: Deadline) -> Iterator[None]:
        while not self._asking.acquire(timeout=min(_STEP, deadline.remaining())):
            pass
        try:
            yield
        finally:
            self._asking.release()
