"""Reading memory of a container that may not stand frozen for as long as that takes."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from irkit.adapters import freeze_time
from irkit.adapters.clock import SystemClock
from irkit.adapters.docker_engine import DockerEngine
from irkit.adapters.engine_wire import dial_unix
from irkit.adapters.freeze_time import FreezeTime
from irkit.adapters.memory_files import MemoryFiles
from irkit.adapters.memory_store import MemoryStore
from irkit.core.errors import Refusal, TargetError
from irkit.core.evidence import Evidence
from irkit.core.host import Host
from irkit.core.operations import DumpMemory
from irkit.core.ports import Deadline, Part
from tests.acceptance.fake_engine import ID, FakeEngine, Reply, http, inspected
from tests.adapters.proc_tree import Task
from tests.adapters.ssh_side import deadline
from tests.adapters.test_read_processes import CHILD, GROUP, MAIN, PID, place, whole

__all__ = ["place"]
LAST = Task(61, PID, GROUP, name=b"last")
SMAPS = b"1000-3000 rw-p 00000000 00:00 0 \nRss: 8 kB\nSwap: 0 kB\n"


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    made = Hands()
    monkeypatch.setattr(freeze_time, "time", made)
    return made


def dump(place: Path, files: MemoryFiles, freeze_for: float) -> tuple[str, dict[str, Evidence], list[dict[str, Any]]]:
    """What became of it: the outcome, the items by process and name, the processes."""
    state = {"Status": "running", "Running": True, "Pid": PID}

    def answers(method: str, path: str) -> Reply:
        if method == "POST":
            is_paused = path.endswith("/pause")
            state.update(Status="paused" if is_paused else "running", Paused=is_paused)
            return http(b"", "204 No Content")
        return http(inspected(State=state) if path.endswith("/json") else {"Version": "20.10"})

    store, operation = MemoryStore(), DumpMemory(ID, 1 << 20, 1 << 20, freeze_for=freeze_for)
    intake = store.intake(host="local", container=None, operation=operation, task=0)
    with FakeEngine(place, answers):
        target = DockerEngine(Host(name="local"), dial_unix(str(place)), SystemClock(), files=files)
        detail = target.apply(operation, intake, deadline()).detail
    assert state["Status"] == "running", "it goes on"
    items = {"/".join(one.path.split("/")[-2:]): one for one in intake.close("not finished")}
    (told,) = (store.files[one.path] for name, one in items.items() if name.endswith("processes.jsonl"))
    return detail, items, [json.loads(line) for line in told.splitlines()]


def test_what_was_read_until_it_had_to_go_on_is_kept(
    place: Path, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = whole(MAIN, CHILD, LAST)
    for pid in (PID, 60, 61):
        files.put(b"/proc/%d/smaps" % pid, SMAPS)
        files.put(b"/proc/%d/mem" % pid, bytes(0x1000) + b"m" * 0x2000)
    read = files.read_ranges

    def slow(path: bytes, ranges: Iterable[tuple[int, int]], deadline: Deadline) -> Iterator[Part]:
        for count, part in enumerate(read(path, ranges, deadline)):
            if path == b"/proc/61/mem" and count:
                hands.now += 100
            deadline.remaining()
            yield part

    monkeypatch.setattr(files, "read_ranges", slow)
    detail, items, processes = dump(place, files, 90)
    first, second, third = processes
    assert [one["pid"] for one in processes] == [60, 61, PID]
    assert not first.get("partial") and first["stored"] == 0x2000 and not items["60/memory.bin"].partial
    assert "frozen for 90 seconds at most" in second["partial"] and second["stored"] == 0x1000
    assert "frozen for 90 seconds at most" in items["61/memory.bin"].partial
    assert "not read" in third["partial"] and f"{PID}/memory.bin" not in items
    assert "2 not whole" in detail and "frozen for 90 seconds at most" in detail


class Over:
    """A time that is over, and told to stop."""

    def remaining(self) -> float:
        raise TargetError("cancelled", Refusal.CANCELLED)

    def on_cancel(self, close: Callable[[], None]) -> Callable[[], None]:
        return lambda: None


def test_who_is_told_to_stop_stops_also_where_it_had_to_go_on_by_then(hands: Hands) -> None:
    time = FreezeTime(deadline(), 90)
    assert not time.is_over() and time.remaining() > 0
    hands.now += 91
    assert time.is_over()
    with pytest.raises(TargetError, match="frozen for 90 seconds"):
        time.remaining()
    for look in (FreezeTime(Over(), 90).is_over, FreezeTime(Over(), 90).remaining):
        with pytest.raises(TargetError, match="cancelled"):
            look()
