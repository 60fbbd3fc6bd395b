"""The engine's own log files, from a host that rotates them meanwhile, and from engines that say where they are not."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from irkit.adapters import log_files
from irkit.adapters.clock import SystemClock
from irkit.adapters.docker_engine import DockerEngine
from irkit.adapters.engine_wire import dial_unix
from irkit.adapters.memory_files import MemoryFiles
from irkit.adapters.memory_store import MemoryStore
from irkit.core.errors import Refusal, TargetError
from irkit.core.host import Host
from irkit.core.operations import ReadLogFiles
from irkit.core.ports import Deadline, FileKind
from irkit.engine.deadline import Cancel, OperationDeadline
from tests.acceptance.fake_engine import ID, FakeEngine, Reply, http
from tests.adapters.test_engine_streams import place

__all__ = ["place"]

ROOT = "/var/lib/docker"
FOLDER = f"{ROOT}/containers/{ID}".encode()
LOG = FOLDER + b"/" + ID.encode() + b"-json.log"


class RotatingFiles(MemoryFiles):
    """What is read first is rotated away just then."""

    def __init__(self) -> None:
        super().__init__()
        self.rotates = True

    def stream(self, path: bytes, deadline: Deadline, *, offset: int = 0, follow: bool = False) -> Iterator[memoryview]:
        if self.rotates:
            self.rotates = False
            self.put(LOG + b".2", b"older\n" * 10, modified_ns=1)
            self.put(LOG + b".1", b"newer\n" * 10, modified_ns=2)
            self.put(LOG, b"newest\n", modified_ns=3)
        return super().stream(path, deadline, offset=offset, follow=follow)


def read(
    place: Path, files: MemoryFiles, log_path: str = LOG.decode(), driver: str = "json-file", limit: int = 1 << 20
) -> tuple[dict[str, bytes], str, dict[str, Any]]:
    seen = {
        "Id": ID,
        "LogPath": log_path,
        "HostConfig": {"LogConfig": {"Type": driver, "Config": {"max-file": "3", "max-size": "1k"}}},
    }

    def answers(method: str, path: str) -> Reply | None:
        if path.endswith("/json"):
            return http(msgspec.json.encode(seen))
        return http(msgspec.json.encode({"DockerRootDir": ROOT})) if path.endswith("/info") else None

    store, operation = MemoryStore(), ReadLogFiles(ID, limit)
    intake = store.intake(host="local", container=None, operation=operation, task=0)
    with FakeEngine(place, answers):
        target = DockerEngine(Host(name="local"), dial_unix(str(place)), SystemClock(), files=files)
        outcome = target.apply(operation, intake, OperationDeadline(SystemClock(), 60, 60, Cancel()))
    intake.close("not finished")
    kept = {path.rpartition("/")[2]: content for path, content in store.files.items()}
    return kept, outcome.detail, json.loads(kept["files.json"])


def test_what_is_rotated_away_while_it_is_read_is_found_again(place: Path) -> None:
    files = RotatingFiles()
    files.put(LOG + b".1", b"older\n" * 10, modified_ns=1)
    files.put(LOG, b"newer\n" * 10, modified_ns=2)
    kept, detail, told = read(place, files)
    assert {b"older\n" * 10, b"newer\n" * 10, b"newest\n"} <= set(kept.values())
    assert "rotated away" in detail and len({one["sha256"] for one in told["files"]}) == 3


def test_rotations_of_one_size_and_second_are_read_each_where_no_inodes_are_told(place: Path) -> None:
    files = MemoryFiles()
    files.put(LOG, b"newest\n" * 10, modified_ns=3)
    files.put(LOG + b".1.gz", b"second", modified_ns=2)
    files.put(LOG + b".2.gz", b"first.", modified_ns=2)
    kept, detail, told = read(place, files)
    assert kept[f"{ID}-json.log.1.gz"] == b"second" and kept[f"{ID}-json.log.2.gz"] == b"first."
    assert [one["rotation"] for one in told["files"]] == [0, 1, 2] and "3 files of the log" in detail


def test_one_that_is_written_to_and_as_large_as_one_of_the_same_second_is_read_once(place: Path) -> None:
    files = SteppingFiles()
    files.put(LOG, b"second\n", modified_ns=2)
    files.put(LOG + b".1", b"first.\n", modified_ns=2)
    kept, _, told = read(place, files)
    assert sorted(files.read) == [LOG, LOG + b".1"] and {b"first.\n", b"second\n"} <= set(kept.values())
    assert [one["rotation"] for one in told["files"]] == [0, 1]


class SteppingFiles(MemoryFiles):
    """After each file that was read, the next step is taken."""

    def __init__(self, *steps: Callable[["SteppingFiles"], None]) -> None:
        super().__init__()
        self.steps = list(steps)
        self.read: list[bytes] = []

    def stream(self, path: bytes, deadline: Deadline, *, offset: int = 0, follow: bool = False) -> Iterator[memoryview]:
        try:
            yield from super().stream(path, deadline, offset=offset, follow=follow)
        finally:  # whoever has all that was asked for reads no further
            self.read.append(path)
            if self.steps:
                self.steps.pop(0)(self)


def test_a_log_that_goes_on_growing_is_read_once_where_no_inodes_are_told(place: Path) -> None:
    def grow(files: SteppingFiles) -> None:
        files.put(LOG, b"line\n" * 20, modified_ns=9)

    files = SteppingFiles(grow)
    files.put(LOG, b"line\n" * 10, modified_ns=3)
    kept, detail, told = read(place, files)
    assert files.read == [LOG] and kept[f"{ID}-json.log"] == b"line\n" * 10
    assert len(told["files"]) == 1 and "gone" not in detail


def test_a_rotation_that_takes_the_size_and_second_of_one_that_was_read_is_read(place: Path) -> None:
    def rotate(files: SteppingFiles) -> None:
        files.put(LOG + b".2.gz", b"first.", modified_ns=2)
        files.put(LOG + b".1.gz", b"second", modified_ns=2)
        files.put(LOG, b"next\n", modified_ns=4)

    files = SteppingFiles(lambda files: None, rotate)
    files.put(LOG, b"newest\n" * 10, modified_ns=3)
    files.put(LOG + b".1.gz", b"first.", modified_ns=2)
    kept, _, _ = read(place, files)
    assert {b"newest\n" * 10, b"first.", b"second"} <= set(kept.values())


def test_a_new_rotation_with_the_inode_of_one_that_is_gone_is_read(place: Path) -> None:
    def rotate(files: SteppingFiles) -> None:
        files.put(LOG + b".2.gz", b"packed before", modified_ns=2, inode=5)
        files.put(LOG + b".1.gz", b"packed anew", modified_ns=4, inode=7)
        files.put(LOG, b"next\n", modified_ns=5, inode=9)

    files = SteppingFiles(lambda files: None, lambda files: None, rotate)
    files.put(LOG, b"newest\n" * 10, modified_ns=3, inode=8)
    files.put(LOG + b".2.gz", b"second", modified_ns=2, inode=7)
    files.put(LOG + b".3.gz", b"first.", modified_ns=1, inode=6)
    kept, _, _ = read(place, files)
    assert {b"newest\n" * 10, b"second", b"first.", b"packed before", b"packed anew", b"next\n"} <= set(kept.values())


def test_links_and_other_files_in_the_folder_are_left_alone(place: Path) -> None:
    files = MemoryFiles()
    files.put(LOG, b"mine\n")
    files.put(LOG + b".1", b"/etc/shadow", kind=FileKind.LINK)
    files.put(FOLDER + b"/other.log", b"not a log of the engine's")
    files.put(FOLDER + b"/hosts", b"/etc/shadow", kind=FileKind.LINK)
    files.put(FOLDER + b"/config.v2.json", b"{}")
    kept, _, told = read(place, files)
    assert {name for name in kept if not name.startswith(ID)} == {"files.json", "config.v2.json"}
    assert [one["rotation"] for one in told["files"]] == [0]


@pytest.mark.parametrize("log_path", ["/etc/passwd", f"/x/../{ID}/../../etc/passwd", "", "relative"])
def test_a_place_that_is_not_the_containers_own_is_not_read(place: Path, log_path: str) -> None:
    files = MemoryFiles()
    files.put(b"/etc/passwd", b"root")
    files.put(LOG, b"mine\n")
    kept, _, told = read(place, files, log_path)
    assert b"root" not in kept.values()
    assert len(told["files"]) == (0 if log_path.startswith("/") or log_path == "relative" else 1)


def test_an_engine_whose_files_are_elsewhere_is_a_stated_failure(place: Path) -> None:
    with pytest.raises(TargetError, match="the engine's files are not at") as caught:
        read(place, MemoryFiles())
    assert caught.value.kind is Refusal.ABSENT


def test_the_newest_are_kept_where_not_all_may_be(place: Path) -> None:
    files = MemoryFiles()
    files.put(LOG, b"c" * 60, modified_ns=3)
    files.put(LOG + b".1", b"b" * 60, modified_ns=2)
    files.put(LOG + b".2.gz", b"a" * 60, modified_ns=1)
    kept, detail, told = read(place, files, limit=100)
    assert kept[f"{ID}-json.log"] == b"c" * 60 and kept[f"{ID}-json.log.1"] == b"b" * 40
    assert f"{ID}-json.log.2.gz" not in kept and "left out" in told["files"][2]["left_out"] and "left out" in detail


def test_settings_that_the_container_made_large_or_that_cannot_be_read_are_told(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_files, "_SETTING_LIMIT", 100)
    files = MemoryFiles()
    files.put(LOG, b"mine\n")
    files.put(FOLDER + b"/hosts", b"h" * 101)
    files.put(FOLDER + b"/hostname", b"n" * 100)
    files.put(FOLDER + b"/resolv.conf", b"unread")
    files.deny(FOLDER + b"/resolv.conf")
    kept, detail, told = read(place, files)
    assert kept["hosts"] == b"h" * 100 and kept["hostname"] == b"n" * 100
    settings = {one["path"].rpartition("/")[2]: one for one in told["settings"]}
    assert settings["hosts"]["partial"] == "only its first 100 bytes" and "partial" not in settings["hostname"]
    assert "no permission" in settings["resolv.conf"]["missing"]
    assert set(settings) == {"hosts", "hostname", "resolv.conf"}, "what is not there is not missed"
    assert "hosts: only its first 100 bytes" in detail and "resolv.conf" in detail
