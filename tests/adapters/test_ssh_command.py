"""Commands on a host: of plain words only, told apart from what shells print, and bounded whatever the host does."""

import contextlib
import time
from collections.abc import Callable, Iterator

import paramiko
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.adapters.ssh_command import CommandError, open_command, run_command
from irkit.adapters.ssh_link import Link
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Ran
from irkit.engine.deadline import Cancel
from tests.adapters.ssh_servers import as_any, fake_host
from tests.adapters.ssh_side import Doing, deadline, linked
from tests.lab.client_side import ClientSide
from tests.lab.counting import wait_until
from tests.lab.fixtures import needed
from tests.lab.host_start import User, start_host
from tests.lab.hosts import LabHost
from tests.lab.setup import ensure_packages

pytestmark = [pytest.mark.engine]
BANNER = "\x1b[2JWelcome\r\n" + "to this host\n" * 2000


@pytest.fixture(scope="module")
def web() -> Iterator[LabHost]:
    needed()
    ensure_packages()
    users = [
        User("root"),
        User("loud", banner=BANNER),
        User("endless", banner="x" * 200_000),
        User("plain", shell="/bin/dash"),
        User("closed", shell="/usr/sbin/nologin"),
        User("forced"),
    ]
    with start_host(name="web", users=users, tail="Match User forced\n    ForceCommand echo only this") as host:
        yield host


@contextlib.contextmanager
def on(client: ClientSide, web: LabHost, user: str) -> Iterator[Link]:
    client.add(web, user, user=user)
    with linked(client, user) as link:
        yield link


@given(st.text(min_size=1, max_size=20))
def test_words_that_a_shell_could_take_for_more_are_no_words(text: str) -> None:
    class Nowhere:
        """No connection: nothing may be sent."""

    if all(char.isascii() and (char.isalnum() or char in "/_.@+:=-") for char in text):
        return
    with pytest.raises(ValueError, match="no plain word"):
        open_command(as_any(Nowhere()), ("echo", text), 1, deadline())


@pytest.mark.parametrize(
    "word", ["", "a b", "$HOME", "`id`", "a;b", "a&b", "a|b", "*", "~", "'", '"', "a\nb", "\x00", "ä", "x" * 201]
)
def test_nothing_but_plain_words_is_sent(word: str) -> None:
    with pytest.raises(ValueError, match="no plain word"):
        run_command(as_any(None), ("echo", word), deadline())


def test_a_command_is_run_to_its_end(client: ClientSide, web: LabHost) -> None:
    with on(client, web, "root") as link:
        assert run_command(link, ("id", "-u"), deadline()) == Ran(0, "0\n")
        assert run_command(link, ("false",), deadline()).status == 1
        assert run_command(link, ("no-such-program",), deadline()).status == 127


@pytest.mark.parametrize("user", ["loud", "plain"])
def test_what_a_login_shell_prints_is_no_part_of_the_output(client: ClientSide, web: LabHost, user: str) -> None:
    with on(client, web, user) as link:
        assert run_command(link, ("id", "-u", "-n"), deadline()) == Ran(0, f"{user}\n")


@pytest.mark.parametrize(("user", "said"), [("closed", "not available"), ("forced", "only this"), ("endless", "xxxx")])
def test_a_host_that_runs_something_else_is_told_with_what_it_says(
    client: ClientSide, web: LabHost, user: str, said: str
) -> None:
    with on(client, web, user) as link:
        with pytest.raises(CommandError) as caught:
            run_command(link, ("id", "-u"), deadline())
        assert caught.value.kind is Refusal.UNSUPPORTED
        assert said in caught.value.said
        assert len(str(caught.value)) < 300
        assert str(caught.value).isprintable()
        assert link.is_well


