"""TCP to an engine: with TLS who answers is who is meant, without it is this machine, and nothing waits for ever."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from irkit.adapters import engine_tls
from irkit.adapters.clock import SystemClock
from irkit.adapters.docker_engine import DockerEngine
from irkit.adapters.engine_tls import dial_tcp
from irkit.core.errors import HostState, Refusal, TargetError, UnreachableError
from tests.lab.description import Suspect
from tests.lab.suspects import Lab

from .made_certificates import DAY, Made
from .tls_engine import (
    CA,
    HERE,
    OTHER,
    SHORT,
    TlsEngine,
    ask,
    cancelled,
    deadline,
    reached,
    refusal,
    server_context,
    serving,
)

Server = Callable[[], AbstractContextManager[int]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Certificates of the responder: the CA, and one of their own."""
    CA.sign("responder", client=True).write(tmp_path / "mine")
    return CA.write(tmp_path / "mine")


@pytest.fixture
def trusting(tmp_path: Path) -> Path:
    """The CA alone."""
    return CA.write(tmp_path / "trusting")


# Who answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [HERE, "localhost"])
def test_an_engine_with_the_right_certificate_answers(tmp_path: Path, trusting: Path, address: str) -> None:
    with serving(tmp_path, CA.sign(address)) as port:
        assert b"SystemTime" in ask(reached(port, trusting, address))


@pytest.mark.parametrize("address", ["fd00::1", "engine.example.org", "10.0.0.1"])
def test_the_certificate_is_for_what_the_host_is_called_and_not_for_where_that_leads(
    tmp_path: Path, trusting: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    with serving(tmp_path, CA.sign(address)) as port:
        here = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (HERE, port))]
        monkeypatch.setattr(engine_tls, "look_up", lambda *_: here)
        assert b"SystemTime" in ask(reached(port, trusting, address))
        assert "is for another name" in str(refusal(reached(port, trusting, "other.example.org")))


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_an_engine_that_wants_a_client_certificate_is_shown_it(
    tmp_path: Path, folder: Path, newest: ssl.TLSVersion
) -> None:
    with serving(tmp_path, CA.sign(HERE), clients=CA, newest=newest) as port:
        assert b"SystemTime" in ask(reached(port, folder))


def test_without_a_ca_of_its_own_the_systems_count(
    tmp_path: Path, trusting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    with serving(tmp_path, CA.sign(HERE)) as port:
        assert "not from the CA" in str(refusal(reached(port, bare)))
        monkeypatch.setenv("SSL_CERT_FILE", str(trusting / "ca.pem"))
        assert b"SystemTime" in ask(reached(port, bare))


def test_with_a_ca_of_its_own_no_other_counts(tmp_path: Path, trusting: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(OTHER.write(tmp_path / "system") / "ca.pem"))
    with serving(tmp_path, OTHER.sign(HERE)) as port:
        assert "not from the CA in ca.pem" in str(refusal(reached(port, trusting)))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (OTHER.sign(HERE), "is not from the CA in ca.pem"),
        (CA.sign("127.0.0.2"), "is for another name"),
        (CA.sign("localhost"), "is for another name"),
        (CA.sign(HERE, begin=-5 * DAY, end=-DAY), "has expired"),
        (CA.sign(HERE, begin=5 * DAY, end=9 * DAY), "is not valid yet: is this machine's clock right?"),
        (CA.sign(HERE, client=True), "is not one for servers"),
    ],
    ids=["unknown CA", "other address", "name for address", "expired", "not yet", "of a client"],
)
def test_whoever_cannot_show_to_be_the_engine_is_refused(
    tmp_path: Path, trusting: Path, made: Made, words: str
) -> None:
    with serving(tmp_path, made) as port:
        error = refusal(reached(port, trusting))
    assert words in str(error)
    assert f"127.0.0.1:{port} shows a certificate that" in str(error)
    assert error.state is HostState.KEY_UNKNOWN


def test_nothing_is_said_to_who_is_refused(tmp_path: Path, trusting: Path) -> None:
    with TlsEngine(server_context(OTHER.sign(HERE), tmp_path / "server")) as server:
        refusal(reached(server.port, trusting))
    assert server.requests == []


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("clients", "words"),
    [
        (None, "client certificate: put cert.pem and key.pem into the folder of ca.pem"),
        (OTHER.sign("responder", client=True), "does not accept the client certificate"),
        (CA.sign("responder", client=True, begin=-5 * DAY, end=-DAY), "and not expired?"),
    ],
    ids=["none", "unknown CA", "expired"],
)
def test_an_engine_that_refuses_the_responder_says_why(
    tmp_path: Path, trusting: Path, newest: ssl.TLSVersion, clients: Made | None, words: str
) -> None:
    if clients:
        clients.write(trusting)
    with serving(tmp_path, CA.sign(HERE), clients=CA, newest=newest) as port:
        error = refusal(reached(port, trusting))
    assert words in str(error)
    assert error.state is HostState.AUTH


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (bytes.fromhex("15030100020246"), "speaks no TLS as new as 1.2"),
        (bytes.fromhex("15030300020250"), "no TLS: TLSV1_ALERT_INTERNAL_ERROR"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "speaks no TLS"),
        (b"", "ended the connection before TLS was set up"),
    ],
    ids=["old", "alert", "SSH", "nothing"],
)
def test_an_engine_that_agrees_on_no_tls_is_told(trusting: Path, answer: bytes, words: str) -> None:
    with socket.create_server((HERE, 0)) as listener:

        def answer_once() -> None:
            with listener.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=answer_once)
        thread.start()
        error = refusal(reached(listener.getsockname()[1], trusting))
        thread.join()
    assert words in str(error)
    assert error.state is HostState.NO_ENGINE


