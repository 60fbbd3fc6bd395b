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
from irkit.core.ports import Outcome
from tests.acceptance.fake_engine import ID, INFO, FakeEngine, Reply, http, inspected
from tests.adapters.proc_tree import HOST, OTHER, OWN, Task, host_of, inside, put_task
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
    outcome, stored, warnings = listing(place, files, top)
    return outcome.detail, stored, warnings


def noticed(place: Path, files: MemoryFiles, top: Callable[[], bytes]) -> list[tuple[str, tuple[str, ...]]]:
    """What is a finding, and the facts that it rests on."""
    return [(one.check, one.because) for one in listing(place, files, top)[0].findings]


def listing(
    place: Path, files: MemoryFiles, top: Callable[[], bytes]
) -> tuple[Outcome, dict[str, Any], tuple[str, ...]]:
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
        outcome = target.apply(ListProcesses(ID), intake, deadline())
    (one,) = [one for one in intake.close("") if one.path.endswith("processes.json")]
    return outcome, json.loads(store.files[one.path])["compared_with_proc"], one.warnings


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


# What is a finding ------------------------------------------------------------------------------------------------

INSIDE = inside(PID, 50, GROUP)
CALLED = b"\x1b]0;x (sh) "


def test_lists_that_agree_are_no_finding(place: Path) -> None:
    assert noticed(place, host_of(INSIDE), lambda: listed(PID)) == []


def test_a_process_that_the_engine_does_not_list_is_a_finding_with_its_number_and_name(place: Path) -> None:
    files = host_of(INSIDE, inside(60, PID, GROUP, name=CALLED))
    ((check, because),) = noticed(place, files, lambda: listed(PID))
    assert check == "processes.unlisted"
    assert because == ("60 (\x1b]0;x (sh) ): in its control group",)


def test_a_process_that_proc_does_not_show_is_a_finding(place: Path) -> None:
    ((check, because),) = noticed(place, host_of(INSIDE), lambda: listed(PID, 77))
    assert (check, because) == ("processes.hidden", ("77: in the engine's list",))


def test_a_process_that_joined_its_namespaces_from_elsewhere_is_a_finding_of_its_own(place: Path) -> None:
    files = host_of(INSIDE, Task(90, namespaces=HOST | {"net": OWN["net"], "uts": OWN["uts"]}, name=b"nc"))
    outcome, _, (warning,) = listing(place, files, lambda: listed(PID))
    (found,) = outcome.findings
    assert found.check == "processes.joined"
    assert found.because == ("90 (nc): in namespaces of it, from elsewhere (net, uts)",)
    assert warning.startswith("90 (in namespaces of it") and "not in the engine's list" in warning


def test_one_of_another_container_that_shares_a_namespace_by_design_is_no_finding(place: Path) -> None:
    other = Task(91, group=f"/docker/{OTHER}", namespaces=HOST | {"net": OWN["net"]})
    assert noticed(place, host_of(INSIDE, other), lambda: listed(PID)) == []


def test_one_that_joined_and_left_in_between_is_no_finding(place: Path) -> None:
    files = host_of(INSIDE, Task(90, namespaces=HOST | {"net": OWN["net"]}))

    def top() -> bytes:
        files.put(b"/proc/90/stat", b"")
        return listed(PID)

    assert noticed(place, files, top) == []


def test_one_on_its_way_into_the_container_is_no_finding(place: Path) -> None:
    """As a `docker exec` begins, its process is in the namespaces before it is in the control group."""
    files = host_of(INSIDE, Task(90, namespaces=OWN))
    asked: list[int] = []

    def top() -> bytes:
        asked.append(1)
        return listed(PID) if len(asked) == 1 else listed(PID, 90)

    assert noticed(place, files, top) == []


def test_of_very_many_the_first_are_named_and_the_others_counted(place: Path) -> None:
    files = host_of(INSIDE, *(inside(pid, PID, GROUP) for pid in range(5000, 5100)))
    ((_, because),) = noticed(place, files, lambda: listed(PID))
    assert len(because) == 21 and because[-1] == "and 80 more"


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
