"""Nothing leaks over SSH: channels, threads and descriptors here, sessions and processes on the host, all counted."""

import gc
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest

from irkit.adapters.clock import SystemClock
from irkit.adapters.engine_http import Answer, EngineApi
from irkit.adapters.ssh_channel import SshChannel
from irkit.adapters.ssh_target import SshTarget
from irkit.adapters.ssh_transport import SshTransport
from irkit.adapters.ssh_way import Ways
from irkit.app import look_deadline
from irkit.core.host import Host
from tests.lab.client_side import ClientSide
from tests.lab.counting import Held, thread_names, wait_released, wait_until
from tests.lab.description import Suspect
from tests.lab.engine import Engine
from tests.lab.fault_proxy import FaultProxy, start_proxy
from tests.lab.host_start import User, start_host
from tests.lab.hosts import LabHost
from tests.lab.suspects import Lab
from tests.soak import often

pytestmark = pytest.mark.engine

FOLLOWS, CALLS, RECONNECTS = 30, 300, often(1000, 56)
WRITERS = 3
LINES = 2000
AT_ONCE = 8
QUICK = {"UsePAM": "no", "LogLevel": "ERROR", "MaxStartups": "100", "MaxSessions": "100"}
"""Settings of an sshd that loses no time on what these tests are not about."""
BY_COMMAND = {**QUICK, "AllowStreamLocalForwarding": "no"}
BREATH = "[ $((i % 200)) = 0 ] && sleep 0.1"
STRANGERS: weakref.WeakSet[Any] = weakref.WeakSet()
QUIET, SAID = ("sh", "-c", "echo quiet; exec sleep 1000"), b"quiet\r\n"


def endless(word: str) -> tuple[str, ...]:
    """A container that counts aloud, some thousand lines a second, and never ends."""
    return ("sh", "-c", f"i=0; while :; do echo {word} $i; i=$((i + 1)); {BREATH}; done")


@pytest.fixture(scope="module", params=[QUICK, BY_COMMAND], ids=["socket", "command"])
def host(engine: Engine, request: pytest.FixtureRequest) -> Iterator[LabHost]:
    """A host that is reached through its engine's socket, and one through a process for every request."""
    with start_host(name="web", engine=engine, users=(User("root"),), sshd=request.param) as made:
        yield made


@pytest.fixture(scope="module")
def quick_host(engine: Engine) -> Iterator[LabHost]:
    with start_host(name="web", engine=engine, users=(User("root"),), sshd=QUICK) as made:
        yield made


@pytest.fixture(scope="module")
def writers(engine: Engine) -> Iterator[list[str]]:
    """Containers that never stop writing, by the word that each says."""
    words = [f"writer{number}" for number in range(WRITERS)]
    with Lab(engine) as made:
        for word in words:
            made.make(Suspect(word, command=endless(word), tty=True))
        yield words


def target_of(client: ClientSide, name: str) -> SshTarget:
    ways = Ways(client.environment(), client.home, client.config)
    return SshTarget(Host(name=name, reach="ssh"), ways, SystemClock())


def check_nothing_left(host: LabHost, work: Callable[[], None]) -> None:
    """What was held before the work is all that is held after it, here and on the host."""
    before = Held()
    work()
    assert wait_released(before) == {}, thread_names()
    assert wait_until(lambda: alive(SshTransport) == alive(SshChannel) == [])
    assert host.wait_sessions(0) == 0
    assert host.wait_no_processes("dial-stdio") == {}


def check_idle(host: LabHost, connections: int) -> None:
    """These connections are all there is, and no request is left on them."""
    assert host.wait_sessions(connections) == connections
    assert wait_until(lambda: len(alive(SshTransport)) == connections)
    assert wait_until(lambda: not any(len(one._channels) for one in alive(SshTransport)))
    assert wait_until(lambda: len(alive(SshChannel)) <= connections), (
        "but for the one that a connection's thread has seen last"
    )
    assert host.wait_no_processes("dial-stdio") == {}


def alive(kind: type) -> list[Any]:
    """The objects of a kind that something still refers to, less those of other tests."""
    gc.collect()
    return [one for one in gc.get_objects() if type(one) is kind and one not in STRANGERS]


@pytest.fixture(autouse=True)
def strangers() -> Iterator[None]:
    STRANGERS.update([*alive(SshTransport), *alive(SshChannel)])
    yield
    STRANGERS.clear()


def follow(api: EngineApi, container: str, all_open: threading.Barrier) -> list[str]:
    """Lines of a log as it grows, read on once all the others have begun to."""
    with following(api, container) as answer:
        text = read_some(answer, 1)
        all_open.wait(240)
        while text.count(b"\n") < LINES:
            text += read_some(answer, 1 << 16)
    return text.decode().split("\r\n")[:LINES]


