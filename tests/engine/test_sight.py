"""What a plan cannot see without the files of a host is said, and what reads nothing else is left out."""

from typing import Any

from irkit.core.operations import Inspect, ListProcesses, Operation
from irkit.core.reads import Diff
from irkit.engine.sight import Sight


class Deep(Operation, frozen=True, tag="made-deep"):
    container: str
    needs_files = True

    def text(self) -> str:
        return "read deep"


class Wide(Operation, frozen=True, tag="made-wide"):
    container: str
    unseen = "environments"


class Far(Operation, frozen=True, tag="made-far"):
    container: str
    untold = "holes"


class Command(Operation, frozen=True, tag="made-command"):
    needs_root = True

    def text(self) -> str:
        return "read by a command"


def test_without_root_what_a_command_alone_tells_is_left_out_and_said() -> None:
    sight = Sight({}, {"far": "sudo wants a password"})
    given: Any = (Command(), Diff("a"))
    assert sight.look_at("step", "near", given) == (given, "")
    assert sight.look_at("step", "far", given) == (given[1:], "")
    (found,) = sight.findings()
    assert "all that it would collect (read by a command)" in found.summary and "sudo" in found.because[0]
    assert sight.look_at("step", "far", given[:1])[1] == ("it runs commands of the host as root: sudo wants a password")


def test_with_the_files_all_is_done_and_nothing_said() -> None:
    sight = Sight({"far": "no way"})
    given: Any = (Deep("a"), Wide("a"), Inspect("a"))
    assert sight.look_at("step", "near", given) == (given, "")
    assert list(sight.findings()) == []


def test_without_them_the_rest_is_done_and_what_is_missed_is_said_once_for_a_host() -> None:
    sight = Sight({"far": "it is reached by TCP"})
    for container in ("a", "b"):
        given: Any = (Deep(container), Wide(container), Diff(container))
        kept, skipped = sight.look_at("step", "far", given)
        assert (kept, skipped) == (given[1:], "")
    (found,) = sight.findings()
    assert found.summary == "step step does not see on host far: all that it would collect (read deep); environments"
    assert found.because == ("it is reached by TCP",) and found.host == "far"


def test_a_step_that_reads_nothing_else_is_skipped_with_the_reason() -> None:
    sight = Sight({"far": "it is reached by TCP"})
    deep: Any = (Deep("a"),)
    assert sight.look_at("step", "far", deep) == ((), "it reads files of the host: it is reached by TCP")
    assert sight.look_at("other", "far", ()) == ((), "")
    assert sight.look_at("other", "far", (ListProcesses("a"),)) == ((ListProcesses("a"),), "")


def test_what_sftp_does_not_tell_is_said_where_files_are_read_so_and_nothing_is_left_out() -> None:
    sight = Sight({"blind": "no way"}, by_sftp=frozenset({"far", "blind"}))
    given: Any = (Far("a"), Diff("a"))
    for host in ("near", "far", "blind"):
        assert sight.look_at("step", host, given) == (given, "")
    (found,) = sight.findings()
    assert (found.summary, found.host) == ("step step is not told on host far: holes", "far")
