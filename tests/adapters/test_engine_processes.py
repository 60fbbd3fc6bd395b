"""The engine's list of processes against what /proc shows: what only one has is told, and what just ended is not."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from irkit.adapters.clock import SystemClock
from irkit.adapters.docker_engine import DockerEngine
from irkit.adapters.engine_wire import dial_unix
from irkit.adapters.memory_files import MemoryFiles
from irkit.adapters.memory_store import MemoryStore
from irkit.adapters.process_tree import in_tree_order
from irkit.core.host import Host
from irkit.core.operations import ListProcesses
from tests.acceptance.fake_engine import ID, INFO, FakeEngine, Reply, http, inspected
from tests.adapters.proc_tree import Task, host_of, put_task
from tests.adapters.ssh_side import deadline

PID = 4242
GROUP = f"/docker/{ID}"
MAIN, CHILD = Task(PID, 50, GROUP), Task(60, PID, GROUP)


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="irkit-fake-") as folder:
        yield Path(folder) / "sock"


def listed(*pids: int) -> bytes:
    rows = [[str(pid), "1", "root", "0", "S", "5", "00:00:00", "sleep 1"] for pid in pids]
    return http({"Titles": ["PID", "PPID", "USER", "UID", "STAT", "ELAPSED", "TIME", "COMMAND"], "Processes": rows})


def compare(place: Path, files: MemoryFiles, top: Callable[[], bytes]) -> tuple[str, dict[str, Any], tuple[str, ...]]:
    """The detail, what is stored of the comparison, and what is warned of."""
    files.put(b"/proc/1/environ", b"A=b")

    def answers(method: str, path: str) -> Reply:
        bare = path.partition("?")[0]
        if bare.endswith("/top"):
            return top()
        return http({"/json": inspected(State={"Status": "running", "Running": True, "Pid": PID}), "info": INFO}.get(
            bare[-5:] if bare.endswith("/json") else bare[-4:], {"Version": "20.10"}))  # fmt: skip

    store = MemoryStore()
    intake = store.intake(host="local", container=None, operation=ListProcesses(ID), task=0)
    with FakeEngine(place, answers):
        target = DockerEngine(Host(name="local"), dial_unix(str(place)), SystemClock(), files=files)
        detail = target.apply(ListProcesses(ID), intake, deadline()).detail
    (one,) = [one for one in intake.close("") if one.path.endswith("processes.json")]
    return detail, json.loads(store.files[one.path])["compared_with_proc"], one.warnings


def test_two_lists_that_agree_are_said_to(place: Path) -> None:
    detail, found, warnings = compare(place, host_of(MAIN, CHILD), lambda: listed(PID, 60))
    assert detail == "2 processes, the same as in /proc"
    assert found == {"only_in_proc": {}, "only_in_this_list": {}} and warnings == ()


def test_a_process_that_the_engine_does_not_list_is_told(place: Path) -> None:
    detail, found, warnings = compare(place, host_of(MAIN, CHILD), lambda: listed(PID))
    assert found["only_in_proc"] == {"60": "in its control group"}
    assert warnings == ("60 (in its control group) in /proc and not in the engine's list",)
    assert warnings[0] in detail


def test_a_process_that_proc_does_not_show_is_told_where_the_engine_goes_on_listing_it(place: Path) -> None:
    _, found, warnings = compare(place, host_of(MAIN), lambda: listed(PID, 77))
    assert found["only_in_this_list"] == {"77": "hidden there"} and len(warnings) == 1


def test_one_that_ended_in_between_is_no_difference(place: Path) -> None:
    asked: list[int] = []

    def top() -> bytes:
        asked.append(1)
        return listed(PID, 77) if len(asked) == 1 else listed(PID)

    _, found, warnings = compare(place, host_of(MAIN), top)
    assert found["only_in_this_list"] == {} and warnings == () and len(asked) > 1


def test_one_that_was_started_in_between_is_no_difference(place: Path) -> None:
    files = host_of(MAIN)

    def top() -> bytes:
        put_task(files, CHILD)
        return listed(PID, 60)

    assert compare(place, files, top)[1] == {"only_in_proc": {}, "only_in_this_list": {}}


def test_one_that_ended_before_the_list_was_made_is_no_difference(place: Path) -> None:
    files = host_of(MAIN, CHILD)

    def top() -> bytes:
        files.put(b"/proc/60/stat", b"")
        return listed(PID)

    assert compare(place, files, top)[1] == {"only_in_proc": {}, "only_in_this_list": {}}


# The tree ---------------------------------------------------------------------------------------------------------


def order(*tasks: tuple[int, int, int]) -> list[tuple[int, int]]:
    from irkit.adapters.container_pids import Process

    made = [Process(pid, parent, started, 1, "S", 0, b"", {}) for pid, parent, started in tasks]
    return [(depth, one.pid) for depth, one in in_tree_order(made)]


def test_children_come_after_their_parents_and_in_the_order_of_their_age() -> None:
    found = order((9, 1, 5), (3, 9, 20), (4, 9, 10), (5, 4, 30), (8, 1, 7))
    assert found == [(0, 9), (1, 4), (2, 5), (1, 3), (0, 8)]


def test_numbers_that_lie_leave_nobody_out() -> None:
    assert sorted(pid for _, pid in order((1, 2, 1), (2, 1, 1), (3, 3, 1))) == [1, 2, 3]


def test_a_tree_may_be_as_deep_as_there_are_processes() -> None:
    found = order(*((pid, pid - 1, pid) for pid in range(1, 5001)))
    assert found[-1] == (4999, 5000)
