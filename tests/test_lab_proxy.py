"""The fault proxy, on plain connections where bytes can be counted and under the real OpenSSH client."""

import hashlib
import random
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from tests.lab import processes
from tests.lab.client_side import ClientSide
from tests.lab.counting import LONG, Held, wait_released, wait_until
from tests.lab.fault_proxy import Counts, Fault, FaultProxy, Kind, start_proxy
from tests.lab.host_start import start_host
from tests.lab.hosts import LabHost
from tests.lab.tools import LabError

DATA = random.Random(1).randbytes(300_000)
POINT = 123_457
DATA_SEGMENTS_IN = 152  # where struct tcp_info has it


class Peer:
    """A server that takes connections; what to do with them is the test's."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self.listener.getsockname()
        self.taken: list[socket.socket] = []

    def take(self) -> socket.socket:
        self.listener.settimeout(LONG)
        connection, _address = self.listener.accept()
        connection.settimeout(LONG)
        self.taken.append(connection)
        return connection

    def close(self) -> None:
        for each in (self.listener, *self.taken):
            each.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.close()


def connect(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection((proxy.address, proxy.port), LONG)


def read_all(connection: socket.socket, wanted: int = 0, *, stays: bool = False) -> tuple[bytes, str]:
    """All that comes, and how it looks from here when nothing more comes.

    So many bytes are waited for, and an end, too, unless the connection is to stay as it is.
    """
    found = b""
    try:
        while True:
            connection.settimeout(0.5 if stays and len(found) >= wanted else LONG)
            if not (block := connection.recv(2**16)):
                break
            found += block
    except TimeoutError:
        return found, "open"
    except ConnectionResetError:
        return found, "reset"
    return found, "ended"


def read_size(connection: socket.socket, size: int) -> bytes:
    """So many bytes."""
    connection.settimeout(LONG)
    found = b""
    while len(found) < size and (block := connection.recv(2**16)):
        found += block
    return found


def send(connection: socket.socket, data: bytes) -> threading.Thread:
    """Send without waiting for who reads."""

    def run() -> None:
        try:
            connection.sendall(data)
        except OSError:
            return

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_without_a_fault_all_passes_and_ends_pass_too(peer: Peer) -> None:
    with start_proxy(*peer.address) as proxy, connect(proxy) as client:
        server = peer.take()
        sender = send(client, DATA)
        assert read_size(server, len(DATA)) == DATA
        client.shutdown(socket.SHUT_WR)
        assert server.recv(1) == b""
        server.sendall(b"answer")
        server.close()
        assert read_all(client) == (b"answer", "ended")
        sender.join()
        assert wait_until(lambda: proxy.counts().open == 0)
        assert proxy.counts() == Counts(up=len(DATA), down=6, accepted=1, open=0, befallen=0)


@pytest.mark.parametrize(
    ("kind", "client_sees", "server_sees"),
    [("drop", "open", "open"), ("reset", "reset", "reset"), ("half-close", "ended", "open")],
)
def test_a_fault_falls_on_the_exact_byte(peer: Peer, kind: Kind, client_sees: str, server_sees: str) -> None:
    with start_proxy(*peer.address) as proxy:
        proxy.arm(Fault(kind, after=POINT, direction="down"))
        with connect(proxy) as client:
            server = peer.take()
            sender = send(server, DATA)
            assert wait_until(lambda: proxy.counts().befallen == 1)
            assert read_all(client, POINT, stays=client_sees == "open") == (DATA[:POINT], client_sees)
            assert read_all(server, stays=server_sees == "open") == (b"", server_sees)
            assert proxy.counts().down == POINT
            if kind == "half-close":
                client.sendall(b"the other way goes on")
                assert server.recv(99) == b"the other way goes on"
            client.close()
            server.close()
            sender.join(LONG)


def test_what_came_before_a_reset_reaches_a_slow_reader_too(peer: Peer) -> None:
    with start_proxy(*peer.address) as proxy, socket.socket() as client:
        proxy.arm(Fault("reset", after=POINT, direction="down"))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((proxy.address, proxy.port))
        sender = send(peer.take(), DATA)
        assert wait_until(lambda: proxy.counts().befallen == 1)
        assert read_all(client) == (DATA[:POINT], "reset")
        sender.join()


def test_a_stall_holds_both_ways_and_loses_nothing(peer: Peer) -> None:
    with start_proxy(*peer.address) as proxy:
        proxy.arm(Fault("stall", after=POINT, direction="up", seconds=600))
        with connect(proxy) as client:
            server = peer.take()
            sender = send(client, DATA)
            got = read_size(server, POINT)
            server.sendall(b"held too")
            assert read_all(server, stays=True) == (b"", "open")
            assert read_all(client, stays=True) == (b"", "open")
            proxy.strike("stall", seconds=0)  # it is over
            assert read_size(client, 8) == b"held too"
            assert got + read_size(server, len(DATA) - POINT) == DATA
            sender.join()


def test_a_stall_ends_by_itself(peer: Peer) -> None:
    with start_proxy(*peer.address) as proxy:
        proxy.arm(Fault("stall", after=POINT, direction="up", seconds=0.3))
        with connect(proxy) as client:
            sender = send(client, DATA)
            assert read_size(peer.take(), len(DATA)) == DATA
            assert proxy.counts().befallen == 1
            sender.join()


def test_one_byte_segments_are_one_byte_each(peer: Peer) -> None:
    with start_proxy(*peer.address) as proxy:
        proxy.arm(Fault("segments", direction="down"))
        with connect(proxy) as client:
            peer.take().sendall(DATA[:3000])
            assert read_size(client, 3000) == DATA[:3000]
            told = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            assert struct.unpack_from("I", told, DATA_SEGMENTS_IN)[0] >= 3000


def test_a_delay_comes_once_each_way_and_keeps_order(peer: Peer) -> None:
    with start_proxy(*peer.address, delay=0.2) as proxy, connect(proxy) as client:
        server = peer.take()
        started = time.monotonic()
        client.sendall(DATA[:1000])
        assert server.recv(2000) == DATA[:1000]
        server.sendall(b"back")
        assert client.recv(9) == b"back"
        assert time.monotonic() - started >= 0.4
        sender = send(client, DATA)
        assert read_size(server, len(DATA)) == DATA
        sender.join()


def test_a_delay_can_begin_at_a_byte(peer: Peer) -> None:
    with start_proxy(*peer.address) as proxy:
        proxy.arm(Fault("delay", after=4, direction="up", seconds=1))
        with connect(proxy) as client:
            server = peer.take()
            started = time.monotonic()
            client.sendall(b"soonlate")
            assert server.recv(99) == b"soon"
            assert read_size(server, 4) == b"late"
            assert time.monotonic() - started >= 1


def test_faults_are_counted_by_connection_or_over_all(peer: Peer) -> None:
    with start_proxy(*peer.address) as proxy:
        proxy.arm(Fault("reset", after=15, direction="up", over_all=True))
        for wanted in ((10, "open"), (5, "reset"), (10, "open")):
            with connect(proxy) as client, peer.take() as server:
                client.sendall(b"0123456789")
                data, how = read_all(server, wanted[0], stays=wanted[1] == "open")
                assert (len(data), how) == wanted
        assert wait_until(lambda: proxy.counts().open == 0)
        proxy.arm(Fault("reset", after=5, direction="up", times=0))
        for _number in range(2):
            with connect(proxy) as client, peer.take() as server:
                client.sendall(b"0123456789")
                assert read_all(server) == (b"01234", "reset")
        proxy.disarm()
        with connect(proxy) as client, peer.take() as server:
            client.sendall(b"0123456789")
            assert read_size(server, 10) == b"0123456789"
            proxy.strike("reset")
            assert (read_all(client), read_all(server)) == ((b"", "reset"), (b"", "reset"))
        assert proxy.counts() == Counts(up=45, down=0, accepted=6, open=0, befallen=4)


def test_a_slow_reader_holds_up_the_sender(peer: Peer) -> None:
    with start_proxy(*peer.address) as proxy, connect(proxy) as client:
        server = peer.take()
        sender = send(server, bytes(64 * 2**20))
        assert wait_until(lambda: proxy.counts().down > 0)
        time.sleep(0.5)
        assert sender.is_alive()
        assert proxy.counts().down < 32 * 2**20
        client.close()
        sender.join(LONG)
        assert not sender.is_alive()


def test_where_nobody_listens_the_client_is_reset(peer: Peer) -> None:
    address = peer.address
    peer.close()
    with start_proxy(*address) as proxy:
        with pytest.raises(ConnectionResetError), connect(proxy) as client:
            client.recv(1)
        assert wait_until(lambda: proxy.counts().open == 0)


def test_a_proxy_adds_neither_threads_nor_descriptors_once_it_is_gone(peer: Peer) -> None:
    before = Held()
    with start_proxy(*peer.address) as proxy:
        assert Held().more(before) == {"pipe": 3}
        with connect(proxy):
            peer.take().close()
            assert Held().more(before) == {"pipe": 3, "socket": 1}
    peer.taken.clear()
    assert wait_released(before) == {}


OWNER = """
import sys
from tests.lab.fault_proxy import start_proxy
with start_proxy("127.0.0.1", 9) as proxy:
    print(proxy._companion.pid, flush=True)
    sys.stdin.read()
