"""docs/engines.json: what came of every engine that was tried, and why others were not. `page` shows it."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from .kinds import KINDS, Kind
from .main_job import MainJob
from .probing import PROBES, Found, plain

FILE: Final = Path(__file__).resolve().parents[2] / "docs" / "engines.json"


class Contract(msgspec.Struct, frozen=True):
    """The contract's tests: how many there are, how many pass, and why the others do not."""

    tests: int
    passed: int
    differs: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """An engine that was tried, `on` that day."""

    name: str
    title: str
    note: str
    on: str
    version: str
    api_oldest: str
    api_newest: str
    api_spoken: str
    storage: str
    cgroup: str
    cannot: tuple[str, ...]
    probes: dict[str, Found]
    job: MainJob
    contract: Contract


class Record(msgspec.Struct):
    """All of it. `titles` are the probes' in the order of the page; `untried` has the reason by the kind's name."""

    titles: dict[str, str]
    engines: list[Tried]
    untried: dict[str, str]


def read() -> Record:
    """What is on file, empty where there is nothing."""
    return msgspec.json.decode(FILE.read_bytes(), type=Record) if FILE.exists() else Record({}, [], {})


def keep(tried: Tried) -> None:
    """Put an engine in the place of what was known of it."""
    with _alone():
        found = read()
        _write({one.name: one for one in found.engines} | {tried.name: tried}, found.untried)


def keep_reason(kind: Kind, reason: str) -> None:
    """Put down why an engine could not be tried; what was found of it earlier stays true."""
    with _alone():
        found = read()
        _write({one.name: one for one in found.engines}, found.untried | {kind.name: plain(reason)})


def tidy() -> None:
    """Name the probes as they are named now, and leave out what is no kind any more."""
    with _alone():
        found = read()
        _write({one.name: one for one in found.engines}, found.untried)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Several may try engines at once, each its own."""
    folder = os.open(FILE.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _write(engines: dict[str, Tried], untried: dict[str, str]) -> None:
    """Engines in the order of the kinds, and none that is no kind any more."""
    order = [kind.name for kind in KINDS]
    record = Record(
        titles={name: one.title for name, one in PROBES.items()},
        engines=[engines[name] for name in order if name in engines],
        untried={name: untried[name] for name in order if name in untried and name not in engines},
    )
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
