"""collect.reach on the real engine: what is cut off does not answer its host; what answers is loudly not isolated."""

from pathlib import Path

import pytest

from irkit.core.containment import NOT_ISOLATED
from tests.acceptance.bundles import playbook
from tests.acceptance.command import Irkit
from tests.lab.client_side import ClientSide
from tests.lab.description import Attach, Network, Suspect
from tests.lab.hosts import LabHost
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

PLACE = Attach("front", ipv4="10.77.9.20")
TRY = "{id: try, action: collect.reach}"
BEFORE = "{id: before, action: collect.reach, with: {expect: anything}}"
CUT = "{id: cut, action: isolate.disconnect}"
WALL = "{id: cut, action: isolate.firewall}"
FREEZE = "{id: freeze, action: contain.pause}"


@pytest.fixture
def far(ssh_host: LabHost, client: ClientSide, lab: Lab, tmp_path: Path) -> Irkit:
    lab.network(Network("front", subnet="10.77.9.0/24"))
    lab.make(Suspect("victim", networks=(PLACE,), command=("sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait")))
    client.add(ssh_host, "web")
    return Irkit("", tmp_path / "evidence", client)


def lines(told: list[str], step: str) -> list[str]:
    return [line.partition("Z  ")[2] for line in told if f" {step}: " in line]


@pytest.mark.parametrize(("cut", "silence"), [(CUT, "no way there"), (WALL, "silent")])
def test_what_answered_before_does_not_once_it_is_cut_off(far: Irkit, tmp_path: Path, cut: str, silence: str) -> None:
    ended = far("run", playbook(tmp_path, BEFORE, cut, TRY), "victim", "--host", "web", "--approve", "change")
    asked = "send one TCP request from the host to 10.77.9.20, port 9: done"
    assert any(asked in one and "10.77.9.20: answers" in one for one in lines(ended.error_lines, "before"))
    assert any(asked in one and f"10.77.9.20: {silence}" in one for one in lines(ended.error_lines, "try"))


def test_one_that_is_only_frozen_answers_still_and_that_is_loud(far: Irkit, tmp_path: Path) -> None:
    ended = far("run", playbook(tmp_path, FREEZE, TRY), "victim", "--host", "web", "--approve", "change", status=1)
    last = ended.out.splitlines()[-1]
    assert last == f"{NOT_ISOLATED}victim: the host reaches it on port 9: 10.77.9.20: answers"
    bundle = ended.out.splitlines()[-2].removeprefix("bundle    ")
    assert far("show", bundle).out.splitlines()[-1] == last


def test_an_ssh_server_that_forwards_nothing_fails_the_step_and_isolates_no_less(
    far: Irkit, ssh_host: LabHost, tmp_path: Path
) -> None:
    ssh_host.restart_sshd(AllowTcpForwarding="local", PermitOpen="none")
    try:
        ended = far("run", playbook(tmp_path, CUT, TRY), "victim", "--host", "web", "--approve", "change", status=1)
    finally:
        ssh_host.restart_sshd(AllowTcpForwarding=None, PermitOpen=None)
    assert "its SSH server forwards no connections" in ended.err
    assert NOT_ISOLATED not in ended.out
