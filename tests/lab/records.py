"""What a lab leaves written about itself, so that it can be taken down after its owner has died."""

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import ClassVar, Self

from . import processes

STATE = Path("/run/irkit-lab")  # as short-lived as the namespaces, and writable by root only


@dataclass(frozen=True, kw_only=True)
class Owned:
    """A thing of the lab's with its name, its directory, and the process that it belongs to."""

    suffix: ClassVar[str]
    name: str
    root: str
    owner: int = field(default_factory=os.getpid)
    owner_ticks: int = field(default_factory=lambda: processes.start_ticks(os.getpid()) or 0)

    @property
    def path(self) -> Path:
        return STATE / f"{self.name}{self.suffix}"

    def save(self) -> None:
        STATE.mkdir(mode=0o700, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self)), encoding="utf-8")
        part.replace(self.path)

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)

    def orphaned(self) -> bool:
        """True where the owner is gone; its pid may be somebody else's by now, the start time is not."""
        return not processes.alive(self.owner) or processes.start_ticks(self.owner) != self.owner_ticks

    @classmethod
    def all(cls) -> list[Self]:
        """Those on record; what can't be read is nobody's."""
        found = []
        for path in sorted(STATE.glob(f"*{cls.suffix}")) if STATE.is_dir() else []:
            with contextlib.suppress(OSError, ValueError, TypeError):
                found.append(cls(**json.loads(path.read_text(encoding="utf-8"))))
        return found
