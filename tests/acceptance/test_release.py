"""Taking containers back on a real engine as things are by then: connections, networks and addresses that are gone."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.bundles import events
from tests.acceptance.command import Irkit
from tests.acceptance.compare import ASSIGNED_ANEW, differences
from tests.lab.client_side import ClientSide
from tests.lab.description import Attach, Network, Suspect
from tests.lab.hosts import LabHost
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

SLEEP = ("sleep", "1000")
AT = Attach("front", ipv4="10.77.1.50", aliases=("web",))


def contain(irkit: Irkit, *names: str) -> str:
    bundle: str = irkit("run", "isolate", *names, "--approve", "change", "--json").json["bundle"]
    return bundle


def planned(irkit: Irkit, bundle: str, *words: str) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(irkit("undo", bundle, *words, "--dry-run", "--json").out)
    return plan


def said(plan: dict[str, Any]) -> dict[str, str]:
    return {one["check"]: one["summary"] for one in plan["findings"]}


def told(bundle: Path | str) -> list[str]:
    """What the log of an undo says to differ at its end."""
    raised = [one["finding"] for one in events(bundle) if one["event"] == "finding-raised"]
    return [text for one in raised if one["check"] == "undo.differs" for text in one["because"]]


def undo(irkit: Irkit, bundle: str, *words: str, status: int = 0) -> dict[str, Any]:
    summary: dict[str, Any] = irkit("undo", bundle, *words, "--approve", "change", "--json", status=status).json
    return summary


def front(lab: Lab, name: str) -> dict[str, Any]:
    place: dict[str, Any] = lab.engine.inspect(name)["NetworkSettings"]["Networks"]["front"]
    return place


def interfaces(lab: Lab, name: str) -> list[str]:
    """The interfaces of a container with an IPv4 address, in their order."""
    lines = lab.engine.docker("exec", name, "ip", "-o", "-4", "addr").stdout.decode().splitlines()
    found = [line.split() for line in lines]
    return [f"{words[1]} {words[3]}" for words in sorted(found, key=lambda words: words[1]) if words[1] != "lo"]


def established(lab: Lab, name: str) -> set[str]:
    """The local ends of a container's established connections."""
    lines = lab.engine.docker("exec", name, "cat", "/proc/net/tcp").stdout.decode().splitlines()[1:]
    return {line.split()[1] for line in lines if line.split()[3] == "01"}


def test_a_connection_that_goes_on_is_named_before_it_does(lab: Lab, irkit: Irkit) -> None:
    lab.network(Network("front", subnet="10.77.1.0/24"))
    lab.sink("sink", "front", "10.77.1.9", 9000)
    lab.make(Suspect(name="web", networks=(AT,), outbound=("10.77.1.9", 9000)))
    count = lab.wait_received("sink", more_than=20)
    bundle = contain(irkit, "web")
    plan = planned(irkit, bundle)
    assert "1 connection goes on when it is back: 10.77.1.50:" in said(plan)["undo.connections"]
    assert "to 10.77.1.9:9000" in said(plan)["undo.connections"]
    shown = irkit("undo", bundle, "--dry-run").out
    assert "--reset-connections ends them first" in shown
    undo(irkit, bundle)
    assert lab.wait_received("sink", more_than=count) > count, "it does go on"


def test_a_connection_is_ended_before_the_container_is_back(lab: Lab, irkit: Irkit) -> None:
    lab.network(Network("front", subnet="10.77.1.0/24"))
    lab.sink("sink", "front", "10.77.1.9", 9000)
    lab.make(Suspect(name="web", networks=(AT,), outbound=("10.77.1.9", 9000)))
    lab.wait_received("sink", more_than=20)
    bundle = contain(irkit, "web")
    plan = planned(irkit, bundle, "--reset-connections")
    kinds = [one["operation"] for task in plan["tasks"] for one in task["operations"]]
    assert kinds == ["reset-connections", "connect"] and "undo.connections" not in said(plan)
    old = established(lab, "web")
    assert old, "it is cut off, and open all the same"
    ended = irkit("undo", bundle, "--reset-connections", "--approve", "change", status=2)
    assert "needs --approve destroy" in ended.err
    irkit("undo", bundle, "--reset-connections", "--approve", "destroy")
    assert not old & established(lab, "web"), "whatever is open now was opened anew"
    assert front(lab, "web")["IPAddress"] == "10.77.1.50"


def test_an_address_that_was_taken_is_told_and_the_nearest_is_given(lab: Lab, irkit: Irkit) -> None:
    lab.network(Network("front", subnet="10.77.1.0/24"))
    lab.make(Suspect(name="web", networks=(AT,), command=SLEEP))
    bundle = contain(irkit, "web")
    lab.make(Suspect(name="thief", networks=(Attach("front", ipv4="10.77.1.50"),), command=SLEEP))
    plan = planned(irkit, bundle)
    assert "its address 10.77.1.50 on network front cannot be had: container thief has it" in said(plan)["undo.address"]
    assert undo(irkit, bundle, status=1)["to_undo"] == 1
    summary = undo(irkit, bundle, "--new-address")
    assert summary["to_undo"] == 0 and front(lab, "web")["IPAddress"] == "10.77.1.51"
    assert "on network front its IPv4 address asked for was 10.77.1.50 and is 10.77.1.51" in told(summary["bundle"])
    assert "web" in front(lab, "web")["Aliases"]


