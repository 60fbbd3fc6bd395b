"""What Podman answers otherwise than Docker, each case as it was seen, and what irkit makes of it."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from irkit.adapters.clock import SystemClock
from irkit.adapters.docker_engine import DockerEngine
from irkit.adapters.engine_facts import container_of
from irkit.adapters.engine_wire import dial_unix
from irkit.adapters.host_side import NoFiles
from irkit.adapters.memory_files import MemoryFiles
from irkit.adapters.memory_store import MemoryStore
from irkit.core.container import Attachment, Container, Limits, RestartPolicy
from irkit.core.errors import Refusal, TargetError
from irkit.core.host import Host
from irkit.core.operations import (
    AnyOperation,
    Connect,
    Disconnect,
    ListProcesses,
    ReadEvents,
    SetLimits,
    SetRestartPolicy,
)
from irkit.core.ports import HostFiles, Outcome
from irkit.engine.deadline import Cancel, OperationDeadline
from tests.acceptance.fake_engine import ID, INFO, FakeEngine, Reply, http, inspected

GREETING = {"Libpod-Api-Version": "5.4.2", "Server": "Libpod/5.4.2 (linux)"}
FRONT = {"IPAMConfig": None, "NetworkID": "77ab", "IPAddress": "10.88.1.7", "GlobalIPv6Address": "fd00::7"}
NOTHING = {"IPAMConfig": None, "NetworkID": "bridge", "IPAddress": ""}
POLICY = RestartPolicy(name="always")


class Podman:
    """Podman with one container, whose state is told one answer after another; the last is told for ever."""

    def __init__(
        self, *states: str, update: str = "405 Method Not Allowed", greeting: dict[str, str] = GREETING
    ) -> None:
        self.states, self.update, self.greeting = list(states or ["running"]), update, greeting
        self.settings: dict[str, Any] = {}

    def __call__(self, method: str, path: str) -> Reply | None:
        if path == "/_ping":
            return http(b"OK", headers=self.greeting)
        what = path.split("/", 2)[2].partition("?")[0]
        if what == f"containers/{ID}/json":
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            networks = {"Networks": {"front": FRONT}}
            return http(inspected(State={"Status": state}, NetworkSettings=networks, HostConfig=self.settings))
        if what == f"containers/{ID}/update" and (method == "GET" or self.update.startswith("404")):
            return http(b"Not Found", self.update)
        return http(INFO) if what == "info" else http(b"")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name: the path of a socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="irkit-fake-") as folder:
        yield Path(folder) / "sock"


def deadline() -> OperationDeadline:
    return OperationDeadline(SystemClock(), 60, 60, Cancel())


def apply(
    place: Path, podman: Podman, operation: AnyOperation, files: HostFiles | None = None
) -> tuple[Outcome | TargetError, Sequence[str]]:
    """What became of it, and the requests that were made after the greeting."""
    host = Host(name="local", socket=str(place))
    engine = DockerEngine(host, dial_unix(str(place)), SystemClock(), files=files or NoFiles("there are none"))
    intake = MemoryStore().intake(host="local", container=None, operation=operation, task=0)
    with FakeEngine(place, podman) as fake:
        try:
            ended: Outcome | TargetError = engine.apply(operation, intake, deadline())
        except TargetError as error:
            ended = error
    return ended, [one.replace("/v1.41", "").replace(ID, "ID") for one in fake.requests[1:]]


def facts(networks: dict[str, Any], *, podman: bool = True) -> Container:
    return container_of(json.dumps(inspected(NetworkSettings={"Networks": networks})).encode(), "local", podman=podman)


def test_an_address_is_taken_for_one_that_was_asked_for() -> None:
    place = facts({"front": FRONT}).attachment("front")
    assert place is not None
    assert (place.ipv4, place.fixed_ipv4) == ("10.88.1.7", "10.88.1.7")
    assert (place.ipv6, place.fixed_ipv6) == ("fd00::7", "fd00::7")


def test_an_address_that_docker_chose_is_not() -> None:
    place = facts({"front": FRONT}, podman=False).attachment("front")
    assert place is not None
    assert (place.ipv4, place.fixed_ipv4, place.ipv6, place.fixed_ipv6) == ("10.88.1.7", "", "fd00::7", "")


@pytest.mark.parametrize("mode", ["bridge", "none", "host"])
def test_a_mode_that_is_listed_as_a_network_is_none(mode: str) -> None:
    found = facts({mode: {**NOTHING, "NetworkID": mode}, "front": FRONT})
    assert [one.network for one in found.attachments] == ["front"]
    kept = facts({mode: {**NOTHING, "NetworkID": mode}}, podman=False)
    assert [one.network for one in kept.attachments] == [mode]


def test_what_no_engine_can_cut_stays_in_sight() -> None:
    assert [one.network for one in facts({"pasta": {**NOTHING, "NetworkID": "pasta"}}).attachments] == ["pasta"]


CHANGES = [Disconnect(ID, "front"), Connect(ID, Attachment(network="front"))]


@pytest.mark.parametrize("operation", CHANGES, ids=["disconnect", "connect"])
def test_a_paused_container_is_refused_before_anything_is_sent(place: Path, operation: AnyOperation) -> None:
    error, requests = apply(place, Podman("paused"), operation)
    assert isinstance(error, TargetError)
    assert error.kind is Refusal.UNSUPPORTED and error.is_final
    assert "changes nothing" in error.reason and "unpause" in error.reason
    assert requests == ["GET /containers/ID/json"]


@pytest.mark.parametrize("operation", CHANGES, ids=["disconnect", "connect"])
def test_one_that_was_paused_meanwhile_is_not_called_done(place: Path, operation: AnyOperation) -> None:
    error, requests = apply(place, Podman("running", "paused"), operation)
    assert isinstance(error, TargetError)
    assert error.kind is Refusal.REFUSED and not error.is_final
    assert "paused meanwhile" in error.reason
    assert [one.partition(" ")[0] for one in requests[:3]] == ["GET", "POST", "GET"]
    assert len([one for one in requests if one.startswith("POST")]) == 1


@pytest.mark.parametrize("operation", CHANGES, ids=["disconnect", "connect"])
@pytest.mark.parametrize("state", ["running", "exited"])
def test_another_is_changed_as_asked(place: Path, operation: AnyOperation, state: str) -> None:
    ended, requests = apply(place, Podman(state), operation)
    assert ended == Outcome()
    assert any(one.startswith("POST /networks/front/") for one in requests)


@pytest.mark.parametrize("operation", CHANGES, ids=["disconnect", "connect"])
def test_docker_changes_a_paused_one(place: Path, operation: AnyOperation) -> None:
    ended, requests = apply(place, Podman("paused", greeting={"Server": "Docker/28.5.2 (linux)"}), operation)
    assert ended == Outcome()
    assert [one.partition(" ")[0] for one in requests] == ["GET", "POST"]


class HalfConnects(Podman):
    """Refuses to connect; before 5.8 it keeps the wish all the same, and can't inspect the container any more."""

    def __init__(self, mends: bool) -> None:
        super().__init__()
        self.mends, self.is_torn = mends, False

    def __call__(self, method: str, path: str) -> Reply | None:
        if path.endswith("/connect"):
            self.is_torn = not self.mends
            return http({"message": "IPAM error: requested ip address 10.88.1.7 is taken"}, "500 Internal Server Error")
        if path.endswith("/disconnect"):
            self.is_torn = False
            return http({"message": "netavark: no such device"}, "500 Internal Server Error")
        if self.is_torn and path.endswith("/json"):
            said = "network inspection mismatch: asked to join 2 network(s), but have information on 1 network(s)"
            return http({"message": f"{said}: internal libpod error"}, "500 Internal Server Error")
        return super().__call__(method, path)


