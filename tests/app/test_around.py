"""What is looked at before a plan is made, and before one is taken back: on hosts in memory, some of which fail."""

from pathlib import Path
from typing import Any

import pytest

from irkit.adapters.memory import MemoryTarget
from irkit.adapters.memory_changes import full_id
from irkit.app import Setting, left_after, prepare, prepare_undo
from irkit.cli.execution import Result, Shown, carry_out
from irkit.core.container import Container, Port
from irkit.core.errors import Refusal, TargetError
from irkit.core.kernel import Connection, KernelFacts
from irkit.core.network import NetworkFacts
from irkit.core.plan import Plan
from irkit.core.ports import Deadline
from tests.app.hosts_in_memory import Place
from tests.engine.world import attachment, container

CHOSEN = ("a@x",)
FIXED = attachment("front", fixed_ipv4="10.1.0.5")


def place_of(*containers: Container) -> Place:
    return Place({"a@x": list(containers)})


def planned(setting: Setting, playbook: str = "isolate", *targets: str) -> Plan:
    with prepare(setting, playbook, targets or ["all"], given={}, case="", responder="Ann", hosts=CHOSEN) as ready:
        return ready.plan


def checks(plan: Plan) -> set[str]:
    return {one.check for one in plan.findings if one.check.startswith(("plan.", "undo.")) and one.container}


def contain(setting: Setting) -> str:
    with prepare(setting, "isolate", ["all"], given={}, case="", responder="Ann", hosts=CHOSEN) as ready:
        result = carry_out(setting, ready, Shown(lines=False), parallel=2)
    assert result.status == 0
    return str(result.bundle)


def undo(setting: Setting, bundle: str, **how: Any) -> Result:
    with prepare_undo(setting, bundle, [], responder="Bob", **how) as ready:
        return carry_out(setting, ready, Shown(lines=False), parallel=2)


def undo_plan(setting: Setting, bundle: str, **how: Any) -> Plan:
    with prepare_undo(setting, bundle, [], responder="Bob", **how) as ready:
        return ready.plan


# Before a plan ----------------------------------------------------------------------------------------------------


def test_others_of_the_host_are_heeded_though_they_are_no_targets(tmp_path: Path) -> None:
    web = container("web", FIXED, host="a@x")
    side = container("side", host="a@x", network_mode=f"container:{web.id}", attachments=())
    plan = planned(place_of(web, side).setting(tmp_path), "isolate", "web")
    (found,) = [one for one in plan.findings if one.check == "plan.sharers"]
    assert "side" in found.summary


def test_the_drivers_of_networks_are_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def examine_network(self: MemoryTarget, network: str, deadline: Deadline) -> NetworkFacts:
        return NetworkFacts(name=network, id="1", driver="macvlan")

    monkeypatch.setattr(MemoryTarget, "examine_network", examine_network)
    plan = planned(place_of(container("web", FIXED, host="a@x")).setting(tmp_path))
    assert checks(plan) == {"plan.macvlan"}
    assert [place.driver for one in plan.targets for place in one.attachments] == ["macvlan"]


def test_an_engine_that_tells_nothing_of_its_networks_is_contained_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def examine_network(self: MemoryTarget, network: str, deadline: Deadline) -> NetworkFacts:
        raise TargetError("it hangs", Refusal.TIMEOUT)

    monkeypatch.setattr(MemoryTarget, "examine_network", examine_network)
    setting = place_of(container("web", FIXED, host="a@x")).setting(tmp_path)
    assert checks(planned(setting)) == set()
    bundle = contain(setting)
    assert undo(setting, bundle).status == 0 and left_after(setting, bundle) == 0


def test_the_way_to_a_host_is_known_by_its_address(tmp_path: Path) -> None:
    door = container("door", FIXED, host="127.0.0.9", ports=(Port(container_port=22, protocol="tcp", host_port=22),))
    setting = Place({"127.0.0.9": [door]}).setting(tmp_path)
    with prepare(setting, "isolate", ["all"], given={}, case="", responder="A", hosts=("127.0.0.9",)) as ready:
        (refused,) = ready.plan.refusals
    assert "irkit reaches host 127.0.0.9 at 127.0.0.9:22, which it publishes" in refused.reason


