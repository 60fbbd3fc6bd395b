"""A container that may set up its own network hides its interface before it is isolated: nothing is said to be proven.

An engine takes away, and rules are put at, what is where the engine made it. Each hiding place is made by the
container's own processes, and shown to let traffic pass.
"""

from pathlib import Path

import pytest

from irkit.core.containment import NOT_ISOLATED
from tests.acceptance.bundles import events, playbook
from tests.acceptance.command import Ended, Irkit
from tests.lab.description import Attach, Network, Suspect
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

SLEEPS = ("sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait")
CUT, RULES = "{id: cut, action: isolate.disconnect}", "{id: cut, action: isolate.firewall}"
GATEWAY = "10.88.7.1"
NET = Network("front", "10.88.7.0/24")
RENAME = "ip addr flush dev eth0; ip link set eth0 down; ip link set eth0 name x0"
BACK_UP = "ip link set x0 up; ip addr add 10.88.7.9/24 dev x0"
NESTED = (
    "unshare -n sleep 900 & P=$!;"
    ' until n=$(readlink /proc/$P/ns/net) && [ "$n" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.02; done'
)
NEST = NESTED + (
    "; ip link set eth0 netns $P; i() { nsenter -t $P -n ip $@; };"
    " i addr add 10.88.7.9/24 dev eth0; i link set eth0 up; echo $P >/nested"
)
IN_NEST = "nsenter -t $(cat /nested) -n"
NESTING = ("NET_ADMIN", "SYS_ADMIN")


def within(lab: Lab, script: str, container: str = "victim") -> bool:
    """Run a script in a container; whether it ended well."""
    return lab.engine.docker("exec", container, "sh", "-c", script, check=False).returncode == 0


def is_reaching(lab: Lab, prefix: str = "", seconds: int = 60) -> bool:
    return within(lab, f"{prefix} ping -c1 -W{seconds} {GATEWAY}")


def suspect(lab: Lab, *capabilities: str) -> str:
    lab.network(NET)
    return lab.make(Suspect("victim", (Attach("front"),), command=SLEEPS, capabilities=capabilities))


def last_line(ended: Ended) -> str:
    return ended.out.splitlines()[-1]


def proofs(bundle: str) -> list[str]:
    return [one["proof"] for one in events(bundle) if one["event"] == "operation-finished" and one.get("proof")]


def test_an_interface_that_was_renamed_is_found_and_a_second_run_does_not_call_it_isolated(
    lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    suspect(lab, "NET_ADMIN")
    assert is_reaching(lab) and within(lab, RENAME)
    small = playbook(tmp_path, CUT)
    ended = irkit("run", small, "victim", "--approve", "change", status=1)
    said = f"{NOT_ISOLATED}victim: its network namespace has interface x0, which the engine does not know of"
    assert last_line(ended) == said
    assert within(lab, BACK_UP) and is_reaching(lab)
    # To the engine it is on no network by now.
    other = Irkit(irkit.socket, tmp_path / "of another responder")
    for step in (CUT, "{id: cut, action: isolate.quarantine}"):
        again = other("run", playbook(tmp_path, step), "victim", status=1)
        assert "see that it is on no network" in again.err
        assert last_line(again).startswith(f"{NOT_ISOLATED}victim: its network namespace has 10.88.7.9 on x0")
    here = tuple(lab.engine.in_namespace([]))
    summary = other("run", playbook(tmp_path, RULES), "victim", "--approve", "change", "--json", before=here).json
    assert not is_reaching(lab, seconds=2)
    other("undo", summary["bundle"], "--approve", "change", before=here)
    assert is_reaching(lab)


def test_an_interface_in_a_namespace_of_its_own_making_is_not_proven_gone(
    lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    suspect(lab, *NESTING)
    assert within(lab, NEST) and is_reaching(lab, IN_NEST)
    ended = irkit("run", playbook(tmp_path, CUT), "victim", "--approve", "change", status=1)
    assert last_line(ended).startswith(f"{NOT_ISOLATED}victim: it did not have 10.88.7.")
    assert "of it is in a network namespace of its own" in last_line(ended) and "CAP_SYS_ADMIN" in last_line(ended)
    assert is_reaching(lab, IN_NEST)


def test_rules_are_not_proven_where_the_interface_is_in_such_a_namespace(
    lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    suspect(lab, *NESTING)
    assert within(lab, NEST) and is_reaching(lab, IN_NEST)
    here = tuple(lab.engine.in_namespace([]))
    small = playbook(tmp_path, RULES)
    ended = irkit("run", small, "victim", "--approve", "change", status=1, before=here)
    assert last_line(ended).startswith(f"{NOT_ISOLATED}victim: ") and "front" in last_line(ended)
    bundle = ended.out.splitlines()[-2].removeprefix("bundle    ")
    assert "proven" not in proofs(bundle)


def test_a_nested_namespace_that_leads_nowhere_leaves_the_engine_s_word(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    suspect(lab, *NESTING)
    assert within(lab, NESTED)
    ended = irkit("run", playbook(tmp_path, CUT), "victim", "--approve", "change")
    assert "asserted by the engine only: disconnect from network front" in ended.out
    assert "in a network namespace of its own" in ended.err
