"""A container as it was found: what of it differs, and what is left out because only one of the two tells it."""

from typing import Any

import pytest
from msgspec.structs import replace

from irkit.core.container import Attachment, Container, Limits, RestartPolicy
from irkit.core.finding import Severity
from irkit.core.found import Found, all_placed, differences, place_differences, placed
from irkit.core.kernel import KernelFacts

PLACE = Attachment(
    network="front",
    network_id="n1",
    ipv4="10.1.0.5",
    ipv6="fd00::5",
    mac="02:42:0a:01:00:05",
    fixed_ipv4="10.1.0.5",
    aliases=("web",),
    links=("db:db",),
    driver_options={"a": "b"},
    gateway_priority=1,
    interface="eth0",
    default_route=True,
)
WEB = Container(id="1" * 64, name="web", host="local", image="i", attachments=(PLACE,))
KERNEL = KernelFacts(alive=True, places={"10.1.0.5": "eth0"}, default_route="eth0")


def found(one: Container = WEB, **more: Any) -> Found:
    known: dict[str, Any] = {
        "key": one.key,
        "name": one.name,
        "state": one.state,
        "attachments": one.attachments,
        "is_whole": True,
        "restart_policy": one.restart_policy,
        "limits": one.limits,
    }
    return Found(**known | more)


def told(was: Found, now: Container, kernel: KernelFacts | None = KERNEL) -> list[str]:
    return [one.text for one in differences(was, now, kernel)]


def test_nothing_differs_from_itself() -> None:
    assert told(found(), WEB) == [] and told(found(), WEB, None) == []


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"attachments": ()}, "it was on network front and is not"),
        ({"attachments": (PLACE, Attachment(network="back"))}, "it is on network back and was not"),
        ({"state": "paused"}, "it was running and is paused"),
        ({"restart_policy": RestartPolicy(name="on-failure", maximum_retries=3)}, "was no and is on-failure:3"),
        ({"limits": Limits(pids=5)}, "its limits were none and are 5 processes"),
        ({"name": "other"}, "its name was web and is other"),
    ],
)
def test_what_differs_is_told(changed: dict[str, Any], text: str) -> None:
    (one,) = told(found(), replace(WEB, **changed))
    assert text in one


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"fixed_ipv4": "10.1.0.6", "ipv4": "10.1.0.5"}, "IPv4 address asked for was 10.1.0.5 and is 10.1.0.6"),
        ({"fixed_ipv6": "fd00::5"}, "IPv6 address asked for was none and is fd00::5"),
        ({"ipv6": "fd00::6"}, "IPv6 address was fd00::5 and is fd00::6"),
        ({"mac": "02:42:0a:01:00:06"}, "MAC address was 02:42:0a:01:00:05 and is 02:42:0a:01:00:06"),
        ({"aliases": ()}, "aliases were web and are none"),
        ({"links": ()}, "links were db:db and are none"),
        ({"link_local": ("169.254.1.1",)}, "link-local addresses were none and are 169.254.1.1"),
        ({"driver_options": {}}, "driver options were a=b and are none"),
        ({"gateway_priority": 0}, "gateway priority was 1 and is 0"),
        ({"network_id": "n2"}, "network front was removed and made again"),
        ({"interface": "eth2"}, "interface was eth0 and is eth2"),
        ({"default_route": False}, "its default route went by network front and does not"),
    ],
)
def test_what_differs_of_a_place_is_told(changed: dict[str, Any], text: str) -> None:
    (one,) = place_differences(PLACE, replace(PLACE, **changed))
    assert text in one.text


def test_what_only_one_of_them_tells_is_left() -> None:
    unknown = replace(PLACE, ipv4="", ipv6="", mac="", network_id="", interface="", default_route=False)
    assert list(place_differences(PLACE, unknown)) == [] and list(place_differences(unknown, PLACE)) == []
    chosen = replace(PLACE, aliases=("b", "a"), driver_options=None)
    assert list(place_differences(chosen, replace(chosen, aliases=("a", "b"), driver_options={}))) == []


def test_what_is_not_known_of_it_differs_from_nothing() -> None:
    now = replace(WEB, attachments=(replace(PLACE, network="back"),), state="exited", limits=Limits(pids=1))
    assert told(Found(key=WEB.key), now) == []


@pytest.mark.parametrize(
    ("was", "now"), [("restarting", "running"), ("running", "restarting"), ("created", "exited"), ("exited", "dead")]
)
def test_what_a_state_becomes_by_itself_is_no_difference(was: str, now: str) -> None:
    assert told(found(state=was), replace(WEB, state=now)) == []


def test_the_gravest_comes_first() -> None:
    now = replace(WEB, attachments=(replace(PLACE, network="back"),), name="other")
    severities = [one.severity for one in differences(found(), now)]
    assert severities == [Severity.HIGH, Severity.HIGH, Severity.LOW]


def test_a_place_is_known_by_its_address_in_the_kernel() -> None:
    bare = replace(PLACE, interface="", default_route=False)
    assert placed(bare, KERNEL) == PLACE
    assert placed(bare, None) == bare and placed(bare, KernelFacts(alive=False)) == bare
    assert not placed(bare, replace(KERNEL, default_route="eth1")).default_route
    assert placed(bare, replace(KERNEL, places={"fd00::5": "eth7"})).interface == "eth7"
    assert all_placed(replace(WEB, attachments=(bare,)), KERNEL) == WEB
    assert all_placed(WEB, KERNEL) is WEB
