"""Ways to a real engine from every kind of account and sshd: one works, or one line says why none does."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from paramiko.common import OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED, OPEN_SUCCEEDED

from irkit.adapters import ssh_routes
from irkit.adapters.engine_http import EngineApi
from irkit.adapters.ssh_routes import CommandRoute, Route, SocketRoute, check_path, find_route, routes
from irkit.core.errors import HostState, Refusal, TargetError, UnreachableError, UsageError
from tests.adapters.ssh_servers import FakeHost, fake_host, nothing
from tests.adapters.ssh_side import Doing, deadline, host_of, linked, one_line
from tests.lab.client_side import ClientSide
from tests.lab.counting import wait_until
from tests.lab.engine import Engine
from tests.lab.host_start import User, start_host
from tests.lab.hosts import LabHost

pytestmark = [pytest.mark.engine]
SOCKET = "/run/docker.sock"
SUDO_DOCKER = "ALL=(root) NOPASSWD: /usr/bin/docker"
USERS = (
    User("root"),
    User("ana", groups=("docker",)),
    User("bob", sudo=True),
    User("eve"),
    User("pat", sudo="ALL=(ALL:ALL) ALL", password="a password nobody tells"),
    User("loud", groups=("docker",), banner="Welcome\x1b[2J\n" * 50),
    User("dash", groups=("docker",), shell="/bin/dash"),
    User("forced", groups=("docker",)),
    User("closed", shell="/usr/sbin/nologin", groups=("docker",)),
)
NO_FORWARDING: dict[str, Any] = {"AllowTcpForwarding": "no"}


@pytest.fixture(scope="module")
def web(engine: Engine) -> Iterator[LabHost]:
    tail = "Match User forced\n    ForceCommand echo only this"
    with start_host(name="web", engine=engine, users=USERS, tail=tail) as host:
        yield host


@pytest.fixture(scope="module")
def without_client(engine: Engine) -> Iterator[LabHost]:
    """A host without a docker client, and without forwarding; socat may join its engine's socket."""
    with start_host(name="bare", engine=engine, users=USERS, docker_client=False, sshd=NO_FORWARDING) as host:
        yield host


@pytest.fixture(scope="module")
def with_nothing(engine: Engine) -> Iterator[LabHost]:
    """A host without forwarding, a docker client, podman or socat."""
    without = ("socat", "podman")
    with start_host(
        name="none", engine=engine, users=USERS, docker_client=False, without=without, sshd=NO_FORWARDING
    ) as host:
        yield host


@pytest.fixture
def sshd(web: LabHost) -> Iterator[LabHost]:
    """The host, whose sshd has its own settings again afterwards."""
    kept, tail = dict(web.sshd.options), web.sshd.tail
    yield web
    web.sshd.options = kept
    web.restart_sshd(tail=tail)


def route_of(client: ClientSide, host: LabHost, user: str, **more: object) -> Route:
    """The way that was found, once the engine has answered on it again."""
    client.add(host, user, user=user)
    with linked(client, user) as link:
        route = find_route(host_of(user, **more), link, deadline())
        api = EngineApi(lambda limit: route.open(link, 1 << 20, limit))
        assert api.read("/containers/json", deadline()).startswith(b"[")
    return route


def why_none(client: ClientSide, host: LabHost, user: str, **more: object) -> str:
    client.add(host, user, user=user)
    with linked(client, user) as link, pytest.raises(UnreachableError) as caught:
        find_route(host_of(user, **more), link, deadline())
    error = one_line(caught.value)
    assert error.state is HostState.NO_ENGINE
    assert len(error.reason) < 400, error.reason
    assert error.reason.startswith(f"{user} is logged in, and no engine answers: ")
    return error.reason


# With forwarding:


@pytest.mark.parametrize("user", ["root", "ana", "loud", "dash", "forced", "closed"])
def test_whoever_may_use_the_socket_is_led_straight_to_it(client: ClientSide, web: LabHost, user: str) -> None:
    assert route_of(client, web, user) == SocketRoute("/var/run/docker.sock")


def test_who_may_not_takes_root_by_sudo_where_they_have_it(client: ClientSide, web: LabHost) -> None:
    route = route_of(client, web, "bob")
    assert isinstance(route, CommandRoute)
    assert route.is_root
    assert route.label == "sudo docker system dial-stdio"
    assert not web.wait_no_processes("dial-stdio")


def test_who_has_neither_is_told_in_one_line(client: ClientSide, web: LabHost) -> None:
    reason = why_none(client, web, "eve")
    assert "socket /var/run/docker.sock" in reason
    assert "not for eve" in reason
    assert "sudo docker" in reason
    assert "sudo wants a password" in reason
    assert "sudo wants a password" in why_none(client, web, "pat")


