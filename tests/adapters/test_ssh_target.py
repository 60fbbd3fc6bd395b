"""A target over SSH: two connections, made again where they were lost, and nothing waits longer than it may."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import paramiko
import pytest

from irkit.adapters import ssh_life, ssh_line, ssh_target
from irkit.adapters.engine_http import EngineApi
from irkit.adapters.ssh_target import SshTarget
from irkit.core.errors import HostState, Refusal, TargetError, UnreachableError
from irkit.engine.deadline import Cancel
from tests.adapters.made_keys import keygen
from tests.adapters.ssh_servers import as_any, fake_host, new_key, raw_server
from tests.adapters.ssh_side import Doing, deadline, one_line, target_of, ways
from tests.lab.client_side import ClientSide
from tests.lab.counting import LONG, Held, wait_released, wait_until
from tests.lab.engine import Engine
from tests.lab.host_start import User, start_host
from tests.lab.hosts import LabHost

pytestmark = [pytest.mark.engine]
USERS = (User("root"), User("ana", groups=("docker",)), User("bob", sudo=True), User("eve"))


@pytest.fixture(scope="module")
def web(engine: Engine) -> Iterator[LabHost]:
    with start_host(name="web", engine=engine, users=USERS) as host:
        yield host


@pytest.fixture
def sshd(web: LabHost) -> Iterator[LabHost]:
    """The host, whose sshd has its own settings again afterwards."""
    kept = dict(web.sshd.options)
    yield web
    web.sshd.options = kept
    web.restart_sshd()


@contextlib.contextmanager
def impatient() -> Iterator[None]:
    """Seconds in the place of minutes, while nothing is to be reached: a busy machine needs more to reach a host."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(ssh_life, "KEEP_ALIVE", 0.3)
        monkeypatch.setattr(ssh_life, "DEAD", 1.2)
        monkeypatch.setattr(ssh_line, "PATIENCE", 1.0)
        monkeypatch.setattr(ssh_line, "FRESH", 0.4)
        monkeypatch.setattr(ssh_target, "_UNHEARD", 0.5)
        yield


@contextlib.contextmanager
def on(client: ClientSide, host: LabHost, user: str = "root") -> Iterator[SshTarget]:
    client.add(host, user, user=user)
    with target_of(client, user) as target:
        yield target


def bulk(target: SshTarget) -> EngineApi:
    """What streams go over."""
    return EngineApi(target._dial_bulk)


def unreachable(target: SshTarget, seconds: float = 60.0) -> UnreachableError:
    with pytest.raises(UnreachableError) as caught:
        target.list_containers(deadline(seconds))
    return one_line(caught.value)


# Reaching it:


def test_a_host_that_was_reached_tells_its_key_its_user_and_the_way(client: ClientSide, web: LabHost) -> None:
    with on(client, web, "ana") as target:
        assert (target.host.host_key, target.host.route) == ("", "")
        target.connect(deadline())
        assert target.host.host_key == keygen("-lf", web.sshd.key_file("ssh-ed25519")).stdout.split()[1]
        assert target.host.route == "socket /var/run/docker.sock"
        assert target.host.user == "ana"
        assert target.host.name == "ana"
        assert target.list_containers(deadline()) == []


def test_nothing_is_connected_before_it_is_needed(client: ClientSide, web: LabHost) -> None:
    with on(client, web) as target:
        assert web.wait_sessions(0) == 0
        target.list_containers(deadline())
        assert web.wait_sessions(1) == 1


def test_the_engine_is_the_one_of_the_host(client: ClientSide, web: LabHost) -> None:
    assert web.engine is not None
    wanted = web.engine.docker("info", "--format", "{{.ID}}").stdout.decode().strip()
    with on(client, web, "bob") as target:
        assert target.identify(deadline()) == wanted


def test_a_check_tells_who_one_is_there(client: ClientSide, web: LabHost) -> None:
    for user, said in (("root", "root"), ("ana", "docker, no sudo"), ("bob", "sudo without a password")):
        with on(client, web, user) as target:
            facts = target.check(deadline())
            assert said in facts.privileges
            assert facts.user == user
            assert facts.host_key == target.host.host_key
            assert facts.route == target.host.route
            assert (facts.free_bytes or 0) > 0 or user == "ana"  # who may not look into the engine's folder


def test_an_account_that_has_no_way_to_the_engine_is_told_so_each_time(client: ClientSide, web: LabHost) -> None:
    with on(client, web, "eve") as target:
        for _ in range(2):
            assert unreachable(target).state is HostState.NO_ENGINE


# Two connections:


