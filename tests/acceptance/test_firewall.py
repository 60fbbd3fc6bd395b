"""isolate.firewall as a responder uses it: planned, run, proven, undone; on this machine and over SSH."""

from pathlib import Path

import pytest

from tests.acceptance.bundles import events, playbook
from tests.acceptance.command import Irkit
from tests.acceptance.compare import differences
from tests.adapters.firewall_side import LEGACY, SLEEPS, host_without, make_scene, traffic_of
from tests.lab.client_side import ClientSide
from tests.lab.description import Attach, Suspect
from tests.lab.host_start import User, start_host
from tests.lab.hosts import LabHost
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

STEP = "{id: cut, action: isolate.firewall}"
SHORT, LONG = 1.5, 60.0


def finished(bundle: str) -> list[tuple[str, str]]:
    """The proof of each change, and what it rests on."""
    found = [one for one in events(bundle) if one["event"] == "operation-finished" and one.get("proof")]
    return [(one["proof"], one["because"]) for one in found]


@pytest.mark.parametrize("capabilities", [(), ("NET_ADMIN",)])
def test_a_container_is_cut_off_with_its_sockets_kept_and_goes_on_after_undo(
    lab: Lab, irkit: Irkit, tmp_path: Path, capabilities: tuple[str, ...]
) -> None:
    scene = make_scene(lab, capabilities=capabilities)
    here = tuple(lab.engine.in_namespace([]))
    small = playbook(tmp_path, STEP, "{id: freeze, action: contain.pause}")
    found = lab.engine.inspect(scene.victim)
    assert " as root on the host)" in irkit("plan", small, "victim", before=here).out
    with traffic_of(lab, scene) as traffic:
        assert traffic.passing(LONG) == traffic.ways.keys()
        summary = irkit("run", small, "victim", "--approve", "change", "--json", before=here).json
        assert traffic.passing(SHORT, {"within"}) == {"within"}
        proof, because = finished(summary["bundle"])[0]
        assert proof == "proven" and because.startswith("the rules stand ")
        irkit("undo", summary["bundle"], "--approve", "change", before=here)
        assert traffic.passing(LONG) == traffic.ways.keys()
    assert differences(found, lab.engine.inspect(scene.victim), set()) == []
    assert "nothing is left" in irkit("undo", summary["bundle"], before=here).out