def test_a_playbook_that_reads_alone_looks_at_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def examine_network(self: MemoryTarget, network: str, deadline: Deadline) -> NetworkFacts:
        raise AssertionError(network)

    monkeypatch.setattr(MemoryTarget, "examine_network", examine_network)
    assert planned(place_of(container("web", FIXED, host="a@x")).setting(tmp_path), "triage").tasks


# Before an undo ---------------------------------------------------------------------------------------------------


def test_an_undo_knows_the_connections_that_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = place_of(container("web", FIXED, host="a@x")).setting(tmp_path)
    bundle = contain(setting)

    def see_kernel(self: MemoryTarget, container: Container, deadline: Deadline) -> KernelFacts:
        return KernelFacts(alive=True, connections=(Connection(local="10.1.0.5:4", remote="203.0.113.9:4444"),))

    monkeypatch.setattr(MemoryTarget, "see_kernel", see_kernel)
    (found,) = undo_plan(setting, bundle).findings
    assert found.check == "undo.connections" and "10.1.0.5:4 to 203.0.113.9:4444" in found.summary


@pytest.mark.parametrize("fails", [True, False])
def test_where_the_kernel_tells_nothing_connections_may_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    setting = place_of(container("web", FIXED, host="a@x")).setting(tmp_path)
    bundle = contain(setting)

    def see_kernel(self: MemoryTarget, container: Container, deadline: Deadline) -> None:
        if fails:
            raise TargetError("gone", Refusal.LOST)

    monkeypatch.setattr(MemoryTarget, "see_kernel", see_kernel)
    (found,) = undo_plan(setting, bundle).findings
    assert found.check == "undo.connections" and "may go on" in found.summary
    assert undo(setting, bundle).status == 0


def test_root_is_asked_for_only_where_connections_are_to_be_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_of(container("web", FIXED, host="a@x"))
    setting = place.setting(tmp_path)
    bundle = contain(setting)
    place.opened["a@x"].no_root = "sudo asks for a password"
    assert undo_plan(setting, bundle).refusals == ()
    (refused,) = undo_plan(setting, bundle, reset_connections=True).refusals
    assert "sudo asks for a password" in refused.reason
    result = undo(setting, bundle, reset_connections=True)
    assert result.status == 1 and left_after(setting, bundle) == 1
    place.opened["a@x"].no_root = ""
    assert undo(setting, bundle, reset_connections=True).status == 0 and left_after(setting, bundle) == 0


def test_a_network_that_is_gone_is_given_up_and_the_container_is_free(tmp_path: Path) -> None:
    place = place_of(container("web", FIXED, host="a@x"))
    setting = place.setting(tmp_path)
    bundle = contain(setting)
    place.opened["a@x"].networks.discard("front")
    result = undo(setting, bundle)
    assert result.status == 1 and left_after(setting, bundle) == 0
    assert undo_plan(setting, bundle).tasks == ()
    (differs,) = [one for one in result.run.findings if one.check == "undo.differs"]
    assert differs.because == ("it was on network front and is not",)


def test_an_address_that_is_taken_is_told_and_another_is_given_where_asked(tmp_path: Path) -> None:
    place = place_of(container("web", FIXED, host="a@x"))
    setting = place.setting(tmp_path)
    bundle = contain(setting)
    place.opened["a@x"].appear(container("thief", FIXED, host="a@x"))
    place.opened["a@x"].isolation.subnets["front"] = ("10.1.0.0/24",)
    (found,) = undo_plan(setting, bundle).findings
    assert "container thief has it by now" in found.summary
    assert undo(setting, bundle).status == 1 and left_after(setting, bundle) == 1
    assert undo(setting, bundle, new_address=True).status == 0 and left_after(setting, bundle) == 0
    web: Any = place.opened["a@x"].containers[full_id("web")]
    assert web.attachments[0].fixed_ipv4 == "10.1.0.6"


def test_an_undo_without_the_plan_of_the_run_compares_what_the_log_tells(tmp_path: Path) -> None:
    place = place_of(container("web", FIXED, host="a@x"))
    setting = place.setting(tmp_path)
    bundle = contain(setting)
    plan = Path(bundle) / "metadata" / "plan.json"
    plan.parent.chmod(0o700)
    plan.unlink()
    (found,) = undo_plan(setting, bundle).found
    assert [one.network for one in found.attachments] == ["front"] and found.state == "" and not found.is_whole
    assert undo(setting, bundle).status == 0