def test_streams_go_over_a_connection_of_their_own(client: ClientSide, web: LabHost) -> None:
    with on(client, web) as target:
        for _ in range(3):
            target.list_containers(deadline())
        assert web.wait_sessions(1) == 1
        for _ in range(3):
            bulk(target).read("/containers/json", deadline())
        assert web.wait_sessions(2) == 2
        assert target.files.read_at(b"/etc/hostname", 0, 10, deadline()) == b"web\n"
        assert web.wait_sessions(2) == 2
        assert target.notes == []


def test_a_host_that_takes_no_second_connection_has_all_on_one(
    client: ClientSide, sshd: LabHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_line, "_EARLY_PAUSES", (0.05,))
    monkeypatch.setattr(ssh_line, "FRESH", 0.0)
    with on(client, sshd) as target:
        target.connect(deadline())
        sshd.restart_sshd(keep_sessions=True, MaxStartups="1")
        with socket.create_connection((sshd.address, sshd.port)):  # somebody who does not log in
            for _ in range(2):
                assert bulk(target).read("/containers/json", deadline()).startswith(b"[")
        assert target.files.read_at(b"/etc/hostname", 0, 10, deadline()) == b"web\n"
        [note] = target.notes
        assert note.startswith("streams share one connection, as a second was refused: ")
        assert note.isprintable()
        monkeypatch.setattr(ssh_target, "ALONE", 0.0)  # after a while another is asked for
        monkeypatch.setattr(target, "_alone_until", 0.0)
        assert wait_until(lambda: bool(bulk(target).read("/containers/json", deadline())) and sshd.sessions() == 2)


def test_a_host_that_lets_nobody_in_a_second_time_has_all_on_one(client: ClientSide, sshd: LabHost) -> None:
    with on(client, sshd) as target:
        target.connect(deadline())
        sshd.restart_sshd(keep_sessions=True, AllowUsers="nobody")
        assert bulk(target).read("/containers/json", deadline()).startswith(b"[")
        assert "is not let in" in target.notes[0]
        assert target.list_containers(deadline()) == []


def test_one_session_at_a_time_and_no_forwarding_is_enough_for_everything(client: ClientSide, sshd: LabHost) -> None:
    sshd.restart_sshd(MaxSessions="1", AllowTcpForwarding="no")
    with on(client, sshd, "ana") as target:
        assert target.files.read_at(b"/etc/hostname", 0, 10, deadline()) == b"web\n"
        calls = [Doing(target.list_containers, deadline(60)) for _ in range(5)]
        calls += [Doing(bulk(target).read, "/containers/json", deadline(60)) for _ in range(3)]
        assert all(one.ended(60) for one in calls)
        assert [one.error for one in calls] == [None] * 8
        assert target.files.read_at(b"/etc/hostname", 0, 10, deadline()) == b"web\n"
        assert target.check(deadline(60)).privileges
    assert not sshd.wait_no_processes("dial-stdio")


def test_nothing_is_lost_or_held_up_while_keys_are_exchanged_again(client: ClientSide, sshd: LabHost) -> None:
    sshd.restart_sshd(RekeyLimit="300K")
    whole = bytes(range(256)) * 20_000
    (sshd.home("root") / "whole").write_bytes(whole)
    with on(client, sshd) as target:
        target.connect(deadline())
        link = target._control.link(deadline())
        as_any(link.transport.packets).REKEY_BYTES = 50_000
        calls = [Doing(lambda: [target.list_containers(deadline()) for _ in range(20)]) for _ in range(3)]
        found = [b"".join(map(bytes, target.files.stream(b"/root/whole", deadline()))) == whole for _ in range(2)]
        assert found == [True, True]
        assert all(one.ended(30) for one in calls)
        assert [one.result for one in calls] == [[[]] * 20] * 3
        assert target._control.link(deadline()) is link


# Lost, and made again:


def test_reads_go_on_after_the_connection_was_lost(client: ClientSide, web: LabHost) -> None:
    with on(client, web) as target:
        for _ in range(3):
            assert target.list_containers(deadline()) == []
            bulk(target).read("/containers/json", deadline())
            web.end_sessions()
        assert target.list_containers(deadline()) == []
        assert web.wait_sessions(1) == 1


