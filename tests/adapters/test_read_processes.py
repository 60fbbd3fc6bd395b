"""Reading a container's processes: what came stays, whatever ends meanwhile, and what is missing is said."""

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from irkit.adapters import proc_executables
from irkit.adapters.clock import SystemClock
from irkit.adapters.docker_engine import DockerEngine
from irkit.adapters.engine_wire import dial_unix
from irkit.adapters.memory_files import MemoryFiles
from irkit.adapters.memory_store import MemoryStore
from irkit.core.errors import Refusal, TargetError
from irkit.core.evidence import Evidence
from irkit.core.host import Host
from irkit.core.operations import ReadProcesses
from irkit.core.ports import FileKind, Span
from tests.acceptance.fake_engine import ID, FakeEngine, Reply, http, inspected
from tests.adapters.proc_tree import Task, host_of
from tests.adapters.ssh_side import deadline

PID = 4242
GROUP = f"/docker/{ID}"
MAIN, CHILD = Task(PID, 50, GROUP), Task(60, PID, GROUP, name=b"child")
FILES = ("status", "limits", "maps", "cmdline", "environ", "oom_score_adj")


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="irkit-fake-") as folder:
        yield Path(folder) / "sock"


def whole(*tasks: Task) -> MemoryFiles:
    """A host with those, of which all is there."""
    files = host_of(*tasks)
    files.put(b"/proc/1/environ", b"A=b")
    for task in tasks:
        folder = b"/proc/%d/" % task.pid
        for name in FILES:
            files.put(folder + name.encode(), b"Uid:\t0\t0\t0\t0\n" if name == "status" else b"")
        for link in (b"exe", b"cwd", b"root"):
            files.put(folder + link, b"/bin/app", kind=FileKind.LINK)
        files.put(folder + b"fd/0", b"/dev/null", kind=FileKind.LINK)
    files.put(b"/bin/app", b"program")
    return files


def collect(place: Path, files: MemoryFiles) -> tuple[str | TargetError, dict[str, Evidence], dict[str, bytes]]:
    def answers(method: str, path: str) -> Reply:
        state = {"Status": "running", "Running": True, "Pid": PID}
        return http(inspected(State=state) if path.endswith("/json") else {"Version": "20.10"})

    store, operation = MemoryStore(), ReadProcesses(ID)
    intake = store.intake(host="local", container=None, operation=operation, task=0)
    with FakeEngine(place, answers):
        target = DockerEngine(Host(name="local"), dial_unix(str(place)), SystemClock(), files=files)
        try:
            ended: str | TargetError = target.apply(operation, intake, deadline()).detail
        except TargetError as error:
            ended = error
    items = {one.path.rpartition("/")[2]: one for one in intake.close("not finished")}
    return ended, items, {name: store.files[one.path] for name, one in items.items()}


