"""What the containers in view use: CPU, memory and network, a sample of each now and then, and of no others.

An engine takes a second or two for a sample. So few are taken at a time on each host, and never of what nobody sees;
sizes are never asked for.
"""

from __future__ import annotations  # see the imports for types only, below

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from irkit.app.one_look import Look

EVERY = 5.0
"""Seconds from one sample of a container to the next at least."""
AT_A_TIME = 2
"""Samples that are taken at a time on one host."""
FORGOTTEN_AFTER = 60.0
"""Seconds after which what was sampled is told no more."""
_WEIGHT = 0.5
"""Of the newest sample in the moving average of the CPU."""


@dataclass(frozen=True)
class Use:
    """What a container uses: shares of one CPU (1.5: one and a half, a moving average), bytes of memory, and bytes a
    second over its networks; None where the engine does not tell. `at` is monotonic."""

    at: float
    cpu: float | None = None
    memory: int | None = None
    network: float | None = None
    received_and_sent: int | None = None


class LiveUse:
    """Samples of the containers in view, by key. Its methods return at once, and are for one thread."""

    def __init__(self, sample: Callable[[str], Look[Any]], clock: Callable[[], float] = time.monotonic) -> None:
        self._sample, self._clock = sample, clock
        self._under_way: dict[str, Look[Any]] = {}
        self._asked_at: dict[str, float] = {}
        self._use: dict[str, Use] = {}

    def see_to(self, visible: Sequence[str]) -> set[str]:
        """Take in what came, and begin what is due of these; those of which there is news.

        What is under way of containers that are out of view is given up.
        """
        now, shown = self._clock(), set(visible)
        for key in [key for key in self._under_way if key not in shown]:
            self._under_way.pop(key).cancel()
        news = {key for key in [*self._under_way] if self._take(key, now)}
        self._forget(now)
        busy: dict[str, int] = {}
        for key in self._under_way:
            busy[_host(key)] = busy.get(_host(key), 0) + 1
        for key in sorted(shown, key=lambda key: self._asked_at.get(key, 0.0)):
            is_due = now - self._asked_at.get(key, -EVERY) >= EVERY
            if is_due and key not in self._under_way and busy.get(_host(key), 0) < AT_A_TIME:
                busy[_host(key)] = busy.get(_host(key), 0) + 1
                self._asked_at[key] = now
                self._under_way[key] = self._sample(key)
        return news

    def of(self, key: str) -> Use | None:
        """What a container used when it was last looked at; None where that is not known, or long ago."""
        return self._use.get(key)

    def close(self) -> None:
        """Give up all that is under way."""
        self.see_to(())

    def _take(self, key: str, now: float) -> bool:
        look = self._under_way[key]
        if not look.is_over:
            return False
        del self._under_way[key]
        if look.value is None:
            return self._use.pop(key, None) is not None
        self._use[key] = use_of(look.value, now, self._use.get(key))
        return True

    def _forget(self, now: float) -> None:
        self._use = {key: use for key, use in self._use.items() if now - use.at < FORGOTTEN_AFTER}
        self._asked_at = {key: at for key, at in self._asked_at.items() if now - at < FORGOTTEN_AFTER}


def _host(key: str) -> str:
    return key.partition("/")[0]


def use_of(sample: object, now: float, before: Use | None = None) -> Use:
    """What an engine's sample says, whatever its form; with the one before it the rates."""
    cpu, memory, both = _cpu(sample), _memory(sample), _network(sample)
    if cpu is not None and before is not None and before.cpu is not None:
        cpu = _WEIGHT * cpu + (1 - _WEIGHT) * before.cpu
    rate = None
    if both is not None and before is not None and before.received_and_sent is not None and now > before.at:
        rate = max(0, both - before.received_and_sent) / (now - before.at)
    return Use(now, cpu, memory, rate, both)


def _at(value: object, *names: str) -> object:
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _number(value: object, *names: str) -> int | None:
    found = _at(value, *names)
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None


def _cpu(sample: object) -> float | None:
    """CPUs that were busy with it between the two samples that the engine took."""
    used, used_before = (
        _number(sample, part, "cpu_usage", "total_usage") for part in ("cpu_stats", "precpu_stats")
    )  # fmt: skip
    whole, whole_before = (_number(sample, part, "system_cpu_usage") for part in ("cpu_stats", "precpu_stats"))
    if used is None or used_before is None or whole is None or whole_before is None or whole <= whole_before:
        return None
    cpus = _number(sample, "cpu_stats", "online_cpus") or 1
    return max(0, used - used_before) / (whole - whole_before) * cpus


def _memory(sample: object) -> int | None:
    """Without the cache of files that the kernel would give up, as `docker stats` has it."""
    used = _number(sample, "memory_stats", "usage")
    if used is None:
        return None
    stats = _at(sample, "memory_stats", "stats")
    cache = _number(stats, "inactive_file") or _number(stats, "total_inactive_file") or 0
    return used - cache if cache < used else used


def _network(sample: object) -> int | None:
    every = _at(sample, "networks")
    if not isinstance(every, Mapping):
        return None
    return sum((_number(one, "rx_bytes") or 0) + (_number(one, "tx_bytes") or 0) for one in every.values())
