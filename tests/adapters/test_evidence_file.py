import errno
import hashlib
import os
import random
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from irkit.adapters import evidence_file
from irkit.adapters.evidence_file import EvidenceWriter, Origin, Pipeline
from irkit.adapters.evidence_reader import open_stored
from irkit.adapters.zstd_frames import FRAME, compress_frame
from irkit.core.errors import StorageError, VerificationError
from irkit.core.evidence import Evidence
from irkit.core.store import Bytes, Progress
from tests.adapters.made import TestClock
from tests.lab.counting import LONG, wait_until

ORIGIN = Origin(kind="export", source="GET /export", host="local", container="ab12", task=7, rank=8)


@pytest.fixture(params=[1, 2, 3])
def pipeline(request: pytest.FixtureRequest) -> Iterator[Pipeline]:
    pipeline = Pipeline(request.param)
    yield pipeline
    pipeline.close()


@pytest.fixture
def two() -> Iterator[Pipeline]:
    pipeline = Pipeline(2)
    yield pipeline
    pipeline.close()


def an_item(
    root: Path, pipeline: Pipeline, *, level: int | None = 3, name: str = "x", progress: Progress | None = None
) -> EvidenceWriter:
    return EvidenceWriter(
        root, name, ORIGIN, level=level, pipeline=pipeline, clock=TestClock(), progress=progress
    )  # fmt: skip


