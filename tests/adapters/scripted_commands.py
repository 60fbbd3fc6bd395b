"""Commands of a host as a test tells them, of which none is run. One that the test does not expect fails it."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from irkit.core.ports import Deadline, Ran

T = TypeVar("T")


@dataclass
class ScriptedCommands:
    """The commands of a host, which a test tells by its own `answer` or `pieces`; `asked` are those that were run."""

    asked: list[tuple[str, ...]] = field(default_factory=list, init=False)

    def answer(self, argv: tuple[str, ...], input: bytes) -> Ran | None:
        """How that command ends; None where it is not expected. May raise TargetError."""
        return None

    def pieces(self, argv: tuple[str, ...], deadline: Deadline) -> Iterator[memoryview] | None:
        """What that command prints, a piece at a time; None where it is not expected."""
        return None

    def run(self, argv: Sequence[str], deadline: Deadline, *, input: bytes = b"") -> Ran:
        """A command to its end."""
        self.asked.append(tuple(argv))
        return _expected(self.answer(tuple(argv), input), argv)

    def stream(
        self, argv: Sequence[str], deadline: Deadline, *, told: Callable[[str], None] | None = None
    ) -> Iterator[memoryview]:
        """What a command prints; it says nothing on its standard error."""
        self.asked.append(tuple(argv))
        return _expected(self.pieces(tuple(argv), deadline), argv)

    def why_not(self, deadline: Deadline) -> str:
        """Nothing: there are commands."""
        return ""


def _expected(said: T | None, argv: Sequence[str]) -> T:
    if said is None:
        pytest.fail(f"the host was to run a command that this test does not expect: {shlex.join(argv)}")
    return said