def test_what_is_left_of_a_refused_connect_is_taken_away(place: Path) -> None:
    podman = HalfConnects(mends=False)
    error, requests = apply(place, podman, Connect(ID, Attachment(network="front")))
    assert isinstance(error, TargetError)
    assert error.kind is Refusal.REFUSED and "10.88.1.7 is taken" in error.reason
    assert [one for one in requests if one.startswith("POST")] == [
        "POST /networks/front/connect",
        "POST /networks/front/disconnect",
    ]
    assert not podman.is_torn


def test_a_refused_connect_that_left_nothing_is_not_followed_by_a_disconnect(place: Path) -> None:
    error, requests = apply(place, HalfConnects(mends=True), Connect(ID, Attachment(network="front")))
    assert isinstance(error, TargetError) and error.kind is Refusal.REFUSED
    assert [one for one in requests if one.startswith("POST")] == ["POST /networks/front/connect"]


def test_a_network_it_is_on_is_told_apart(place: Path) -> None:
    class Connected(Podman):
        def __call__(self, method: str, path: str) -> Reply | None:
            if path.endswith("/connect"):
                said = f"container {ID} is already connected to network front: network is already connected"
                return http({"message": said}, "500 Internal Server Error")
            return super().__call__(method, path)

    error, _ = apply(place, Connected(), Connect(ID, Attachment(network="front")))
    assert isinstance(error, TargetError) and error.kind is Refusal.ALREADY