def mixed(size: int) -> bytes:
    chance = random.Random(size)
    return (chance.randbytes(size // 3) + b"the same again and again " * (size // 25))[:size].ljust(size, b"\0")


def check(root: Path, evidence: Evidence, data: bytes) -> None:
    """All that is said of an item is so."""
    stored = (root / evidence.path).read_bytes()
    assert evidence.size == len(stored)
    assert evidence.sha256 == hashlib.sha256(stored).hexdigest()
    assert evidence.sha512 == hashlib.sha512(stored).hexdigest()
    assert evidence.source_size == len(data)
    assert evidence.source_sha256 == hashlib.sha256(data).hexdigest()


def read_stored(root: Path, evidence: Evidence, limit: int) -> bytes:
    """The first source bytes of an item, whatever is stored of them."""
    with open_stored(root / evidence.path) as file:
        return file.read(limit)


SIZES = [0, 1, 1000, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME + 5]


@pytest.mark.parametrize("level", [None, 1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_an_item_of_any_size_is_what_it_is_said_to_be(
    tmp_path: Path, two: Pipeline, size: int, level: int | None
) -> None:
    data = mixed(size)
    name = "x" if level is None else "x.zst"
    item = an_item(tmp_path, two, level=level, name=name)
    for at in range(0, size, 300_001):
        item.write(data[at : at + 300_001])
    evidence = item.finish()
    check(tmp_path, evidence, data)
    assert read_stored(tmp_path, evidence, size + 1) == data
    assert evidence.compression == ("" if level is None else "zstd")
    assert (evidence.kind, evidence.host, evidence.container, evidence.rank) == ("export", "local", "ab12", 8)
    assert (evidence.source, evidence.partial, evidence.warnings) == ("GET /export", "", ())
    assert evidence.started_at < evidence.ended_at


def test_the_bytes_stored_do_not_depend_on_the_number_of_threads_or_the_sizes_of_writes(tmp_path: Path) -> None:
    data = mixed(3 * FRAME + 12345)
    stored = set()
    for workers, step in ((1, len(data)), (2, 65536), (3, FRAME), (3, 1_000_003)):
        pipeline = Pipeline(workers)
        item = an_item(tmp_path, pipeline, name=f"x{workers}{step}")
        for at in range(0, len(data), step):
            item.write(data[at : at + step])
        stored.add(item.finish().sha512)
        pipeline.close()
    assert len(stored) == 1
    frames = [compress_frame(data[at : at + FRAME], 3) for at in range(0, len(data), FRAME)]
    assert (tmp_path / f"x1{len(data)}").read_bytes().startswith(b"".join(frames))


def test_a_buffer_may_be_used_again_as_soon_as_it_was_written(tmp_path: Path, pipeline: Pipeline) -> None:
    item, seen, buffer = an_item(tmp_path, pipeline), hashlib.sha256(), bytearray(1 << 20)
    for number in range(20):
        buffer[:] = bytes([number]) * len(buffer)
        item.write(memoryview(buffer))
        seen.update(buffer)
    assert item.finish().source_sha256 == seen.hexdigest()


def test_a_view_of_larger_elements_is_written_whole(tmp_path: Path, two: Pipeline) -> None:
    item = an_item(tmp_path, two, level=None)
    item.write(memoryview(b"12345678").cast("I"))
    check(tmp_path, item.finish(), b"12345678")


def test_files_are_private_and_never_overwrite_or_follow(tmp_path: Path, two: Pipeline) -> None:
    old = os.umask(0)
    try:
        item = an_item(tmp_path, two)
    finally:
        os.umask(old)
    item.finish()
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o600
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("x", "link"):
        with pytest.raises(FileExistsError):
            an_item(tmp_path, two, name=name)


def test_small_items_start_no_thread(tmp_path: Path, two: Pipeline) -> None:
    before = set(threading.enumerate())  # some of another test may be ending yet
    for number in range(20):
        item = an_item(tmp_path, two, name=str(number))
        item.write(b"x" * 1000)
        item.finish()
    assert set(threading.enumerate()) <= before


def test_an_item_is_on_disk_with_its_name_when_it_is_described(
    tmp_path: Path, two: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    fsync = os.fsync

    def note(fd: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(fd).st_mode))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", note)
    an_item(tmp_path, two).finish()
    assert synced == [False, True]


def test_progress_is_told_seldom_and_ends_once(tmp_path: Path, two: Pipeline) -> None:
    class Slow(TestClock):
        def monotonic(self) -> float:
            self.read += 1
            return self.read * 0.03

    told: list[Bytes] = []
    item = EvidenceWriter(tmp_path, "x", ORIGIN, level=3, pipeline=two, clock=Slow(), progress=told.append)
    for _ in range(100):
        item.write(b"0123456789")
    item.finish()
    item.finish()
    assert 20 <= len(told) <= 31
    assert [one.ended for one in told] == [False] * (len(told) - 1) + [True]
    assert [one.done for one in told] == sorted(one.done for one in told)
    assert told[-1] == Bytes(task=7, host="local", container="ab12", path="x", done=1000, ended=True)


class FullDisk:
    """Takes so many bytes, then half of what is written, then nothing."""

    def __init__(self, room: int, error: int = errno.ENOSPC) -> None:
        self.room, self.error, self.write = room, error, os.write

    def __call__(self, fd: int, data: bytes | memoryview) -> int:
        if self.room <= 0:
            raise OSError(self.error, os.strerror(self.error))
        with memoryview(data) as view:
            done = self.write(fd, view[: self.room])
        self.room -= done
        return done


@pytest.mark.parametrize("level", [None, 3])
@pytest.mark.parametrize("frames", [0, 1, 2])
def test_on_a_full_disk_the_frames_that_fit_are_kept_and_described(
    tmp_path: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, level: int | None, frames: int
) -> None:
    data = random.Random(1).randbytes(6 * FRAME)
    sizes = [FRAME if level is None else len(compress_frame(data[:FRAME], 3))] * frames
    monkeypatch.setattr(os, "write", FullDisk(sum(sizes) + 1000))
    item = an_item(tmp_path, pipeline, level=level, name="x" if level is None else "x.zst")
    with pytest.raises(StorageError) as caught:
        for at in range(0, len(data), 1 << 20):
            item.write(data[at : at + (1 << 20)])
        item.finish()
    assert caught.value.full
    with pytest.raises(StorageError):
        item.write(b"more")
    evidence = item.finish(partial="the disk is full")
    assert evidence.partial == "the disk is full"
    assert any("No space left" in warning for warning in evidence.warnings)
    check(tmp_path, evidence, data[: frames * FRAME])
    monkeypatch.undo()
    with open_stored(tmp_path / evidence.path) as file:
        assert hashlib.sha256(file.read()).hexdigest() == evidence.source_sha256


def test_after_a_frame_that_failed_none_is_stored_even_if_there_is_room_again(
    tmp_path: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, write, calls = random.Random(2).randbytes(6 * FRAME), os.write, 0

    def fail_once(fd: int, piece: bytes | memoryview) -> int:
        nonlocal calls
        calls += 1
        if calls == 2:
            time.sleep(0.05)
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, piece)

    monkeypatch.setattr(os, "write", fail_once)
    item = an_item(tmp_path, pipeline, level=None)
    with pytest.raises(StorageError):
        item.write(data)
        item.finish()
    evidence = item.finish(partial="the disk is full")
    check(tmp_path, evidence, data[:FRAME])


def test_an_fsync_that_failed_is_told_even_if_the_next_one_does_not(
    tmp_path: Path, two: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    item = an_item(tmp_path, two)
    item.write(b"x")
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError):
        item.finish()
    monkeypatch.undo()
    evidence = item.finish(partial="given up")
    assert evidence.warnings == ("not stored to the end: x: Input/output error",)
    check(tmp_path, evidence, b"x")


def test_an_error_in_the_last_frame_is_not_lost(tmp_path: Path, two: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    item = an_item(tmp_path, two, level=None)
    item.write(bytes(FRAME))
    assert wait_until(lambda: sum(one.stat().st_size for one in tmp_path.iterdir()) == FRAME)
    monkeypatch.setattr(os, "write", FullDisk(0, errno.EIO))
    item.write(b"the end")
    with pytest.raises(StorageError, match="x: Input/output error") as caught:
        item.finish()
    assert not caught.value.full


def test_an_item_whose_seek_table_does_not_fit_is_still_read(
    tmp_path: Path, two: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = mixed(1000)
    monkeypatch.setattr(os, "write", FullDisk(len(compress_frame(data, 3)) + 3))
    item = an_item(tmp_path, two, name="x.zst")
    item.write(data)
    evidence = item.finish(partial="the disk is full")
    check(tmp_path, evidence, data)
    assert read_stored(tmp_path, evidence, 2000) == data


def test_a_frame_that_can_not_be_compressed_is_told_and_hangs_nothing(
    tmp_path: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(data: memoryview, level: int) -> bytes:
        raise MemoryError

    monkeypatch.setattr(evidence_file, "compress_frame", fail)
    item = an_item(tmp_path, pipeline)
    with pytest.raises(MemoryError):
        for _ in range(8):
            item.write(bytes(FRAME))
        item.finish()


def test_items_written_at_once_share_the_threads_and_do_not_wait_for_one_another(tmp_path: Path) -> None:
    pipeline = Pipeline(2)
    stalled = [an_item(tmp_path, pipeline, name=f"stalled{number}") for number in range(10)]
    for item in stalled:
        item.write(b"so far")
    data = mixed(3 * FRAME)

    def store(number: int) -> None:
        item = an_item(tmp_path, pipeline, name=f"busy{number}.zst")
        item.write(data)
        check(tmp_path, item.finish(), data)
        done.append(number)

    done: list[int] = []
    threads = [threading.Thread(target=store, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert sorted(done) == [0, 1, 2, 3, 4]
    for item in stalled:
        check(tmp_path, item.finish(partial="stalled"), b"so far")
    pipeline.close()


def test_warnings_are_kept(tmp_path: Path, two: Pipeline) -> None:
    item = an_item(tmp_path, two)
    item.warn("the clock jumped")
    assert item.finish().warnings == ("the clock jumped",)


def test_a_torn_compressed_item_reads_as_far_as_it_goes_and_says_so(tmp_path: Path, two: Pipeline) -> None:
    data = mixed(2 * FRAME)
    item = an_item(tmp_path, two, name="x.zst")
    item.write(data)
    evidence = item.finish()
    (tmp_path / "x.zst").write_bytes((tmp_path / "x.zst").read_bytes()[: evidence.size // 2 + 2000])
    with pytest.raises(VerificationError, match=r"x\.zst"), open_stored(tmp_path / "x.zst") as file:
        assert file.read(FRAME // 2) == data[: FRAME // 2]
        file.read()
    (tmp_path / "x.zst").write_bytes(b"not zstd at all")
    with pytest.raises(VerificationError):
        read_stored(tmp_path, evidence, 100)
