"""What /proc tells of the machine itself that the times and names of its processes mean something by."""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from irkit.core.ports import Deadline, HostFiles
from irkit.core.values import utc_text

_LIMIT: Final = 1 << 20
_TICKS: Final = 17
"""AT_CLKTCK of the auxiliary vector."""
_USUAL_TICKS: Final = 100
_PAIR: Final = struct.Struct("=QQ")
_FILES: Final = (b"/proc/stat", b"/proc/1/auxv", b"/proc/sys/kernel/osrelease", b"/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Machine:
    """When it was started, in whole seconds since 1970 (0: not told), how many ticks a second has, and its kernel."""

    booted: int
    ticks: int
    kernel: str
    boot_id: str

    def moment(self, started: int) -> str:
        """The moment so many ticks after its start, in UTC; empty where that cannot be told."""
        try:
            return utc_text(datetime.fromtimestamp(self.booted + started / self.ticks, UTC)) if self.booted else ""
        except (OverflowError, ValueError, OSError):
            return ""

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        booted = utc_text(datetime.fromtimestamp(self.booted, UTC)) if self.booted else ""
        return {"kernel": self.kernel, "boot_id": self.boot_id, "booted_at": booted, "ticks_per_second": self.ticks}


def machine_of(files: HostFiles, deadline: Deadline) -> Machine:
    """The host's. Raises TargetError where it cannot be asked."""
    stat, auxv, kernel, boot_id = (
        one if isinstance(one, bytes) else b"" for one in files.read_small(_FILES, _LIMIT, deadline)
    )
    booted = next((line.split()[1] for line in stat.split(b"\n") if line.startswith(b"btime ")), b"")
    return Machine(
        booted=int(booted) if booted.isdigit() and len(booted) < 12 else 0,  # noqa: PLR2004 - a sane time
        ticks=_ticks_of(auxv),
        kernel=kernel.decode("utf-8", "replace").strip(),
        boot_id=boot_id.decode("utf-8", "replace").strip(),
    )


def _ticks_of(auxv: bytes) -> int:
    """Of a machine with words of 64 bits, of the byte order of this one; else what all machines have today."""
    whole = auxv[: len(auxv) // _PAIR.size * _PAIR.size]
    return next(
        (value for key, value in _PAIR.iter_unpack(whole) if key == _TICKS and 0 < value <= 10**6), _USUAL_TICKS
    )
