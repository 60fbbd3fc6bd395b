"""What the evidence of one operation is taken in by: items in a folder of a bundle, under names of irkit's own."""

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from irkit.adapters import bag, zstd_frames
from irkit.adapters.evidence_file import EvidenceWriter, Origin, Pipeline, given_up
from irkit.adapters.storage import create_file, make_folders, storing, sync_folder
from irkit.core.evidence import Evidence
from irkit.core.ports import LEVEL, Clock
from irkit.core.store import Progress
from irkit.core.text import file_name


class BundleIntake:
    """Where the evidence of one operation goes: one folder of a bundle.

    Once it is closed it takes nothing more: a call that was given up may come back at any time, after the seal too.
    """

    def __init__(
        self, root: Path, folder: str, origin: Origin, pipeline: Pipeline, clock: Clock, progress: Progress | None
    ) -> None:
        self._root, self._folder, self._origin = root, folder, origin
        self._pipeline, self._clock, self._progress = pipeline, clock, progress
        self._items: list[EvidenceWriter] = []
        self._lock = threading.RLock()
        self._is_closed = False

    def open(self, path: str, *, source: str, compress: bool = False, level: int = LEVEL) -> EvidenceWriter:
        """A new item at `path` below the operation's folder; a name taken gets a number. Raises StorageError."""
        with self._in_time():
            return self._open(path, source, level if compress else None)

    def _open(self, path: str, source: str, level: int | None) -> EvidenceWriter:
        below, last = self._place(path)
        stem, dot, extensions = last.partition(".")
        extensions += "" if level is None else zstd_frames.SUFFIX
        origin = replace(self._origin, source=source)
        with storing(below):
            make_folders(self._root, below)
            number = 1
            while True:
                name = f"{below}/{stem}{f'-{number}' if number > 1 else ''}{dot}{extensions}"
                with contextlib.suppress(FileExistsError):
                    item = EvidenceWriter(
                        self._root,
                        name,
                        origin,
                        level=level,
                        pipeline=self._pipeline,
                        clock=self._clock,
                        progress=self._progress,
                    )
                    self._items.append(item)
                    return item
                number += 1

    def put(self, path: str, data: bytes, *, source: str) -> Evidence:
        """A small item at once, not compressed."""
        item = self.open(path, source=source)
        item.write(data)
        return item.finish()

    def name(self, evidence: Evidence, path: str) -> Evidence | None:
        """Have a finished item lie at `path`; None where an item lies there: then this one is dropped."""
        with self._in_time():
            return self._name(evidence, path)

    def _name(self, evidence: Evidence, path: str) -> Evidence | None:
        item = self._finished(evidence)
        below, last = self._place(path)
        name = f"{below}/{last}{zstd_frames.SUFFIX if evidence.compression else ''}"
        with storing(name):
            make_folders(self._root, below)
            try:
                # Nobody else can have the name from here on. A link would do in one step, where there are links.
                os.close(create_file(self._root / name))
            except FileExistsError:
                self.drop(evidence)
                return None
            (self._root / evidence.path).replace(self._root / name)
            sync_folder(self._root / below)
        item.evidence = msgspec.structs.replace(evidence, path=name)
        return item.evidence

    def drop(self, evidence: Evidence) -> None:
        """Take a finished item away."""
        with self._in_time(), storing(evidence.path):
            item = self._finished(evidence)
            (self._root / evidence.path).unlink()
            self._items.remove(item)

    def _place(self, path: str) -> tuple[str, str]:
        """The folder that a path leads to, and the last part's name there."""
        parts = [file_name(part, bag.PART_LIMIT) for part in path.split("/")]
        return "/".join([self._folder, *parts[:-1]]), parts[-1]

    def _finished(self, evidence: Evidence) -> EvidenceWriter:
        return next(item for item in self._items if item.evidence is evidence)

    @contextlib.contextmanager
    def _in_time(self) -> Iterator[None]:
        """One at a time, and nothing once it is closed: raises TargetError, which only who comes too late will hear."""
        with self._lock:
            if self._is_closed:
                raise given_up()
            yield

    def close(self, reason: str) -> tuple[Evidence, ...]:
        """Everything taken in, in order; what was not finished is closed as partial for that reason."""
        with self._lock:
            self._is_closed = True
            items = list(self._items)
        return tuple(item.finish(partial=reason or "not finished") for item in items)
