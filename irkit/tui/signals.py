"""What the signals that end a program do, from before the screens are up until the last run is sealed."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_HEEDED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """A context. What is ignored stays so: nohup runs a command that is to outlive its terminal.

    They are caught for the whole time: between the end of the screens and the wait for a run none falls through and
    kills what has a bundle to seal. Until `heed` says what they do, they interrupt whatever is under way.
    """

    def __init__(self) -> None:
        self._act: Callable[[int], None] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in _HEEDED:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def heed(self, act: Callable[[int], None]) -> None:
        """From now on they do this. It is called between any two steps of the main thread, and must take no lock."""
        self._act = act

    def _caught(self, number: int, _: FrameType | None) -> None:
        if self._act is None:
            raise KeyboardInterrupt
        self._act(number)