def test_an_engine_without_tls_is_no_engine_with_tls(trusting: Path) -> None:
    with TlsEngine(None) as server:
        error = refusal(reached(server.port, trusting))
    assert "speaks no TLS (docker's port with TLS is 2376 as a rule)" in str(error)


# Without TLS -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [HERE, "localhost"])
def test_an_engine_of_this_machine_needs_no_tls(address: str) -> None:
    with TlsEngine(None) as server:
        assert b"SystemTime" in ask(reached(server.port, address=address))


@pytest.mark.parametrize("name", ["10.0.0.1", "fd00::1", "engine.example.org", "localhost"])
def test_without_tls_no_connection_is_made_to_another_machine(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whatever the name is, the address counts: here all names lead to another machine."""
    made: list[object] = []
    elsewhere = ("fd00::1", 2375, 0, 0) if ":" in name else ("10.0.0.1", 2375)
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    monkeypatch.setattr(engine_tls, "look_up", lambda *_: [(family, socket.SOCK_STREAM, 6, "", elsewhere)])
    monkeypatch.setattr(socket.socket, "connect", lambda *_: made.append(1))
    assert "without TLS" in str(refusal(reached(2375, address=name)))
    assert made == []


# Waiting ---------------------------------------------------------------------------------------------------------


@contextmanager
def full_server() -> Iterator[int]:
    """A port whose queue of connections is full: a further one is neither taken nor refused."""
    with socket.socket() as listener:
        listener.bind((HERE, 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = []
        try:
            for _ in range(4):
                waiting.append(socket.socket())
                waiting[-1].setblocking(False)
                waiting[-1].connect_ex((HERE, port))
            yield port
        finally:
            for one in waiting:
                one.close()


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that nobody listens on, nor can meanwhile."""
    with socket.socket() as taken:
        taken.bind((HERE, 0))
        yield taken.getsockname()[1]


@contextmanager
def silent_server() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server((HERE, 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_that_refuses_is_told() -> None:
    with closed_port() as port:
        error = refusal(reached(port))
    assert f"127.0.0.1:{port} refuses the connection: no engine listens there" in str(error)


def test_a_machine_that_does_not_answer_is_waited_for_no_longer_than_said(trusting: Path) -> None:
    with full_server() as port:
        assert "does not answer" in str(refusal(reached(port, trusting), deadline(20, idle=SHORT)))


def test_an_engine_that_never_begins_with_tls_is_waited_for_no_longer_than_said(trusting: Path) -> None:
    with silent_server() as port:
        assert "it may hang, or speak no TLS" in str(refusal(reached(port, trusting), deadline(20, idle=SHORT)))


@pytest.mark.parametrize("server", [full_server, silent_server])
def test_when_the_whole_time_is_up_that_is_said(trusting: Path, server: Server) -> None:
    with server() as port, pytest.raises(TargetError, match="longer than") as caught:
        dial_tcp(reached(port, trusting))(deadline(SHORT))
    assert caught.value.kind is Refusal.TIMEOUT


@pytest.mark.parametrize("server", [full_server, silent_server])
def test_a_connection_being_made_can_be_cancelled(trusting: Path, server: Server) -> None:
    with server() as port:
        error = cancelled(dial_tcp(reached(port, trusting)))
    assert error.kind is Refusal.CANCELLED


def test_the_next_address_is_tried_where_one_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with closed_port() as closed, TlsEngine(None) as server:
        both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (HERE, port)) for port in (closed, server.port)]
        monkeypatch.setattr(engine_tls, "look_up", lambda *_: both)
        assert b"SystemTime" in ask(reached(server.port, address="localhost"))


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_connections_that_fail_leave_nothing_open(tmp_path: Path, trusting: Path) -> None:
    before = open_files()
    with serving(tmp_path, OTHER.sign(HERE)) as port:
        dial = dial_tcp(reached(port, trusting))
        for _ in range(20):
            with pytest.raises(UnreachableError):
                dial(deadline())
    assert open_files() <= before  # what another test left may have been closed meanwhile


# A real engine ---------------------------------------------------------------------------------------------------


@pytest.mark.engine
def test_a_real_engine_behind_tls_is_listed(lab: Lab, tmp_path: Path, folder: Path) -> None:
    made = lab.make(Suspect("victim"))
    context = server_context(CA.sign(HERE), tmp_path / "server", CA.pem)
    with TlsEngine(context, behind=lab.engine.socket) as server:
        target = DockerEngine(reached(server.port, folder), dial_tcp(reached(server.port, folder)), SystemClock())
        assert made in [one.id for one in target.list_containers(deadline())]
        assert target.examine(made, deadline()).id == made
