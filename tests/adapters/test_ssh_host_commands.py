"""Commands of a host as root over SSH, and the firewall through them: as root, by sudo, and not at all."""

from collections.abc import Iterator

import pytest

from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import BlockTraffic, ResetConnections, UnblockTraffic
from irkit.core.ports import Ran
from irkit.core.proof import ProofLevel
from tests.adapters.firewall_side import apply, make_scene, traffic_of
from tests.adapters.ssh_side import deadline, target_of
from tests.lab.client_side import ClientSide
from tests.lab.engine import Engine
from tests.lab.host_start import User, start_host
from tests.lab.hosts import LabHost
from tests.lab.suspects import Lab
from tests.lab.tools import tool

pytestmark = pytest.mark.engine
ENOUGH = ", ".join([f"{tool('id')} -u", *map(tool, ("cat", "grep", "readlink", "ip", "nsenter", "nft", "tc"))])
"""Commands that a rule of sudo has to allow, as docs/hosts.md tells responders."""
USERS = (
    User("root"),
    User("ana", groups=("docker",)),
    User("bob", sudo=True, banner="Welcome\r\n\x1b[2J"),
    User("dan", groups=("docker",), sudo="ALL=(root) NOPASSWD: /usr/bin/true"),
    User("fay", groups=("docker",), sudo=f"ALL=(root) NOPASSWD: {ENOUGH}"),
    User("nil", groups=("docker",), shell="/usr/sbin/nologin"),
)
SHORT, LONG = 1.5, 60.0


@pytest.fixture(scope="module")
def web(engine: Engine) -> Iterator[LabHost]:
    with start_host(name="web", engine=engine, users=USERS) as host:
        yield host


@pytest.mark.parametrize("user", ["root", "bob", "fay"])
def test_traffic_is_blocked_and_let_through_again_by_root_and_by_sudo(
    lab: Lab, client: ClientSide, web: LabHost, user: str
) -> None:
    scene = make_scene(lab)
    client.add(web, user, user=user)
    with target_of(client, user) as target, traffic_of(lab, scene) as traffic:
        assert target.why_no_root(deadline()) == ""
        assert traffic.passing(LONG) == traffic.ways.keys()
        for where in ("namespace", "veth"):
            block = BlockTraffic(scene.victim, scene.table, where)
            outcome = apply(target, block)
            assert outcome.proof and outcome.proof.level is ProofLevel.PROVEN
            assert traffic.passing(SHORT, {"within"}) == {"within"}
            apply(target, UnblockTraffic(scene.victim, scene.table, where))
        assert traffic.passing(LONG) == traffic.ways.keys()
        assert apply(target, ResetConnections(scene.victim)).detail.endswith(" ended")
        assert web.processes("nft") == {}


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        ("ana", "root is had by sudo only, and sudo wants a password"),
        ("dan", "root is had by sudo only, and sudo"),
        ("nil", "the host runs something else than it was asked for"),
    ],
)
def test_who_has_neither_is_told_why_and_nothing_is_done(
    lab: Lab, client: ClientSide, web: LabHost, user: str, reason: str
) -> None:
    scene = make_scene(lab)
    client.add(web, user, user=user)
    with target_of(client, user) as target:
        assert target.why_no_root(deadline()).startswith(reason)
        with pytest.raises(TargetError) as caught:
            apply(target, BlockTraffic(scene.victim, scene.table))
    assert caught.value.kind is Refusal.UNSUPPORTED
    assert caught.value.reason.startswith(f"NOT isolated: {reason}")


def test_input_and_output_pass_whole_whatever_a_login_shell_prints(client: ClientSide, web: LabHost) -> None:
    client.add(web, "bob", user="bob")
    with target_of(client, "bob") as target:
        commands = target._commands
        data = b"".join(b"line %d\n" % number for number in range(100_000))
        assert commands.run(("cat",), deadline(), input=data) == Ran(0, data.decode())
        ran = commands.run(("cat", "/no/such"), deadline())
        assert ran.status == 1 and "No such file" in ran.err
        with pytest.raises(TargetError, match="there is no no-such-command on the host"):
            commands.run(("no-such-command",), deadline())
        with pytest.raises(ValueError, match="no plain word"):
            commands.run(("cat", "$HOME"), deadline())


@pytest.mark.parametrize("user", ["root", "bob"])
def test_what_a_command_prints_comes_as_it_is(client: ClientSide, web: LabHost, user: str) -> None:
    client.add(web, user, user=user)
    with target_of(client, user) as target:
        commands = target._commands
        said = commands.stream(("head", "-c", "20000000", "/dev/zero"), deadline())
        assert sum(len(piece) for piece in said) == 20_000_000
        with pytest.raises(TargetError, match="dd ended with 1: dd: failed to open"):
            list(commands.stream(("dd", "if=/no/such"), deadline()))
        endless = commands.stream(("cat", "/dev/zero"), deadline())
        assert len(next(endless)) > 0
        endless.close()  # type: ignore[attr-defined]
        assert commands.run(("id", "-u"), deadline()).out == "0\n"
