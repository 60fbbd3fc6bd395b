"""Recovering deleted files from a container that does what it can to keep them from being recovered."""

import contextlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from irkit.adapters import deleted_search, engine_deleted
from irkit.adapters.clock import SystemClock
from irkit.adapters.deleted_search import DeletedSearch
from irkit.adapters.docker_engine import DockerEngine
from irkit.adapters.engine_wire import dial_unix
from irkit.adapters.host_files import LocalFiles
from irkit.adapters.memory_files import MemoryFiles
from irkit.adapters.memory_store import MemoryStore
from irkit.core.errors import Refusal, TargetError
from irkit.core.evidence import Evidence
from irkit.core.host import Host
from irkit.core.operations import ReadDeletedFiles
from irkit.core.ports import Deadline, FileFacts, FileKind, Span
from tests.acceptance.fake_engine import ID, FakeEngine, Reply, http, inspected
from tests.adapters.ssh_side import deadline
from tests.adapters.test_read_processes import CHILD, MAIN, PID, place, whole

__all__ = ["place"]
HUGE = 1 << 43


def put_held(files: MemoryFiles, number: int, name: bytes, *, inode: int, pid: int = PID, info: bool = True) -> None:
    """A descriptor of a process that leads to a deleted file."""
    files.put(b"/proc/%d/fd/%d" % (pid, number), name + b" (deleted)", kind=FileKind.LINK)
    if info:
        files.put(b"/proc/%d/fdinfo/%d" % (pid, number), b"pos:\t0\nmnt_id:\t77\nino:\t%d\n" % inode)


def collect(
    place: Path, files: MemoryFiles, limit: int = 1 << 20
) -> tuple[str, dict[str, Evidence], dict[str, dict[str, Any]], dict[str, bytes]]:
    def answers(method: str, path: str) -> Reply:
        state = {"Status": "running", "Running": True, "Pid": PID}
        return http(inspected(State=state) if path.endswith("/json") else {"Version": "20.10"})

    store, operation = MemoryStore(), ReadDeletedFiles(ID, limit)
    intake = store.intake(host="local", container=None, operation=operation, task=0)
    with FakeEngine(place, answers):
        target = DockerEngine(Host(name="local"), dial_unix(str(place)), SystemClock(), files=files)
        detail = target.apply(operation, intake, deadline()).detail
    items = {one.path.rpartition("/")[2]: one for one in intake.close("not finished")}
    stored = {name: store.files[one.path] for name, one in items.items()}
    held = {one["name"]: one for one in map(json.loads, stored["held.jsonl"].splitlines())}
    with tarfile.open(fileobj=io.BytesIO(stored["files.tar"])) as tar:
        contents = {one.name: (found.read(4096) if (found := tar.extractfile(one)) else b"") for one in tar}
    return detail, items, held, {name: contents[one["file"]] for name, one in held.items() if one["file"] in contents}


def test_one_file_that_is_held_over_and_over_is_looked_at_once_and_hides_no_other(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deleted_search, "MOST_HOLDS", 10)
    files, looks = whole(MAIN, CHILD), list[bytes]()
    stat = files.stat

    def look(path: bytes, deadline: Deadline, *, follow: bool = False) -> FileFacts:
        looks.extend([path] * follow)
        return stat(path, deadline, follow=follow)

    monkeypatch.setattr(files, "stat", look)
    files.put(b"/tmp/decoy (deleted)", b"decoy", inode=5)
    files.put(b"/tmp/loot (deleted)", b"loot", inode=6)
    for number in range(3, 503):
        put_held(files, number, b"/tmp/decoy", inode=5)
    put_held(files, 9, b"/tmp/loot", inode=6, pid=60)
    detail, items, held, contents = collect(place, files)
    assert contents == {"/tmp/decoy": b"decoy", "/tmp/loot": b"loot"}
    assert held["/tmp/decoy"]["holds"] == 500 and len(held["/tmp/decoy"]["held"]) == 10
    assert not any(one.partial for one in items.values()) and detail.startswith("2 deleted files")
    assert len(looks) < 20


@pytest.mark.parametrize("name", [b"/tmp/loot", b"/tmp/decoy"])
def test_another_file_put_in_its_place_before_it_is_read_is_not_taken_for_it(
    place: Path, monkeypatch: pytest.MonkeyPatch, name: bytes
) -> None:
    files = whole(MAIN)
    files.put(b"/tmp/loot (deleted)", b"loot")  # as SFTP tells it: without its inode
    files.put(b"/tmp/decoy (deleted)", b"fake")
    put_held(files, 3, b"/tmp/loot", inode=6)
    put_held(files, 4, b"/tmp/loot", inode=6)
    opened, open_link = list[bytes](), files.open_link

    def swap(path: bytes, deadline: Deadline) -> Any:
        opened.append(path)
        if len(opened) == 1:
            put_held(files, 3, name, inode=5)
            files.put(b"/tmp/loot (deleted)", b"fake" if name == b"/tmp/loot" else b"loot")
        elif len(opened) == 2:
            files.put(b"/tmp/loot (deleted)", b"loot")
        return open_link(path, deadline)

    monkeypatch.setattr(files, "open_link", swap)
    _, _, held, contents = collect(place, files)
    assert contents == {"/tmp/loot": b"loot"} and len(opened) == 2
    assert held["/tmp/loot"]["inode"] == 6


