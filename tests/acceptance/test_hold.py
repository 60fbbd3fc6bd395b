"""irkit run --hold on the real engine: a supervisor works against it, Compose's labels, Swarm, a kill in the middle."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.bundles import events, playbook
from tests.acceptance.command import Irkit, connect
from tests.acceptance.compare import ASSIGNED_ANEW, OF_A_START, differences
from tests.acceptance.holding import HeldRun, holding, supervisor
from tests.lab.client_side import ClientSide
from tests.lab.description import Attach, Network, Suspect
from tests.lab.engine import Engine, LabError, start_engine
from tests.lab.fixtures import needed
from tests.lab.host_start import User, start_host
from tests.lab.images import base_image
from tests.lab.suspects import Lab
from tests.lab.tools import run as run_tool
from tests.lab.tools import tool

pytestmark = pytest.mark.engine

CUT, FREEZE = "{id: cut, action: isolate.disconnect}", "{id: freeze, action: contain.pause}"
CONTAIN = "hold: contain"
COMPOSE = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
SLEEP = ("sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait")


def wait_until(reached: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        if time.monotonic() > deadline:
            raise LabError(f"waited in vain until {what}")
        time.sleep(0.1)


def is_contained(engine: Engine, name: str) -> bool:
    found = engine.inspect(name)
    return bool(found["State"]["Paused"]) and not found["NetworkSettings"]["Networks"]


def acts(run: HeldRun) -> set[str]:
    """What somebody did, as told so far."""
    found = [fact for one in run.findings() for fact in one["because"] if fact.startswith("engine event ")]
    return {fact.split()[2] for fact in found}


def test_what_a_supervisor_keeps_undoing_is_contained_again_and_undo_restores_what_was_found(
    lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    lab.network(Network("shop", subnet="172.29.7.0/24"))
    lab.sink("sink", "shop", "172.29.7.9", 4444)
    suspect = lab.make(
        Suspect(
            name="victim",
            networks=(Attach("shop", ipv4="172.29.7.5", aliases=("till",)),),
            outbound=("172.29.7.9", 4444),
            restart="unless-stopped",
        )
    )
    found = lab.engine.inspect(suspect)
    lab.wait_received("sink")
    small = playbook(tmp_path, CUT, FREEZE, head=CONTAIN)
    meddling = (
        ("unpause", suspect),
        ("network", "connect", "shop", suspect),
        ("restart", "--time", "0", suspect),
    )
    with holding(irkit, small, "victim") as run:
        with supervisor(lab.engine, *meddling):
            while not {"start", "connect", "unpause"} <= acts(run):
                run.finding("hold.broken")
                run.finding("hold.again")
        wait_until(lambda: is_contained(lab.engine, suspect), "it is contained for good")
        lab.wait_silence("sink")  # its traffic is cut
        assert is_contained(lab.engine, suspect)
        status = run.end()
    last = run.seen[-1]["event"]
    assert (last["event"], last["outcome"]) == ("run-finished", "done")
    failed = [one["event"] for one in run.seen if one["event"]["event"] == "operation-failed" and one["event"]["final"]]
    assert status == (1 if failed else 0), failed
    assert "verifies" in irkit("verify", str(run.bundle)).out
    assert "stays:" not in irkit("undo", str(run.bundle), "--approve", "change").err
    ignore = ASSIGNED_ANEW | OF_A_START | {"IPAddress", "MacAddress", "HostnamePath", "HostsPath"}
    assert differences(found, lab.engine.inspect(suspect), ignore) == []
    assert lab.engine.inspect(suspect)["NetworkSettings"]["Networks"].keys() == {"shop"}


def test_where_the_playbook_says_nothing_breaks_are_told_and_left(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    suspect = lab.make(Suspect(name="victim", command=SLEEP))
    with holding(irkit, playbook(tmp_path, FREEZE), "victim") as run:
        lab.engine.docker("unpause", suspect)
        told = run.finding("hold.broken")
        status = run.end(signal.SIGTERM)
    assert any("unpause" in one for one in told["because"])
    assert status == 1 and lab.engine.inspect(suspect)["State"]["Status"] == "running"
    shown = irkit("show", str(run.bundle)).out
    assert "NOT HELD  victim" in shown


def test_a_service_of_compose_that_is_made_anew_is_contained_under_its_new_id(
    lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    lab.network(Network("shop"))
    first = lab.make(Suspect(name="shop-web-1", networks=(Attach("shop"),), labels=COMPOSE, command=SLEEP))
    small = playbook(tmp_path, CUT, FREEZE, head=CONTAIN)
    with holding(irkit, small, "shop-web-1") as run:
        lab.remove("shop-web-1")
        second = lab.make(Suspect(name="shop-web-1", networks=(Attach("shop"),), labels=COMPOSE, command=SLEEP))
        run.finding("hold.replaced", second)
        run.finding("hold.again", second)
        assert is_contained(lab.engine, second)
        assert "holds it contained already" in irkit("run", small, "shop-web-1", "--approve", "change", status=1).err
        assert run.end() == 0
    joined = [one for one in events(run.bundle) if one["event"] == "target-joined"]
    assert [one["replaces"].rpartition("/")[2] for one in joined] == [first]
    assert joined[0]["container"]["id"] == second
    undone = irkit("undo", str(run.bundle), "--approve", "change", status=1)  # the first is gone
    assert "gone" in undone.err + undone.out
    assert lab.engine.inspect(second)["State"]["Status"] == "running"
    assert lab.engine.inspect(second)["NetworkSettings"]["Networks"].keys() == {"shop"}
    assert "verifies" in irkit("verify", str(run.bundle)).out


def test_undo_can_be_limited_to_what_joined_by_its_name_or_id(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="web", labels=COMPOSE, command=SLEEP))
    with holding(irkit, playbook(tmp_path, FREEZE, head=CONTAIN), "web") as run:
        second = lab.make(Suspect(name="web-two", labels=COMPOSE, command=SLEEP))
        run.finding("hold.again", second)
        assert run.end() == 0
    irkit("undo", str(run.bundle), "web-two", "--approve", "change")
    assert lab.engine.inspect(second)["State"]["Status"] == "running"
    assert lab.engine.inspect("web")["State"]["Paused"]
    shown = irkit("show", str(run.bundle), "--log").out
    assert "web-two" in shown and "Compose service shop/web" in shown


def test_what_is_killed_while_it_holds_can_be_sealed_and_undone(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="web", labels=COMPOSE, command=SLEEP))
    with holding(irkit, playbook(tmp_path, CUT, FREEZE, head=CONTAIN), "web") as run:
        lab.engine.docker("unpause", "web")
        run.finding("hold.again")
        second = lab.make(Suspect(name="web-two", labels=COMPOSE, command=SLEEP))
        run.finding("hold.again", second)
        run.process.kill()
        run.process.wait(timeout=60)
    irkit("seal", str(run.bundle))
    assert "verifies" in irkit("verify", str(run.bundle)).out
    described = json.loads((run.bundle / "metadata/bundle.json").read_bytes())
    assert [one["name"] for one in described["containers"]] == ["web", "web-two"]
    irkit("undo", str(run.bundle), "--approve", "change")
    for name in ("web", "web-two"):
        assert lab.engine.inspect(name)["State"]["Status"] == "running"
        assert lab.engine.inspect(name)["NetworkSettings"]["Networks"].keys() == {"bridge"}


def test_a_plan_that_contains_nothing_cannot_be_held(lab: Lab, irkit: Irkit) -> None:
    lab.make(Suspect(name="victim", command=SLEEP))
    ended = irkit("run", "triage", "victim", "--hold", status=2)
    assert "there is nothing to hold" in ended.error_lines[-1]
    assert "longer than no time" in irkit("run", "triage", "victim", "--hold-for", "0s", status=2).err


def test_a_hold_of_so_long_ends_by_itself(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="victim", command=SLEEP))
    ended = irkit("run", playbook(tmp_path, FREEZE), "victim", "--approve", "change", "--hold-for", "1s")
    assert "HOLD: what is contained is watched" in ended.err
    assert "holding 1 container(s) since" in ended.err


@pytest.fixture
def own_engine() -> Iterator[Engine]:
    """An engine that no other test uses: for what stays in it, or ends it."""
    needed()
    with start_engine() as made:
        yield made


@pytest.fixture
def swarm(own_engine: Engine) -> Engine:
    """An engine that is a swarm of its own, with a service of one replica."""
    image = base_image(own_engine)
    own_engine.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1")
    own_engine.docker(
        "service",
        "create",
        "--detach",
        "--name",
        "shop",
        "--restart-delay",
        "100ms",
        "--no-resolve-image",
        image,
        *SLEEP,
    )
    return own_engine


def tasks_of(engine: Engine) -> list[str]:
    listed = engine.docker("ps", "-q", "--no-trunc", "--filter", "label=com.docker.swarm.service.name=shop")
    return listed.stdout.decode().split()


def test_what_swarm_starts_in_place_of_a_contained_task_is_contained_too(swarm: Engine, tmp_path: Path) -> None:
    wait_until(lambda: bool(tasks_of(swarm)), "the service runs")
    (first,) = tasks_of(swarm)
    irkit = connect(swarm, tmp_path / "evidence")
    small = playbook(tmp_path, "{id: freeze, action: contain.pause}", head=CONTAIN)
    with holding(irkit, small, first) as run:
        swarm.docker("kill", first)
        run.finding("hold.touched", first)
        found = run.finding("hold.replaced")
        second = found["container"].rpartition("/")[2]
        run.finding("hold.again", second)
        assert second != first and swarm.inspect(second)["State"]["Paused"]
        assert "Swarm service shop" in found["summary"]
        assert run.end() == 0
    assert "verifies" in irkit("verify", str(run.bundle)).out


def test_an_engine_that_hangs_for_a_while_is_told_of_and_what_happened_meanwhile_is_found(
    own_engine: Engine, tmp_path: Path
) -> None:
    with Lab(own_engine) as lab:
        suspect = lab.make(Suspect(name="victim", command=SLEEP, restart="always"))
        irkit = connect(own_engine, tmp_path / "evidence")
        with holding(irkit, playbook(tmp_path, CUT, FREEZE, head=CONTAIN), "victim") as run:
            own_engine.freeze()
            assert "does not answer" in run.finding("hold.unseen")["summary"]
            own_engine.thaw()
            run.finding("hold.seen")
            own_engine.restart(kill=True)  # which ends its containers, and starts this one again
            run.finding("hold.again")
            wait_until(lambda: is_contained(own_engine, suspect), "it is contained for good")
            run.end()
        assert "verifies" in irkit("verify", str(run.bundle)).out


def test_it_holds_over_ssh_and_goes_on_when_the_connection_was_lost(
    lab: Lab, engine: Engine, client: ClientSide, tmp_path: Path
) -> None:
    suspect = lab.make(Suspect(name="victim", command=SLEEP))
    with start_host(name="web", engine=engine, users=(User("root"),)) as host:
        client.add(host, "web")
        irkit = Irkit("", tmp_path / "evidence", client)
        with holding(irkit, playbook(tmp_path, CUT, FREEZE, head=CONTAIN), "victim", "--host", "web") as run:
            lab.engine.docker("unpause", suspect)
            assert any("unpause" in one for one in run.finding("hold.broken")["because"])
            run.finding("hold.again")
            host.end_sessions()
            lab.engine.docker("unpause", suspect)
            run.finding("hold.again")
            assert is_contained(engine, suspect)
            assert run.end() == 0
        irkit("undo", str(run.bundle), "--approve", "change")
        assert lab.engine.inspect(suspect)["State"]["Status"] == "running"


def test_a_quarantine_that_somebody_leads_out_of_is_made_anew_and_taken_back_in_the_end(
    lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    lab.network(Network("shop", subnet="172.29.8.0/24"))
    suspect = lab.make(Suspect(name="victim", networks=(Attach("shop", ipv4="172.29.8.5"),), command=SLEEP))
    found = lab.engine.inspect(suspect)
    small = playbook(tmp_path, "{id: away, action: isolate.quarantine, with: {reach: nothing}}", head=CONTAIN)
    with holding(irkit, small, "victim") as run:
        (network,) = lab.engine.inspect(suspect)["NetworkSettings"]["Networks"]
        lab.engine.docker("network", "connect", "bridge", suspect)
        run.finding("hold.again")
        with run.seeing_nothing():
            lab.engine.docker("network", "disconnect", network, suspect)
            lab.engine.docker("network", "connect", "shop", suspect)
        run.finding("hold.again")
        assert lab.engine.inspect(suspect)["NetworkSettings"]["Networks"].keys() == {network}
        assert run.end() == 0
    irkit("undo", str(run.bundle), "--approve", "change")
    assert differences(found, lab.engine.inspect(suspect), ASSIGNED_ANEW | {"MacAddress"}) == []
    assert network not in lab.engine.docker("network", "ls", "--format", "{{.Name}}").stdout.decode().split()


def test_rules_that_a_restart_has_taken_away_are_made_anew(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    suspect = lab.make(Suspect(name="victim", command=SLEEP))
    small = playbook(tmp_path, "{id: rules, action: isolate.firewall}", head=CONTAIN)
    with holding(irkit, small, "victim") as run:
        assert rules_of(lab.engine, suspect)
        lab.engine.docker("restart", "--time", "0", suspect)
        told = run.finding("hold.broken")
        run.finding("hold.again")
        assert rules_of(lab.engine, suspect)
        assert run.end() == 0
    assert "NOT isolated" in told["because"][0]
    irkit("undo", str(run.bundle), "--approve", "change")
    assert not rules_of(lab.engine, suspect)


def rules_of(engine: Engine, container: str) -> bytes:
    """The tables of rules in its network namespace."""
    pid = engine.inspect(container)["State"]["Pid"]
    return run_tool([tool("nsenter"), "-t", str(pid), "-n", tool("nft"), "list", "tables"]).stdout
