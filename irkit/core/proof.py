"""How sure it is that a change took hold."""

from enum import StrEnum
from typing import Self

import msgspec

from irkit.core.container import Container
from irkit.core.kernel import KernelFacts


class ProofLevel(StrEnum):
    """What stands behind a change; `docs/containment.md` says it to responders in these words."""

    PROVEN = "proven"  # the host's kernel shows it
    ASSERTED = "asserted by the engine only"  # the engine's facts show it, and nothing else was looked at
    WRONG = "wrong"  # the engine's facts or the kernel show that it is not so


class Proof(msgspec.Struct, frozen=True):
    """A level, and the facts it rests on."""

    level: ProofLevel
    because: str = ""

    @classmethod
    def proven(cls, because: str) -> Self:
        """The host's kernel shows it."""
        return cls(ProofLevel.PROVEN, because)

    @classmethod
    def asserted(cls, because: str = "") -> Self:
        """The engine says so; `because` is why no more can be told."""
        return cls(ProofLevel.ASSERTED, because)

    @classmethod
    def wrong(cls, because: str) -> Self:
        """It is not so."""
        return cls(ProofLevel.WRONG, because)


class Seen(msgspec.Struct, frozen=True):
    """What was looked at before and after a change: the engine's facts, and what the host's kernel shows.

    `after` is None where the container is gone; `kernel_before` and `kernel` where nothing of the kernel can be read.
    `kernel` is of the process that the container has afterwards, where it has one, else of the one it had.
    """

    before: Container
    after: Container | None
    kernel_before: KernelFacts | None = None
    kernel: KernelFacts | None = None
