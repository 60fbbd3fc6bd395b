"""A way to the files of a host: the subsystem, a server started as a command, or one line that says why neither."""

import time
from collections.abc import Iterator

import pytest

from irkit.adapters import ssh_files
from irkit.adapters.sftp_files import SftpFiles
from irkit.adapters.ssh_files import open_sftp
from irkit.core.errors import Refusal, TargetError
from irkit.engine.deadline import Cancel
from tests.adapters.ssh_servers import fake_host, nothing
from tests.adapters.ssh_side import Doing, deadline, linked
from tests.lab.client_side import ClientSide
from tests.lab.counting import wait_until
from tests.lab.fixtures import needed
from tests.lab.host_start import User, start_host
from tests.lab.hosts import LabHost
from tests.lab.setup import ensure_packages

pytestmark = [pytest.mark.engine]
CLOSED = "/usr/sbin/nologin"
USERS = (User("root"), User("bob", sudo=True), User("eve", banner="Welcome\n" * 30), User("closed", shell=CLOSED))


def started(*, subsystem: bool) -> Iterator[LabHost]:
    needed()
    ensure_packages()
    with start_host(name="web", users=USERS, subsystem_sftp=subsystem) as host:
        secret = host.home("root") / "secret"
        secret.write_text("for root alone")
        secret.chmod(0o600)
        yield host


@pytest.fixture(scope="module")
def web() -> Iterator[LabHost]:
    yield from started(subsystem=True)


@pytest.fixture(scope="module")
def bare() -> Iterator[LabHost]:
    """A host without the subsystem."""
    yield from started(subsystem=False)


def read(client: ClientSide, host: LabHost, user: str, path: bytes, *, sudo: bool = False) -> bytes:
    client.add(host, user, user=user)
    with linked(client, user) as link, SftpFiles(lambda limit: open_sftp(link, limit, sudo=sudo)) as files:
        return files.read_at(path, 0, 100, deadline())


def why_not(client: ClientSide, host: LabHost, user: str, *, sudo: bool = False) -> str:
    with pytest.raises(TargetError) as caught:
        read(client, host, user, b"/etc/passwd", sudo=sudo)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
    assert caught.value.kind in (Refusal.UNSUPPORTED, Refusal.GARBLED)
    return str(caught.value)


def test_the_subsystem_is_used_where_there_is_one(client: ClientSide, web: LabHost) -> None:
    assert read(client, web, "root", b"/root/secret") == b"for root alone"


def test_without_it_a_server_is_started_and_ended(client: ClientSide, bare: LabHost) -> None:
    assert read(client, bare, "root", b"/root/secret") == b"for root alone"
    assert read(client, bare, "eve", b"/etc/hostname") == b"web\n"  # whose shell prints a banner
    assert not bare.wait_no_processes("sftp-server")


def test_a_started_server_only_reads(client: ClientSide, bare: LabHost) -> None:
    client.add(bare, "root")
    with linked(client, "root") as link:
        wire = open_sftp(link, deadline(), sudo=False)
        [argv] = bare.processes("sftp-server").values()
        assert argv[1:] == ["-R"]
        wire.close()


def test_root_is_had_by_sudo_where_that_is_wanted(client: ClientSide, web: LabHost) -> None:
    with pytest.raises(TargetError, match="ermission"):
        read(client, web, "bob", b"/root/secret")
    assert read(client, web, "bob", b"/root/secret", sudo=True) == b"for root alone"
    assert not web.wait_no_processes("sftp-server")


def test_without_sudo_that_is_told(client: ClientSide, web: LabHost) -> None:
    assert "a password is required" in why_not(client, web, "eve", sudo=True)


def test_an_account_that_runs_nothing_is_told(client: ClientSide, bare: LabHost, web: LabHost) -> None:
    reason = why_not(client, bare, "closed")
    assert "no sftp subsystem" in reason
    assert "not available" in reason
    assert "SFTP" in why_not(client, web, "closed")


def test_a_host_without_a_server_is_told(client: ClientSide, bare: LabHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_files, "SERVERS", ("/no/such/server", "/nor/this"))
    assert "no sftp subsystem; there is no SFTP server" in why_not(client, bare, "root")


def test_a_server_that_ends_at_once_is_told(client: ClientSide, bare: LabHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_files, "SERVERS", ("/bin/false",))
    assert "/bin/false ended at once" in why_not(client, bare, "root")


def test_a_host_that_gives_no_session_is_told(client: ClientSide, web: LabHost) -> None:
    web.restart_sshd(MaxSessions="0")
    try:
        assert "no session" in why_not(client, web, "root")
    finally:
        web.restart_sshd(MaxSessions=None)


def test_being_told_to_stop_ends_the_wait_for_a_server(
    client: ClientSide, bare: LabHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_files, "_GRACE", 30)
    client.add(bare, "root")
    with linked(client, "root") as link:
        cancel = Cancel()
        waiting = Doing(lambda: open_sftp(link, deadline(60, cancel), sudo=False))
        time.sleep(0.3)
        cancel.set()
        assert waiting.ended()
        assert not bare.wait_no_processes("sftp-server")


def test_a_connection_that_is_lost_meanwhile_is_lost(client: ClientSide) -> None:
    with fake_host(client, serve=nothing) as host, linked(client, "fake") as link:
        opening = Doing(lambda: open_sftp(link, deadline(), sudo=True))
        assert wait_until(lambda: bool(host.rules.commands))
        link.end()
        assert opening.ended()
        assert opening.error is not None
        assert opening.error.kind is Refusal.LOST
