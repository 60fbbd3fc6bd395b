"""Who has an address, and which one is free nearest to it."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.core.network import Endpoint, NetworkFacts
from irkit.engine.addresses import holder_of, is_foreign, nearest_free


def network(*taken: str, subnets: tuple[str, ...] = ("10.1.0.0/24",), gateways: tuple[str, ...] = ()) -> NetworkFacts:
    endpoints = tuple(
        Endpoint(container=f"{number:064x}", name=f"c{number}", **{"ipv6" if ":" in one else "ipv4": one})
        for number, one in enumerate(taken)
    )
    return NetworkFacts(name="front", id="1", subnets=subnets, gateways=gateways, endpoints=endpoints)


def test_whoever_has_an_address_is_named() -> None:
    facts = network("10.1.0.5", "fd00:0::5", gateways=("10.1.0.1",))
    assert holder_of(facts, "10.1.0.5", "me") == "container c0"
    assert holder_of(facts, "fd00::0:5", "me") == "container c1", "one address can be written in many ways"
    assert holder_of(facts, "10.1.0.1", "me") == "the network's gateway"
    assert holder_of(facts, "10.1.0.6", "me") == ""
    assert holder_of(facts, "", "me") == "" and holder_of(facts, "nonsense", "me") == ""
    assert holder_of(facts, "10.1.0.5", f"{0:064x}") == "", "a container does not stand in its own way"


def test_an_address_of_another_subnet_is_known() -> None:
    assert is_foreign(network(), "10.2.0.5") and not is_foreign(network(), "10.1.0.5")
    assert not is_foreign(network(), "fd00::1"), "of IPv6 it tells nothing"
    assert not is_foreign(network(), "") and not is_foreign(network(subnets=("nonsense",)), "10.1.0.1")


@pytest.mark.parametrize(
    ("facts", "address", "free"),
    [
        (network("10.1.0.5"), "10.1.0.5", "10.1.0.6"),
        (network("10.1.0.5", "10.1.0.6"), "10.1.0.5", "10.1.0.4"),
        (network("10.1.0.254"), "10.1.0.254", "10.1.0.253"),
        (network(), "10.1.0.1", "10.1.0.2"),
        (network(gateways=("10.1.0.254",)), "10.1.0.1", "10.1.0.1"),
        (network(gateways=("10.1.0.1",)), "10.1.0.1", "10.1.0.2"),
        (network(), "10.9.0.5", "10.1.0.254"),
        (network(), "9.9.0.5", "10.1.0.2"),
        (network("10.1.0.1", subnets=("10.1.0.0/30",)), "10.1.0.1", "10.1.0.2"),
        (network("10.1.0.2", subnets=("10.1.0.0/30",)), "10.1.0.1", ""),
        (network("10.1.0.0", subnets=("10.1.0.0/31",)), "10.1.0.0", "10.1.0.1"),
        (network("fd00::5", subnets=("fd00::/64",)), "fd00::5", "fd00::6"),
        (network(), "fd00::5", ""),
        (network(subnets=()), "10.1.0.5", ""),
        (network(subnets=("10.1.0.0/24", "10.9.0.0/24")), "10.9.0.7", "10.9.0.7"),
        (network(), "nonsense", ""),
    ],
)
def test_the_nearest_free_address_is_found(facts: NetworkFacts, address: str, free: str) -> None:
    assert nearest_free(facts, address) == free


def test_what_is_reserved_is_left_free() -> None:
    assert nearest_free(network("10.1.0.5"), "10.1.0.5", frozenset({"10.1.0.6", "10.1.0.4"})) == "10.1.0.7"


@given(st.integers(24, 30), st.sets(st.integers(0, 255)), st.integers(0, 255))
def test_it_is_free_in_the_subnet_and_none_is_nearer(length: int, taken: set[int], wanted: int) -> None:
    subnet = ipaddress.ip_network(f"10.1.0.0/{length}")
    facts = network(*(f"10.1.0.{number}" for number in taken), subnets=(str(subnet),))
    usable = {int(one) & 255 for one in subnet.hosts()} - taken - {1}  # the first is the gateway's
    found = nearest_free(facts, f"10.1.0.{wanted}")
    assert bool(found) == bool(usable)
    if found:
        number = int(found.rpartition(".")[2])
        assert number in usable
        assert abs(number - wanted) == min(abs(one - wanted) for one in usable)
