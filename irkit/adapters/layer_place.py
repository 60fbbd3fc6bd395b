"""Where a container's changed files lie on its host: the upper folder of its overlay mount.

The engine's own word comes first; where it says nothing (the containerd image store), the host's own mount table does,
by the overlay that is mounted at a place named by the container's id. The container's table is not asked: a
privileged one can mount what it likes as its root. Paths are only believed of a host whose files are the engine's.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from irkit.adapters.engine_answer import decoded
from irkit.adapters.host_side import check_is_answer, why_no_files
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, FileKind, HostFiles

_MOST: Final = 8 << 20
"""Bytes of a mount table."""
_ID: Final = re.compile(r"[0-9a-f]{64}")
_OCTAL: Final = re.compile(rb"\\([0-7]{3})")
_POINT, _FIXED = 4, 6
"""Numbers of the columns of a mount table: where it is mounted, and how many come before the optional ones."""


class _State(msgspec.Struct, rename="pascal"):
    pid: int = 0


class _Driver(msgspec.Struct, rename="pascal"):
    name: str = ""
    data: dict[str, str] | None = None


class _Mount(msgspec.Struct, rename="pascal"):
    source: str = ""
    destination: str = ""
    is_writable: bool = msgspec.field(default=True, name="RW")


class Store(msgspec.Struct, rename="pascal"):
    """What an inspect says of where a container's files lie."""

    id: str
    state: _State = msgspec.field(default_factory=_State)
    graph_driver: _Driver | None = None
    log_path: str = ""
    resolv_conf_path: str = ""
    hostname_path: str = ""
    hosts_path: str = ""
    mounts: list[_Mount] | None = None

    @property
    def upper(self) -> str:
        """The upper folder, where the engine tells it."""
        return self._told("UpperDir")

    @property
    def lower(self) -> str:
        """The lower folders, topmost first, where the engine tells them."""
        return self._told("LowerDir")

    def _told(self, key: str) -> str:
        return ((self.graph_driver and self.graph_driver.data) or {}).get(key, "")


class Place(NamedTuple):
    """The upper folder of an overlay, who says that it is the one, and its lower folders, where they are told."""

    path: bytes
    said_by: str
    lowers: tuple[bytes, ...] = ()


def store_of(body: bytes) -> Store:
    """What an answer to an inspect says. Raises TargetError where it is none."""
    return decoded(body, Store)


def find_upper(files: HostFiles, store: Store, deadline: Deadline) -> Place:
    """The upper folder. Raises TargetError that says why none can be read, or that the host cannot be asked."""
    if store.upper:
        path = store.upper.encode("utf-8", "surrogateescape")
        _check_folder(files, path, deadline)
        return Place(path, "the engine", _lowers(store.lower.encode("utf-8", "surrogateescape")))
    return _by_mounts(files, store, deadline)


def check_readable(files: HostFiles, deadline: Deadline) -> None:
    """Raises TargetError where the host's files are not read as root: its engine then shows more of them."""
    if reason := why_no_files(files, deadline):
        raise _unsupported(f"the host's files cannot be read as root: {reason}")


def is_of_host(files: HostFiles, store: Store, deadline: Deadline) -> bool:
    """Whether those are the files of the machine the engine runs on: what it keeps of the container is among them.

    An engine in a virtual machine tells paths that may be there on this side of it too, with other things in them.
    """
    told = (store.upper, store.log_path, store.resolv_conf_path, store.hostname_path, store.hosts_path)
    for path in told:
        if _ID.search(path) and _is_there(files, path.encode("utf-8", "surrogateescape"), deadline):
            return True
    return is_of_container(files, store.state.pid, store.id, deadline)


def is_of_container(files: HostFiles, pid: int, container: str, deadline: Deadline) -> bool:
    """Whether the process of that number is the container's: its control group is named by it."""
    if pid <= 0:
        return False
    (groups,) = files.read_small([b"/proc/%d/cgroup" % pid], _MOST, deadline)
    return isinstance(groups, bytes) and container.encode() in groups


def mounts_of(table: bytes) -> Iterator[tuple[bytes, bytes, dict[bytes, bytes]]]:
    """Of each line of a mount table: where it is mounted, its type, and the options of its file system."""
    for line in table.split(b"\n"):
        words = line.split(b" ")
        if b"-" in words[_FIXED:] and len(words) >= words.index(b"-", _FIXED) + 4:
            at = words.index(b"-", _FIXED)
            options = (option.partition(b"=") for option in words[at + 3].split(b","))  # a comma in one is in octal
            yield _plain(words[_POINT]), words[at + 1], {key: _plain(value) for key, _, value in options}


def _by_mounts(files: HostFiles, store: Store, deadline: Deadline) -> Place:
    driver = store.graph_driver.name if store.graph_driver else ""
    where = f"the engine does not say where its changed files lie (driver {driver or 'not told'})"
    if not is_of_container(files, store.state.pid, store.id, deadline):
        raise _unsupported(f"{where}, and it has no process on this host to find them by")
    overlay = _overlay_of(files, store.id.encode(), where, deadline)
    path = overlay.get(b"upperdir", b"")
    if not path.startswith(b"/"):
        raise _unsupported(f"{where}, and its root is no overlay whose upper folder can be told")
    _check_folder(files, path, deadline)
    return Place(path, "the host's mount table", _lowers(overlay.get(b"lowerdir", b"")))


def _overlay_of(files: HostFiles, container: bytes, where: str, deadline: Deadline) -> dict[bytes, bytes]:
    """The options of the overlay that the host has mounted at a place named by the container's id."""
    tables = files.read_small([b"/proc/1/mountinfo", b"/proc/self/mountinfo"], _MOST, deadline)
    found = {
        mount.get(b"upperdir", b""): mount
        for table in tables
        for place, kind, mount in mounts_of(table if isinstance(table, bytes) else b"")
        if kind == b"overlay" and container in place.split(b"/")
    }
    if len(found) > 1:
        raise _unsupported(f"{where}, and the host's mount table has more than one overlay of it")
    if not found:
        raise _unsupported(f"{where}, and the host's mount table has no overlay of it: the container's is not believed")
    return next(iter(found.values()))


def _lowers(text: bytes) -> tuple[bytes, ...]:
    """The lower folders in a list with colons; none where it cannot be told where one lies."""
    paths = tuple(text.split(b":")) if text else ()
    return paths if all(path.startswith(b"/") and not path.endswith(b"\\") for path in paths) else ()


def _plain(word: bytes) -> bytes:
    """A word of a mount table, where blanks and their like are written in octal."""
    return _OCTAL.sub(lambda found: bytes([int(found[1], 8) & 0xFF]), word)


def _is_there(files: HostFiles, path: bytes, deadline: Deadline) -> bool:
    try:
        files.stat(path, deadline)
    except TargetError as error:
        check_is_answer(error)
        return False
    return True


def _check_folder(files: HostFiles, path: bytes, deadline: Deadline) -> None:
    if files.stat(path, deadline).kind is not FileKind.DIRECTORY:
        raise _unsupported(f"{path.decode('utf-8', 'backslashreplace')} is no folder")


def _unsupported(reason: str) -> TargetError:
    return TargetError(reason, Refusal.UNSUPPORTED)
