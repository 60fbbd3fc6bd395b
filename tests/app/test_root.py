"""Whether hosts allow what needs root is asked only where a playbook has a step that does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from irkit.adapters.memory import MemoryTarget
from irkit.adapters.memory_changes import full_id
from irkit.app import prepare
from irkit.core.errors import Refusal, TargetError
from irkit.core.host import Host
from irkit.core.operations import CapturePackets, ReadHostByCommand
from irkit.core.plan import Plan
from irkit.core.ports import Deadline
from tests.acceptance.bundles import playbook
from tests.app.hosts_in_memory import Place, one_each

CHOSEN = ("a@x", "b@x", "c@x")


class Asked(MemoryTarget):
    """A host that notes that it was asked, and answers as told."""

    says: str | TargetError = ""
    was_asked = False

    def why_no_root(self, deadline: Deadline) -> str:
        self.was_asked = True
        if isinstance(self.says, TargetError):
            raise self.says
        return self.says


def that_says(says: str | TargetError) -> Callable[[Host], MemoryTarget]:
    def make(host: Host) -> MemoryTarget:
        target = Asked(list(one_each(*CHOSEN)[host.name]), host, full_id(host.name))
        target.says = says
        return target

    return make


def planned(folder: Path, *steps: str, head: str = "") -> tuple[Plan, Place]:
    lost = TargetError("the connection was lost", Refusal.LOST)
    answers: dict[str, str | TargetError] = {"a@x": "", "b@x": "sudo wants a password", "c@x": lost}
    place = Place(special={name: that_says(says) for name, says in answers.items()})
    return planned_on(place, folder, playbook(folder, *steps, head=head)), place


def planned_on(place: Place, folder: Path, name: str, **given: str) -> Plan:
    setting = place.setting(folder / "evidence")
    with prepare(setting, name, ["all"], given=given, case="IR", responder="Ann", hosts=list(place.special)) as ready:
        return ready.plan


def was_asked(place: Place) -> list[str]:
    return sorted(name for name, one in place.opened.items() if isinstance(one, Asked) and one.was_asked)


def test_hosts_without_root_are_refused_what_needs_it_and_the_others_are_not(tmp_path: Path) -> None:
    plan, place = planned(tmp_path, "{id: cut, action: isolate.firewall}")
    assert was_asked(place) == list(CHOSEN)
    assert {one.host: one.reason for one in plan.refusals} == {
        "b@x": "it needs root on the host: sudo wants a password",
        "c@x": "it needs root on the host: the connection was lost",
    }
    assert [task.host for task in plan.tasks if task.step == "cut" and task.operations] == ["a@x"]


@pytest.mark.parametrize("action", ["isolate.disconnect", "collect.inspect"])
def test_nobody_is_asked_where_nothing_needs_it(tmp_path: Path, action: str) -> None:
    plan, place = planned(tmp_path, f"{{id: cut, action: {action}}}")
    assert was_asked(place) == [] and not plan.refusals


@pytest.mark.parametrize(("how", "asked"), [("", []), (", with: {host_command: true}", list(CHOSEN))])
def test_memory_needs_root_for_commands_only_where_a_command_is_to_read_it(
    tmp_path: Path, how: str, asked: list[str]
) -> None:
    plan, place = planned(tmp_path, f"{{id: memory, action: snapshot.memory{how}}}")
    assert was_asked(place) == asked
    assert {one.host for one in plan.refusals} == set(asked[1:])


DEEP = "parameters: {deep: {type: boolean, default: false, description: d}}"


@pytest.mark.parametrize(
    ("when", "asked"),
    [
        ("params.deep", []),
        ("!params.deep", list(CHOSEN)),
        ("params.deep && container.state == 'running'", []),
        ("container.state == 'paused'", list(CHOSEN)),
        ("host.name == 'a@x'", ["a@x"]),
        ("host.name == 'a@x' && container.state == 'running'", ["a@x"]),
    ],
)
def test_hosts_are_asked_where_a_step_may_apply_by_what_is_known_without_its_containers(
    tmp_path: Path, when: str, asked: list[str]
) -> None:
    step = f'{{id: cut, action: isolate.firewall, when: "{when}"}}'
    _, place = planned(tmp_path, step, head=DEEP)
    assert was_asked(place) == asked


@pytest.mark.parametrize(("value", "asked"), [("params.deep", []), ("!params.deep", list(CHOSEN))])
def test_what_is_given_by_an_expression_counts_by_its_value(tmp_path: Path, value: str, asked: list[str]) -> None:
    step = f'{{id: around, action: collect.host, with: {{commands: "${{{{ {value} }}}}"}}}}'
    _, place = planned(tmp_path, step, head=DEEP)
    assert was_asked(place) == asked


@pytest.mark.parametrize("given", [{}, {"commands": "true"}, {"packets": "true"}])
def test_all_that_can_be_had_from_outside_asks_for_root_only_where_a_command_is_wanted(
    tmp_path: Path, given: dict[str, str]
) -> None:
    place = Place(special={"a@x": that_says("")})
    plan = planned_on(place, tmp_path, "acquire-everything", **given)
    assert was_asked(place) == (["a@x"] if given else [])
    kinds = {type(one) for task in plan.tasks for one in task.operations}
    assert (ReadHostByCommand in kinds, CapturePackets in kinds) == ("commands" in given, "packets" in given)
