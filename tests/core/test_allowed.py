"""The exceptions of a firewall: what they mean, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.core.allowed import MOST, Allowed, parse_all, parse_allowed


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("10.0.0.5", Allowed("10.0.0.5/32")),
        ("10.0.0.0/24", Allowed("10.0.0.0/24")),
        ("10.0.0.5:443/tcp", Allowed("10.0.0.5/32", port=443, protocol="tcp")),
        ("10.0.0.0/24:53/udp", Allowed("10.0.0.0/24", port=53, protocol="udp")),
        ("0.0.0.0/0:53/udp", Allowed("0.0.0.0/0", port=53, protocol="udp")),
        ("2001:DB8::/32", Allowed("2001:db8::/32", is_ipv6=True)),
        ("2001:db8::5", Allowed("2001:db8::5/128", is_ipv6=True)),
        ("[2001:db8::5]:443/tcp", Allowed("2001:db8::5/128", True, 443, "tcp")),
        ("[2001:db8::/32]:65535/udp", Allowed("2001:db8::/32", True, 65535, "udp")),
    ],
)
def test_an_entry_is_a_network_or_a_port_of_one(text: str, meaning: Allowed) -> None:
    assert parse_allowed(text) == meaning


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no network"),
        ("example.org", "is no network"),
        ("10.0.0.5/24", "has host bits set"),
        ("10.0.0.256", "is no network"),
        ("10.0.0.5:443", "is no network"),
        ("10.0.0.5:443/sctp", "is no network"),
        ("10.0.0.5:0/tcp", "there is no port 0"),
        ("10.0.0.5:65536/tcp", "there is no port 65536"),
        ("[10.0.0.5]:443/tcp", "brackets are for IPv6"),
        ("2001:db8::5:443/tcp", "is no network"),
        ("fe80::1%eth0", "is no network"),
        ("0.0.0.0/0", "allows everything"),
        ("::/0", "allows everything"),
        ("10.0.0.0/255.0.0.255", "is no network"),
        ("10.0.0.5; drop", "is no network"),
        ("10.0.0.5\n", "is no network"),
        ("٣.0.0.1", "is no network"),
    ],
)
def test_anything_else_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        parse_allowed(text)
    assert "\n" not in str(caught.value)


@given(st.text(alphabet='0123456789abcdef.:/[]tucpd \n;{}"', max_size=40))
def test_what_is_read_consists_of_nothing_but_an_address_and_numbers(text: str) -> None:
    try:
        found = parse_allowed(text)
    except ValueError:
        return
    assert set(found.network) <= set("0123456789abcdef.:/") and 0 <= found.port <= 65535


def test_entries_are_kept_in_order_and_once() -> None:
    assert parse_all(["10.0.0.1", "10.0.0.0/8", "10.0.0.1/32"]) == (Allowed("10.0.0.1/32"), Allowed("10.0.0.0/8"))
    with pytest.raises(ValueError, match=f"{MOST} at most"):
        parse_all(["10.0.0.1"] * (MOST + 1))
