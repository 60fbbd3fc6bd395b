"""An item of evidence while it is written: digests of source and stored bytes, compression and writing, overlapping.

Frames of 4 MiB go to a few threads that all items of a bundle share. Each frame passes three stages: the source
digest, in order; compression, in any order; stored digests and the file, in order. Where a file lies and what it
is called is the intake's concern.
"""

import contextlib
import hashlib
import mmap
import os
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from irkit.adapters import zstd_frames
from irkit.adapters.storage import create_file, storing, sync_folder, write_all
from irkit.adapters.zstd_frames import FRAME, SeekTable, compress_frame
from irkit.core.errors import Refusal, StorageError, TargetError
from irkit.core.evidence import Evidence
from irkit.core.ports import Clock
from irkit.core.store import Bytes, Progress
from irkit.core.values import utc_text

_WORKERS: Final = 3
_WRITEBACK: Final = 32 << 20
_PROGRESS_SECONDS: Final = 0.1


class Pipeline:
    """The threads and frame buffers of a bundle. Memory is bounded by frames in flight, over all items."""

    def __init__(self, workers: int = 0) -> None:
        workers = workers or min(_WORKERS, os.cpu_count() or 1)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="evidence")
        self._slots = threading.BoundedSemaphore(workers + 1)
        self._spare: deque[memoryview] = deque(maxlen=workers + 2)

    def take(self) -> memoryview:
        """An empty frame buffer."""
        try:
            return self._spare.pop()
        except IndexError:
            # Mapped memory: what a small item doesn't touch costs nothing, and a dropped frame is given back at once.
            return memoryview(mmap.mmap(-1, FRAME))

    def give(self, frame: memoryview) -> None:
        """Hand a buffer back."""
        self._spare.append(frame)

    def submit(self, item: "_Stages", number: int, frame: memoryview, length: int) -> Future[None]:
        """Have a frame processed; waits while too many are in flight. The buffer comes back by itself."""
        self._slots.acquire()
        return self._threads.submit(self._process, item, number, frame, length)

    def _process(self, item: "_Stages", number: int, frame: memoryview, length: int) -> None:
        try:
            with frame[:length] as data:
                item.process(number, data)
        finally:
            self.give(frame)
            self._slots.release()

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()


class _Turns:
    """Lets numbered frames through one at a time, in order. A frame's turn passes even where it fails."""

    def __init__(self) -> None:
        self._next = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def turn(self, number: int) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._next == number)
        try:
            yield
        finally:
            with self._changed:
                self._next += 1
                self._changed.notify_all()


class _Stages:
    """What happens to the frames of one item. All it says of itself is of the frames that are in the file."""

    def __init__(self, descriptor: int, level: int | None) -> None:
        self.descriptor = descriptor
        self.level = level
        self.table = SeekTable()
        self.size = self.source_size = 0
        self.source = hashlib.sha256()  # of the source bytes whose frames are stored
        self.sha256 = hashlib.sha256()
        self.sha512 = hashlib.sha512()
        self._read = hashlib.sha256()  # of the source bytes so far, which may be ahead
        self._reading, self._storing = _Turns(), _Turns()
        self._broken = False
        self._flushed = 0

    def process(self, number: int, data: memoryview) -> None:
        """Take one frame through all stages. Raises OSError where it cannot be written."""
        with self._reading.turn(number):
            self._read.update(data)
            source = self._read.copy()
        packed: bytes | memoryview | None = None
        try:
            packed = data if self.level is None else compress_frame(data, self.level)
        finally:
            with self._storing.turn(number):
                # Once a frame failed none may follow: there would be a gap.
                if packed is None or self._broken:
                    self._broken = True
                else:
                    self._broken = True
                    self.store(packed)
                    self._broken = False
                    self.table.add(len(packed), len(data))
                    self.source, self.source_size = source, self.source_size + len(data)

    def store(self, packed: bytes | memoryview) -> None:
        """Add bytes to the file and its digests, wholly or not at all. Raises OSError."""
        try:
            write_all(self.descriptor, packed)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self.descriptor, self.size)
                os.lseek(self.descriptor, self.size, os.SEEK_SET)
            raise
        self.sha512.update(packed)
        if self.level is not None:
            self.sha256.update(packed)
        self.size += len(packed)
        if self.size - self._flushed >= _WRITEBACK:
            self._start_writeback()

    def _start_writeback(self) -> None:
        # On Linux this advice starts writing dirty pages out and does not wait: the fsync at the end is then short.
        with contextlib.suppress(OSError, AttributeError):
            os.posix_fadvise(self.descriptor, self._flushed, self.size - self._flushed, os.POSIX_FADV_DONTNEED)
        self._flushed = self.size


@dataclass(frozen=True)
class Origin:
    """Where an item comes from, as its Evidence will say."""

    kind: str
    source: str
    host: str = ""
    container: str = ""
    task: int = 0
    rank: int = 0


def given_up() -> TargetError:
    """That evidence comes too late: what it is of was given up, and its items are closed."""
    return TargetError("it was given up before this came", Refusal.CANCELLED)


