"""Something noticed, and the facts it rests on."""

from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """How much a finding matters."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing noticed, why, and what to do about it."""

    check: str
    severity: Severity
    summary: str
    host: str = ""
    container: str = ""
    because: tuple[str, ...] = ()
    remedy: str = ""
