"""A look at several hosts: what is found on which, and what is said where a host fails."""

import re

import pytest
from msgspec.structs import replace

from irkit.adapters.memory import MemoryTarget
from irkit.app import Look, list_hosts, look
from irkit.app.fleet import time_for
from irkit.core.container import Container
from irkit.core.errors import HostState, NoTargetError, Refusal, TargetError, UnreachableError, UsageError
from irkit.core.host import Host
from irkit.core.ports import Deadline
from tests.app.hosts_in_memory import Dawdling, Failing, Place, fails, one_each
from tests.engine.world import container

DOWN = UnreachableError("nobody answers", HostState.DOWN)


def names(found: list[Container]) -> list[str]:
    return [f"{one.host}/{one.name}" for one in found]


def test_a_name_is_looked_for_on_all_hosts() -> None:
    with Place(one_each("a", "b", "c")).fleet("a", "b", "c") as fleet:
        seen = look(fleet, ["on-c", "on-a"])
    assert names(seen.containers) == ["c/on-c", "a/on-a"], "in the order given"
    assert [host.name for host in seen.hosts] == ["a", "c"] and not seen.failures


def test_one_name_on_two_hosts_is_an_error_that_says_how_to_choose() -> None:
    place = Place({"a": [container("web", host="a")], "b": [container("web", host="b")]})
    with place.fleet("a", "b") as fleet:
        with pytest.raises(UsageError, match=r"may mean 2 containers: a/web \([0-9a-f]{12}\), b/web .*give HOST/NAME"):
            look(fleet, ["web"])
        assert names(look(fleet, ["b/web"]).containers) == ["b/web"]
        assert names(look(fleet, ["all"]).containers) == ["a/web", "b/web"]


def test_where_every_target_names_its_host_no_other_host_is_asked() -> None:
    place = Place(one_each("a", "b"), special={"c": fails(DOWN)})
    with place.fleet("a", "b", "c") as fleet:
        assert names(look(fleet, ["a/on-a", "a/all"]).containers) == ["a/on-a"]
    assert set(place.opened) == {"a"}


def test_a_host_that_fails_is_told_of_and_the_others_go_on() -> None:
    with Place(one_each("a", "b"), special={"c": fails(DOWN)}).fleet("a", "c", "b") as fleet:
        seen = look(fleet, ["all"])
        assert names(seen.containers) == ["a/on-a", "b/on-b"] and seen.failures == {"c": DOWN}
        with pytest.raises(NoTargetError, match=r"the id or name 'on-c' \(the hosts have 2.*not reached: c"):
            look(fleet, ["on-c"])
        assert names(look(fleet, ["c/on-c", "on-b"]).containers) == ["b/on-b"], "it is among the failures"
        with pytest.raises(UnreachableError, match="nobody answers"):
            look(fleet, ["c/on-c"])


def test_where_one_host_was_asked_its_own_error_is_raised() -> None:
    with Place(special={"a": fails(DOWN)}).fleet("a") as fleet, pytest.raises(UnreachableError) as caught:
        look(fleet, ["all"])
    assert caught.value is DOWN


def test_where_all_of_several_fail_all_reasons_are_told() -> None:
    place = Place(special={name: fails(TargetError(f"reason {name}", Refusal.LOST)) for name in "ab"})
    with place.fleet("a", "b") as fleet, pytest.raises(NoTargetError) as caught:
        look(fleet, ["all"])
    assert str(caught.value) == "none of the 2 hosts could be reached: a: reason a; b: reason b"
    assert caught.value.exit_status == 3


class Forgetful(Failing):
    """A host that lists its containers, and fails when one is asked for."""

    def connect(self, deadline: Deadline) -> None:
        self.containers = {one.id: one for one in one_each(self.host.name)[self.host.name]}

    def examine(self, container: str, deadline: Deadline) -> Container:
        raise self.error


def forgetful(error: TargetError) -> dict[str, object]:
    return {"b": lambda host: Forgetful(host, error)}


def test_a_host_that_fails_while_facts_are_read_is_a_failure_too() -> None:
    lost = TargetError("lost", Refusal.LOST)
    with Place(one_each("a"), special=forgetful(lost)).fleet("a", "b") as fleet:  # type: ignore[arg-type]
        seen = look(fleet, ["all"])
    assert names(seen.containers) == ["a/on-a"] and seen.failures == {"b": lost}
    assert [host.name for host in seen.hosts] == ["a"]