def test_a_socket_that_is_not_there_is_told(client: ClientSide, web: LabHost) -> None:
    reason = why_none(client, web, "root", socket="/run/none.sock")
    assert "/run/none.sock" in reason
    assert "no such socket" in reason


def test_a_socket_of_another_place_is_used_where_it_is_told(client: ClientSide, web: LabHost) -> None:
    assert route_of(client, web, "ana", socket=SOCKET) == SocketRoute(SOCKET)


@pytest.mark.parametrize("path", ["run/x", "/run/a b", "/x;id", "/x$(id)", "/" + "x" * 200, "/x\n", "/é", ""])
def test_a_path_that_a_shell_could_take_for_more_is_a_mistake(path: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_path(path)
    assert str(caught.value).isprintable()
    if path:
        with pytest.raises(UsageError):
            list(routes(host_of("x", socket=path), "root"))


# Without:


@pytest.mark.parametrize("option", ["AllowTcpForwarding", "AllowStreamLocalForwarding", "DisableForwarding"])
def test_without_forwarding_a_command_joins_the_socket(client: ClientSide, sshd: LabHost, option: str) -> None:
    wanted: dict[str, Any] = {option: "yes" if option.startswith("Disable") else "no"}
    sshd.restart_sshd(**wanted)
    for user in ("ana", "loud", "dash"):
        assert route_of(client, sshd, user).label == "docker system dial-stdio"
    assert route_of(client, sshd, "bob").label == "sudo docker system dial-stdio"
    for user, said in (("forced", "only this"), ("closed", "not available")):
        reason = why_none(client, sshd, user)
        assert "forwarding to sockets is off" in reason
        assert said in reason


def test_one_session_at_a_time_is_enough(client: ClientSide, sshd: LabHost) -> None:
    sshd.restart_sshd(MaxSessions="1", **NO_FORWARDING)
    client.add(sshd, "ana", user="ana")
    with linked(client, "ana") as link:
        route = find_route(host_of("ana"), link, deadline())
        api = EngineApi(lambda limit: route.open(link, 1 << 20, limit))
        calls = [Doing(api.read, "/containers/json", deadline(60)) for _ in range(6)]
        assert all(one.ended(60) for one in calls)
        assert [one.error for one in calls] == [None] * 6
    assert not sshd.wait_no_processes("dial-stdio")
    sshd.restart_sshd(MaxSessions="1", AllowTcpForwarding="yes")
    assert route_of(client, sshd, "ana") == SocketRoute("/var/run/docker.sock")


def test_a_host_without_sessions_and_without_forwarding_says_so(client: ClientSide, sshd: LabHost) -> None:
    sshd.restart_sshd(MaxSessions="0", **NO_FORWARDING)
    reason = why_none(client, sshd, "ana")
    assert "the host runs no commands" in reason


def test_without_a_docker_client_socat_joins_the_socket(client: ClientSide, without_client: LabHost) -> None:
    assert route_of(client, without_client, "ana").label == "socat"
    assert route_of(client, without_client, "bob").label == "sudo socat"
    assert not without_client.wait_no_processes("socat")


def test_without_anything_that_could_join_it_that_is_told(client: ClientSide, with_nothing: LabHost) -> None:
    for user in ("ana", "root"):
        reason = why_none(client, with_nothing, user)
        assert "forwarding to sockets is off" in reason
        assert "not there: docker, socat" in reason


def test_sudo_comes_first_where_it_is_wanted_and_never_for_root(client: ClientSide, sshd: LabHost) -> None:
    sshd.restart_sshd(**NO_FORWARDING)
    assert route_of(client, sshd, "bob", sudo=True).label == "sudo docker system dial-stdio"
    assert route_of(client, sshd, "root", sudo=True).label == "docker system dial-stdio"


# The order, and hosts that hang:


def test_sockets_come_before_commands_and_what_runs_as_root_last() -> None:
    found = list(routes(host_of("x"), "ana"))
    assert [isinstance(route, SocketRoute) for route in found] == sorted(
        [isinstance(route, SocketRoute) for route in found], reverse=True
    )
    labels = [route.label for route in found]
    assert labels[:2] == ["socket /var/run/docker.sock", "socket /run/podman/podman.sock"]
    assert labels.index("docker system dial-stdio") < labels.index("sudo docker system dial-stdio")
    assert not any("sudo" in route.label for route in routes(host_of("x"), "root"))
    wanted = [route.label for route in routes(host_of("x", sudo=True), "ana")][2:]
    assert not any(one.startswith("socat") and two.startswith("sudo") for one, two in pairwise(wanted))
    assert wanted[0] == "sudo docker system dial-stdio"


def test_an_engine_that_does_not_answer_is_waited_for_once(client: ClientSide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_routes, "PROBE", 1.0)
    with fake_host(client, serve=nothing) as host, linked(client, "fake") as link:
        with pytest.raises(UnreachableError) as caught:
            find_route(host_of("fake", socket="/x.sock"), link, deadline())
        assert "nothing answers within 1 s" in one_line(caught.value).reason
        assert host.rules.commands == {}
        assert wait_until(lambda: bool(host.accepted))
        assert len(host.accepted) == 1


def test_a_host_on_which_no_command_begins_is_not_asked_for_another(
    client: ClientSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_routes, "PROBE", 1.0)
    with fake_host(client, serve=nothing) as host, linked(client, "fake") as link:
        monkeypatch.setattr(host.rules, "check_channel_request", only_sessions(host))
        with pytest.raises(UnreachableError) as caught:
            find_route(host_of("fake", socket="/x.sock"), link, deadline())
        assert "no command begins within 1 s" in one_line(caught.value).reason
        assert len(host.rules.commands) == 1


def test_sudo_that_wants_a_password_is_asked_once_for_a_socket(
    client: ClientSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    def serve(channel: Any, command: str) -> None:
        channel.sendall(command.split()[1].encode() + b"\n")
        channel.sendall_stderr(b"sudo: a password is required\n" if "sudo" in command else b"docker: not found\n")
        channel.close()

    with fake_host(client, serve=serve) as host:
        client.config.write_text(f"Host fake\n    User eve\n{client.config.read_text()}")
        monkeypatch.setattr(host.rules, "check_channel_request", only_sessions(host))
        with linked(client, "fake") as link, pytest.raises(UnreachableError) as caught:
            find_route(host_of("fake"), link, deadline())
        assert "sudo docker, sudo podman: sudo wants a password" in one_line(caught.value).reason
        assert sum("sudo" in command for command in host.rules.commands.values()) == 2


def only_sessions(host: FakeHost) -> Callable[[str, int], int]:
    def check(kind: str, number: int) -> int:
        host.rules.kinds[number] = kind
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    return check


def told(*reasons: tuple[Route, str]) -> str:
    """What is said where the ways do not work for these reasons."""
    found = ssh_routes._Reasons("eve")
    for route, reason in reasons:
        found.add(route, TargetError(reason, Refusal.GARBLED), [])
    return one_line(found.error()).reason


def test_what_is_missing_on_the_host_is_told_first_and_no_word_is_cut() -> None:
    ways = list(routes(host_of("x"), "eve"))
    words = "word" * 9 + " "
    long = [(way, f"{number} {words * 20}") for number, way in enumerate(ways) if "podman" in way.label]
    reason = told(*long, *((way, "not there") for way in ways if "podman" not in way.label))
    assert len(reason) < 400
    assert "answers: not there: socket /var/run/docker.sock, docker, socat, sudo docker, sudo socat; " in reason
    assert reason.endswith(ssh_routes._ADVICE) and "; and 2 more; " in reason
    shown = reason.partition("sudo socat; ")[2].partition("; and 2 more")[0]
    assert shown and set(shown.replace("…", " …").split()[-2:]) == {words.strip(), "…"}, shown


def test_reasons_that_are_short_are_all_told_those_of_commands_before_those_of_sockets() -> None:
    one, two = SocketRoute("/var/run/docker.sock"), CommandRoute("/x", ("docker", "system", "dial-stdio"))
    three = CommandRoute("/x", ("socat", "-"))
    reason = told((one, "a"), (two, "b"), (three, "not there"))
    assert "answers: not there: socat; docker: b; socket /var/run/docker.sock: a; it takes" in reason


def test_time_that_is_up_while_ways_are_tried_tells_what_was_found(
    client: ClientSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_routes, "PROBE", 30)
    with fake_host(client, serve=nothing), linked(client, "fake") as link:
        with pytest.raises(UnreachableError) as caught:
            find_route(host_of("fake"), link, deadline(0.4))
        assert caught.value.state is HostState.NO_ENGINE


def test_what_answers_and_is_no_engine_is_told(client: ClientSide) -> None:
    def talk(channel: object, kind: str) -> None:
        channel.sendall(b"SSH-2.0-\x1b[31mhello\r\n{user}\r\n")  # type: ignore[attr-defined]
        channel.close()  # type: ignore[attr-defined]

    with fake_host(client, serve=talk), linked(client, "fake") as link:
        with pytest.raises(UnreachableError) as caught:
            find_route(host_of("fake", socket="/x.sock"), link, deadline())
        assert "not HTTP" in one_line(caught.value).reason


def test_a_connection_that_is_lost_meanwhile_is_no_word_on_the_ways(client: ClientSide) -> None:
    def talk(channel: object, kind: str) -> None:
        channel.get_transport().sock.close()  # type: ignore[attr-defined]

    with fake_host(client, serve=talk), linked(client, "fake") as link:
        with pytest.raises(TargetError, match="lost") as caught:
            find_route(host_of("fake"), link, deadline())
        assert not isinstance(caught.value, UnreachableError)
