"""The parts of a timeline's items that all readers share: bounded lines of a stored item, and times as nanoseconds."""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from irkit.adapters.evidence_reader import bounded_lines, open_stored
from irkit.core.errors import VerificationError
from irkit.core.evidence import Evidence
from irkit.core.timeline import SECOND, Where

LINE_LIMIT: Final = 4 << 20
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,40}))?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_DECIMAL: Final = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,40}))?", re.ASCII)
_DIGITS: Final = 9
T = TypeVar("T")


@dataclass
class Unread:
    """What could not be read of the items, to be told at the end: item and reason, with how often."""

    told: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, item: str, reason: str) -> None:
        """Once more."""
        self.told[item, reason] = self.told.get((item, reason), 0) + 1

    def lines(self) -> list[str]:
        """A line for each reason."""
        return [f"{item}: {reason}" + (f", {n} times" if n > 1 else "") for (item, reason), n in self.told.items()]


@dataclass(frozen=True)
class Item:
    """A stored item that a timeline is made from. `place` is where in the container its names begin, empty for `/`."""

    root: Path
    evidence: Evidence
    container: str
    unread: Unread
    place: str = ""

    @property
    def where(self) -> Where:
        """What its moments are of."""
        one = self.evidence
        return Where(host=one.host, container=self.container, container_id=one.container, item=one.path)

    def lines(self) -> Iterator[bytes]:
        """Its lines, without LF, as far as it can be read; one that is too long is left out, and told."""
        try:
            with open_stored(self.root / self.evidence.path) as file:
                for line in bounded_lines(file, LINE_LIMIT):
                    if line is None:
                        self.tell("a line is too long")
                    else:
                        yield line
        except VerificationError as error:
            self.tell(f"it cannot be read on: {error}")

    def values(self, kind: type[T]) -> Iterator[T]:
        """Its lines as values of that type; what is none is left out, and told."""
        decoder = msgspec.json.Decoder(kind)
        for line in self.lines():
            try:
                yield decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                self.tell("a line is not as it should be")

    def value(self, kind: type[T]) -> T | None:
        """The whole of a small item as one value; None, and told, where it is none."""
        try:
            with open_stored(self.root / self.evidence.path) as file:
                return msgspec.json.decode(file.read(16 * LINE_LIMIT), type=kind)
        except (VerificationError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self.tell(f"not as it should be: {type(error).__name__}")
            return None

    def tell(self, reason: str) -> None:
        """Say that something of it is not in the timeline."""
        self.unread.add(self.evidence.path, reason)


def nanoseconds_of_time(text: str) -> int | None:
    """RFC 3339 as nanoseconds since 1970; None where it is none, or the time that engines write for never."""
    found = _TIME.fullmatch(text)
    if found is None or text.startswith("0001-"):
        return None
    second, fraction, offset = found.groups()
    try:
        whole = datetime.fromisoformat(second + (offset or "Z"))
    except ValueError:
        return None
    return int(whole.timestamp()) * SECOND + _fraction(fraction)


def nanoseconds_of_decimal(text: str) -> int | None:
    """Seconds since 1970 with a fraction, as nanoseconds."""
    found = _DECIMAL.fullmatch(text)
    if found is None:
        return None
    sign, whole, fraction = found.groups()
    value = int(whole) * SECOND + _fraction(fraction)
    return -value if sign else value


def _fraction(digits: str | None) -> int:
    return int((digits or "")[:_DIGITS].ljust(_DIGITS, "0"))


def name_of(text: str, raw: str) -> bytes:
    """A name from its two fields: the text, and base64 of its bytes where it is no text."""
    if raw:
        try:
            return base64.b64decode(raw, validate=True)
        except (binascii.Error, ValueError):
            pass
    return text.encode("utf-8", "surrogatepass")