def test_a_container_that_went_meanwhile_is_left_out() -> None:
    gone = TargetError("no such container", Refusal.ABSENT)
    with Place(one_each("a"), special=forgetful(gone)).fleet("a", "b") as fleet:  # type: ignore[arg-type]
        assert names(look(fleet, ["all"]).containers) == ["a/on-a"]
        with pytest.raises(NoTargetError, match=r"are gone$"):
            look(fleet, ["on-b"])


def test_where_all_that_is_left_is_gone_the_hosts_that_failed_are_told_of() -> None:
    gone = TargetError("no such container", Refusal.ABSENT)
    special = {**forgetful(gone), "c": fails(DOWN)}
    told = "the containers meant are gone; c: nobody answers"
    with Place(special=special).fleet("b", "c") as fleet, pytest.raises(NoTargetError, match=told):  # type: ignore[arg-type]
        look(fleet, ["all"])


def test_a_host_with_many_containers_that_dawdles_is_left_out_and_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("irkit.app.fleet._MOST", 1.0)
    with Place(one_each("a"), special={"b": Dawdling}).fleet("a", "b") as fleet:
        seen = look(fleet, ["all"])
    assert names(seen.containers) == ["a/on-a"]
    assert seen.failures["b"].kind is Refusal.TIMEOUT
    assert re.match(r"no more than \d+ of 50 containers could be looked at in the time", seen.failures["b"].reason)


@pytest.mark.parametrize(("containers", "hosts", "seconds"), [(1, 1, 31), (10, 2, 40), (1000, 2, 60), (1000, 1, 600)])
def test_the_time_for_a_look_goes_by_the_host_s_own_containers_and_has_an_end(
    containers: int, hosts: int, seconds: float
) -> None:
    assert time_for(containers, hosts) == seconds


def test_engines_are_told_apart_and_one_under_two_names_is_worked_on_once() -> None:
    place = Place(one_each("a", "b", "c"), engines={"a": "ID-1", "b": "ID-2", "c": "ID-1"})
    with place.fleet("a", "b", "c") as fleet:
        seen = look(fleet, ["all"], identify=True)
        assert [(host.name, host.engine_id) for host in seen.hosts] == [("a", "ID-1"), ("b", "ID-2")]
        assert "its engine is that of host a (ID ID-1)" in seen.failures["c"].reason
        assert len(look(fleet, ["all"]).containers) == 3, "a look that changes nothing may see it twice"


class Reached(MemoryTarget):
    """A host that has shown a host key at an address, and an engine that has the ID of others."""

    def __init__(self, host: Host, key: str, address: str, *containers: str) -> None:
        shown = replace(host, host_key=key, address=address, port=22)
        super().__init__([container(name, host=host.name) for name in containers], shown, "ONE-ID")


def seen_of(*machines: tuple[str, str, tuple[str, ...]]) -> Look:
    """A look at hosts a, b, ... of that host key, address and containers; d is another machine."""
    special = {
        name: lambda host, key=key, address=address, had=had: Reached(host, key, address, *had)
        for name, (key, address, had) in zip("abc", machines, strict=False)
    }
    with Place(one_each("d"), special=special).fleet(*special, "d") as fleet:
        return look(fleet, ["all"], identify=True)


def test_a_copied_machine_is_worked_on_beside_the_one_it_was_copied_from_and_that_is_told() -> None:
    seen = seen_of(("K1", "10.0.0.1", ("x",)), ("K2", "10.0.0.2", ("y",)), ("K3", "10.0.0.3", ()))
    assert not seen.failures and len(seen.containers) == 3
    assert seen.notes["a"] == ()
    (note,) = seen.notes["b"]
    assert "ONE-ID" in note and "that of host a too" in note and "two machines" in note


@pytest.mark.parametrize(
    ("key", "address", "containers", "are_two"),
    [
        ("K2", "10.0.0.2", ("y",), True),
        ("K2", "10.0.0.2", (), True),
        ("K1", "10.0.0.2", ("y",), True),  # copied with its host key
        ("K1", "10.0.0.2", (), False),  # nothing tells it from the first under another address
        ("K1", "10.0.0.1", ("y",), False),
        ("K2", "10.0.0.1", ("y",), False),  # another key of the same host
        ("K1", "10.0.0.2", ("x", "y"), False),  # the same container: never twice
        ("K2", "10.0.0.2", ("x", "y"), True),  # only that container is left to the first
        ("", "10.0.0.2", ("y",), False),  # not by SSH
    ],
)
def test_engines_with_one_id_are_two_only_where_their_hosts_and_containers_differ(
    key: str, address: str, containers: tuple[str, ...], *, are_two: bool
) -> None:
    seen = seen_of(("K1", "10.0.0.1", ("x",)), (key, address, containers))
    assert ("b" not in seen.failures) is are_two
    ids = [one.id for one in seen.containers]
    assert len(ids) == len(set(ids))