@pytest.mark.parametrize("is_same", [True, False])
def test_one_that_its_process_lets_go_of_once_it_is_open_is_read_where_it_looks_the_same(
    place: Path, monkeypatch: pytest.MonkeyPatch, is_same: bool
) -> None:
    files = whole(MAIN)
    files.put(b"/tmp/loot (deleted)", b"loot")
    put_held(files, 3, b"/tmp/loot", inode=6)
    open_link = files.open_link

    @contextlib.contextmanager
    def let_go(path: bytes, deadline: Deadline) -> Any:
        if not is_same:
            files.put(b"/tmp/loot (deleted)", b"another")
        with open_link(path, deadline) as file:
            gone = TargetError("there is no such link any more", Refusal.ABSENT)
            monkeypatch.setattr(files, "read_links", lambda paths, deadline: [gone for _ in paths])
            yield file

    monkeypatch.setattr(files, "open_link", let_go)
    _, _, held, contents = collect(place, files)
    assert contents == ({"/tmp/loot": b"loot"} if is_same else {}) and held["/tmp/loot"]["inode"] == 6


def test_past_its_bound_the_search_ends_and_what_it_found_is_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deleted_search, "MOST_LOOKS", 40)
    monkeypatch.setattr(deleted_search, "_AT_ONCE", 8)
    files = whole(MAIN)
    files.put(b"/tmp/decoy (deleted)", b"decoy", inode=5)
    for number in range(3, 103):
        put_held(files, number, b"/tmp/decoy", inode=5, info=False)  # as kernels before 5.14
    detail, items, held, contents = collect(place, files)
    assert contents == {"/tmp/decoy": b"decoy"} and 40 <= held["/tmp/decoy"]["holds"] < 60
    assert "more than 40 links" in detail and "more than 40 links" in items["files.tar"].partial


class Ending:
    """A time that runs out at the third look at it."""

    def __init__(self) -> None:
        self._looks = 0

    def remaining(self) -> float:
        self._looks += 1
        return 10 if self._looks < 3 else 4

    def on_cancel(self, close: Callable[[], None]) -> Callable[[], None]:
        return lambda: None


def test_the_search_leaves_half_of_the_time_for_reading() -> None:
    search = DeletedSearch(whole(MAIN), Ending())
    search.look_at([PID, PID, PID])
    (missed,) = search.missed
    assert "half of its time" in missed


def test_of_a_file_with_a_hole_the_data_is_counted(place: Path) -> None:
    files = whole(MAIN)
    files.put(b"/memfd:evil (deleted)", b"EVIL-PAYLOAD", inode=5, size=HUGE, spans=[Span(0, 12)])
    put_held(files, 3, b"/memfd:evil", inode=5)
    _, items, held, _ = collect(place, files)
    assert held["/memfd:evil"]["size"] == HUGE and held["/memfd:evil"]["is_memfd"]
    assert not any(one.partial for one in items.values())


def test_where_holes_are_not_told_the_beginning_of_what_is_too_large_is_kept(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_deleted, "_MOST_UNTOLD", 12)
    files = whole(MAIN)
    files.put(b"/memfd:evil (deleted)", b"EVIL-PAYLOAD" + bytes(100), inode=5, size=HUGE)
    files.put(b"/tmp/small (deleted)", b"small", inode=6)
    put_held(files, 3, b"/memfd:evil", inode=5)
    put_held(files, 4, b"/tmp/small", inode=6)
    detail, items, held, contents = collect(place, files)
    assert contents == {"/memfd:evil": b"EVIL-PAYLOAD", "/tmp/small": b"small"}
    assert held["/memfd:evil"]["kept"] == 12 and "only the beginning" in detail
    assert "only the beginning" in items["files.tar"].partial


def test_a_memfd_of_many_terabytes_is_read_by_its_data(tmp_path: Path) -> None:
    made = os.memfd_create("evil")
    try:
        os.write(made, b"EVIL-PAYLOAD")
        os.ftruncate(made, HUGE)
        with LocalFiles() as files, files.open_link(b"/proc/self/fd/%d" % made, deadline()) as file:
            spans = file.spans(deadline())
            assert file.facts.size == HUGE and sum(one.size for one in spans) <= 2 << 20
            assert b"".join(bytes(one) for one in file.read(Span(0, 12), deadline())) == b"EVIL-PAYLOAD"
    finally:
        os.close(made)
