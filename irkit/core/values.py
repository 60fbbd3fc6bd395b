"""The types a parameter may have, and how their text is read.

Durations, sizes and moments stay text everywhere (in YAML, plan, log and JSON) and are turned into
numbers where they are used, so that what a responder approves reads as they wrote it.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from msgspec import Meta

# `$` also stands before a last newline; what follows it in these patterns rules that out, in any dialect.
DURATION_PATTERN: Final = r"^(?:[0-9]{1,9}(?:ms|s|m|h|d))+$(?!\n)"
SIZE_PATTERN: Final = r"^[0-9]{1,15}(?:B|[KMGT]i?B)$(?!\n)"
MOMENT_PATTERN: Final = (
    r"^(?:(?:[0-9]{1,9}(?:ms|s|m|h|d))+"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2}))$(?!\n)"
)

Duration = Annotated[str, Meta(pattern=DURATION_PATTERN, examples=["90s", "10m", "24h", "7d"])]
"""`90s`, `10m`, `24h`, `7d`, `1h30m`."""
Size = Annotated[str, Meta(pattern=SIZE_PATTERN, examples=["64KiB", "10MiB", "2GB"])]
"""`500B`, `64KiB`, `10MiB`, `2GiB`, or with decimal units `KB`, `MB`, `GB`."""
When = Annotated[str, Meta(pattern=MOMENT_PATTERN, examples=["24h", "2026-01-31T10:00:00Z"])]
"""A duration (so long before the step began) or an RFC 3339 time with its offset."""

_UNIT_SECONDS: Final[Mapping[str, float]] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_PREFIXES: Final = "KMGT"
_SOME_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)


def seconds_of(duration: str) -> float:
    """A duration in seconds. Raises ValueError where the text is no duration."""
    if not re.match(DURATION_PATTERN, duration):
        raise ValueError(f"{duration!r} is not a duration such as 90s, 10m, 24h or 1h30m")
    parts = re.findall(r"([0-9]+)(ms|s|m|h|d)", duration)
    return sum(int(number) * _UNIT_SECONDS[unit] for number, unit in parts)


def bytes_of(size: str) -> int:
    """A size in bytes. Raises ValueError where the text is no size."""
    if not re.match(SIZE_PATTERN, size):
        raise ValueError(f"{size!r} is not a size such as 500B, 10MiB or 2GB")
    number, prefix, binary = re.fullmatch(r"([0-9]+)([KMGT]?)(i?)B", size).groups()  # type: ignore[union-attr]
    power = _PREFIXES.index(prefix) + 1 if prefix else 0
    base: int = 1024 if binary else 1000
    return int(number) * int(base**power)


def size_text(count: float) -> str:
    """Bytes as people read them: `812 B`, `3.4 MB` (powers of 1000, as disks and links are sold)."""
    if count < 1000:  # noqa: PLR2004
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        count /= 1000
        if count < 1000:  # noqa: PLR2004
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} PB"


def moment_of(text: str, now: datetime) -> datetime:
    """The moment meant, seen from `now`. Raises ValueError where the text is neither duration nor time."""
    try:
        return _moment_of(text, now)
    except OverflowError:
        raise ValueError(f"{text!r} is before or after all dates there are") from None


def _moment_of(text: str, now: datetime) -> datetime:
    if re.match(DURATION_PATTERN, text):
        return now - timedelta(seconds=seconds_of(text))
    if not re.match(MOMENT_PATTERN, text):
        raise ValueError(f"{text!r} is neither a duration such as 24h nor a time such as 2026-01-31T10:00:00Z")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"there is no time {text}: {error}") from None
    return moment.astimezone(UTC)


def check_moment(text: str | None) -> None:
    """Raise ValueError where a text of the right form means no moment, such as the 30th of February."""
    if text:
        moment_of(text, _SOME_DAY)


def utc_text(moment: datetime) -> str:
    """A moment as RFC 3339 in UTC with microseconds, the one form irkit writes."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