def test_a_host_that_runs_no_commands_is_told(client: ClientSide, web: LabHost) -> None:
    with on(client, web, "root") as link:
        web.restart_sshd(keep_sessions=True, MaxSessions="0")
        try:
            with linked(client, "root") as other, pytest.raises(TargetError, match="does not run commands"):
                run_command(other, ("id", "-u"), deadline())
            assert run_command(link, ("id", "-u"), deadline()).status == 0
        finally:
            web.restart_sshd(MaxSessions=None)


def test_a_host_with_one_session_has_many_commands_one_after_another(client: ClientSide, web: LabHost) -> None:
    web.restart_sshd(MaxSessions="1")
    try:
        with on(client, web, "root") as link:
            for _ in range(6):  # one is over here before it is over there
                assert run_command(link, ("id", "-u"), deadline()).out == "0\n"
            threads = [Doing(run_command, link, ("id", "-u"), deadline(30)) for _ in range(6)]
            assert all(one.ended(30) for one in threads)
            assert [one.result for one in threads] == [Ran(0, "0\n")] * 6
            assert web.log().count("no more sessions") < 30
    finally:
        web.restart_sshd(MaxSessions=None)


def test_waiting_for_a_session_ends_in_time_and_with_the_run(client: ClientSide, web: LabHost) -> None:
    web.restart_sshd(MaxSessions="1")
    try:
        with on(client, web, "plain") as link:
            busy = open_command(link, ("sleep", "600"), 1 << 16, deadline())
            with pytest.raises(TargetError) as caught:
                run_command(link, ("id", "-u"), deadline(0.5))
            assert caught.value.kind is Refusal.TIMEOUT
            cancel = Cancel()
            waiting = Doing(run_command, link, ("id", "-u"), deadline(60, cancel))
            time.sleep(0.2)
            cancel.set()
            assert waiting.ended()
            busy.close()
            assert run_command(link, ("id", "-u", "-n"), deadline()).out == "plain\n"
    finally:
        web.restart_sshd(MaxSessions=None)
    assert not web.wait_no_processes("sleep")


def test_a_command_that_was_left_does_not_run_on(client: ClientSide, web: LabHost) -> None:
    for user, argv in (("plain", ("sleep", "600")), ("root", ("dd", "bs=1"))):
        with on(client, web, user) as link:
            before = len(web.log())
            open_command(link, argv, 1 << 16, deadline()).close()
            assert not web.wait_no_processes(argv[0])
            assert "signal" not in web.log()[before:]


# What a hostile host makes of it:


def serving(talk: Callable[[paramiko.Channel, bytes], None]) -> Callable[[paramiko.Channel, str], None]:
    """A host that knows what it is asked for, and says the mark before anything else."""

    def serve(channel: paramiko.Channel, command: str) -> None:
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            talk(channel, command.split()[1].encode() + b"\n")

    return serve


def end(channel: paramiko.Channel, status: int = 0) -> None:
    channel.send_exit_status(status)
    channel.close()


def test_output_without_an_end_is_not_kept(client: ClientSide) -> None:
    def talk(channel: paramiko.Channel, mark: bytes) -> None:
        channel.sendall(mark)
        while True:
            channel.sendall(b"x" * 30_000)

    with fake_host(client, serve=serving(talk)), linked(client, "fake") as link:
        with pytest.raises(TargetError, match="more than") as caught:
            run_command(link, ("id",), deadline())
        assert caught.value.kind is Refusal.GARBLED


def test_noise_without_an_end_is_not_kept(client: ClientSide) -> None:
    def talk(channel: paramiko.Channel, mark: bytes) -> None:
        while True:
            channel.sendall(b"\x1b]0;owned\x07" * 3000)

    with fake_host(client, serve=serving(talk)), linked(client, "fake") as link:
        with pytest.raises(CommandError) as caught:
            run_command(link, ("id",), deadline())
        assert str(caught.value).isprintable()