def test_who_shares_the_network_and_could_take_rules_away_has_them_put_on_the_host(
    lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    scene = make_scene(lab)
    place = (Attach("container:victim"),)
    lab.make(Suspect("sidecar", place, command=SLEEPS, capabilities=("NET_ADMIN",)))
    here = tuple(lab.engine.in_namespace([]))
    small = playbook(tmp_path, STEP)
    assert "drop all traffic at the host's end of its interfaces" in irkit("plan", small, "victim", before=here).out
    for action, reason in (
        ("isolate.firewall, with: {where: namespace}", "a container that shares its network has NET_ADMIN"),
        ("isolate.quarantine, with: {reach: nothing}", "a container that shares its network may set up addresses"),
    ):
        step = playbook(tmp_path, f"{{id: cut, action: {action}}}")
        assert reason in irkit("plan", step, "victim", before=here, status=None).out
    small = playbook(tmp_path, STEP)
    with traffic_of(lab, scene) as traffic:
        assert traffic.passing(LONG) == traffic.ways.keys()
        summary = irkit("run", small, "victim", "--approve", "change", "--json", before=here).json
        assert traffic.passing(SHORT, {"within"}) == {"within"}
        assert finished(summary["bundle"])[0] == ("proven", "the rules stand at the host's ends of its interfaces")
        lab.engine.docker("exec", "sidecar", "ip", "addr", "add", "10.77.1.99/24", "dev", "eth0")
        assert traffic.passing(SHORT, {"within"}) == {"within"}
        irkit("undo", summary["bundle"], "--approve", "change", before=here)


def test_a_run_that_cannot_isolate_says_so_loudly(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect("king", (Attach("host"),), command=SLEEPS, capabilities=("NET_ADMIN",)))
    lab.make(Suspect("victim", command=SLEEPS))
    small = playbook(tmp_path, STEP)
    refused = irkit.run(small, "king", status=1)
    assert "it could take any rule away" in refused["refused"][0]["reason"]
    # Without the engine's network around it, there is nothing here at which the host's ends could be cut.
    small = playbook(tmp_path, "{id: cut, action: isolate.firewall, with: {where: host}}")
    failed = irkit.run(small, "victim", status=1)
    assert "NOT isolated: interface eth0 (veth) has no end of its own on the host" in str(failed)


def test_over_ssh_it_takes_root_or_sudo_and_is_refused_in_the_plan_without(
    lab: Lab, ssh_host: LabHost, client: ClientSide, tmp_path: Path
) -> None:
    scene = make_scene(lab)
    for user in ("root", "bob", "ana"):
        client.add(ssh_host, user, user=user)
    irkit = Irkit("", tmp_path / "evidence", client)
    small = playbook(tmp_path, STEP)
    with traffic_of(lab, scene) as traffic:
        for user in ("root", "bob"):
            summary = irkit.run(small, f"{user}/victim", more=("--host", user))
            assert traffic.passing(SHORT, {"within"}) == {"within"}
            assert finished(summary["bundle"])[0][0] == "proven"
            irkit("undo", summary["bundle"], "--approve", "change")
            wanted = {"in", "out", "to host", "published port"}
            assert traffic.passing(SHORT, wanted) >= wanted
        refused = irkit.run(small, "ana/victim", more=("--host", "ana"), status=1)
        reason = refused["refused"][0]["reason"]
        assert reason == "it needs root on the host: root is had by sudo only, and sudo wants a password"
        assert refused["changes"] == [] and traffic.passing(SHORT, {"in", "out"}) >= {"in", "out"}


def test_a_host_without_nft_is_firewalled_by_iptables_and_undone_from_the_bundle(
    lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    scene = make_scene(lab)
    here = (*lab.engine.in_namespace([]), *host_without(tmp_path / "old", "nft", scripts=LEGACY))
    small = playbook(tmp_path, STEP)
    found = lab.engine.inspect(scene.victim)
    with traffic_of(lab, scene) as traffic:
        assert traffic.passing(LONG) == traffic.ways.keys()
        summary = irkit("run", small, "victim", "--approve", "change", "--json", before=here).json
        assert traffic.passing(SHORT, {"within"}) == {"within"}
        done = [one for one in events(summary["bundle"]) if one["event"] == "operation-finished"]
        said = next(one for one in done if one.get("proof"))
        assert said["proof"] == "asserted by the engine only"
        assert "the rules of iptables stand in its network namespace" in said["because"]
        assert said["detail"] == "by iptables: there is no nft on the host"
        irkit("undo", summary["bundle"], "--approve", "change", before=here)
        assert traffic.passing(LONG) == traffic.ways.keys()
    assert differences(found, lab.engine.inspect(scene.victim), set()) == []


@pytest.mark.parametrize(
    ("user", "capabilities", "because"),
    [
        ("bob", (), "the rules of iptables stand in its network namespace, but it has NET_RAW: frames"),
        ("root", ("NET_ADMIN",), "the rules of ebtables stand at the host's ends of its interfaces"),
    ],
)
def test_over_ssh_a_host_without_nft_is_firewalled_by_iptables_or_ebtables(
    lab: Lab, client: ClientSide, tmp_path: Path, user: str, capabilities: tuple[str, ...], because: str
) -> None:
    scene = make_scene(lab, capabilities=capabilities)
    small = playbook(tmp_path, STEP)
    with (
        start_host(engine=lab.engine, users=(User("root"), User("bob", sudo=True)), without=("nft",)) as host,
        traffic_of(lab, scene) as traffic,
    ):
        client.add(host, user, user=user)
        irkit = Irkit("", tmp_path / "evidence", client)
        assert traffic.passing(LONG) == traffic.ways.keys()
        summary = irkit.run(small, f"{user}/victim", more=("--host", user))
        assert traffic.passing(SHORT, {"within"}) == {"within"}
        assert finished(summary["bundle"])[0][1].startswith(because)
        irkit("undo", summary["bundle"], "--approve", "change")
        wanted = {"in", "out", "to host", "published port"}
        assert traffic.passing(SHORT, wanted) >= wanted
