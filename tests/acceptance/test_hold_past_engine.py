"""irkit run --hold on the real engine, and somebody at work past the engine: by ip, nft and the freezer."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.acceptance.bundles import playbook
from tests.acceptance.command import Irkit
from tests.acceptance.holding import holding
from tests.acceptance.test_hold import rules_of
from tests.lab.client_side import ClientSide
from tests.lab.description import Suspect
from tests.lab.engine import Engine
from tests.lab.host_start import User, start_host
from tests.lab.suspects import Lab
from tests.lab.tools import run as run_tool
from tests.lab.tools import tool

pytestmark = pytest.mark.engine

SLEEP = ("sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait")
CUT, FREEZE = "{id: cut, action: isolate.disconnect}", "{id: freeze, action: contain.pause}"
RULES = "{id: rules, action: isolate.firewall}"
CONTAIN = "hold: contain"


def within(engine: Engine, container: str, *words: str) -> None:
    """A command of the host in a container's network namespace, as somebody else might give it."""
    pid = engine.inspect(container)["State"]["Pid"]
    run_tool([tool("nsenter"), "-t", str(pid), "-n", tool(words[0]), *words[1:]])


def open_a_door(engine: Engine, container: str) -> None:
    """An interface with an address, from nowhere to the container's network namespace."""
    within(engine, container, "ip", "link", "add", "back7", "type", "veth", "peer", "name", "door7")
    within(engine, container, "ip", "address", "add", "192.0.2.77/24", "dev", "door7")
    within(engine, container, "ip", "link", "set", "door7", "up")


def test_an_interface_that_somebody_puts_into_the_namespace_by_hand_is_told_and_told_when_it_is_gone(
    lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    suspect = lab.make(Suspect(name="victim", command=SLEEP))
    with holding(irkit, playbook(tmp_path, CUT, FREEZE, head=CONTAIN), "victim") as run:
        with run.seeing_nothing():
            open_a_door(lab.engine, suspect)
        told = run.finding("hold.broken")
        within(lab.engine, suspect, "ip", "link", "delete", "door7")
        over = run.finding("hold.again")
        assert run.end() == 0
    assert "NOT isolated: its network namespace has 192.0.2.77 on door7" in told["because"][0]
    assert "past the engine" in told["because"][-1]
    assert "not by irkit" in over["summary"]
    assert "verifies" in irkit("verify", str(run.bundle)).out


def freezer_of(engine: Engine, container: str) -> tuple[Path, str]:
    """The file that freezes it, and what thaws it when written there."""
    pid = engine.inspect(container)["State"]["Pid"]
    groups = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    paths = {name: path for _, name, path in groups}
    if paths.get("freezer", "/") != "/":
        return Path(f"/sys/fs/cgroup/freezer{paths['freezer']}/freezer.state"), "THAWED"
    return Path(f"/sys/fs/cgroup{paths['']}/cgroup.freeze"), "0"


def test_a_container_that_somebody_thaws_past_the_engine_is_told(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    suspect = lab.make(Suspect(name="victim", command=SLEEP))
    with holding(irkit, playbook(tmp_path, FREEZE, head=CONTAIN), "victim") as run:
        file, word = freezer_of(lab.engine, suspect)
        file.write_text(word)
        told = run.finding("hold.broken")
        assert run.end() == 1
    assert lab.engine.inspect(suspect)["State"]["Paused"], "the engine knows nothing of it"
    assert "it is not frozen" in told["because"][0]
    assert "NOT HELD  victim" in irkit("show", str(run.bundle)).out
    file.write_text("FROZEN" if word == "THAWED" else "1")


@pytest.mark.parametrize("words", [("delete", "table"), ("flush", "table")], ids=" ".join)
def test_rules_that_somebody_else_takes_away_are_noticed_and_put_in_again(
    lab: Lab, irkit: Irkit, tmp_path: Path, words: Sequence[str]
) -> None:
    suspect = lab.make(Suspect(name="victim", command=SLEEP))
    with holding(irkit, playbook(tmp_path, RULES, head=CONTAIN), "victim") as run:
        whole = rules_of(lab.engine, suspect)
        table = next(line.split()[2] for line in whole.decode().splitlines() if "inet irkit_" in line)
        within(lab.engine, suspect, "nft", *words, "inet", table)
        told = run.finding("hold.broken")
        run.finding("hold.again")
        assert rules_of(lab.engine, suspect) == whole
        assert run.end() == 0
    assert "the rules that drop its traffic do not stand any more" in told["because"][0]
    irkit("undo", str(run.bundle), "--approve", "change")
    assert not rules_of(lab.engine, suspect)
    assert "verifies" in irkit("verify", str(run.bundle)).out


def test_where_the_playbook_says_nothing_rules_that_are_gone_are_told_and_left(
    lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    suspect = lab.make(Suspect(name="victim", command=SLEEP))
    with holding(irkit, playbook(tmp_path, RULES), "victim") as run:
        within(lab.engine, suspect, "nft", "flush", "ruleset")
        run.finding("hold.broken")
        assert run.end() == 1
    assert not rules_of(lab.engine, suspect)


def test_over_ssh_too_both_are_noticed(lab: Lab, engine: Engine, client: ClientSide, tmp_path: Path) -> None:
    suspect = lab.make(Suspect(name="victim", command=SLEEP))
    with start_host(name="web", engine=engine, users=(User("root"),)) as host:
        client.add(host, "web")
        irkit = Irkit("", tmp_path / "evidence", client)
        with holding(irkit, playbook(tmp_path, RULES, CUT, head=CONTAIN), "victim", "--host", "web") as run:
            time.sleep(6)  # longer than from one look to the next: what the disconnect took with it is no break
            within(engine, suspect, "nft", "flush", "ruleset")
            assert "is not there" in run.finding("hold.broken")["because"][0]
            run.finding("hold.again")
            assert rules_of(engine, suspect)
            with run.seeing_nothing():
                open_a_door(engine, suspect)
            assert "192.0.2.77 on door7" in run.finding("hold.broken")["because"][0]
            assert run.end() == 1
