"""Plans in the making: let go of at any time, a line where none can be made, and steps that the responder left out."""

import dataclasses
import hashlib
import threading
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from irkit.adapters.memory import MemoryTarget
from irkit.app import Prepared, Setting
from irkit.app.estimates import space_left
from irkit.app.live import Live
from irkit.app.planning import (
    LEFT_OUT,
    Planning,
    plan_run,
    plan_undo_of,
    shelf,
    undo_left,
    without_steps,
    wrong_parameters,
)
from irkit.app.reach import HostTarget, Opener
from irkit.app.run_service import RunService
from irkit.app.runs import Reaching
from irkit.core.errors import UsageError
from irkit.core.host import Host
from irkit.core.operations import Touch
from tests.app.hosts_in_memory import Place, Silent, one_each
from tests.app.test_evidence_seen import carried_out, ended

KEY = f"a@x/{one_each('a@x')['a@x'][0].id}"


class Closing(MemoryTarget):
    """A host that tells when it was let go of."""

    def __init__(self, host: Host) -> None:
        super().__init__(one_each(host.name)[host.name], host, "engine")
        self.is_closed = threading.Event()

    def close(self) -> None:
        self.is_closed.set()


def over(planning: Planning) -> Planning:
    end = time.monotonic() + 60
    while not planning.is_over:
        assert time.monotonic() < end
        time.sleep(0.01)
    return planning


def planned(place: Place, folder: Path, playbook: str = "contain-and-preserve") -> Planning:
    return plan_run(place.setting(folder), playbook, [KEY], given={}, case="IR-1", responder="ann@desk", hosts={})


def test_a_plan_that_is_not_wanted_any_more_lets_go_of_its_hosts(tmp_path: Path) -> None:
    place = Place(special={"a@x": Closing})
    planning = over(planned(place, tmp_path))
    assert planning.error == "" and planning.prepared is not None
    planning.close()
    host = place.opened["a@x"]
    assert isinstance(host, Closing) and host.is_closed.wait(60)
    assert planning.hand_over() is None
    planning.close()


def test_a_plan_that_waits_for_a_host_lets_go_of_it_at_once(tmp_path: Path) -> None:
    place = Place(special={"a@x": lambda host: Silent(host, heeds=False)})
    planning = planned(place, tmp_path)
    while "a@x" not in place.opened:
        time.sleep(0.01)
    host = place.opened["a@x"]
    assert isinstance(host, Silent) and host.is_waiting.wait(60)
    planning.close()
    assert host.is_closed.wait(60)
    assert planning.prepared is None


def test_hosts_that_are_told_of_after_the_end_are_let_go_of(tmp_path: Path) -> None:
    go, fleet = threading.Event(), Place(one_each("a@x")).fleet("a@x")

    def work(*, reaching: Reaching) -> Prepared:
        assert go.wait(60)
        reaching(fleet)
        raise UsageError("no such playbook")

    planning = Planning(work)
    planning.close()
    go.set()
    over(planning)
    assert fleet._is_closed and planning.error == "no such playbook"


def test_what_was_handed_over_is_let_go_of_by_nobody_else(tmp_path: Path) -> None:
    place = Place(special={"a@x": Closing})
    planning = over(planned(place, tmp_path))
    prepared = planning.hand_over()
    planning.close()
    host = place.opened["a@x"]
    assert prepared is not None and isinstance(host, Closing) and not host.is_closed.is_set()
    prepared.fleet.close()


def test_a_bug_is_a_line_without_a_value() -> None:
    def work(*, reaching: Reaching) -> Prepared:
        raise KeyError("secret")

    planning = over(Planning(work))
    assert "KeyError" in planning.error and "secret" not in planning.error