class EvidenceWriter:
    """One item being written, at `path` below the bundle `root`; `level` None stores it as it comes.

    It may be finished by another thread than the one that writes, which is told so at its next word.
    """

    def __init__(
        self,
        root: Path,
        path: str,
        origin: Origin,
        *,
        level: int | None,
        pipeline: Pipeline,
        clock: Clock,
        progress: Progress | None = None,
    ) -> None:
        self.path = path
        self.evidence: Evidence | None = None
        self._file = root / path
        self._origin = origin
        self._pipeline, self._clock, self._progress = pipeline, clock, progress
        self._stages = _Stages(create_file(self._file), level)
        self._frame: memoryview | None = None
        self._filled = self._taken = self._submitted = 0
        self._jobs: deque[Future[None]] = deque()
        self._warnings: list[str] = []
        self._error: StorageError | None = None
        self._has_table = False
        self._using = threading.Lock()
        self._started_at = utc_text(clock.now())
        self._reported = clock.monotonic()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take in the next bytes. Raises the StorageError of an earlier frame, and TargetError once it is closed."""
        with self._using:
            self._check_open()
            self._take(data)

    def _take(self, data: bytes | bytearray | memoryview) -> None:
        self._raise_error()
        with memoryview(data) as whole, whole.cast("B") as view:
            done, size = 0, len(view)
            while done < size:
                frame = self._frame if self._frame is not None else self._pipeline.take()
                self._frame = frame
                step = min(size - done, FRAME - self._filled)
                frame[self._filled : self._filled + step] = view[done : done + step]
                done += step
                self._filled += step
                if self._filled == FRAME:
                    self._submit()
        self._taken += size
        self._report()

    def warn(self, text: str) -> None:
        """Say something about the item that its reader must know."""
        with self._using:
            self._check_open()
            self._warnings.append(text)

    def finish(self, partial: str = "") -> Evidence:
        """Close, fsync and describe the item. Raises StorageError, after which it can be finished as partial."""
        with self._using:
            return self._finish(partial)

    def _check_open(self) -> None:
        if self.evidence is not None:
            raise given_up()

    def _finish(self, partial: str) -> Evidence:
        if self.evidence is not None:
            return self.evidence
        for step in (self._drain, self._end_frames, self._sync):
            try:
                step()
            except StorageError as error:
                self._error = self._error or error
                if not partial:
                    raise
        if self._error is not None:
            self._warnings.append(f"not stored to the end: {self._error}")
        self.evidence = self._describe(partial)
        os.close(self._stages.descriptor)
        self._report(ended=True)
        return self.evidence

    def _submit(self) -> None:
        frame, self._frame = self._frame, None
        if frame is None:
            return
        length, self._filled = self._filled, 0
        self._jobs.append(self._pipeline.submit(self._stages, self._submitted, frame, length))
        self._submitted += 1
        while self._jobs and self._jobs[0].done():
            self._settle()

    def _settle(self) -> None:
        try:
            with storing(self.path):
                self._jobs.popleft().result()
        except StorageError as error:
            self._error = self._error or error

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _drain(self) -> None:
        """Have all that was taken in stored. What fits in one frame is done here: no thread is started for it."""
        if self._submitted == 0:
            self._store_only_frame()
        else:
            self._submit()
        while self._jobs:
            self._settle()
        self._raise_error()

    def _store_only_frame(self) -> None:
        frame, self._frame = self._frame, None
        self._submitted = 1
        with storing(self.path):
            if frame is None:
                self._stages.process(0, memoryview(b""))
            else:
                with frame[: self._filled] as data:
                    self._stages.process(0, data)
                self._pipeline.give(frame)

    def _end_frames(self) -> None:
        if self._stages.level is not None and not self._has_table:
            with storing(self.path):
                self._stages.store(self._stages.table.render())
            self._has_table = True

    def _sync(self) -> None:
        with storing(self.path):
            os.fsync(self._stages.descriptor)
            sync_folder(self._file.parent)

    def _describe(self, partial: str) -> Evidence:
        stages, origin = self._stages, self._origin
        source = stages.source.hexdigest()
        return Evidence(
            path=self.path,
            kind=origin.kind,
            host=origin.host,
            container=origin.container,
            source=origin.source,
            sha256=source if stages.level is None else stages.sha256.hexdigest(),
            sha512=stages.sha512.hexdigest(),
            size=stages.size,
            source_sha256=source,
            source_size=stages.source_size,
            compression="" if stages.level is None else zstd_frames.NAME,
            started_at=self._started_at,
            ended_at=utc_text(self._clock.now()),
            partial=partial,
            warnings=tuple(self._warnings),
            rank=origin.rank,
        )

    def _report(self, ended: bool = False) -> None:
        if self._progress is None:
            return
        now = self._clock.monotonic()
        if not ended and now - self._reported < _PROGRESS_SECONDS:
            return
        self._reported = now
        origin = self._origin
        self._progress(
            Bytes(
                task=origin.task,
                host=origin.host,
                container=origin.container,
                path=self.path,
                done=self._taken,
                ended=ended,
            )
        )
