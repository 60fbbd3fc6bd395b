"""A bundle while it is written: its folder, log and evidence. What can be read of one is `bundle_reading`'s concern.

What a seal writes is `seal`'s; whether a sealed bundle is still what it was, `verify`'s.
"""

import contextlib
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from irkit.adapters import bag
from irkit.adapters.bundle_intake import BundleIntake
from irkit.adapters.bundle_reading import PARTIAL, PREFIX, fold, is_sealed, read_plan
from irkit.adapters.evidence_file import Origin, Pipeline
from irkit.adapters.run_log import RunLog
from irkit.adapters.seal import RESERVE, Contents, make_read_only, problems_of, write_seal
from irkit.adapters.storage import (
    create_file,
    make_folder,
    make_folders,
    storing,
    sync_folder,
    write_all,
    write_file,
)
from irkit.core import codec
from irkit.core.container import Container
from irkit.core.errors import UsageError
from irkit.core.events import AnyEvent, Note, OperationFailed, OperationFinished, Record
from irkit.core.evidence import Evidence
from irkit.core.operations import Operation
from irkit.core.plan import Plan
from irkit.core.ports import Clock
from irkit.core.run import Run
from irkit.core.store import Progress
from irkit.core.text import file_name

_RESERVE: Final = 8 << 20
_NAME_LIMIT: Final = 60