def following(api: EngineApi, container: str) -> AbstractContextManager[Answer]:
    query = {"follow": "1", "stdout": "1"}
    return api.request("GET", f"/containers/{container}/logs", look_deadline(240), query=query)


def read_some(answer: Answer, most: int) -> bytes:
    buffer = bytearray(most)
    count = answer.readinto(memoryview(buffer))
    assert count, "the log of a container that runs has ended"
    return bytes(buffer[:count])


def test_thirty_logs_are_followed_at_once_over_one_connection_and_leave_nothing(
    host: LabHost, client: ClientSide, writers: list[str]
) -> None:
    client.add(host)
    check_nothing_left(host, lambda: follow_many(host, client, writers))


def follow_many(host: LabHost, client: ClientSide, writers: list[str]) -> None:
    target = target_of(client, "web")
    api = EngineApi(target._dial_bulk)
    wanted = [writers[number % WRITERS] for number in range(FOLLOWS)]
    sessions: list[int] = []
    barrier = threading.Barrier(FOLLOWS, action=lambda: sessions.append(host.sessions()))
    with ThreadPoolExecutor(FOLLOWS) as pool:
        found = list(pool.map(lambda word: follow(api, word, barrier), wanted))
    assert sessions == [2], "all streams share one connection, beside the one for what must not wait"
    for word, lines in zip(wanted, found, strict=True):
        assert lines == [f"{word} {number}" for number in range(LINES)]
    check_idle(host, connections=2)
    target.close()


def test_logs_of_a_container_that_says_nothing_are_let_go_of_too(lab: Lab, host: LabHost, client: ClientSide) -> None:
    """Neither end has anything to say any more: that nobody listens shows only in what ends."""
    lab.make(Suspect("quiet", command=QUIET, tty=True))
    with start_proxy(host.address, host.port) as proxy:
        client.add(host, address=proxy.address, port=proxy.port)
        check_nothing_left(host, lambda: follow_the_quiet(host, client, proxy))


def follow_the_quiet(host: LabHost, client: ClientSide, proxy: FaultProxy) -> None:
    target = target_of(client, "web")
    api = EngineApi(target._dial_bulk)
    with following(api, "quiet") as answer:
        assert read_some(answer, len(SAID)) == SAID
    check_idle(host, connections=2)
    with following(api, "quiet") as answer:
        assert read_some(answer, len(SAID)) == SAID
        proxy.strike("reset")
        assert host.wait_sessions(0) == 0
        assert host.wait_no_processes("dial-stdio") == {}
    target.close()


def test_three_hundred_calls_leave_one_connection_and_nothing_else(
    host: LabHost, client: ClientSide, writers: list[str]
) -> None:
    client.add(host)
    check_nothing_left(host, lambda: call_often(host, client, set(writers)))


def call_often(host: LabHost, client: ClientSide, wanted: set[str]) -> None:
    target = target_of(client, "web")
    assert names_on(target) >= wanted
    settled = Held()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda _: names_on(target), range(CALLS)))
    assert len(found) == CALLS and all(names == found[0] for names in found)
    assert wait_released(settled) == {}, thread_names()
    check_idle(host, connections=1)
    target.close()


def names_on(target: SshTarget) -> set[str]:
    return {one.name for one in target.list_containers(look_deadline())}


def test_connections_that_are_lost_and_made_again_over_and_over_leave_nothing(
    quick_host: LabHost, client: ClientSide, writers: list[str]
) -> None:
    with ExitStack() as stack:
        proxies = [stack.enter_context(start_proxy(quick_host.address, quick_host.port)) for _ in range(AT_ONCE)]
        for number, proxy in enumerate(proxies):
            client.add(quick_host, f"way{number}", address=proxy.address, port=proxy.port)
        check_nothing_left(quick_host, lambda: reconnect_often(client, proxies, set(writers)))
        accepted = sum(proxy.counts().accepted for proxy in proxies)
        assert accepted == RECONNECTS + AT_ONCE, "each loss is made good by one connection"


def reconnect_often(client: ClientSide, proxies: Sequence[FaultProxy], wanted: set[str]) -> None:
    targets = [target_of(client, f"way{number}") for number in range(len(proxies))]
    with ThreadPoolExecutor(len(proxies)) as pool:
        found = list(pool.map(reconnect, targets, proxies))
    assert all(names >= wanted for names in found)


def reconnect(target: SshTarget, proxy: FaultProxy) -> set[str]:
    """Lose the connection many times, each time after a call; what all calls were answered alike."""
    found = names_on(target)
    for _ in range(RECONNECTS // AT_ONCE):
        proxy.strike("reset")
        assert names_on(target) == found
    target.close()
    return found
