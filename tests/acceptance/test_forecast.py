"""What a plan says of real containers before anything is done: who is cut off too, what ends, who brings it back."""

import json
from pathlib import Path

import pytest

from irkit.adapters.own_place import containers_in, own_containers
from tests.acceptance.command import Irkit
from tests.lab.description import Attach, Network, Suspect
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

SLEEP = ("sleep", "1000")
SWARM = {"com.docker.swarm.service.id": "abc", "com.docker.swarm.service.name": "shop_web"}
COMPOSE = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}


def findings(irkit: Irkit, *words: str, status: int | None = 0) -> dict[str, str]:
    """What a plan says, by check; that it has done nothing is `plan`'s own test."""
    plan = json.loads(irkit("plan", *words, "--json", status=status).out)
    return {one["check"]: f"{one['summary']} | {one['remedy']}" for one in plan["findings"]}


def test_who_shares_a_network_is_named_and_cut_off_with_its_owner(lab: Lab, irkit: Irkit) -> None:
    lab.network(Network("front", subnet="10.77.1.0/24"))
    lab.make(Suspect(name="owner", networks=(Attach("front", ipv4="10.77.1.50"),), command=SLEEP))
    for name in ("side", "car"):
        lab.make(Suspect(name=name, networks=(Attach("container:owner"),), command=SLEEP))
    found = findings(irkit, "isolate", "owner")
    assert found == {"plan.sharers": "2 container(s) share its network: car, side. They are cut off with it | "}
    refused = irkit("plan", "isolate", "side", status=1).out
    assert "REFUSED side: it shares the network of container owner" in refused
    assert "irkit run isolate owner" in refused
    both = irkit("run", "isolate", "side", "owner", "--approve", "change", "--json").json
    assert both["refused"] == [] and len(both["changes"]) == 1
    lab.engine.docker("exec", "side", "true")
    shown = lab.engine.docker("exec", "side", "cat", "/proc/net/dev").stdout.decode()
    assert "eth0" not in shown, "it has lost its network with the owner"
    irkit("undo", both["bundle"], "--approve", "change")


def test_what_ends_and_what_comes_back_is_told_before_it_is_asked(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.network(Network("front", subnet="10.77.1.0/24", subnet6="fd77:1::/64"))
    place = Attach("front", ipv4="10.77.1.50", ipv6="fd77:1::50")
    lab.make(
        Suspect(
            name="web",
            networks=(place,),
            publish={18081: 80},
            labels=SWARM,
            restart="always",
            command=SLEEP,
        )
    )
    found = findings(irkit, "isolate", "web")
    assert set(found) == {"plan.ports", "plan.ipv6", "plan.orchestrator", "plan.restart"}
    assert "0.0.0.0:18081 to 80/tcp" in found["plan.ports"] and "fd77:1::50" in found["plan.ipv6"]
    assert "docker service scale shop_web=0" in found["plan.orchestrator"]
    shown = irkit("plan", "isolate", "web").out
    assert "! web: Swarm service shop_web: starts another one" in shown
    assert "    to do: docker service scale shop_web=0" in shown
    asked = irkit("run", "isolate", "web", status=2)
    assert "there is no terminal to ask on" in asked.err


def test_compose_is_known_by_its_labels(lab: Lab, irkit: Irkit) -> None:
    lab.make(Suspect(name="web", labels=COMPOSE, command=SLEEP))
    found = findings(irkit, "isolate", "web")
    assert "Compose service shop/web" in found["plan.orchestrator"] and "project shop" in found["plan.orchestrator"]
    assert "bridge is the default network" in found["plan.address"]


@pytest.mark.parametrize("driver", ["macvlan", "ipvlan"])
def test_the_driver_of_a_network_is_told(lab: Lab, irkit: Irkit, driver: str) -> None:
    lab.network(Network("lan", subnet="10.77.9.0/24", driver=driver, options={"parent": "docker0"}))
    # Not started: not every kernel can do it.
    lab.make(Suspect(name="web", networks=(Attach("lan", ipv4="10.77.9.5"),), command=SLEEP, state="created"))
    assert set(findings(irkit, "isolate", "web")) == {f"plan.{driver}"}


def test_the_session_that_runs_irkit_is_not_cut_off(lab: Lab, irkit: Irkit) -> None:
    lab.network(Network("front", subnet="10.77.1.0/24"))
    lab.make(Suspect(name="door", networks=(Attach("front", ipv4="10.77.1.50"),), publish={18082: 22}, command=SLEEP))
    session = {"SSH_CONNECTION": "198.51.100.7 50000 192.0.2.1 18082"}
    refused = irkit("run", "isolate", "door", "--approve", "change", "--json", status=1, extra=session).json
    assert "your SSH session came in at 192.0.2.1:18082" in refused["refused"][0]["reason"]
    assert refused["changes"] == []
    assert list(lab.engine.inspect("door")["NetworkSettings"]["Networks"]) == ["front"]


def test_a_process_in_a_container_is_known_to_be_there(lab: Lab) -> None:
    container = lab.make(Suspect(name="web", command=SLEEP))

    def read(path: str) -> str:
        return lab.engine.docker("exec", "web", "cat", path).stdout.decode()

    groups, mounts = read("/proc/self/cgroup"), read("/proc/self/mountinfo")
    assert containers_in(groups, mounts) == {container}
    assert containers_in("", mounts) == {container}, "control groups need not be told"
    assert container not in own_containers()