"""


def test_a_proxy_ends_with_its_owner() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", OWNER], stdin=pipe, stdout=pipe, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert processes.alive(pid)
        owner.kill()
    assert processes.wait_gone({pid}, LONG) == set()


def test_a_proxy_that_cannot_start_says_so_in_one_line() -> None:
    with (
        pytest.raises(LabError, match="has ended") as caught,
        start_proxy("127.0.0.1", -1, delay=float("nan")) as proxy,
    ):
        connect(proxy).close()
        wait_until(lambda: proxy.counts().accepted == 2)
    assert "\n" not in str(caught.value)


@pytest.fixture
def behind_proxy(client: ClientSide) -> Iterator[tuple[LabHost, FaultProxy]]:
    with start_host() as host, start_proxy(host.address, host.port) as proxy:
        client.add(host, address=proxy.address, port=proxy.port, options={"ServerAliveInterval": "1"})
        yield host, proxy


@pytest.mark.engine
def test_ssh_goes_through_and_is_whole_in_small_segments(
    behind_proxy: tuple[LabHost, FaultProxy], client: ClientSide
) -> None:
    host, proxy = behind_proxy
    (host.home("root") / "data").write_bytes(DATA)
    assert client.ssh("host", "cat data").stdout == DATA
    for direction in ("up", "down"):
        proxy.arm(Fault("segments", direction=direction))
    wanted = hashlib.sha256(DATA[:50_000]).hexdigest()
    assert client.ssh("host", "sha256sum", input=DATA[:50_000]).stdout.split()[0] == wanted.encode()
    assert proxy.counts().up > 50_000
    assert proxy.counts().down > len(DATA)


@pytest.mark.engine
@pytest.mark.parametrize(
    ("kind", "said"),
    [("reset", "reset by|Broken pipe"), ("half-close", "closed by"), ("drop", "not responding")],
)
def test_ssh_notices_what_befalls_it(
    behind_proxy: tuple[LabHost, FaultProxy], client: ClientSide, kind: Kind, said: str
) -> None:
    host, proxy = behind_proxy
    (host.home("root") / "data").write_bytes(DATA)
    proxy.arm(Fault(kind, after=POINT))
    failed = client.ssh("host", "cat data", options=["ServerAliveCountMax=2"], check=False)
    assert failed.returncode == 255
    assert re.search(said, failed.stderr.decode())
    assert len(failed.stdout) < POINT
    assert DATA.startswith(failed.stdout)
    assert client.ssh("host", "cat data").stdout == DATA
