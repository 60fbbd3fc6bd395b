"""contain.limit: throttle a container while it is looked at."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import UNLIMITED, USUAL_PERIOD, Container, Limits
from irkit.core.operations import Operation, SetLimits
from irkit.core.values import Size, bytes_of

_CPUS: Final = r"^[0-9]{1,4}(?:\.[0-9]{1,3})?$(?!\n)"
_Cpus = Annotated[str, Meta(pattern=_CPUS, examples=["0.1", "2"])]
_LEAST_QUOTA: Final = 1000
"""Microseconds that the kernel gives in each period at least."""
_LEAST_MEMORY: Final = 6 * 1024 * 1024
"""Bytes that engines give at least."""
_Pids = Annotated[int, Meta(ge=1, le=4194304)]


@dataclass(frozen=True)
class LimitResources(Action):
    """Limit what a container may use: a miner is throttled while it is collected.

    A limit that is tighter already is left. Memory is what may destroy evidence: where a container uses more than it is
    given, the kernel refuses the limit, or ends its processes. Undo restores the limits that were found.
    """

    name = "contain.limit"
    phase = Phase.CONTAIN

    cpus: Annotated[_Cpus | None, Meta(description="How many processors' time it may use, as text: 0.01 at least.")] = (
        None
    )
    memory: Annotated[Size | None, Meta(description="Memory that it may use, 6MiB at least.")] = None
    pids: Annotated[_Pids | None, Meta(description="How many processes and threads it may have.")] = None

    def __post_init__(self) -> None:
        if self.cpus is None and self.memory is None and self.pids is None:
            raise ValueError("one of cpus, memory and pids is needed")
        if self.cpus is not None and re.match(_CPUS, self.cpus) and not _thousandths(self.cpus) >= 10:  # noqa: PLR2004
            raise ValueError("cpus is 0.01 at least")
        if self.memory is not None and bytes_of(self.memory) < _LEAST_MEMORY:
            raise ValueError("memory is 6MiB at least")

    def refuse(self, container: Container) -> str:
        period = container.limits.cpu_period
        wish = self._cpu(container.limits)
        if 0 < wish.cpu_quota < _LEAST_QUOTA:
            least = _LEAST_QUOTA / (period or USUAL_PERIOD)
            return f"its CPU period of {period} microseconds allows for no limit below {least:.3g} processors"
        return ""

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        found, cpu = container.limits, self._cpu(container.limits)
        memory = _tighter(bytes_of(self.memory) if self.memory else 0, found.memory)
        wish = Limits(
            nano_cpus=cpu.nano_cpus,
            cpu_quota=cpu.cpu_quota,
            cpu_period=cpu.cpu_period,
            memory=memory,
            memory_swap=_swap(memory, found),
            pids=_tighter(self.pids or 0, found.pids),
        )
        if wish != Limits():
            yield SetLimits(container.id, wish, risks_memory=bool(memory))

    def _cpu(self, found: Limits) -> Limits:
        """The wish for CPU, in the way in which the container is limited, or could be without a way back lost."""
        wanted = _thousandths(self.cpus) if self.cpus else 0
        if found.nano_cpus:
            return Limits(nano_cpus=_tighter(wanted * 10**6, found.nano_cpus))
        quota = _tighter(wanted * (found.cpu_period or USUAL_PERIOD) // 1000, found.cpu_quota)
        return Limits(cpu_quota=quota, cpu_period=found.cpu_period if quota else 0)


def _swap(memory: int, found: Limits) -> int:
    """What to ask for with a limit of memory: engines take none of it alone that is above what swap is limited to."""
    if not memory or found.memory_swap > memory:
        return 0
    return UNLIMITED if found.memory_swap == UNLIMITED else 2 * memory  # as engines give it themselves


def _tighter(wanted: int, found: int) -> int:
    """A limit as a wish: nothing where none is wanted, or where there is a tighter one. 0 is no limit."""
    return wanted if not found or wanted < found else 0


def _thousandths(cpus: str) -> int:
    whole, _, part = cpus.partition(".")
    return int(whole) * 1000 + int(part.ljust(3, "0"))
