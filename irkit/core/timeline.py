"""What a timeline is made of: moments, and files with the times they carry. Reading and writing them is for others."""

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from irkit.core.text import escaped

SECOND = 10**9
"""Nanoseconds."""
ALIGNED = "responder"
"""The clock of what irkit did itself, and of what was brought to it."""


class Source(StrEnum):
    """Where a moment is from."""

    FILE = "file"
    LOG = "log"
    ENGINE = "engine"
    PROCESS = "process"
    CONTAINER = "container"
    IRKIT = "irkit"


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """What a moment is of: its host, the container with its full id, and the item of the bundle that tells it."""

    host: str = ""
    container: str = ""
    container_id: str = ""
    item: str = ""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened at a time: nanoseconds since 1970, by the clock of `clock`.

    `kind` says what the time is of, in Timesketch's words. `message` is one line, escaped. `path` and `sha256` are of
    a file, `path` escaped too.
    """

    at: int
    kind: str
    source: Source
    message: str
    where: Where
    clock: str = ""
    path: str = ""
    sha256: str = ""

    def moments(self) -> "Iterator[Moment]":
        """Itself, as a file has several."""
        yield self

    def earlier(self, nanoseconds: int) -> "Moment":
        """The same by a clock that is so much behind."""
        return msgspec.structs.replace(self, at=self.at - nanoseconds, clock=ALIGNED) if nanoseconds else self


class FileTimes(msgspec.Struct, frozen=True, kw_only=True):
    """A file and its times, in nanoseconds since 1970; None for one that its source does not tell."""

    path: bytes
    kind: str
    where: Where
    mode: int = 0
    uid: int = 0
    gid: int = 0
    size: int = 0
    inode: int = 0
    link: bytes = b""
    sha256: str = ""
    modified: int | None = None
    accessed: int | None = None
    changed: int | None = None
    born: int | None = None
    deleted: bool = False

    @property
    def name(self) -> bytes:
        """Its absolute path in the container."""
        return b"/" + self.path.removeprefix(b"./").lstrip(b"/")

    @property
    def clock(self) -> str:
        """Whose clock its times are by."""
        return self.where.host

    def earlier(self, nanoseconds: int) -> "FileTimes":
        """The same by a clock that is so much behind."""
        told = {name: getattr(self, name) for name in ("modified", "accessed", "changed", "born")}
        return msgspec.structs.replace(
            self, **{name: at - nanoseconds for name, at in told.items() if nanoseconds and at is not None}
        )

    def moments(self) -> Iterator[Moment]:
        """One for each time that differs, which says all that happened then."""
        told = (
            (self.modified, "Content Modification Time"),
            (self.changed, "Metadata Modification Time"),
            (self.accessed, "Last Access Time"),
            (self.born, "Creation Time"),
        )
        kinds: dict[int, list[str]] = {}
        for at, kind in told:
            if at is not None:
                kinds.setdefault(at, []).append(kind)
        message, path = self._message(), escaped(self.name)
        for at, names in kinds.items():
            yield Moment(
                at=at,
                kind="; ".join(names),
                source=Source.FILE,
                message=message,
                where=self.where,
                clock=self.where.host,
                path=path,
                sha256=self.sha256,
            )

    def _message(self) -> str:
        if self.deleted:
            return f"deleted {escaped(self.name)}"
        link = f" -> {escaped(self.link)}" if self.link else ""
        return f"{self.kind} {escaped(self.name)}{link}, {self.mode:04o} {self.uid}:{self.gid}, {self.size} bytes"