def test_a_restart_policy_is_left_where_there_is_no_request_for_it(place: Path) -> None:
    error, requests = apply(place, Podman(update="404 Not Found"), SetRestartPolicy(ID, POLICY))
    assert isinstance(error, TargetError)
    assert error.kind is Refusal.UNSUPPORTED
    assert error.reason == "this Podman has no request to change a restart policy (5.4 has)"
    assert requests == ["GET /containers/ID/update"]


def test_a_restart_policy_is_changed_where_there_is(place: Path) -> None:
    ended, requests = apply(place, Podman(), SetRestartPolicy(ID, POLICY))
    assert ended == Outcome()
    assert requests == ["GET /containers/ID/update", "POST /containers/ID/update"]


def test_limits_are_left_where_there_is_no_request_for_them(place: Path) -> None:
    error, requests = apply(place, Podman(update="404 Not Found"), SetLimits(ID, Limits(pids=20)))
    assert isinstance(error, TargetError)
    assert error.kind is Refusal.UNSUPPORTED
    assert error.reason == "this Podman has no request to change limits (5.4 has)"
    assert requests == ["GET /containers/ID/update"]


def test_limits_are_set_where_there_is_whatever_the_answer_is(place: Path) -> None:
    ended, requests = apply(place, Podman(), SetLimits(ID, Limits(pids=20)))
    assert ended == Outcome()
    assert requests == ["GET /containers/ID/update", "GET /containers/ID/json", "POST /containers/ID/update"]


def test_limits_are_set_with_the_restart_policy_there_is_as_podman_would_drop_it(place: Path) -> None:
    podman = Podman()
    podman.settings = {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}
    host = Host(name="local", socket=str(place))
    engine = DockerEngine(host, dial_unix(str(place)), SystemClock(), files=NoFiles("there are none"))
    operation = SetLimits(ID, Limits(pids=20))
    with FakeEngine(place, podman) as fake:
        engine.apply(operation, MemoryStore().intake(host="", container=None, operation=operation, task=0), deadline())
        sent = json.loads(fake.bodies[-1])
    assert sent == {"PidsLimit": 20, "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}


def test_processes_are_never_asked_for(place: Path) -> None:
    error, requests = apply(place, Podman(), ListProcesses(ID))
    assert isinstance(error, TargetError)
    assert error.kind is Refusal.UNSUPPORTED and "inside the container" in error.reason
    assert requests == []


def test_nor_is_that_a_failure_where_proc_shows_them(place: Path) -> None:
    files = MemoryFiles()
    files.put(b"/proc/1/environ", b"A=b")
    ended, requests = apply(place, Podman(), ListProcesses(ID), files)
    assert isinstance(ended, Outcome)
    assert ended.detail.startswith("not asked for") and "inside the container" in ended.detail
    assert requests == []


def test_events_are_asked_for_up_to_a_moment_to_come(place: Path) -> None:
    """With an end that is past, Podman stops before it has read its file."""
    _, requests = apply(place, Podman(), ReadEvents("1h"))
    assert requests == ["GET /info", "GET /events?since=1767222000.500000&until=1767225602.500000"]


def test_docker_is_asked_for_events_up_to_now(place: Path) -> None:
    _, requests = apply(place, Podman(greeting={}), ReadEvents("1h"))
    assert requests == ["GET /info", "GET /events?since=1767222000.500000&until=1767225600.500000"]
