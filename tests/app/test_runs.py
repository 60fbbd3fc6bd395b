"""Plans and runs over several hosts: what is refused, what is recorded, and how it ends."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from irkit.adapters.memory import MemoryTarget
from irkit.adapters.memory_changes import full_id
from irkit.app import Prepared, Setting, find_bundle, known_runs, prepare, prepare_undo, start, verify_bundle
from irkit.cli.execution import Shown, carry_out
from irkit.core.errors import HostState, NoTargetError, UnreachableError, UsageError
from irkit.core.events import TargetRefused
from irkit.core.host import Host
from irkit.core.ports import Deadline
from irkit.core.text import file_name
from irkit.engine.runner import Runner
from tests.app.hosts_in_memory import Place, fails, one_each
from tests.engine.world import container

DOWN = UnreachableError("nobody answers", HostState.DOWN)
CHOSEN = ("a@x", "b@x", "c@x")
"""Names that are addresses: hosts reached by SSH that no inventory knows."""
SHOWN = (("a@x", "x"), ("b@x", "y"), ("c@x", "on-c@x"))


def place_with(*dead: str, **more: Any) -> Place:
    return Place(one_each(*CHOSEN), special={name: fails(DOWN) for name in dead}, **more)


def prepared(place: Place, folder: Path, *selectors: str, playbook: str = "isolate") -> Prepared:
    return prepare(
        place.setting(folder), playbook, selectors or ["all"], given={}, case="IR", responder="Ann", hosts=CHOSEN
    )


def run(place: Place, folder: Path, *selectors: str, playbook: str = "isolate") -> Any:
    with prepared(place, folder, *selectors, playbook=playbook) as ready:
        return carry_out(place.setting(folder), ready, Shown(lines=False), parallel=2)


def test_a_run_over_three_hosts_is_one_bundle_with_a_part_for_each(tmp_path: Path) -> None:
    place = place_with()
    result = run(place, tmp_path, playbook="triage")
    assert result.status == 0 and result.run.is_clean
    assert {path.name for path in (result.bundle / "data").iterdir()} == {"log", *map(file_name, CHOSEN)}
    assert verify_bundle(place.setting(tmp_path), str(result.bundle)).ok


def test_a_host_called_log_does_not_share_the_folder_of_the_run_log(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("hosts: [{name: log, address: 10.0.0.9}]\n")
    setting = Setting(environment={}, evidence=tmp_path, inventory=inventory, opener=Place(one_each("log")))
    with prepare(setting, "triage", ["all"], given={}, case="IR", responder="Ann", hosts=["log"]) as ready:
        result = carry_out(setting, ready, Shown(lines=False), parallel=2)
    assert result.status == 0
    assert {path.name for path in (result.bundle / "data/log").iterdir()} == {"run.jsonl"}
    assert len(list((result.bundle / "data").iterdir())) == 2
    assert verify_bundle(setting, str(result.bundle)).ok


def test_what_hosts_showed_is_in_the_log_and_the_description(tmp_path: Path) -> None:
    place = place_with(engines={name: f"ID-{name}" for name in CHOSEN})
    result = run(place, tmp_path, "a@x/all", "b@x/all")
    assert result.run.started.engines == {"a@x": "ID-a@x", "b@x": "ID-b@x"}
    described = msgspec.json.decode((result.bundle / "metadata" / "bundle.json").read_bytes())
    assert [(one["name"], one["engine_id"], one["reach"]) for one in described["hosts"]] == [
        ("a@x", "ID-a@x", "ssh"),
        ("b@x", "ID-b@x", "ssh"),
    ]
    assert {"address", "user", "port", "host_key", "route"} <= set(described["hosts"][0])


class Reached(MemoryTarget):
    """A host that tells on being reached how it was."""

    def connect(self, deadline: Deadline) -> None:
        self._host = msgspec.structs.replace(self._host, host_key="SHA256:key", route="a socket")


def test_the_plan_has_its_hosts_as_they_were_reached(tmp_path: Path) -> None:
    def open_it(host: Host) -> MemoryTarget:
        return Reached(list(one_each(host.name)[host.name]), host, "ID")

    with prepared(Place(special={"a@x": open_it}), tmp_path, "a@x/all") as ready:
        (host,) = ready.plan.hosts
    assert (host.host_key, host.route, host.engine_id) == ("SHA256:key", "a socket", "ID")


def test_a_host_that_cannot_be_reached_is_refused_and_the_run_says_so(tmp_path: Path) -> None:
    place = place_with("b@x")
    with prepared(place, tmp_path) as ready:
        assert [(one.host, one.container, one.reason) for one in ready.plan.refusals] == [("b@x", "", "nobody answers")]
        assert not ready.plan.is_refused
        (finding,) = [one for one in ready.plan.findings if one.check == "plan.unreached"]
        assert finding.host == "b@x" and finding.because == ("nobody answers",)
        assert [host.name for host in ready.plan.hosts] == ["a@x", "c@x"]
        result = carry_out(place.setting(tmp_path), ready, Shown(lines=False), parallel=2)
    assert result.status == 1 and not result.run.failures
    assert result.run.refused == [TargetRefused(container="", host="b@x", step="", reason="nobody answers")]
    assert {change.started.host for change in result.run.changes} == {"a@x", "c@x"}


def test_where_no_host_is_reached_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(NoTargetError, match="none of the 3 hosts"):
        prepared(place_with(*CHOSEN), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_engine_under_two_names_is_contained_once(tmp_path: Path) -> None:
    place = place_with(engines={"a@x": "ID", "b@x": "ID"})
    result = run(place, tmp_path)
    assert result.status == 1
    (refused,) = result.run.refused
    assert refused.host == "b@x" and "must not be done twice" in refused.reason


def test_a_container_that_two_hosts_show_is_refused_on_the_second_and_the_rest_goes_on(tmp_path: Path) -> None:
    def shows(key: str, address: str, *containers: str) -> Any:
        def open_it(host: Host) -> MemoryTarget:
            shown = msgspec.structs.replace(host, address=address, port=22, host_key=key)
            return MemoryTarget([container(name, host=host.name) for name in containers], shown, "ONE")

        return open_it

    special = {"a@x": shows("K1", "10.0.0.1", "x"), "b@x": shows("K2", "10.0.0.2", "x", "y")}
    result = run(Place(one_each("c@x"), special=special), tmp_path)
    assert result.status == 1
    (refused,) = result.run.refused
    assert refused.host == "b@x" and refused.reason.startswith("container x ")
    assert sorted(result.run.started.names) == sorted(f"{key}/{full_id(name)}" for key, name in SHOWN)


def test_preparing_that_fails_lets_go_of_the_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    monkeypatch.setattr(MemoryTarget, "close", lambda self: closed.append(self.host.name))
    with pytest.raises(NoTargetError):
        prepared(place_with(), tmp_path, "nothing")
    assert sorted(closed) == sorted(CHOSEN)
    closed.clear()
    run(place_with(), tmp_path, playbook="triage")
    assert sorted(closed) == sorted(CHOSEN)


def test_once_the_run_begins_nobody_is_asked_for_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = place_with()
    setting = place.setting(tmp_path)
    setting.ask = lambda prompt: "secret"
    over: list[bool] = []
    execute = Runner.execute

    def watched(self: Runner, plan: Any) -> Any:
        assert ready.fleet._ask is not None
        over.append(ready.fleet._ask.is_over)
        return execute(self, plan)

    monkeypatch.setattr(Runner, "execute", watched)
    ready = prepare(setting, "triage", ["all"], given={}, case="", responder="Ann", hosts=CHOSEN)
    with ready:
        assert ready.fleet._ask is not None and not ready.fleet._ask.is_over
        carry_out(setting, ready, Shown(lines=False), parallel=2)
    assert over == [True]


def test_a_container_that_is_held_contained_on_one_host_is_free_on_another(tmp_path: Path) -> None:
    place = place_with()
    assert run(place, tmp_path, "a@x/all").status == 0
    result = run(place, tmp_path)
    assert result.status == 1
    assert {one.host for one in result.run.refused} == {"a@x"}
    assert {change.started.host for change in result.run.changes} == {"b@x", "c@x"}
    assert len(list(known_runs(place.setting(tmp_path)))) == 2
    assert find_bundle(place.setting(tmp_path), result.run.started.run[:12]) == result.bundle


@pytest.fixture
def one_engine() -> Place:
    """An engine that has two names, each in its turn."""
    held = one_each("a@x")["a@x"]

    def open_as(host: Host) -> MemoryTarget:
        return MemoryTarget([msgspec.structs.replace(one, host=host.name) for one in held], host, "ONE")

    return Place(special={"a@x": open_as, "b@x": open_as})


def begin(place: Place, folder: Path, host: str) -> Prepared:
    return prepare(place.setting(folder), "isolate", ["all"], given={}, case="", responder="Ann", hosts=[host])


def test_a_container_that_is_held_contained_is_so_under_the_other_names_of_its_host(
    tmp_path: Path, one_engine: Place
) -> None:
    with begin(one_engine, tmp_path, "a@x") as first:
        bundle = carry_out(one_engine.setting(tmp_path), first, Shown(lines=False), parallel=2).bundle
    with begin(one_engine, tmp_path, "b@x") as second:
        (refused,) = second.plan.refusals
    assert refused.host == "b@x" and f"run {bundle.name} holds it contained already" in refused.reason


def test_two_runs_never_change_a_container_at_once_under_two_names(tmp_path: Path, one_engine: Place) -> None:
    with begin(one_engine, tmp_path, "a@x") as first, begin(one_engine, tmp_path, "b@x") as second:
        execution = start(one_engine.setting(tmp_path), first)
        with pytest.raises(UsageError, match="another run is changing on-a@x now"):
            start(one_engine.setting(tmp_path), second)
        list(execution.records())
        execution.seal()
        with pytest.raises(UsageError, match="has contained 'on-a@x' since the plan was made"):
            start(one_engine.setting(tmp_path), second)


def test_a_later_run_under_another_name_is_undone_first(tmp_path: Path, one_engine: Place) -> None:
    runs = []
    for host, playbook in (("a@x", "isolate"), ("b@x", "freeze")):
        setting = one_engine.setting(tmp_path / host)
        ready = prepare(setting, playbook, ["all"], given={}, case="", responder="Ann", hosts=[host])
        with ready:
            runs.append(carry_out(setting, ready, Shown(lines=False), parallel=2).bundle)
    setting = one_engine.setting(tmp_path / "a@x")
    runs[1].rename(tmp_path / "a@x" / f"{runs[1].name}-later")  # one evidence folder, as responders have it
    with prepare_undo(setting, str(runs[0]), [], responder="Bob") as undo:
        (refused,) = undo.plan.refusals
    assert "holds it contained too: undo that one first" in refused.reason


def test_what_is_to_be_known_of_a_host_is_a_finding(tmp_path: Path) -> None:
    def noting(host: Host) -> MemoryTarget:
        target = MemoryTarget(list(one_each("a@x")["a@x"]), host, "")
        target.notes.append("streams share one connection")
        return target

    with begin(Place(special={"a@x": noting}), tmp_path, "a@x") as ready:
        found = [(one.host, one.summary) for one in ready.plan.findings if one.check == "plan.host"]
    assert found == [
        ("a@x", "host a@x: streams share one connection"),
        ("a@x", "host a@x: its engine tells no lasting ID: undo cannot tell whether the same engine answers"),
    ]
