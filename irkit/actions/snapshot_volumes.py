"""snapshot.volumes: the files of a container's volumes and bind mounts."""

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container, Mount
from irkit.core.operations import Operation, ReadVolume
from irkit.core.values import Size, bytes_of

LARGEST = 2**53 - 1
"""What JSON can hold exactly, and more than any file."""
PSEUDO = ("/proc", "/sys", "/dev")
"""Folders of a host whose files the kernel makes up: they and what is below them are never read as a volume."""
_KINDS = ("volume", "bind")
_Glob = Annotated[str, Meta(min_length=1, max_length=4096)]


@dataclass(frozen=True)
class SnapshotVolumes(Action):
    """Acquire volumes and bind mounts: each as a tar and an index of every name in it, like `snapshot.changes`.

    `select` and `exclude` are patterns (`*`, `?`, `[...]`) for the name of a volume or its path in the container. Of a
    volume with more than `max_bytes` of contents the rest is listed only, and the log says how much there is; with
    `contents` off all of it is. A bind mount of the host's root is listed only, unless `select` names it. They are read
    from the host's files where that can be done as root, else through the engine. Other file systems mounted below,
    pseudo file systems and sockets are never read; tmpfs is not part of it.
    """

    name = "snapshot.volumes"
    phase = Phase.ACQUIRE
    reads_files = True

    select: Annotated[
        tuple[_Glob, ...], Meta(description="Which volumes: patterns for their name or path.", max_length=100)
    ] = ("*",)
    exclude: Annotated[
        tuple[_Glob, ...], Meta(description="Which of them not: patterns for their name or path.", max_length=100)
    ] = ()
    max_bytes: Annotated[Size, Meta(description="How many bytes of contents are read of each at most.")] = "10GiB"
    contents: Annotated[bool, Meta(description="Read contents too; else only what there is, and how much.")] = True

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        limit = min(bytes_of(self.max_bytes), LARGEST)
        chosen = (mount for mount in container.mounts if mount.kind in _KINDS and self._is_chosen(mount))
        for number, one in enumerate(chosen, start=1):
            is_root = one.source == "/" and not _matches(one, tuple(name for name in self.select if name != "*"))
            contents = self.contents and not is_root
            yield ReadVolume(container.id, one.kind, one.name, one.source, one.destination, limit, contents, number)

    def _is_chosen(self, mount: Mount) -> bool:
        if any(mount.source == folder or mount.source.startswith(f"{folder}/") for folder in PSEUDO):
            return False
        return _matches(mount, self.select) and not _matches(mount, self.exclude)


def _matches(mount: Mount, patterns: tuple[str, ...]) -> bool:
    names = [name for name in (mount.name, mount.destination) if name]
    return any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in patterns)
