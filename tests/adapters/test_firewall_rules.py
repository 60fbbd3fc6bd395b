"""The rules' text: what is in it, in which order, that nft takes it, and that no foreign word gets into it."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.adapters.firewall_rules import (
    Table,
    bridge_tables,
    cgroup_tables,
    check_device,
    check_table,
    namespace_tables,
    removal_text,
    rules_text,
    veth_tables,
)
from irkit.core.allowed import parse_all
from tests.lab.setup import ensure_packages
from tests.lab.tools import tool

NAME = "irkit_01234567_0123456789ab"
ALLOW = parse_all(["10.0.0.0/8", "10.1.2.3:443/tcp", "192.0.2.0/24:53/udp", "2001:db8::/32", "[2001:db8::5]:22/tcp"])
EACH = {
    "namespace": namespace_tables(NAME, ALLOW),
    "namespace, raw too": namespace_tables(NAME, ALLOW, ["lo"]),
    "veth": veth_tables(NAME, ALLOW, ["lo"]),
    "bridge": bridge_tables(NAME, ALLOW, "irk0123456789ab"),
    "namespace, nothing allowed": namespace_tables(NAME, (), ["lo"]),
    "veth, nothing allowed": veth_tables(NAME, (), ["lo"]),
    "bridge, nothing allowed": bridge_tables(NAME, (), "irk0123456789ab"),
}
GROUP = "system.slice/docker-0123.scope"


def test_the_text_for_a_namespace_is_this() -> None:
    assert (
        rules_text(namespace_tables(NAME, parse_all(["10.1.2.3:443/tcp"]), ["eth1", "eth0", "eth1"]))
        == f"""\
add table inet {NAME}
delete table inet {NAME}
table inet {NAME} {{
\tchain input {{
\t\ttype filter hook input priority -150; policy accept;
\t\tip saddr 10.1.2.3/32 tcp dport 443 counter accept
\t\tip saddr 10.1.2.3/32 tcp sport 443 ct state established,related counter accept
\t\tip saddr 127.0.0.11 counter drop
\t\tiif "lo" accept
\t\tcounter drop
\t}}
\tchain output {{
\t\ttype filter hook output priority -150; policy accept;
\t\tip daddr 10.1.2.3/32 tcp dport 443 counter accept
\t\tip daddr 10.1.2.3/32 tcp sport 443 ct state established,related counter accept
\t\tip daddr 127.0.0.11 counter drop
\t\toif "lo" accept
\t\tcounter drop
\t}}
\tchain forward {{
\t\ttype filter hook forward priority -150; policy accept;
\t\tcounter drop
\t}}
}}
add table netdev {NAME}
delete table netdev {NAME}
table netdev {NAME} {{
\tchain egress {{
\t\ttype filter hook egress devices = {{ "eth0", "eth1" }} priority -500; policy accept;
\t\tether type arp accept
\t\tip daddr 10.1.2.3/32 tcp dport 443 counter accept
\t\tip daddr 10.1.2.3/32 tcp sport 443 tcp flags & (syn | ack) != syn counter accept
\t\tcounter drop
\t}}
}}
"""
    )


@pytest.mark.parametrize("tables", EACH.values(), ids=EACH.keys())
def test_every_chain_ends_with_a_drop(tables: tuple[Table, ...]) -> None:
    for table in tables:
        for chain in table.chains:
            assert chain.rules[-1].endswith("counter drop")


@pytest.mark.engine
@pytest.mark.parametrize("tables", EACH.values(), ids=EACH.keys())
def test_nft_takes_it(tables: tuple[Table, ...]) -> None:
    ensure_packages()
    argv = [tool("unshare"), "--net", tool("nft"), "-c", "-f", "-"]
    done = subprocess.run(argv, input=rules_text(tables).encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_a_control_group_is_matched_by_its_path_and_all_its_traffic_goes_one_way() -> None:
    text = rules_text(cgroup_tables(NAME, (), 2, GROUP))
    assert text.count(f'socket cgroupv2 level 2 "{GROUP}" jump') == 2
    assert 'iif "lo"' not in text  # the loopback is the host's


def test_the_host_may_connect_over_a_bridge_and_the_container_may_only_answer() -> None:
    (table,) = bridge_tables(NAME, (), "irk01")
    rules = {chain.name: chain.rules for chain in table.chains}
    assert rules["input"][0] == 'iifname "irk01" ct state established,related accept'
    assert rules["input"][-1] == 'iifname "irk01" counter drop'
    assert rules["forward"] == ('iifname "irk01" counter drop', 'oifname "irk01" counter drop')


def test_neighbours_are_found_only_where_something_of_their_family_is_allowed() -> None:
    four, six = ({rule for chain in veth_tables(NAME, parse_all([one]), ["e0"])[0].chains for rule in chain.rules}
                 for one in ("10.0.0.1", "2001:db8::1"))  # fmt: skip
    assert "ether type arp accept" in four and not any("nd-" in rule for rule in four)
    assert "ether type arp accept" not in six and any("nd-neighbor-solicit" in rule for rule in six)


def test_removing_is_of_irkits_own_tables_only_and_there_or_not() -> None:
    assert removal_text(NAME, ["inet", "netdev"]).splitlines() == [
        f"add table inet {NAME}", f"delete table inet {NAME}", f"add table netdev {NAME}", f"delete table netdev {NAME}"
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no table of irkit's"):
        removal_text("nat", ["ip"])


@given(st.text(max_size=30))
def test_no_foreign_word_gets_into_rules(text: str) -> None:
    for check in (check_table, check_device, lambda one: cgroup_tables(NAME, (), 2, one)):
        try:
            check(text)
        except ValueError:
            continue
        assert not set(text) & set(" \t\n\"'{};#$\\") and text.isascii()


@pytest.mark.parametrize("devices", [[], ["a b"], ['x"'], ["a" * 16], [f"e{number}" for number in range(65)]])
def test_interfaces_that_cannot_be_dealt_with_are_refused(devices: list[str]) -> None:
    with pytest.raises(ValueError, match="interface"):
        veth_tables(NAME, (), devices)


@pytest.mark.parametrize("path", ["", "/", "a//b", "../a", "a/../b", "a b", 'a"', "a\\x2db"])
def test_control_groups_that_cannot_be_dealt_with_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="control group"):
        cgroup_tables(NAME, (), 2, path)
