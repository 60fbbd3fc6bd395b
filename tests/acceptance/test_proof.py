"""How sure a containment is, as a responder is told it: in lines, sum-ups and JSON, on the real engine."""

from pathlib import Path

import pytest

from irkit.core.containment import NOT_ISOLATED
from tests.acceptance.bundles import events, playbook
from tests.acceptance.command import Irkit
from tests.lab.client_side import ClientSide
from tests.lab.description import Attach, Network, Suspect
from tests.lab.given import give_address, give_interface
from tests.lab.hosts import LabHost
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

SLEEPS = ("sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait")
CUT, FREEZE = "{id: cut, action: isolate.disconnect}", "{id: freeze, action: contain.pause}"
POLICY = "{id: stay, action: contain.restart_policy}"
KERNEL = "its network namespace has no interface but the loopback"


def test_each_containment_is_told_with_how_sure_it_is(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect("victim", restart="always", command=SLEEPS))
    small = playbook(tmp_path, POLICY, CUT, FREEZE)
    ended = irkit("run", small, "victim", "--approve", "change")
    lines, out = [line.partition("Z  ")[2] for line in ended.error_lines], ended.out
    assert "victim stay: set restart policy no: done, asserted by the engine only" in lines
    assert f"victim cut: disconnect from network bridge: done, proven: {KERNEL}" in lines
    assert "victim freeze: pause: done, proven: its control group is frozen" in lines
    said = "asserted by the engine only: set restart policy no; proven: disconnect from network bridge, pause"
    assert f"contained victim: {said}" in out.splitlines()
    bundle = out.splitlines()[-1].removeprefix("bundle    ")
    assert f"contained victim: {said}" in irkit("show", bundle).out.splitlines()
    assert NOT_ISOLATED not in out
    (contained,) = irkit("show", bundle, "--json").json["contained"]
    assert (contained["proof"], contained["not_isolated"]) == ("asserted by the engine only", "")
    assert [(one["proof"], one["because"]) for one in contained["measures"]][1] == ("proven", KERNEL)


@pytest.mark.parametrize("address", ["", "192.0.2.9/24", "2001:db8::9/64"])
@pytest.mark.parametrize("name", ["evil0", "a\x1cb"])
def test_a_namespace_with_an_interface_from_elsewhere_is_loudly_not_isolated(
    lab: Lab, irkit: Irkit, tmp_path: Path, address: str, name: str
) -> None:
    suspect = lab.make(Suspect("victim", command=SLEEPS))
    pid = lab.engine.inspect(suspect)["State"]["Pid"]
    give_interface(lab.engine, pid, name)
    if address:
        give_address(pid, name, address)
    small = playbook(tmp_path, CUT, FREEZE)
    ended = irkit("run", small, "victim", "--approve", "change", status=1)
    last = ended.out.splitlines()[-1]
    assert last.startswith(f"{NOT_ISOLATED}victim: its network namespace has ")
    assert address.partition("/")[0] in last and "which the engine does not know of" in last
    assert lab.engine.inspect(suspect)["State"]["Running"] and not lab.engine.inspect(suspect)["State"]["Paused"]
    bundle = ended.out.splitlines()[-2].removeprefix("bundle    ")
    assert irkit("show", bundle).out.splitlines()[-1] == last
    (contained,) = irkit("show", bundle, "--json").json["contained"]
    assert contained["proof"] == "wrong" and contained["not_isolated"]
    (failed,) = [one for one in events(bundle) if one["event"] == "operation-failed"]
    assert failed["reason"].startswith(NOT_ISOLATED) and failed["took_hold"] == "in doubt"
    # What was done is taken back all the same.
    irkit("undo", bundle, "--approve", "change")
    assert list(lab.engine.inspect(suspect)["NetworkSettings"]["Networks"]) == ["bridge"]


def test_what_is_not_isolated_is_loud_for_programs_too(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    suspect = lab.make(Suspect("victim", command=SLEEPS))
    give_interface(lab.engine, lab.engine.inspect(suspect)["State"]["Pid"], "evil0")
    ended = irkit("run", playbook(tmp_path, CUT), "victim", "--approve", "change", "--json", status=1)
    (contained,) = ended.json["contained"]
    assert (ended.json["exit_status"], contained["proof"]) == (1, "wrong")
    assert ended.error_lines[-1].startswith(f"{NOT_ISOLATED}victim: ")


def test_one_of_several_that_is_not_isolated_is_told_from_the_others(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.network(Network("front", "10.88.1.0/24"))
    for name in ("one", "two"):
        lab.make(Suspect(name, (Attach("front"),), command=SLEEPS))
    give_interface(lab.engine, lab.engine.inspect("two")["State"]["Pid"], "evil0")
    ended = irkit("run", playbook(tmp_path, CUT), "one", "two", "--approve", "change", status=1)
    assert [line for line in ended.out.splitlines() if line.startswith("contained ")] == [
        "contained one: proven: disconnect from network front"
    ]
    assert [line.partition(": its")[0] for line in ended.out.splitlines() if line.startswith(NOT_ISOLATED)] == [
        "NOT isolated: two"
    ]


@pytest.mark.parametrize("user", ["root", "ana"])
def test_over_ssh_the_same_is_proven_by_the_host_s_files(
    lab: Lab, ssh_host: LabHost, client: ClientSide, tmp_path: Path, user: str
) -> None:
    suspect = lab.make(Suspect("victim", command=SLEEPS))
    client.add(ssh_host, "web", user=user)
    irkit = Irkit("", tmp_path / "evidence", client)
    small = playbook(tmp_path, CUT, FREEZE)
    out = irkit("run", small, "victim", "--host", "web", "--approve", "change").out
    assert "contained victim: proven: disconnect from network bridge, pause" in out.splitlines()
    give_interface(lab.engine, lab.engine.inspect(suspect)["State"]["Pid"], "evil0")
    irkit("undo", out.splitlines()[-1].removeprefix("bundle    "), "--approve", "change")
    ended = irkit("run", small, "victim", "--host", "web", "--approve", "change", status=1)
    assert "NOT isolated: victim: its network namespace has interface evil0" in ended.out.splitlines()[-1]