def test_errors_without_an_end_are_not_kept(client: ClientSide) -> None:
    def talk(channel: paramiko.Channel, mark: bytes) -> None:
        for _ in range(200):
            channel.sendall_stderr(b"\x1b[31mno\x00\n" * 3000)
        channel.close()

    with fake_host(client, serve=serving(talk)), linked(client, "fake") as link:
        with pytest.raises(CommandError) as caught:
            run_command(link, ("id",), deadline())
        assert "no" in caught.value.said
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("says_mark", [True, False])
def test_a_command_that_never_ends_is_left_in_time_and_when_told(client: ClientSide, says_mark: bool) -> None:
    def talk(channel: paramiko.Channel, mark: bytes) -> None:
        channel.sendall(mark if says_mark else b"...")
        time.sleep(3)

    with fake_host(client, serve=serving(talk)), linked(client, "fake") as link:
        with pytest.raises(TargetError) as caught:
            run_command(link, ("id",), deadline(0.3))
        assert caught.value.kind is Refusal.TIMEOUT
        cancel = Cancel()
        running = Doing(run_command, link, ("id",), deadline(60, cancel))
        time.sleep(0.2)
        cancel.set()
        assert running.ended()
        assert running.error is not None
        assert running.error.kind is Refusal.CANCELLED


def test_output_that_trickles_is_left_in_time(client: ClientSide) -> None:
    def talk(channel: paramiko.Channel, mark: bytes) -> None:
        for byte in mark * 50:
            channel.sendall(bytes([byte]))
            time.sleep(0.05)

    with fake_host(client, serve=serving(talk)), linked(client, "fake") as link:
        began = Doing(run_command, link, ("id",), deadline(0.5))
        assert began.ended()
        assert began.error is not None
        assert began.error.kind is Refusal.TIMEOUT


def test_a_command_that_never_tells_its_status_is_left_in_time(client: ClientSide) -> None:
    def talk(channel: paramiko.Channel, mark: bytes) -> None:
        channel.sendall(mark + b"out")
        channel.shutdown_write()
        time.sleep(3)

    with fake_host(client, serve=serving(talk)), linked(client, "fake") as link:
        cancel = Cancel()
        running = Doing(run_command, link, ("id",), deadline(60, cancel))
        assert not running.ended(0.3)
        cancel.set()
        assert running.ended()
        assert running.error is not None
        assert running.error.kind is Refusal.CANCELLED


def test_bytes_that_are_no_text_are_shown_as_such(client: ClientSide) -> None:
    def talk(channel: paramiko.Channel, mark: bytes) -> None:
        channel.sendall(b"noise\x00\xff" + mark + b"\x00\xff" + mark)
        end(channel, 3)

    with fake_host(client, serve=serving(talk)), linked(client, "fake") as link:
        ran = run_command(link, ("id",), deadline())
        assert ran.status == 3
        assert ran.out.startswith("\x00�irkit-")


def test_a_host_that_only_repeats_what_it_is_asked_runs_nothing(client: ClientSide) -> None:
    def serve(channel: paramiko.Channel, command: str) -> None:
        channel.sendall(f"{command}\n".encode())
        end(channel)

    with fake_host(client, serve=serve), linked(client, "fake") as link, pytest.raises(CommandError, match="exec id"):
        run_command(link, ("id",), deadline())


@pytest.mark.parametrize("after_mark", [True, False])
def test_a_connection_that_is_lost_meanwhile_is_lost_and_nothing_else(client: ClientSide, after_mark: bool) -> None:
    def talk(channel: paramiko.Channel, mark: bytes) -> None:
        channel.sendall(mark if after_mark else b"noise")
        time.sleep(0.1)
        as_any(channel.get_transport()).sock.close()

    with fake_host(client, serve=serving(talk)), linked(client, "fake") as link:
        with pytest.raises(TargetError) as caught:
            run_command(link, ("id",), deadline())
        assert caught.value.kind is Refusal.LOST
        assert wait_until(lambda: not link.is_well)
