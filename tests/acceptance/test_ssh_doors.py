"""The doors that sshd has, as a responder meets them: each opens, in some way or another, or one line says why not."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.acceptance.bundles import items
from tests.acceptance.command import Irkit
from tests.acceptance.told import check_lists, check_says
from tests.lab.client_side import ClientSide
from tests.lab.description import Suspect
from tests.lab.engine import Engine
from tests.lab.host_start import User, start_host
from tests.lab.hosts import LabHost
from tests.lab.suspects import Lab
from tests.lab.tools import tool

pytestmark = pytest.mark.engine

HOSTILE = "\x1b]0;owned\x07\x1b[31mWelcome\u202e \x9b1m\nuse is monitored\r\n"
SOCKET, DIAL, SUDO_DIAL = "socket /var/run/docker.sock", "docker system dial-stdio", "sudo docker system dial-stdio"
NO_FORWARDING: Mapping[str, str | None] = {"AllowStreamLocalForwarding": "no"}
NOT_ALLOWED = ("no engine answers", "eve may not use the socket", "an account that may use its socket or sudo")


def users() -> tuple[User, ...]:
    docker = ("docker",)
    return (
        User("root"),
        User("ana", groups=docker),
        User("bob", sudo=True),
        User("eve"),
        User("carol", groups=docker, banner=HOSTILE),
        User("dan", sudo=f"ALL=(root) NOPASSWD: {tool('docker')}"),
        User("fay", groups=docker, shell="/usr/sbin/nologin"),
        User("gus", groups=docker, authorized=False),
    )


@dataclass(frozen=True)
class Door:
    """An sshd as it is set up, and a user of it: how the engine is reached, or what is said where it is not."""

    about: str
    user: str = "ana"
    sshd: Mapping[str, str | None] = field(default_factory=dict)
    tail: str = ""
    route: str = ""
    says: tuple[str, ...] = ()


def forced(command: str, user: str = "ana") -> str:
    return f"Match User {user}\n ForceCommand {command}"


DOORS = (
    Door("an account of the docker group", route=SOCKET),
    Door("root", "root", route=SOCKET),
    Door("sudo without a password", "bob", route=SUDO_DIAL),
    Door("sudo for docker alone", "dan", route=SUDO_DIAL),
    Door("neither the group nor sudo", "eve", says=(*NOT_ALLOWED, "sudo wants a password")),
    Door("a key that opens no account", "gus", says=("gus@", "not let in", "publickey", "client_key", "ssh -v")),
    Door("no way to log in", sshd={"PubkeyAuthentication": "no"}, says=("ana@", "not let in")),
    Door("one session", sshd={"MaxSessions": "1"}, route=SOCKET),
    Door("one session, no forwarding", sshd={"MaxSessions": "1", **NO_FORWARDING}, route=DIAL),
    Door("no session", sshd={"MaxSessions": "0"}, route=SOCKET),
    Door("no session, no forwarding", sshd={"MaxSessions": "0", **NO_FORWARDING}, says=("runs no commands", "is off")),
    Door("no forwarding to ports", sshd={"AllowTcpForwarding": "no"}, route=DIAL),
    Door("no forwarding to ports, sudo", "bob", {"AllowTcpForwarding": "no"}, route=SUDO_DIAL),
    Door("no forwarding to sockets", sshd=NO_FORWARDING, route=DIAL),
    Door("no forwarding to sockets, root", "root", NO_FORWARDING, route=DIAL),
    Door("no forwarding to sockets, neither group nor sudo", "eve", NO_FORWARDING, says=NOT_ALLOWED),
    Door("no forwarding to either", sshd={"AllowTcpForwarding": "no", **NO_FORWARDING}, route=DIAL),
    Door("no forwarding at all", sshd={"DisableForwarding": "yes"}, route=DIAL),
    Door("a forced command", tail=forced("/bin/false"), route=SOCKET),
    Door("a forced command, no forwarding", sshd=NO_FORWARDING, tail=forced("/bin/false"), says=("something else",)),
    Door(
        "a forced command that talks",
        sshd=NO_FORWARDING,
        tail=forced("printf '\\033[31mgo away\\n'"),
        says=("something else", "go away"),
    ),
    Door("files only", "eve", tail=forced("internal-sftp", "eve"), says=("something else", "sftp connections only")),
    Door("a shell that prints a banner", "carol", route=SOCKET),
    Door("a shell that prints a banner, no forwarding", "carol", NO_FORWARDING, route=DIAL),
    Door("no shell", "fay", route=SOCKET),
    Door("no shell, no forwarding", "fay", NO_FORWARDING, says=("something else", "not available")),
    Door("no sftp", sshd={"Subsystem": None}, route=SOCKET),
    Door("no sftp, no forwarding", sshd={"Subsystem": None, **NO_FORWARDING}, route=DIAL),
)


@pytest.fixture(scope="module")
def victims(engine: Engine) -> Iterator[None]:
    with Lab(engine) as made:
        made.make(Suspect("victim", command=("sh", "-c", "echo hello; exec sleep 100000")))
        yield


@pytest.fixture(scope="module")
def host(engine: Engine, victims: None) -> Iterator[LabHost]:
    with start_host(name="web", engine=engine, users=users()) as made:
        (made.root / "banner").write_text(HOSTILE, encoding="utf-8")
        made.restart_sshd(Banner=str(made.root / "banner"))
        yield made


@pytest.fixture
def irkit(client: ClientSide, tmp_path: Path) -> Irkit:
    """The responder's irkit; it has no engine of its own."""
    return Irkit("", tmp_path / "evidence", client)