def test_a_third_name_is_held_against_each_host_before_it() -> None:
    seen = seen_of(("K1", "10.0.0.1", ("x",)), ("K2", "10.0.0.2", ("y",)), ("K3", "10.0.0.3", ("y",)))
    ((host, reason),) = seen.refused
    assert not seen.failures and host == "c" and "host b shows it too" in reason
    assert names(seen.containers) == ["a/x", "b/y", "d/on-d"]


class Pretender(Reached):
    """A host that lists containers of another one, and knows nothing of them."""

    def examine(self, container: str, deadline: Deadline) -> Container:
        raise TargetError("no such container", Refusal.ABSENT)


@pytest.mark.parametrize("taken", [("x",), ("x", "y")])
def test_a_host_that_lists_another_s_containers_takes_none_of_them_away(taken: tuple[str, ...]) -> None:
    special = {
        "a": lambda host: Pretender(host, "K1", "10.0.0.1", *taken),
        "b": lambda host: Reached(host, "K2", "10.0.0.2", "x", "y"),
    }
    with Place(special=special).fleet("a", "b") as fleet:
        seen = look(fleet, ["all"], identify=True)
    assert sorted(names(seen.containers)) == ["b/x", "b/y"] and not seen.refused and not seen.failures


def test_a_container_that_two_hosts_show_is_worked_on_once_and_that_is_said() -> None:
    seen = seen_of(("K1", "10.0.0.1", ("x",)), ("K2", "10.0.0.2", ("x", "y")))
    assert names(seen.containers) == ["a/x", "b/y", "d/on-d"]
    ((host, reason),) = seen.refused
    assert host == "b" and reason.startswith("container x ") and "host a shows it too" in reason and "ONE-ID" in reason
    (note,) = seen.notes["b"]
    assert "what both list is worked on once" in note


def test_engines_without_an_id_are_not_taken_for_the_same() -> None:
    place = Place(one_each("a", "b"), engines={"a": "", "b": ""})
    with place.fleet("a", "b") as fleet:
        assert len(look(fleet, ["all"], identify=True).hosts) == 2


class Nameless(Failing):
    """A host whose engine answers everything but who it is."""

    def connect(self, deadline: Deadline) -> None:
        self.containers = {one.id: one for one in one_each(self.host.name)[self.host.name]}

    def identify(self, deadline: Deadline) -> str:
        raise self.error


def test_an_engine_that_does_not_say_who_it_is_is_worked_on_all_the_same() -> None:
    place = Place(special={"a": lambda host: Nameless(host, TargetError("hangs", Refusal.TIMEOUT))})
    with place.fleet("a") as fleet:
        (host,) = look(fleet, ["all"], identify=True).hosts
    assert host.engine_id == ""


def test_lists_come_as_hosts_answer_and_failures_with_them() -> None:
    place = Place({**one_each("a"), "b": []}, special={"c": fails(DOWN)})
    with place.fleet("a", "b", "c") as fleet:
        found = {host.name: result for host, result in list_hosts(fleet)}
    listed = found["a"]
    assert isinstance(listed, list) and [one.name for one in listed] == ["on-a"]
    assert found["b"] == [] and found["c"] is DOWN


def test_a_list_of_those_meant_has_hosts_in_their_order_and_failures_last() -> None:
    with Place(one_each("a", "b"), special={"c": fails(DOWN)}).fleet("c", "b", "a") as fleet:
        assert [host.name for host, _ in list_hosts(fleet, ["all"])] == ["b", "a", "c"]
        assert [host.name for host, _ in list_hosts(fleet, ["on-a"])] == ["a", "c"]
        with pytest.raises(NoTargetError):
            list(list_hosts(fleet, ["nothing"]))


def test_a_list_of_those_meant_on_hosts_that_all_fail_is_their_failures() -> None:
    with Place(special={"a": fails(DOWN), "b": fails(DOWN)}).fleet("a", "b") as fleet:
        assert [result for _, result in list_hosts(fleet, ["x"])] == [DOWN, DOWN]