def test_a_run_whose_steps_were_left_out_does_the_others_and_its_log_says_who_left_them_out(tmp_path: Path) -> None:
    place = Place(one_each("a@x"))
    planning = over(planned(place, tmp_path))
    prepared = planning.hand_over()
    assert prepared is not None
    changing = {
        task.step for task in prepared.plan.tasks if any(one.touch is not Touch.READ for one in task.operations)
    }
    assert changing
    kept = changing | {prepared.plan.tasks[-1].step}
    prepared.plan = without_steps(prepared.plan, {task.step for task in prepared.plan.tasks} - kept)
    run = ended(RunService(place.setting(tmp_path)).begin(prepared))
    finished = run.run.finished
    assert finished is not None and finished.outcome == "done"
    assert {one.started.step for one in run.run.operations if one.is_change} <= kept
    assert any(LEFT_OUT in str(record.event) for record in run.records)


def test_a_step_of_the_host_that_others_come_after_can_be_left_out(tmp_path: Path) -> None:
    place = Place(one_each("a@x"))
    prepared = over(planned(place, tmp_path, "triage")).hand_over()
    assert prepared is not None
    plan = prepared.plan
    awaited = {plan.tasks[number].step for task in plan.tasks for number in task.after}
    prepared.plan = without_steps(plan, awaited)
    left = {task.step for task in prepared.plan.tasks if task.operations}
    run = ended(RunService(place.setting(tmp_path)).begin(prepared))
    assert run.run.finished is not None and run.run.finished.outcome == "done"
    assert {one.started.step for one in run.run.operations} == left and not left & awaited


def test_where_all_steps_are_left_out_nothing_is_left_to_do_and_it_only_reads(tmp_path: Path) -> None:
    planning = over(planned(Place(one_each("a@x")), tmp_path))
    assert planning.prepared is not None
    plan = planning.prepared.plan
    empty = without_steps(plan, {task.step for task in plan.tasks})
    assert empty.touch is Touch.READ and not any(task.operations for task in empty.tasks)
    assert without_steps(plan, ()) == plan and without_steps(empty, {"none"}) == empty
    planning.close()


def test_an_undo_of_which_a_step_was_left_out_is_told_to_be_left_to_undo(tmp_path: Path) -> None:
    place = Place(one_each("a@x"))
    run = carried_out(place, tmp_path, "contain-and-preserve")
    setting = place.setting(tmp_path)
    before, _ = undo_left(setting, str(run.bundle))
    prepared = over(plan_undo_of(setting, str(run.bundle), responder="ann@desk")).hand_over()
    assert prepared is not None and before > 0
    first = next(task.step for task in prepared.plan.tasks if task.operations)
    prepared.plan = without_steps(prepared.plan, {first})
    ended(RunService(setting).begin(prepared))
    left, _ = undo_left(setting, str(run.bundle))
    assert 0 < left <= before
    rest = over(plan_undo_of(setting, str(run.bundle), responder="ann@desk")).hand_over()
    assert rest is not None
    ended(RunService(setting).begin(rest))
    assert undo_left(setting, str(run.bundle))[0] == 0


def test_the_shelf_tells_what_is_not_valid_and_why(tmp_path: Path) -> None:
    folder = tmp_path / "playbooks"
    folder.mkdir()
    (folder / "broken.yml").write_text("name: broken\nsteps: 3\n")
    setting = Setting(environment={"XDG_CONFIG_HOME": str(tmp_path)}, evidence=tmp_path)
    found = shelf(replace_folders(setting, folder))
    assert {one.name for one in found if one.playbook is None} == {"broken"}
    assert next(one.problem for one in found if one.name == "broken")
    assert next(one.effect for one in found if one.name == "contain-and-preserve") == "contain"
    assert next(one.effect for one in found if one.name == "triage") == "collect"


def replace_folders(setting: Setting, folder: Path) -> Setting:
    shipped = setting.playbook_folders()
    setting.playbook_folders = lambda: [*shipped, folder]  # type: ignore[method-assign]
    return setting