def test_a_read_whose_answer_was_lost_is_asked_for_again_and_a_change_is_not(client: ClientSide) -> None:
    asked: list[bytes] = []

    def serve(channel: paramiko.Channel, kind: str) -> None:
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            request = channel.recv(4096)
            asked.append(request.partition(b" HTTP")[0])
            if b"/_ping" in request or len(asked) % 2 == 0:
                channel.sendall(b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\n[]")
                channel.close()
            else:
                as_any(channel.get_transport()).sock.close()

    with fake_host(client, serve=serve), target_of(client, "fake") as target:
        target.connect(deadline())
        api = as_any(target.engine)._api
        api.version(deadline())
        while len(asked) % 2:
            api._newest(deadline())
        asked.clear()
        assert target.list_containers(deadline()) == []
        assert asked == [b"GET /v1.41/containers/json?all=1"] * 2
        while len(asked) % 2:
            api._newest(deadline())
        asked.clear()
        with pytest.raises(TargetError) as caught:
            api.send("POST", "/containers/x/pause", deadline())
        assert caught.value.kind is Refusal.LOST
        assert [each for each in asked if b"POST" in each] == [b"POST /v1.41/containers/x/pause"]


def test_a_key_that_changed_meanwhile_ends_the_hosts_part_at_once(client: ClientSide) -> None:
    with fake_host(client) as host, target_of(client, "fake") as target:
        target.connect(deadline())
        host.key = new_key(client.home / "fake")
        client.trust(host.line)
        as_any(host.transports[0]).sock.close()
        started = len(host.transports)
        for _ in range(3):
            assert unreachable(target).state is HostState.KEY_CHANGED
        with pytest.raises(UnreachableError):
            bulk(target).read("/x", deadline())
        assert len(host.transports) == started + 1


def test_a_key_that_changes_when_keys_are_exchanged_again_ends_the_hosts_part(client: ClientSide) -> None:
    with fake_host(client) as host, target_of(client, "fake") as target:
        target.connect(deadline())
        server = host.transports[0]
        server.server_key_dict.clear()
        server.add_server_key(new_key(client.home / "fake"))
        with pytest.raises((paramiko.SSHException, EOFError, OSError)):
            server.renegotiate_keys()
        assert wait_until(lambda: not server.is_active())
        assert unreachable(target).state is HostState.KEY_CHANGED
        assert len(host.transports) == 1


def test_a_link_that_is_down_is_told_in_time_and_to_others_at_once_and_works_when_it_is_up_again(
    client: ClientSide, web: LabHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.add(web)
    way = ways(client)
    with target_of(client, "web", way) as target:
        target.list_containers(deadline())
        bulk(target).read("/containers/json", deadline())
        patient = client.config.read_text()
        web.link_down()
        try:
            client.add(web, options={"ConnectTimeout": "1"})
            way.answers.clear()  # as if it had been asked for only now
            with impatient():
                first = Doing(target.list_containers, deadline())
                assert first.ended()
                assert isinstance(first.error, UnreachableError)
                others = [Doing(target.list_containers, deadline()) for _ in range(3)]
                others.append(Doing(bulk(target).read, "/containers/json", deadline()))
                assert all(one.ended() for one in others)
                assert all(isinstance(one.error, UnreachableError) for one in others)
        finally:
            web.link_up()
        client.config.write_text(patient)
        way.answers.clear()
        monkeypatch.setattr(ssh_line, "FRESH", 0.4)
        assert wait_until(lambda: works(target))
    web.end_sessions()


def works(target: SshTarget) -> bool:
    try:
        return target.list_containers(deadline()) == []
    except UnreachableError:
        return False


def test_a_stream_over_a_link_that_goes_down_is_lost_and_does_not_end_well(client: ClientSide, web: LabHost) -> None:
    with on(client, web) as target:
        with (
            pytest.raises(TargetError) as caught,
            bulk(target).request("GET", "/events", deadline()) as answer,
            impatient(),
        ):
            web.link_down()
            answer.read()
        web.link_up()
        assert caught.value.kind is Refusal.LOST
    web.end_sessions()


def test_an_engine_that_has_gone_is_told(client: ClientSide) -> None:
    with fake_host(client) as host, target_of(client, "fake") as target:
        target.connect(deadline())
        host.rules.refuse_after = 0
        error = unreachable(target)
        assert error.state is HostState.NO_ENGINE
        assert "socket /var/run/docker.sock" in error.reason
        host.rules.refuse_after = 99
        assert target.list_containers(deadline()) == []


# Nobody waits longer than they may:


def test_who_has_little_time_does_not_wait_for_who_connects(client: ClientSide) -> None:
    with raw_server(client, lambda connection: connection.recv(1)), target_of(client, "raw") as target:
        long = Doing(target.connect, deadline(60))
        time.sleep(0.2)
        short = [Doing(way, deadline(0.4)) for way in (target.connect, target.list_containers, target._dial_bulk)]
        assert all(one.ended() for one in short)
        assert all(isinstance(one.error, UnreachableError) for one in short)
        target.close()
        assert long.ended()


def test_being_told_to_stop_wakes_every_wait(client: ClientSide) -> None:
    cancel = Cancel()
    limit = deadline(60, cancel)
    with (
        raw_server(client, lambda connection: connection.recv(1)),
        fake_host(client, serve=hang_after_ping),
        target_of(client, "raw") as hanging,
        target_of(client, "fake") as silent,
    ):
        silent.connect(deadline())
        waits = [
            Doing(hanging.connect, limit),
            Doing(hanging.list_containers, limit),
            Doing(silent.list_containers, limit),
            Doing(silent.examine, "x", limit),
            Doing(bulk(silent).read, "/x", limit),
            Doing(silent.files.read_at, b"/etc/passwd", 0, 1, limit),
        ]
        time.sleep(0.5)
        cancel.set()
        assert [one.ended() for one in waits] == [True] * 6
        assert [one.error.kind for one in waits if one.error] == [Refusal.CANCELLED] * 6


def hang_after_ping(channel: paramiko.Channel, kind: str) -> None:
    """An engine that is there, and says nothing more."""
    with contextlib.suppress(OSError, EOFError):
        asked = channel.recv(4096)
        if b"/_ping" in asked:
            channel.sendall(b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK")
            channel.close()


def test_closing_ends_everything_at_once_from_any_thread_and_twice(client: ClientSide) -> None:
    with raw_server(client, lambda connection: connection.recv(1)), fake_host(client, serve=hang_after_ping):
        for name in ("raw", "fake"):
            with target_of(client, name) as target:
                if name == "fake":
                    target.connect(deadline())
                waits = [Doing(target.list_containers, deadline(60)) for _ in range(3)]
                time.sleep(0.3)
                closing = [Doing(target.close) for _ in range(3)]
                assert all(one.ended() for one in closing)
                assert all(one.ended() for one in waits)
                assert all(one.error is not None for one in waits)
                assert "closed" in unreachable(target).reason
                target.close()


def test_closing_while_many_connect_leaves_nothing(client: ClientSide, web: LabHost) -> None:
    client.add(web)
    before = Held()
    for pause in (0.0, 0.02, 0.05, 0.08, 0.12):
        with target_of(client, "web") as target:
            waits = [Doing(way, deadline(20)) for way in (target.list_containers, target.connect, target._dial_bulk)]
            time.sleep(pause)
        assert all(one.ended() for one in waits)
    assert wait_released(before) == {}
    assert web.wait_sessions(0) == 0


def test_asking_on_one_host_holds_up_no_other_call(client: ClientSide, web: LabHost) -> None:
    going_on, answer = threading.Event(), threading.Event()

    def ask(prompt: str) -> str | None:
        going_on.set()
        answer.wait(LONG)
        return None

    from irkit.adapters.ssh_secrets import Secrets
    from irkit.adapters.ssh_way import Ways

    client.add(web)
    client.add(web, "asks", user="eve", options={"PubkeyAuthentication": "no"})
    web.restart_sshd(PasswordAuthentication="yes")
    try:
        way = Ways(client.environment(), client.home, client.config, Secrets(ask))
        with target_of(client, "asks", way) as asks, target_of(client, "web", way) as plain:
            slow = Doing(asks.connect, deadline())
            assert going_on.wait(LONG)
            quick = Doing(plain.list_containers, deadline())
            assert quick.ended()
            assert quick.result == []
            late = Doing(asks.list_containers, deadline(0.3))  # the same host
            assert late.ended()
            answer.set()
            assert slow.ended()
            assert isinstance(slow.error, UnreachableError)
    finally:
        web.restart_sshd(PasswordAuthentication="no")


# Leaks:


def test_many_streams_calls_and_connections_leave_nothing(client: ClientSide, web: LabHost) -> None:
    before = Held()
    with on(client, web) as target:
        api = bulk(target)
        with contextlib.ExitStack() as stack:
            for _ in range(30):
                stack.enter_context(api.request("GET", "/events", deadline(60)))
            for _ in range(300):
                assert target.list_containers(deadline()) == []
            assert web.wait_sessions(2) == 2
        channels = as_any(target._control.link(deadline()).transport)._channels
        assert wait_until(lambda: not channels.values())
    assert wait_released(before) == {}
    assert web.wait_sessions(0) == 0
    assert not web.wait_no_processes("dial-stdio")


RECONNECTS = 200


def test_many_reconnects_leave_nothing(client: ClientSide, web: LabHost) -> None:
    before = Held()
    with on(client, web) as target:
        target.connect(deadline())
        for _ in range(RECONNECTS):
            target._control.drop(target._control.link(deadline()))
        assert target.list_containers(deadline()) == []
        assert web.wait_sessions(1) == 1
    assert wait_released(before) == {}
    assert web.wait_sessions(0) == 0


def test_failed_attempts_leave_nothing(client: ClientSide, web: LabHost) -> None:
    client.add(web, "eve", user="eve")
    client.add(web, "unknown", trust=False)
    client.known_hosts.write_text("")
    before = Held()
    for _ in range(5):
        with target_of(client, "unknown") as target:
            assert unreachable(target).state is HostState.KEY_UNKNOWN
    client.trust(*web.known_hosts_lines())
    for _ in range(3):
        with target_of(client, "eve") as target:
            assert unreachable(target).state is HostState.NO_ENGINE
    assert wait_released(before) == {}
    assert web.wait_sessions(0) == 0