def lines(stored: dict[str, bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stored["processes.jsonl"].splitlines()]


def test_all_that_is_there_is_kept_and_an_executable_read_once_for_each_that_may_be_another(place: Path) -> None:
    ended, items, stored = collect(place, whole(MAIN, CHILD))
    assert isinstance(ended, str) and ended.startswith("2 processes of /proc")
    assert not any(one.partial or one.warnings for one in items.values())
    assert [one["pid"] for one in lines(stored)] == [PID, 60]
    assert all(one["exe"]["size"] == 7 and one["missing"] == {} for one in lines(stored))
    with tarfile.open(fileobj=io.BytesIO(stored["proc.tar"])) as archive:
        assert {"4242/stat", "4242/cgroup", "60/links"} <= set(archive.getnames())


def test_what_cannot_be_read_of_a_process_is_said_with_the_reason(place: Path) -> None:
    files = whole(MAIN, CHILD)
    files.deny(b"/proc/60/environ")
    ended, items, stored = collect(place, files)
    assert isinstance(ended, str) and "of 1 processes not all could be read" in ended
    assert {one.partial for one in items.values()} == {"of 1 processes not all could be read"}
    (child,) = [one for one in lines(stored) if one["pid"] == 60]
    assert list(child["missing"]) == ["environ"] and "no permission" in child["missing"]["environ"]


def test_what_came_before_the_host_was_lost_is_kept_and_says_why_there_is_no_more(place: Path) -> None:
    files = whole(MAIN, CHILD)
    files.fail(b"/proc/60/environ", TargetError("the connection ended", Refusal.LOST))
    ended, items, stored = collect(place, files)
    assert isinstance(ended, TargetError) and ended.kind is Refusal.LOST
    assert set(items) == {"proc.tar", "processes.jsonl", "summary.json"}
    assert {one.partial for one in items.values()} == {"the connection ended"}
    with tarfile.open(fileobj=io.BytesIO(stored["proc.tar"])) as archive:
        assert archive.getnames() == []


def test_a_process_that_only_has_its_entry_left_is_told_and_not_missed(place: Path) -> None:
    ended, items, stored = collect(place, whole(MAIN, Task(61, PID, GROUP, state="Z", name=b"gone")))
    assert isinstance(ended, str) and not any(one.partial for one in items.values())
    (gone,) = [one for one in lines(stored) if one["pid"] == 61]
    assert (gone["name"], gone["state"], gone["exe"], gone["notes"]) == ("gone", "Z", {}, [])


def test_an_executable_that_is_large_has_no_digest_which_is_told_and_the_others_have_theirs(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proc_executables, "MOST_OF_ONE", 1000)
    files = whole(MAIN, CHILD)
    files.put(b"/bin/large", bytes(1001))
    files.put(b"/proc/4242/exe", b"/bin/large", kind=FileKind.LINK)
    ended, items, stored = collect(place, files)
    reason = "1 executables have no digest: it has more than 1000 bytes"
    assert isinstance(ended, str) and reason in ended
    assert {one.partial for one in items.values()} == {reason}
    large, app = (one["exe"] for one in lines(stored))
    assert large["size"] == 1001 and "not hashed" in large["missing"] and "sha256" not in large
    assert app["sha256"] == hashlib.sha256(b"program").hexdigest()


def test_bytes_are_for_the_smallest_executables_first(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc_executables, "MOST_BYTES", 100)
    files = whole(MAIN, CHILD)
    files.put(b"/bin/large", bytes(99))
    files.put(b"/proc/4242/exe", b"/bin/large", kind=FileKind.LINK)
    _, items, stored = collect(place, files)
    large, app = (one["exe"] for one in lines(stored))
    assert "sha256" in app and "more than 100 bytes in all" in large["missing"]
    assert all("1 executables have no digest" in one.partial for one in items.values())


def test_the_holes_of_an_executable_take_no_bytes_from_the_others(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc_executables, "MOST_OF_ONE", 1000)
    files = whole(MAIN, CHILD)
    files.put(b"/bin/holes", b"start", size=1 << 40, spans=[Span(0, 5)])
    files.put(b"/bin/few", b"start" + bytes(2000), spans=[Span(0, 5)])
    files.put(b"/proc/4242/exe", b"/bin/holes", kind=FileKind.LINK)
    files.put(b"/proc/60/exe", b"/bin/few", kind=FileKind.LINK)
    _, items, stored = collect(place, files)
    holes, few = (one["exe"] for one in lines(stored))
    assert holes["sha256_data"] == hashlib.sha256(b"start").hexdigest() and "holes" in holes["missing"]
    assert few["sha256"] == hashlib.sha256(b"start" + bytes(2000)).hexdigest()
    assert all("1 executables have no digest" in one.partial for one in items.values())


def test_where_none_is_left_nothing_is_begun(place: Path) -> None:
    ended, items, _ = collect(place, whole(Task(70)))
    assert isinstance(ended, TargetError) and ended.kind is Refusal.ABSENT
    assert items == {}
