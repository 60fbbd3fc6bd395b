"""Which processes are a container's: by control group, descent and namespaces, whatever the container makes of it."""

import msgspec
import pytest

from irkit.adapters.container_pids import Pids, Tie, pids_of
from irkit.adapters.host_side import NoFiles
from irkit.adapters.memory_files import MemoryFiles
from irkit.core.errors import Refusal, TargetError
from tests.adapters.proc_files import ID, PID, WEB
from tests.adapters.proc_tree import HOST, OTHER, OWN, Task, host_of, inside, put_task
from tests.adapters.ssh_side import deadline

MAIN = inside(PID)


def look(*tasks: Task) -> Pids:
    return pids_of(host_of(*tasks), WEB, deadline())


def numbers(*tasks: Task) -> list[int]:
    return [one.pid for one in look(*tasks).inside]


@pytest.mark.parametrize(
    "group",
    [
        f"/docker/{ID}",
        f"/system.slice/docker-{ID}.scope",
        f"/machine.slice/libpod-{ID}.scope/container",
        f"/libpod_parent/libpod-{ID}",
        f"/docker/{OTHER}/docker/{ID}",
        f"/../../docker/{ID}/init.scope",
    ],
)
def test_processes_count_by_the_control_group_of_any_engine(group: str) -> None:
    assert numbers(inside(PID, group=group), inside(60, group=group), Task(70)) == [60, PID]


def test_processes_in_groups_below_count_and_so_does_docker_exec() -> None:
    child = inside(60, PID, group=f"/docker/{ID}/deep/er")
    entered = inside(61, 50)
    found = look(MAIN, child, entered)
    assert [(one.pid, one.ties) for one in found.processes] == [
        (60, (Tie.GROUP,)), (61, (Tie.GROUP,)), (PID, (Tie.GROUP,)),
    ]  # fmt: skip
    assert found.main == found.entry == PID


def test_what_watches_from_beside_does_not_count() -> None:
    watches = Task(60, group=f"/machine.slice/libpod-conmon-{ID}.scope")
    assert numbers(inside(PID, group=f"/machine.slice/libpod-{ID}.scope"), watches) == [PID]


def test_a_process_that_left_the_control_group_counts_by_descent() -> None:
    fled = Task(60, PID, "/", HOST)
    further = Task(61, 60, "/user.slice", HOST)
    found = look(MAIN, fled, further)
    assert [one.pid for one in found.inside] == [60, 61, PID]
    assert found.processes[0].why() == "started by one of its processes"


def test_one_that_entered_a_namespace_from_elsewhere_has_joined() -> None:
    entered = Task(60, 1, "/user.slice", {**HOST, "net": OWN["net"], "mnt": OWN["mnt"]})
    found = look(MAIN, entered, Task(70))
    assert [one.pid for one in found.joined] == [60]
    assert found.joined[0].why() == "in namespaces of it, from elsewhere (mnt, net)"
    assert not found.joined[0].is_inside


def test_namespaces_that_are_the_hosts_tie_nobody() -> None:
    hosted = {**OWN, "net": HOST["net"], "pid": HOST["pid"]}
    assert [one.pid for one in look(inside(PID, namespaces=hosted), Task(70)).processes] == [PID]


def test_a_container_that_shares_its_network_is_told_apart() -> None:
    beside = Task(60, 50, f"/docker/{OTHER}", {**HOST, "net": OWN["net"], "pid": 99})
    found = look(MAIN, beside)
    assert [(one.pid, one.other, one.shared) for one in found.sharing] == [(60, OTHER, ("net",))]
    assert not found.joined


def test_a_group_below_that_is_named_like_another_container_hides_nothing() -> None:
    hidden = inside(60, PID, group=f"/docker/{ID}/{OTHER}")
    assert numbers(MAIN, hidden) == [60, PID]
    other = msgspec.structs.replace(WEB, id=OTHER, pid=80)
    theirs = inside(80, group=f"/docker/{OTHER}", namespaces={**OWN, "pid": 30})
    found = pids_of(host_of(MAIN, hidden, theirs), other, deadline())
    assert [one.pid for one in found.inside] == [80]


def test_the_name_of_a_process_cannot_forge_its_line() -> None:
    forged = inside(60, PID, name=b"a) S 1 1 1 0 -1 0 0 0\n0 (b")
    assert [(one.pid, one.parent) for one in look(MAIN, forged).processes] == [(60, PID), (PID, 50)]


def test_a_pid_that_another_process_got_since_is_not_the_containers() -> None:
    with pytest.raises(TargetError) as refused:
        look(Task(PID))
    assert refused.value.kind is Refusal.ABSENT
    rest = inside(60)
    found = look(Task(PID), rest)
    assert (found.main, found.entry, [one.pid for one in found.inside]) == (0, 60, [60])


def test_what_has_ended_is_no_way_in() -> None:
    found = look(inside(PID, state="Z"), inside(60, PID))
    assert (found.main, found.entry) == (PID, 60)


def test_a_process_that_ends_meanwhile_is_left_out() -> None:
    files = host_of(MAIN)
    files.put(b"/proc/60/stat", b"")
    files.put(b"/proc/61/comm", b"no stat at all\n")
    assert [one.pid for one in pids_of(files, WEB, deadline()).processes] == [PID]


def test_namespaces_that_are_not_told_are_counted() -> None:
    files = host_of(MAIN)
    put_task(files, Task(60, namespaces={}))
    assert pids_of(files, WEB, deadline()).unread == 1


def test_a_proc_of_no_machine_is_said() -> None:
    with pytest.raises(TargetError) as refused:
        pids_of(MemoryFiles(), WEB, deadline())
    assert refused.value.kind is Refusal.ABSENT
    files = MemoryFiles()
    put_task(files, Task(60))
    with pytest.raises(TargetError) as hidden:
        pids_of(files, WEB, deadline())
    assert hidden.value.kind is Refusal.UNSUPPORTED
    with pytest.raises(TargetError) as none:
        pids_of(NoFiles("over TCP there are none"), WEB, deadline())
    assert none.value.reason == "over TCP there are none"