class Bundle:
    """A bundle being written. Made by `create`, or by `open_partial` after a crash."""

    def __init__(
        self, root: Path, log: RunLog, plan: Plan | None, clock: Clock, tool: str, progress: Progress | None = None
    ) -> None:
        self.path = root
        self.run = Run()
        self._log, self._plan, self._clock, self._tool, self._progress = log, plan, clock, tool, progress
        self._pipeline = Pipeline()
        self._described: dict[str, tuple[int, Evidence]] = {}
        self._lock = threading.Lock()

    @classmethod
    def create(
        cls,
        folder: Path,
        plan: Plan,
        *,
        clock: Clock,
        tool: str,
        playbook_source: bytes,
        tool_versions: Mapping[str, str],
        progress: Progress | None = None,
    ) -> "Bundle":
        """A new bundle in `folder`, with all that sealing it after a crash needs. Raises StorageError."""
        with storing(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            root = _new_root(folder, plan, clock)
            make_folder(root / "metadata")
            make_folders(root, "data/log")
            write_file(root / bag.PLAYBOOK, playbook_source)
            write_file(root / bag.PLAN, codec.pretty(plan))
            write_file(root / bag.TOOL, codec.pretty({"name": tool, "versions": dict(tool_versions)}))
            sync_folder(root / "metadata")
            _reserve(root / RESERVE)
        log = RunLog.create(root / bag.LOG, clock)
        with storing(folder):
            sync_folder(root / "data/log")
            sync_folder(root)
        return cls(root, log, plan, clock, tool, progress)

    @classmethod
    def open_partial(cls, path: Path, *, clock: Clock, tool: str) -> "Bundle":
        """The bundle of a run that ended without sealing it, to append to and to seal.

        What is torn of the log's last line is kept as evidence. Described evidence that is not as described is
        noted in the log. A sealed bundle whose seal was killed at its very end can only be sealed.
        Raises UsageError while its run goes on, VerificationError where the log is broken, StorageError.
        """
        path = path.resolve()
        if not (path / bag.LOG).is_file():
            raise UsageError(f"{path}: no bundle, or none in which anything was recorded")
        plan = read_plan(path)
        log, records, torn = RunLog.reopen(path / bag.LOG, clock, writable=not is_sealed(path))
        bundle = cls(path, log, plan, clock, tool)
        with contextlib.ExitStack() as opened:
            opened.callback(bundle.close)
            for record in records:
                bundle._fold(record)
            if not is_sealed(path):
                bundle._recover(torn, records)
            opened.pop_all()
        return bundle

    def append(self, event: AnyEvent) -> Record:
        """Have an event on disk as the log's next record. Raises StorageError."""
        with self._lock:
            record = self._log.append(event)
            self._fold(record)
            return record

    def intake(self, *, host: str, container: Container | None, operation: Operation, task: int) -> BundleIntake:
        """Where the evidence of that operation goes."""
        below = "host" if container is None else _container_folder(container)
        origin = Origin(
            kind=str(operation.__struct_config__.tag),
            source="",
            host=host,
            container=container.id if container else "",
            task=task,
            rank=operation.rank,
        )
        folder = f"data/{bag.host_folder(host)}/{below}"
        return BundleIntake(self.path, folder, origin, self._pipeline, self._clock, self._progress)

    def release(self) -> bool:
        """Give back the space kept in reserve for the log and the seal; whether there was any."""
        try:
            (self.path / RESERVE).unlink()
        except OSError:
            return False
        return True

    def seal(self) -> Path:
        """Close the log, describe and list everything, and make it read-only; where it lies from now on.

        Raises StorageError; it can then be tried again. All items must have been finished.
        """
        with self._lock, storing(self.path):
            if not is_sealed(self.path):
                self.release()
                target = _final_path(self.path)
                write_seal(self._contents(target.name))
                self.path.rename(target)
                self.path = target
            sync_folder(self.path.parent)
            make_read_only(self.path)
        self.close()
        return self.path

    def close(self) -> None:
        """Let go of the log and its lock, and of the threads, without sealing."""
        self._log.close()
        self._pipeline.close()

    def _fold(self, record: Record) -> None:
        fold(self.run, record, self._log.path)
        if isinstance(record.event, OperationFinished | OperationFailed):
            self._described.update((one.path, (record.seq, one)) for one in record.event.evidence)

    def _recover(self, torn: bytes, records: list[Record]) -> None:
        if torn:
            with storing(self.path / bag.TORN):
                self._set_aside(torn)
            self._log.cut()
        if self.run.finished is not None:
            return
        noted = {record.event.text for record in records if isinstance(record.event, Note)}
        for path, wrong in problems_of(self.path, self._described):
            text = f"{path}: not as the log describes it: {wrong}"
            if text not in noted:
                self.append(Note(text=text))

    def _set_aside(self, torn: bytes) -> None:
        """Keep a torn line, beside those of earlier crashes, before it is cut off the log: it is never nowhere."""
        half = self.path / "data/log/torn.half"
        half.unlink(missing_ok=True)
        number = 1
        while (kept := self.path / bag.torn_name(number)).exists():
            if kept.read_bytes() == torn:
                return
            number += 1
        write_file(half, torn)
        half.rename(kept)
        sync_folder(kept.parent)

    def _contents(self, name: str) -> Contents:
        return Contents(
            root=self.path,
            name=name,
            run=self.run,
            plan=self._plan,
            described=self._described,
            log_lines=self._log.lines,
            log_head=self._log.head,
            tool=self._tool,
            now=self._clock.now(),
        )


def _container_folder(container: Container) -> str:
    return f"{file_name(container.name.lower(), 79)}-{file_name(container.id[:8])}"


def _new_root(folder: Path, plan: Plan, clock: Clock) -> Path:
    start = clock.now().strftime("%Y%m%dT%H%M%SZ")
    parts = [file_name(part.lower(), _NAME_LIMIT) for part in (plan.case, plan.playbook) if part]
    name = f"{PREFIX}{'-'.join([start, *parts])}"
    number = 1
    while True:
        root = folder / f"{PARTIAL}{_numbered(name, number)}"
        if not (folder / _numbered(name, number)).exists():
            with contextlib.suppress(FileExistsError):
                make_folder(root)
                return root.resolve()
        number += 1


def _final_path(root: Path) -> Path:
    name = root.name.removeprefix(PARTIAL)
    number = 1
    while (root.parent / _numbered(name, number)).exists():
        number += 1
    return root.parent / _numbered(name, number)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def _reserve(path: Path) -> None:
    """Space that is really taken, to be given back when the disk is full."""
    descriptor = create_file(path)
    try:
        _allocate(descriptor)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _allocate(descriptor: int) -> None:
    if hasattr(os, "posix_fallocate"):
        with contextlib.suppress(OSError):
            os.posix_fallocate(descriptor, 0, _RESERVE)
            return
    write_all(descriptor, bytes(_RESERVE))