def test_a_network_that_is_gone_is_named_and_holds_nothing_for_ever(lab: Lab, irkit: Irkit) -> None:
    lab.network(Network("front", subnet="10.77.1.0/24"))
    lab.network(Network("back", subnet="10.77.2.0/24"))
    lab.make(Suspect(name="web", networks=(AT, Attach("back", ipv4="10.77.2.50")), command=SLEEP))
    bundle = contain(irkit, "web")
    lab.engine.docker("network", "rm", "front")
    shown = irkit("undo", bundle, "--dry-run").out
    assert "REFUSED web: network front is gone: it cannot be put back there" in shown
    summary = undo(irkit, bundle, status=1)
    assert summary["to_undo"] == 0 and "it was on network front and is not" in told(summary["bundle"])
    assert list(lab.engine.inspect("web")["NetworkSettings"]["Networks"]) == ["back"]
    assert irkit("verify", summary["bundle"]).status == 0
    shown = irkit("show", summary["bundle"]).out
    assert "DIFFERS   web: it was on network front and is not" in shown
    assert "nothing is left to take back" in irkit("undo", bundle).out
    assert irkit("run", "isolate", "web", "--approve", "change").status == 0, "it is held contained by nobody"


def test_a_network_that_was_made_again_is_told(lab: Lab, irkit: Irkit) -> None:
    lab.network(Network("front", subnet="10.77.1.0/24"))
    lab.make(Suspect(name="web", networks=(AT,), command=SLEEP))
    bundle = contain(irkit, "web")
    lab.engine.docker("network", "rm", "front")
    lab.network(Network("front", subnet="10.77.8.0/24"))
    plan = planned(irkit, bundle, "--new-address")
    assert "removed and made again" in said(plan)["undo.network-anew"]
    assert "its subnets are 10.77.8.0/24. It is given 10.77.8." in said(plan)["undo.address"]
    undo(irkit, bundle, "--new-address")
    assert front(lab, "web")["IPAddress"].startswith("10.77.8.")


def test_several_networks_come_back_in_the_order_of_their_interfaces(lab: Lab, irkit: Irkit) -> None:
    for name, number in (("front", 1), ("back", 2), ("aside", 3)):
        lab.network(Network(name, subnet=f"10.77.{number}.0/24"))
    places = (AT, Attach("back", ipv4="10.77.2.50"), Attach("aside", ipv4="10.77.3.50"))
    lab.make(Suspect(name="web", networks=places, command=SLEEP))
    before, found = interfaces(lab, "web"), lab.engine.inspect("web")
    summary = undo(irkit, contain(irkit, "web"))
    after = interfaces(lab, "web")
    assert [one.split()[1] for one in after] == [one.split()[1] for one in before], "in the same order"
    assert differences(found, lab.engine.inspect("web"), ASSIGNED_ANEW) == []
    named = {text.split()[2] for text in told(summary["bundle"]) if " interface was " in text}
    moved = {"front", "back", "aside"} if before != after else set()
    assert named == moved, "what the engine calls otherwise is named"


def test_what_became_of_a_container_since_the_run_is_said(lab: Lab, irkit: Irkit) -> None:
    lab.make(Suspect(name="web", command=SLEEP))
    bundle = contain(irkit, "web")
    lab.engine.docker("rename", "web", "other")
    lab.engine.docker("restart", "--time", "0", "other")
    since = said(planned(irkit, bundle))["undo.changed-since"]
    assert "it was called web and is called other" in since and "it was started again at" in since
    summary = undo(irkit, bundle)
    assert "its name was web and is other" in told(summary["bundle"])
    lab.engine.docker("rename", "other", "web")


def test_one_container_of_a_run_is_released_by_a_plan_of_its_own(lab: Lab, irkit: Irkit) -> None:
    for name in ("web", "app"):
        lab.make(Suspect(name=name, command=SLEEP))
    bundle = contain(irkit, "web", "app")
    plan = planned(irkit, bundle, "web")
    assert [one["name"] for one in plan["targets"]] == ["web"] and len(plan["tasks"]) == 1
    assert "there is no terminal to ask on" in irkit("undo", bundle, "web", status=2).err
    assert undo(irkit, bundle, "web")["to_undo"] == 1
    networks = {name: list(lab.engine.inspect(name)["NetworkSettings"]["Networks"]) for name in ("web", "app")}
    assert networks == {"web": ["bridge"], "app": []}
    assert undo(irkit, bundle)["to_undo"] == 0


@pytest.mark.parametrize("user", ["root", "ana"])
def test_over_ssh_the_connections_that_go_on_are_named_too(
    lab: Lab, ssh_host: LabHost, client: ClientSide, tmp_path: Path, user: str
) -> None:
    irkit = Irkit("", tmp_path / "evidence", client)
    client.add(ssh_host, user=user)
    lab.network(Network("front", subnet="10.77.1.0/24"))
    lab.sink("sink", "front", "10.77.1.9", 9000)
    lab.make(Suspect(name="web", networks=(AT,), outbound=("10.77.1.9", 9000)))
    lab.wait_received("sink", more_than=20)
    words = ("-H", ssh_host.name, "--approve", "change", "--json")
    bundle: str = irkit("run", "isolate", "web", *words).json["bundle"]
    named = said(planned(irkit, bundle))["undo.connections"]
    assert "1 connection goes on when it is back: 10.77.1.50:" in named
    summary = undo(irkit, bundle)
    assert summary["to_undo"] == 0 and front(lab, "web")["IPAddress"] == "10.77.1.50"
