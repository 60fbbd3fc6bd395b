"""A bundle's timeline: which of its items tell what, and all of it read in turn, in no order.

Order is `timeline_sort`'s concern, and what other tools read `timeline_formats`'.

Nothing but the bundle is read, and no more of an item is in memory than a line.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from irkit.adapters import bag
from irkit.adapters.run_log import read_log as read_run_log
from irkit.adapters.storage import read_regular, storing
from irkit.adapters.timeline_files import names_of_held, read_index
from irkit.adapters.timeline_lines import Item, Unread
from irkit.adapters.timeline_records import (
    read_events,
    read_inspect,
    read_listed_processes,
    read_log,
    read_raw_log,
    read_seen_processes,
)
from irkit.adapters.timeline_run import read_run
from irkit.adapters.zstd_frames import SUFFIX
from irkit.core import codec
from irkit.core.events import OperationFailed, OperationFinished, OperationStarted, Record
from irkit.core.operations import ReadVolume
from irkit.core.run import replay
from irkit.core.timeline import FileTimes, Moment

_CLOCK_LIMIT: Final = 1 << 20
_READERS: Final[Mapping[tuple[str, str], Callable[[Item], Iterator[FileTimes | Moment]]]] = {
    ("inspect", "inspect.json"): read_inspect,
    ("read-processes", "processes.jsonl"): read_seen_processes,
}
"""By the kind of an item and its name."""
_INDEX_ENDS: Final[Mapping[str, str]] = {
    "export": ".jsonl",
    "read-changes": ".jsonl",
    "read-volume": ".jsonl",
    "read-tmpfs": ".jsonl",
    "read-image": ".index.jsonl",
}
"""By the kind of an item, how the names of those end that list files."""
_NEVER: Final = "/"
_RAW_LOG: Final = re.compile(r".*-json\.log(?:\.[0-9]+)?")
_STREAMS: Final = ("stdout", "stderr")


class _Clock(msgspec.Struct):
    offset_ns: int


def read_timeline(root: Path, unread: Unread) -> Iterator[FileTimes | Moment]:
    """All that a bundle tells of times. What could not be read is in `unread` at the end.

    Raises VerificationError where the run log is broken, StorageError.
    """
    with storing(root):
        records, _ = read_run_log(root / bag.LOG)
    run = replay(records)
    names = {key.partition("/")[2]: name for key, name in run.names.items()}
    places = dict(_places(records))
    items = {
        one.path: Item(root, one, names.get(one.container, ""), unread, places.get(one.path, ""))
        for one in run.evidence
        if (root / one.path).is_file()
    }
    yield from read_run(records, bag.LOG, names)
    whole = {_plain_path(path) for path, item in items.items() if not item.evidence.partial}
    for path, item in items.items():
        if item.evidence.partial and _plain_path(path) in whole:
            continue  # a further attempt brought all of it
        if item.evidence.partial:
            item.tell(f"it is partial: {item.evidence.partial}")
        yield from _read(path, item, items, names)


def _places(records: Iterable[Record]) -> Iterator[tuple[str, str]]:
    """Of each item that is of one place in its container: its path in the bundle, and that place."""
    begun: dict[tuple[int, int], str] = {}
    for record in records:
        match record.event:
            case OperationStarted(operation=ReadVolume(destination=destination)) as event:
                begun[event.task, event.number] = destination
            case OperationFinished() | OperationFailed() as event:
                place = begun.pop((event.task, event.number), "")
                yield from ((one.path, place) for one in event.evidence if place)


def _read(path: str, item: Item, items: Mapping[str, Item], names: Mapping[str, str]) -> Iterator[FileTimes | Moment]:
    name = path.rpartition("/")[2].removesuffix(SUFFIX)
    stem, _, _ = name.partition(".")
    kind = _plain(name)
    if kind == "times.jsonl":
        folder, number = path.rpartition("/")[0], stem.removeprefix("times")
        found = {one: items.get(f"{folder}/{one}{number}.log{SUFFIX}") for one in _STREAMS}
        yield from read_log(item, {one: stream for one, stream in found.items() if stream is not None})
    elif kind == "events.jsonl":
        yield from read_events(item, names)
    elif name.endswith(_INDEX_ENDS.get(item.evidence.kind, _NEVER)):
        yield from read_index(item)
    elif kind == "processes.json":
        if not any(_is_of(one, item, "/processes.jsonl") for one in items):
            yield from read_listed_processes(item)
    elif item.evidence.kind == "read-log-files" and _RAW_LOG.fullmatch(name):
        if not any(_is_of(one, item, "/times.jsonl") for one in items):
            yield from read_raw_log(item)
    elif item.evidence.kind == "read-deleted-files" and name.endswith(".index.jsonl"):
        held = items.get(f"{path.rpartition('/')[0]}/{name.replace('files', 'held').replace('.index', '')}")
        yield from read_index(item, dict(names_of_held(held)) if held else {})
    elif reader := _READERS.get((item.evidence.kind, kind)):
        yield from reader(item)


def _is_of(path: str, item: Item, end: str) -> bool:
    """Whether a path is of the same container's as the item, and ends so."""
    folder = "/".join(item.evidence.path.split("/")[:3])
    return path.startswith(f"{folder}/") and path.removesuffix(SUFFIX).endswith(end)


def _plain_path(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/{_plain(name)}"


def _plain(name: str) -> str:
    """A name without the number that a further item of that name gets."""
    stem, dot, extensions = name.partition(".")
    head, hyphen, number = stem.rpartition("-")
    return f"{head}{dot}{extensions}" if hyphen and number.isdecimal() and head else name


def clock_offsets(root: Path, hosts: Iterable[str]) -> dict[str, int]:
    """How far the clock of each host is ahead of the responder's, in nanoseconds, as far as it was measured."""
    found = {}
    for host in hosts:
        path = root / "data" / bag.host_folder(host) / "host" / "clock-start.json"
        try:
            found[host] = codec.decode(read_regular(path, _CLOCK_LIMIT), _Clock).offset_ns
        except (OSError, ValueError):
            continue
    return found
