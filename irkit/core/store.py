"""What a run writes to: its log and its evidence, and the progress told meanwhile. A bundle is one such store."""

from __future__ import annotations  # so that listing containers need not load every operation and event

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import msgspec

from irkit.core.ports import Intake

if TYPE_CHECKING:
    from irkit.core.container import Container
    from irkit.core.events import AnyEvent, Record
    from irkit.core.evidence import Evidence
    from irkit.core.operations import Operation


class Scribe(Protocol):
    """The run log: what is appended is on disk when it returns. Raises StorageError."""

    def append(self, event: AnyEvent) -> Record: ...


class Bytes(msgspec.Struct, frozen=True, kw_only=True):
    """Progress of one item: bytes read so far. Never a record."""

    task: int
    host: str
    container: str
    path: str
    done: int
    ended: bool = False


Progress = Callable[[Bytes], None]


class OperationIntake(Intake, Protocol):
    """An intake with what the runner needs of it once the operation ended."""

    def close(self, reason: str) -> tuple[Evidence, ...]:
        """Everything taken in, in order; what was not finished is closed as partial for that reason."""
        ...


class Store(Scribe, Protocol):
    """A bundle being written: the log and the evidence."""

    def intake(self, *, host: str, container: Container | None, operation: Operation, task: int) -> OperationIntake: ...

    def release(self) -> bool:
        """Give back the space kept in reserve for the log and the seal; whether there was any."""
        ...
