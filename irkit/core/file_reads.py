"""Operations that bring a container's files out by what they are: those that differ from the image, and its volumes."""

from irkit.core.container import Container
from irkit.core.estimate import SMALL, Estimate, at_most
from irkit.core.operation import Operation, Trace
from irkit.core.text import file_name


class ReadChanges(Operation, frozen=True, tag="read-changes"):
    """What differs from the image, with its contents: up to `limit` bytes of them, and a line for every name.

    `run` is the run whose bundle it goes to: a content that a layer of the image in it has is not stored again.
    """

    container: str
    limit: int
    run: str = ""
    rank = 5
    collects = frozenset({Trace.LAYER})
    bulk = True
    unseen = "nanoseconds, extended attributes and holes of changed files: the engine's API leaves them out"
    untold = "holes of changed files, and extended attributes but for capabilities of executables"

    @property
    def file(self) -> str:
        return "changes/changes.tar"

    def estimate(self, now: Container, image: int) -> Estimate:
        return at_most(self.limit)

    def text(self) -> str:
        return f"read changed files (at most {self.limit} bytes)"


class ReadVolume(Operation, frozen=True, tag="read-volume"):
    """The files of a volume or bind mount: up to `limit` bytes of contents, and a line for every name.

    `source` is where it lies on the host, `destination` where in the container. With `contents` off, nothing is read
    but names and what they stand for, and how much it would be.
    """

    container: str
    kind: str
    name: str
    source: str
    destination: str
    limit: int
    contents: bool = True
    number: int = 1
    rank = 6
    collects = frozenset({Trace.VOLUMES})
    bulk = True
    unseen = "nanoseconds, extended attributes and holes of files in volumes: the engine's API leaves them out"
    untold = "holes of files in volumes, and extended attributes but for capabilities of executables"

    @property
    def file(self) -> str:
        place = file_name(self.name or self.destination.strip("/") or "root", 80)
        return f"volumes/{self.number:03d}-{place}.tar"

    def estimate(self, now: Container, image: int) -> Estimate:
        return at_most(self.limit) if self.contents else SMALL

    def text(self) -> str:
        what = f"{self.kind} {self.name or self.source} at {self.destination}"
        return f"read {what} (at most {self.limit} bytes)" if self.contents else f"list files of {what}"