def check_triage(irkit: Irkit, route: str) -> None:
    """A whole run over a way that is not the usual one."""
    summary = irkit.here("run", "triage", "victim", "-H", "web", "--case", "D-1", "--json").json
    assert summary["failures"] == [] and not any(one["partial"] for one in items(summary["bundle"]))
    described = json.loads((Path(summary["bundle"]) / "metadata/bundle.json").read_bytes())
    assert [one["route"] for one in described["hosts"]] == [route]
    assert irkit.here("verify", summary["bundle"]).status == 0


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.about.replace(" ", "-"))
def test_a_door_is_opened_by_some_way_or_one_line_says_why_it_stays_shut(
    host: LabHost, client: ClientSide, irkit: Irkit, door: Door
) -> None:
    client.add(host, user=door.user)
    with set_up(host, door):
        ended = irkit.here("ls", "-H", "web", "--json", status=None)
        if door.route:
            check_lists(ended)
        else:
            check_says(ended, *door.says)
        if door.route not in ("", SOCKET):
            check_triage(irkit, door.route)
    assert host.wait_no_processes("dial-stdio") == {}


@contextmanager
def set_up(host: LabHost, door: Door) -> Iterator[None]:
    """The host's sshd with the door's settings."""
    before = dict(host.sshd.options)
    host.sshd.options.update(door.sshd)
    if door.sshd or door.tail:
        host.restart_sshd(tail=door.tail)
    yield
    host.sshd.options = before
    if door.sshd or door.tail:
        host.restart_sshd(tail="")


@pytest.mark.parametrize(
    ("user", "without", "route", "says"),
    [
        ("ana", (), "socat", ()),
        ("bob", (), "sudo socat", ()),
        ("ana", ("socat",), "", ("no engine answers", "forwarding to sockets is off", "sudo wants a password")),
    ],
    ids=["socat", "sudo-socat", "nothing"],
)
def test_a_host_without_a_docker_client_is_reached_by_what_it_has(
    engine: Engine,
    victims: None,
    client: ClientSide,
    irkit: Irkit,
    user: str,
    without: tuple[str, ...],
    route: str,
    says: tuple[str, ...],
) -> None:
    with start_host(name="web", engine=engine, users=users(), docker_client=False, without=without) as host:
        client.add(host, user="ana")
        check_lists(irkit.here("ls", "-H", "web", "--json"))
        host.restart_sshd(AllowStreamLocalForwarding="no")
        client.add(host, user=user)
        ended = irkit.here("ls", "-H", "web", "--json", status=None)
        if route:
            check_lists(ended)
            check_triage(irkit, route)
        else:
            check_says(ended, *says)
        assert host.wait_no_processes("socat") == {}


def test_a_host_without_an_engine_says_where_one_was_looked_for(client: ClientSide, irkit: Irkit) -> None:
    with start_host(name="web", users=users()) as host:
        client.add(host, user="bob")
        ended = irkit.here("ls", "-H", "web", "--json", status=None)
        check_says(ended, "no engine answers", "/var/run/docker.sock", "/run/podman/podman.sock", "an engine that runs")
        ended = irkit("run", "triage", "victim", "-H", "web", "--json", status=None)
        check_says(ended, "no engine answers")
        assert not irkit.evidence.exists()
