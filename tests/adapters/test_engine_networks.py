"""Networks over an engine's API: what is asked, what is made of odd answers, and when a network is left."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.adapters.clock import SystemClock
from irkit.adapters.docker_engine import DockerEngine
from irkit.adapters.engine_networks import network_of
from irkit.adapters.engine_wire import dial_unix
from irkit.adapters.memory_store import MemoryStore
from irkit.core import codec
from irkit.core.errors import Refusal, TargetError
from irkit.core.host import Host
from irkit.core.network import Endpoint, NetworkFacts
from irkit.core.operations import AnyOperation, MakeNetwork, RemoveNetwork
from irkit.core.ports import Outcome
from irkit.core.proof import ProofLevel
from tests.acceptance.fake_engine import ID, FakeEngine, Reply, http, listed
from tests.adapters.ssh_side import deadline, target_of
from tests.lab.client_side import ClientSide
from tests.lab.description import Attach, Network, Suspect
from tests.lab.hosts import LabHost
from tests.lab.suspects import Lab

NAME = "irkit-1-2"
OTHER = "f" * 64
FACTS: dict[str, Any] = {
    "Name": NAME, "Id": "ab" * 32, "Driver": "bridge", "Internal": True, "Labels": {"irkit.run": "1"},
    "IPAM": {"Config": [{"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}, {"Subnet": "fd00::/64"}]},
    "Containers": {ID: {"Name": "web", "IPv4Address": "172.18.0.2/16", "IPv6Address": ""}},
}  # fmt: skip
ABSENT = http({"message": f"network {NAME} not found"}, "404 Not Found")


def network(**more: Any) -> Reply:
    return http({**FACTS, "Containers": {}, **more})


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="irkit-fake-") as folder:
        yield Path(folder) / "sock"


Answer = Callable[[str, str], Reply | None]


def apply(place: Path, answers: dict[str, Reply], operation: AnyOperation) -> tuple[Outcome | TargetError, list[str]]:
    """What became of it, and the requests after the greeting; what is not told to answer is honest."""

    def answer(method: str, path: str) -> Reply | None:
        return answers.get(f"{method} {path.split('/', 2)[-1].partition('?')[0]}")

    engine = DockerEngine(Host(name="local", socket=str(place)), dial_unix(str(place)), SystemClock())
    intake = MemoryStore().intake(host="local", container=None, operation=operation, task=0)
    with FakeEngine(place, answer) as fake:
        try:
            ended: Outcome | TargetError = engine.apply(operation, intake, deadline())
        except TargetError as error:
            ended = error
    return ended, [one.replace("/v1.41", "") for one in fake.requests[1:]]


def test_the_facts_of_a_network_are_read() -> None:
    assert network_of(json.dumps(FACTS).encode()) == NetworkFacts(
        name=NAME,
        id="ab" * 32,
        driver="bridge",
        internal=True,
        subnets=("172.18.0.0/16", "fd00::/64"),
        gateways=("172.18.0.1",),
        endpoints=(Endpoint(container=ID, name="web", ipv4="172.18.0.2"),),
        labels={"irkit.run": "1"},
    )


def test_absent_and_null_are_the_same() -> None:
    bare = network_of(b'{"Name": "n", "Id": "1"}')
    nulls = network_of(b'{"Name": "n", "Id": "1", "IPAM": {"Config": null}, "Containers": null, "Labels": null}')
    assert bare == nulls == NetworkFacts(name="n", id="1")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*FACTS, "Subnet"]), values, max_size=5))
def test_no_answer_leads_to_a_traceback_and_what_is_read_can_be_logged(more: dict[str, Any]) -> None:
    try:
        found = network_of(json.dumps({**FACTS, **more}).encode())
    except TargetError as error:
        assert error.kind is Refusal.GARBLED and len(error.reason) < 400
    else:
        codec.canonical(found)


MAKE = MakeNetwork(ID, NAME, "irk2", labels={"irkit.run": "1"})


def test_a_network_that_is_made_is_looked_at(place: Path) -> None:
    made = {"POST networks/create": http({"Id": "1"}, "201 Created"), f"GET networks/{NAME}": network()}
    ended, requests = apply(place, made, MAKE)
    assert isinstance(ended, Outcome) and ended.proof is not None
    assert (ended.detail, ended.proof.level) == ("172.18.0.0/16, fd00::/64", ProofLevel.ASSERTED)
    assert requests == ["POST /networks/create", f"GET /networks/{NAME}"]


def test_an_engine_that_makes_another_network_than_asked_for_is_found_out(place: Path) -> None:
    made = {"POST networks/create": http({"Id": "1"}), f"GET networks/{NAME}": network(Internal=False)}
    ended, _ = apply(place, made, MAKE)
    assert isinstance(ended, Outcome) and ended.proof is not None
    assert ended.proof.level is ProofLevel.WRONG and ended.proof.because.startswith("NOT isolated: ")


def test_where_address_pools_have_run_out_the_engine_s_reason_is_told(place: Path) -> None:
    said = "could not find an available, non-overlapping IPv4 address pool among the defaults"
    ended, requests = apply(place, {"POST networks/create": http({"message": said}, "404 Not Found")}, MAKE)
    assert isinstance(ended, TargetError)
    assert said in ended.reason and ended.is_final
    assert requests == ["POST /networks/create"]


REMOVE = RemoveNetwork(ID, NAME)


def removed(**more: Any) -> dict[str, Reply]:
    return {f"GET networks/{NAME}": network(**more), f"DELETE networks/{NAME}": http(b"", "204 No Content")}


def test_a_network_that_nobody_is_on_is_removed(place: Path) -> None:
    ended, requests = apply(place, removed(), REMOVE)
    assert isinstance(ended, Outcome)
    assert requests[-1] == f"DELETE /networks/{NAME}"


def test_a_network_that_is_gone_is_as_good_as_removed(place: Path) -> None:
    ended, requests = apply(place, {f"GET networks/{NAME}": ABSENT}, REMOVE)
    assert isinstance(ended, Outcome) and ended.detail == "it is gone already"
    assert not [one for one in requests if one.startswith("DELETE")]


STOPPED = listed(Id=OTHER, Names=["/db\x1b"], State="exited", NetworkSettings={"Networks": {NAME: {}}})
MANY = {f"{number:064x}": {"Name": f"c{number}"} for number in range(7)}


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (removed(Containers={OTHER: {"Name": "db"}}), "in use by db"),
        (removed(Containers={ID: {"Name": "web"}}), "in use by web"),
        (removed(Containers=MANY), "in use by c0, c1, c2, c3, c4 and 2 more"),
        ({**removed(), "GET containers/json": http([STOPPED])}, "in use by db"),
        (removed(Labels={}), "irkit did not make it"),
        (removed(Name="irkit-1-22"), "irkit did not make it"),
    ],
)
def test_a_network_that_is_in_use_or_somebody_else_s_is_left_and_told_of(
    place: Path, answers: dict[str, Reply], said: str
) -> None:
    ended, requests = apply(place, answers, REMOVE)
    assert isinstance(ended, TargetError) and ended.kind is Refusal.REFUSED
    assert said in ended.reason and "\x1b" not in ended.reason
    assert not [one for one in requests if one.startswith("DELETE")]


@pytest.mark.engine
def test_over_ssh_a_network_is_read_as_it_is_here(lab: Lab, ssh_host: LabHost, client: ClientSide) -> None:
    lab.network(Network("front", "10.88.1.0/24", internal=True, subnet6="fd00:88:1::/64"))
    web = lab.make(Suspect("web", (Attach("front", ipv4="10.88.1.7", ipv6="fd00:88:1::7"),), command=("sleep", "1000")))
    client.add(ssh_host, "web", user="ana")
    here = DockerEngine(Host(name="local"), dial_unix(str(lab.engine.socket)), SystemClock())
    with target_of(client, "web") as there:
        found = there.examine_network("front", deadline())
        assert found == here.examine_network("front", deadline())
        with pytest.raises(TargetError) as caught:
            there.examine_network("nowhere", deadline())
    assert caught.value.kind is Refusal.ABSENT
    assert (found.name, found.driver, found.internal) == ("front", "bridge", True)
    assert found.subnets == ("10.88.1.0/24", "fd00:88:1::/64")
    assert found.endpoints == (Endpoint(container=web, name="web", ipv4="10.88.1.7", ipv6="fd00:88:1::7"),)
