"""What is known of a target before anything is done: a table of containers, plans and what is said or refused."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from irkit.adapters.memory_changes import full_id
from irkit.core.container import Container, Mount, Port, RestartPolicy, Summary
from irkit.core.finding import Finding, Severity
from irkit.core.network import NetworkFacts
from irkit.core.plan import Plan, Task
from irkit.core.playbook import Step
from irkit.core.ways import Point, Session
from irkit.engine.surroundings import Surroundings
from tests.engine.world import attachment, container, plan_for, step

CUT, PAUSE = step("isolate.disconnect"), step("contain.pause")
STOP, KILL = step("contain.stop"), step("contain.kill")
NO_RESTART = step("contain.restart_policy", policy="no")
ALWAYS = RestartPolicy(name="always")
FIXED = attachment("front", fixed_ipv4="10.1.0.5")
SWARM = {"com.docker.swarm.service.id": "x", "com.docker.swarm.service.name": "shop_web"}
COMPOSE = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
POD = {
    "io.kubernetes.pod.name": "web-7d4b9c6f5d-x2x4z",
    "io.kubernetes.pod.namespace": "shop",
    "io.kubernetes.container.name": "app",
}
SOCKET = Mount(kind="bind", source="/var/run/docker.sock", destination="/var/run/docker.sock")


def summary(name: str, mode: str = "bridge", host: str = "local") -> Summary:
    return Summary(id=full_id(name), name=name, host=host, image="i", state="running", network_mode=mode)


def point(address: str, port: int) -> Point:
    return Point(addresses=(address,), port=port)


def published(port: int, address: str = "0.0.0.0") -> tuple[Port, ...]:
    return (Port(container_port=80, protocol="tcp", host_ip=address, host_port=port),)


def network(name: str, driver: str) -> dict[tuple[str, str], NetworkFacts]:
    return {("local", name): NetworkFacts(name=name, id=full_id(name), driver=driver)}


@dataclass(frozen=True)
class Case:
    """A container `web`, the steps, what there is around, and the checks of all findings with a part of each."""

    facts: dict[str, Any]
    steps: tuple[Step, ...]
    around: dict[str, Any] = field(default_factory=dict)
    places: tuple[Any, ...] = (FIXED,)
    found: dict[str, str] = field(default_factory=dict)
    remedy: str = ""


CASES = {
    "nothing is to be said": Case({}, (CUT,)),
    "only reading": Case({"auto_remove": True, "ports": published(80)}, (step("collect.processes"),), places=("a",)),
    "sharers, cut off": Case(
        {},
        (CUT,),
        {"others": (summary("b", f"container:{full_id('web')}"), summary("a", "container:web"), summary("c"))},
        found={"plan.sharers": "2 container(s) share its network: a, b. They are cut off with it"},
    ),
    "sharers, of one that is paused": Case(
        {},
        (PAUSE,),
        {"others": (summary("a", "container:web"),)},
        found={"plan.sharers": "They go on while it is paused"},
    ),
    "sharers on another host": Case({}, (CUT,), {"others": (summary("a", "container:web", host="far"),)}),
    "no network": Case({"network_mode": "none"}, (CUT,), places=("none",), found={"plan.no-network": "nothing to"}),
    "macvlan": Case({}, (CUT,), {"networks": network("front", "macvlan")}, found={"plan.macvlan": "rules of the host"}),
    "ipvlan": Case({}, (CUT,), {"networks": network("front", "ipvlan")}, found={"plan.ipvlan": "MAC address"}),
    "overlay": Case({}, (CUT,), {"networks": network("front", "overlay")}, found={"plan.overlay": "this host alone"}),
    "ingress": Case(
        {},
        (CUT,),
        places=(attachment("ingress", fixed_ipv4="10.0.0.9"),),
        found={"plan.ingress": "stay open on every node"},
    ),
    "published ports": Case(
        {"ports": published(8080)}, (CUT,), found={"plan.ports": "lead nowhere meanwhile: 0.0.0.0:8080 to 80/tcp"}
    ),
    "published ports by a network that is kept": Case(
        {"ports": published(8080)},
        (step("isolate.disconnect", keep=["back"]),),
        places=(FIXED, "back"),
        found={"plan.ports": "go on, by network back, which is kept"},
    ),
    "published ports of one that is paused alone": Case({"ports": published(8080)}, (PAUSE,)),
    "an address that the engine chose": Case(
        {}, (CUT,), places=("front",), found={"plan.address": "its address on network front was chosen by the engine"}
    ),
    "the default network": Case(
        {}, (CUT,), places=("bridge",), found={"plan.address": "bridge is the default network"}
    ),
    "IPv6": Case(
        {},
        (CUT,),
        places=(attachment("front", fixed_ipv4="10.1.0.5", fixed_ipv6="fd00::5", ipv6="fd00::5"),),
        found={"plan.ipv6": "fd00::5"},
    ),
    "links": Case(
        {},
        (CUT,),
        places=(attachment("front", fixed_ipv4="10.1.0.5", links=("db:db",)),),
        found={"plan.links": "links to db:db"},
    ),
    "a stop with policy always": Case(
        {"restart_policy": ALWAYS},
        (STOP,),
        found={"plan.restart": "the engine itself is started", "plan.loss": ""},
    ),
    "a stop with the policy taken away": Case(
        {"restart_policy": ALWAYS}, (NO_RESTART, STOP), found={"plan.loss": "destroys"}
    ),
    "a cut with a restart policy": Case(
        {"restart_policy": ALWAYS}, (CUT,), found={"plan.restart": "if its process ends for want of a network"}
    ),
    "a cut and a pause with a restart policy": Case({"restart_policy": ALWAYS}, (CUT, PAUSE)),
    "--rm": Case({"auto_remove": True}, (CUT,), found={"plan.auto-remove": "removed with all its files"}),
    "a health check": Case(
        {"health_check": True}, (CUT,), found={"plan.health-check": "whoever heeds that may end it"}
    ),
    "a health check of one that is paused": Case({"health_check": True}, (CUT, PAUSE)),
    "Compose": Case(
        {"labels": COMPOSE},
        (CUT,),
        found={"plan.orchestrator": "Compose service shop/web"},
        remedy="contain.restart_policy",
    ),
    "Swarm": Case(
        {"labels": SWARM},
        (CUT,),
        found={"plan.orchestrator": "Swarm service shop_web: starts another one"},
        remedy="docker service scale shop_web=0",
    ),
    "a name that a shell would obey is not repeated in a command": Case(
        {"labels": SWARM | {"com.docker.swarm.service.name": "x;reboot"}},
        (CUT,),
        found={"plan.orchestrator": "Swarm"},
        remedy="docker service scale SERVICE=0",
    ),
    "Kubernetes": Case(
        {"labels": POD},
        (CUT,),
        found={"plan.orchestrator": "Kubernetes pod shop/web"},
        remedy="kubectl -n shop label pod web-7d4b9c6f5d-x2x4z LABEL-",
    ),
    "a systemd unit": Case(
        {"labels": {"PODMAN_SYSTEMD_UNIT": "web.service"}},
        (PAUSE,),
        found={"plan.orchestrator": "systemd unit web.service"},
        remedy="systemctl stop web.service",
    ),
    "Nomad": Case({"labels": {"com.hashicorp.nomad.alloc_id": "1"}}, (PAUSE,), found={"plan.orchestrator": "Nomad"}),
    "autoheal": Case({"labels": {"autoheal": "true"}}, (PAUSE,), found={"plan.orchestrator": "label autoheal"}),
    "the engine's socket": Case(
        {"mounts": (SOCKET,)}, (CUT,), found={"plan.engine-socket": "can take the containment back"}
    ),
    "the engine's socket of one that is paused": Case({"mounts": (SOCKET,)}, (CUT, PAUSE)),
}


def made(case: Case) -> tuple[Container, Plan]:
    web = container("web", *case.places, **case.facts)
    return web, plan_for([web], *case.steps, around=Surroundings(**case.around))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_there_is_to_know_is_said_and_nothing_else(case: Case) -> None:
    web, plan = made(case)
    assert {one.check for one in plan.findings} == set(case.found), [one.summary for one in plan.findings]
    for one in plan.findings:
        assert case.found[one.check] in one.summary and one.container == web.key and one.host == "local"
    assert case.remedy in " ".join(one.remedy for one in plan.findings)
    assert plan.refusals == ()


def test_the_gravest_is_said_first() -> None:
    _, plan = made(
        Case(
            {"auto_remove": True, "ports": published(80), "mounts": (SOCKET,)},
            (CUT,),
            {"others": (summary("a", "container:web"),)},
        )
    )
    order = list(Severity)
    severities = [order.index(one.severity) for one in plan.findings]
    assert len(severities) == 4 and severities == sorted(severities, reverse=True)


@pytest.mark.parametrize(("labels", "severity"), [(SWARM, Severity.HIGH), (COMPOSE, Severity.MEDIUM)])
def test_what_replaces_a_container_at_once_matters_more_where_it_is_ended(
    labels: dict[str, str], severity: Severity
) -> None:
    _, plan = made(Case({"labels": labels}, (KILL,)))
    (found,) = [one for one in plan.findings if one.check == "plan.orchestrator"]
    assert found.severity is severity


# Networks of others ----------------------------------------------------------------------------------------------


def tasks_of(plan: Plan, name: str) -> dict[str, Task]:
    key = f"local/{full_id(name)}"
    return {task.step: task for task in plan.tasks if key in task.containers and task.step != "host"}


SHARER = container("sharer", network_mode=f"container:{full_id('web')}", attachments=())
OTHERS = Surroundings(others=(summary("web"), summary("sharer", f"container:{full_id('web')}")))


def test_a_sharer_alone_is_refused_with_the_owner_and_the_command() -> None:
    plan = plan_for([SHARER], CUT, PAUSE, around=OTHERS)
    refused = tasks_of(plan, "sharer")["disconnect"].refused
    assert refused.startswith(f"it shares the network of container web ({full_id('web')[:12]}): isolate that one")
    assert refused.endswith("irkit run test web")
    assert [one.reason for one in plan.refusals] == [refused]


def test_a_sharer_whose_owner_is_not_known_is_refused_with_what_is_known() -> None:
    plan = plan_for([SHARER], CUT)
    assert f"irkit run test {full_id('web')[:12]}" in tasks_of(plan, "sharer")["disconnect"].refused


def test_a_sharer_goes_with_its_owner_where_both_are_targets() -> None:
    plan = plan_for([SHARER, container("web", FIXED)], CUT, PAUSE, around=OTHERS)
    tasks = tasks_of(plan, "sharer")
    assert plan.refusals == () and not tasks["disconnect"].refused
    assert "which this step isolates" in tasks["disconnect"].skipped
    assert [one.text() for one in tasks["pause"].operations] == ["pause"]
    assert tasks_of(plan, "web")["disconnect"].operations


def test_a_sharer_does_not_go_with_an_owner_that_is_refused() -> None:
    owner = container("web", FIXED, network_mode="host")
    assert "irkit run" in tasks_of(plan_for([SHARER, owner], CUT, around=OTHERS), "sharer")["disconnect"].refused


def test_one_on_its_host_s_network_is_told_of_other_ways() -> None:
    _, plan = made(Case({"network_mode": "host"}, (CUT,)))
    assert [one.check for one in plan.findings] == ["plan.host-network"] and plan.refusals
    assert "isolate.firewall" in plan.findings[0].remedy


# What irkit depends on -------------------------------------------------------------------------------------------

FAR = {"ways": {"local": (point("192.0.2.1", 2376),)}, "tcp": frozenset({"local"})}
HOP = {"ways": {"local": (point("192.0.2.9", 22), point("192.0.2.1", 22))}}
AT_HOME = {"ways": {"local": ()}}
DEPENDS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "irkit runs in it": ({}, {"own": frozenset({full_id("web")})}, "irkit itself runs in it"),
    "irkit runs in one that shares its network": (
        {},
        {"own": frozenset({full_id("me")}), "others": (summary("me", "container:web"),)},
        "irkit itself runs in container me, which shares its network",
    ),
    "the engine is reached at its address": (
        {},
        {"ways": {"local": (point("10.1.0.5", 2375),)}, "tcp": frozenset({"local"})},
        "irkit reaches host local at 10.1.0.5:2375, which is its address",
    ),
    "the engine is reached by a port that it publishes": (
        {"ports": published(2376), "mounts": (SOCKET,)},
        FAR,
        "irkit reaches host local at 192.0.2.1:2376, which it publishes (2376 to 80/tcp)",
    ),
    "a hop is at its address": (
        {},
        {"ways": {"local": (point("10.1.0.5", 22), point("192.0.2.1", 22))}},
        "at 10.1.0.5:22, which is its address",
    ),
    "a hop to another host is a port that it publishes": (
        {"ports": published(2222)},
        {"ways": {"local": (point("192.0.2.1", 22),), "far": (point("192.0.2.1", 2222), point("10.9.9.9", 22))}},
        "irkit reaches host far at 192.0.2.1:2222, which it publishes",
    ),
    "it serves the engine on its host's network": (
        {"network_mode": "host", "mounts": (SOCKET,)},
        FAR,
        "it has the engine's socket and is on its host's network",
    ),
    "the session came in at a port that it publishes": (
        {"ports": published(2222)},
        {**AT_HOME, "session": Session(client="198.51.100.7", server=point("192.0.2.1", 2222))},
        "your SSH session came in at 192.0.2.1:2222, which it publishes",
    ),
    "the session comes from it": (
        {},
        {**AT_HOME, "session": Session(client="10.1.0.5", server=point("10.1.0.1", 22))},
        "your SSH session comes from 10.1.0.5, which is its address",
    ),
}


@pytest.mark.parametrize(("facts", "around", "reason"), DEPENDS.values(), ids=DEPENDS)
def test_what_irkit_depends_on_is_refused_unless_the_step_accepts_it(
    facts: dict[str, Any], around: dict[str, Any], reason: str
) -> None:
    web = container("web", FIXED, **facts)
    plan = plan_for([web], PAUSE, around=Surroundings(**around))
    (refused,) = plan.refusals
    assert reason in refused.reason and "accept_loss" in refused.reason
    assert tasks_of(plan, "web")["pause"].operations == ()
    plan = plan_for([web], step("contain.pause", accept_loss=True), around=Surroundings(**around))
    assert plan.refusals == () and tasks_of(plan, "web")["pause"].operations
    (told,) = [one for one in plan.findings if one.check == "plan.way"]
    assert reason in told.summary and told.severity is Severity.HIGH


INDEPENDENT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "another port": ({"ports": published(8080)}, FAR),
    "the port on another address": ({"ports": published(2376, "127.0.0.1")}, FAR),
    "the port of another protocol": (
        {"ports": (Port(container_port=80, protocol="udp", host_ip="::", host_port=2376),)},
        FAR,
    ),
    "a hop to somewhere else": (
        {"ports": published(22)},
        {"ways": {"local": (point("192.0.2.9", 22), point("x", 23))}},
    ),
    "the same private address on another host": (
        {},
        {"ways": {"local": (point("192.0.2.1", 22),), "far": (point("10.1.0.5", 22),)}},
    ),
    "a session on another machine": (
        {"ports": published(2222)},
        {**HOP, "session": Session(client="10.1.0.5", server=point("192.0.2.1", 2222))},
    ),
    "a socket over SSH": ({"network_mode": "host", "mounts": (SOCKET,)}, HOP),
}


@pytest.mark.parametrize(("facts", "around"), INDEPENDENT.values(), ids=INDEPENDENT)
def test_what_irkit_does_not_depend_on_is_not_refused(facts: dict[str, Any], around: dict[str, Any]) -> None:
    plan = plan_for([container("web", FIXED, **facts)], PAUSE, around=Surroundings(**around))
    assert plan.refusals == ()


def test_what_only_reads_or_sets_a_policy_is_done_to_what_irkit_depends_on() -> None:
    around = Surroundings(own=frozenset({full_id("web")}))
    plan = plan_for([container("web", FIXED)], step("collect.processes"), NO_RESTART, around=around)
    assert plan.refusals == ()


def test_findings_are_values_that_a_log_can_hold() -> None:
    _, plan = made(CASES["Swarm"])
    assert msgspec.json.decode(msgspec.json.encode(plan.findings), type=tuple[Finding, ...]) == plan.findings
