"""Whether hosts allow what needs root is asked only where a playbook has a step that does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from irkit.adapters.memory import MemoryTarget
from irkit.adapters.memory_changes import full_id
from irkit.app import prepare
from irkit.core.errors import Refusal, TargetError
from irkit.core.host import Host
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


def planned(folder: Path, *steps: str) -> tuple[Plan, Place]:
    lost = TargetError("the connection was lost", Refusal.LOST)
    answers: dict[str, str | TargetError] = {"a@x": "", "b@x": "sudo wants a password", "c@x": lost}
    place = Place(special={name: that_says(says) for name, says in answers.items()})
    small = playbook(folder, *steps)
    setting = place.setting(folder / "evidence")
    with prepare(setting, small, ["all"], given={}, case="IR", responder="Ann", hosts=CHOSEN) as ready:
        return ready.plan, place


def was_asked(place: Place) -> list[str]:
    return [name for name, one in place.opened.items() if isinstance(one, Asked) and one.was_asked]


def test_hosts_without_root_are_refused_what_needs_it_and_the_others_are_not(tmp_path: Path) -> None:
    plan, place = planned(tmp_path, "{id: cut, action: isolate.firewall}")
    assert sorted(was_asked(place)) == list(CHOSEN)
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
    assert sorted(was_asked(place)) == asked
    assert {one.host for one in plan.refusals} == set(asked[1:])