def test_each_parameter_is_judged_by_itself(tmp_path: Path) -> None:
    playbook = next(one.playbook for one in shelf(Setting(environment={}, evidence=tmp_path)) if one.name == "triage")
    assert playbook is not None
    name = next(name for name, one in playbook.parameters.items() if one.type == "duration")
    assert wrong_parameters(playbook, {}) == {}
    assert set(wrong_parameters(playbook, {name: "soon"})) == {name}
    must = replace(playbook.parameters[name], default=None)
    assert set(wrong_parameters(replace(playbook, parameters={name: must}), {})) == {name}


def test_room_is_that_of_the_nearest_folder_there_is(tmp_path: Path) -> None:
    room = space_left(Setting(environment={}, evidence=tmp_path / "a" / "b"))
    assert room is not None and room > 0


FORMS = {
    "unix:///run/other/docker.sock": ("local", "", "", 0, "/run/other/docker.sock"),
    "ssh://ana@10.0.0.9/run/other.sock": ("ssh", "10.0.0.9", "ana", 0, "/run/other.sock"),
    "ana@10.0.0.9:2222": ("ssh", "10.0.0.9", "ana", 2222, ""),
    "tcp://127.0.0.1:2399": ("tcp", "127.0.0.1", "", 2399, ""),
    "context:far": ("ssh", "10.0.0.7", "eve", 0, "/run/far.sock"),
    "web1": ("ssh", "10.0.0.5", "ana", 0, "/run/web.sock"),
}
"""Each form in which a host can be given, and the way, address, user, port and socket that it means."""


def knowing(place: Place, folder: Path) -> Setting:
    """A setting with an inventory, a docker context, and what ssh knows: another address for the host `10.0.0.9`."""
    meta = folder / "docker/contexts/meta" / hashlib.sha256(b"far").hexdigest() / "meta.json"
    meta.parent.mkdir(parents=True, exist_ok=True)
    meta.write_text('{"Name": "far", "Endpoints": {"docker": {"Host": "ssh://eve@10.0.0.7/run/far.sock"}}}')
    (folder / "hosts.yml").write_text("hosts:\n  - {name: web1, address: 10.0.0.5, user: ana, socket: /run/web.sock}\n")
    (folder / "ssh_config").write_text("Host 10.0.0.9\n  HostName 10.0.0.99\n")
    environment = {"DOCKER_CONFIG": str(folder / "docker"), "IRKIT_SSH_CONFIG": str(folder / "ssh_config")}
    return Setting(environment, folder / "evidence", folder / "hosts.yml", opener=place)


def place_of(host: Host) -> tuple[str, str, str, int, str]:
    return host.reach, host.address, host.user, host.port, host.socket


@pytest.mark.parametrize("selector", FORMS)
def test_a_plan_and_its_undo_go_to_the_host_that_is_looked_at_however_it_was_given(
    tmp_path: Path, selector: str
) -> None:
    place = Place()
    setting = knowing(place, tmp_path)
    asked_for = Live(setting, [selector]).asked_for
    ((name, host),) = asked_for.items()
    place.containers = one_each(name)
    keys = [f"{name}/{place.containers[name][0].id}"]
    planning = over(plan_run(setting, "isolate", keys, given={}, case="", responder="ann@desk", hosts=asked_for))
    assert planning.error == ""
    prepared = planning.hand_over()
    assert prepared is not None and place_of(host) == place_of(prepared.plan.hosts[0]) == FORMS[selector]
    assert place_of(place.opened[name].host) == FORMS[selector]
    run = ended(RunService(setting).begin(prepared))

    again = Place(special={name: lambda host: place.opened[name]})
    asked: list[Host] = []

    def opener(host: Host) -> HostTarget:
        asked.append(host)
        return again(host)

    undo = over(plan_undo_of(replace_opener(setting, opener), str(run.bundle), responder="ann@desk"))
    assert undo.error == "" and undo.prepared is not None
    assert [place_of(one) for one in asked] == [FORMS[selector]]
    assert any(task.operations for task in undo.prepared.plan.tasks)
    undo.close()


def replace_opener(setting: Setting, opener: Opener) -> Setting:
    return dataclasses.replace(setting, opener=opener)
