"""Tables of /proc/PID/net as values: addresses, states, and names that would forge lines."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from irkit.adapters.net_text import network_of, sockets_of
from tests.adapters.proc_files import DEVICES, IPV6, ROUTES, TRIES

TCP = b"""\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0709580A:9C40 0109580A:01BB 01 0000000A:00000002 02:000005A6 00000000    33        0 4711 2 0000000000000000 20 4 30 10 -1
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 100 0 0 10 0
   2: 0709580A:0050 0109580A:C001 06 00000000:00000000 03:00000EA1 00000000     0        0 0 3 0000000000000000
"""  # noqa: E501 - as the kernel has it
TCP6 = b"""\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0000000000000000FFFF00000709580A:0050 0000000000000000FFFF00000109580A:C64E 01 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 20 4 30 10 -1
   1: 880000FD000009000000000007000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4714 1 0
"""  # noqa: E501
UDP = b"""\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  123: 00000000:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 4715 2 0000000000000000 0
"""
UNIX = b"""\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 4716 /run/a b\xff
0000000000000000: 00000003 00000000 00000000 0001 03 4717
0000000000000000: 00000002 00000000 00000000 0002 01 4718 @hidden
no line of the kernel's
"""
PACKET = b"""\
sk               RefCnt Type Proto  Iface R Rmem   User   Inode
0000000000000000 3      3    0003   2     1 0      0      4719
"""
NETLINK = b"""\
sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
0000000000000000 0   4242       00000011 0        0        0     2        0        4720
0000000000000000 15  4294963083 00000000 0        0        0     2        0        4721
"""
ARP = b"""\
IP address       HW type     Flags       HW address            Mask     Device
10.88.9.1        0x1         0x2         02:42:0a:58:09:01     *        eth0
10.88.9.66       0x1         0x0         00:00:00:00:00:00     *        eth0
"""
ROUTES6 = b"""\
fd000088000900000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000088000900000000000000000001 00000400 00000001 00000000 00000003     eth0
"""  # noqa: E501


def sockets(**files: bytes) -> list[dict[str, Any]]:
    return list(sockets_of(files))


def test_tcp_is_told_with_addresses_states_and_queues() -> None:
    connected, listening, waits = sockets(tcp=TCP)
    assert connected == {
        "protocol": "tcp", "state": "ESTABLISHED", "local": {"address": "10.88.9.7", "port": 40000},
        "remote": {"address": "10.88.9.1", "port": 443}, "user": 33, "inode": 4711,
        "send_queue": 10, "receive_queue": 2,
    }  # fmt: skip
    assert (listening["state"], listening["local"]) == ("LISTEN", {"address": "0.0.0.0", "port": 80})
    assert (waits["state"], waits["inode"]) == ("TIME-WAIT", 0)


def test_an_ipv4_address_in_an_ipv6_one_is_told_as_the_former() -> None:
    mapped, listening = sockets(tcp6=TCP6)
    assert (mapped["local"]["address"], mapped["remote"]["port"]) == ("10.88.9.7", 50766)
    assert listening["local"] == {"address": "fd00:88:9::7", "port": 80}


def test_other_kinds_are_told_each_in_its_way() -> None:
    (udp,) = sockets(udp=UDP)
    assert (udp["state"], udp["local"]["port"], udp["user"]) == ("UNCONNECTED", 5353, 101)
    (packet,) = sockets(packet=PACKET)
    assert packet == {
        "protocol": "packet", "type": "raw", "ethernet_protocol": "all", "interface_number": 2,
        "user": 0, "inode": 4719,
    }  # fmt: skip
    routes, events = sockets(netlink=NETLINK)
    assert (routes["family"], routes["port"], routes["groups"]) == ("route", 4242, 0x11)
    assert (events["family"], events["inode"]) == ("kobject_uevent", 4721)


def test_unix_sockets_have_names_of_any_bytes() -> None:
    listening, connected, hidden = sockets(unix=UNIX)
    assert (listening["state"], listening["type"], listening["path"]) == ("LISTEN", "stream", "/run/a b\ufffd")
    assert "path_b64" in listening
    assert (connected["state"], connected["path"]) == ("CONNECTED", "")
    assert (hidden["state"], hidden["type"], hidden["path"]) == ("UNCONNECTED", "datagram", "@hidden")


def test_the_network_is_told() -> None:
    files = {"dev": DEVICES, "route": ROUTES, "fib_trie": TRIES, "if_inet6": IPV6}
    found = network_of({name: text.encode() for name, text in files.items()} | {"arp": ARP, "ipv6_route": ROUTES6})
    assert [one["name"] for one in found["interfaces"]] == ["lo", "tunl0", "eth0", "eth1"]
    assert found["interfaces"][2]["received"] == {"bytes": 1730, "packets": 17, "errors": 0, "dropped": 0}
    assert found["interfaces"][2]["sent"]["bytes"] == 422
    assert {"address": "10.88.9.7", "interface": "eth0"} in found["ipv4_addresses"]
    assert {"address": "fd00:88:9::7", "prefix": 64, "scope": "global", "interface": "eth0"} in found["ipv6_addresses"]
    assert found["ipv4_routes"][0] == {
        "destination": "0.0.0.0/0", "gateway": "10.88.9.1", "metric": 0, "flags": ["up", "gateway"],
        "interface": "eth0",
    }  # fmt: skip
    assert [(one["destination"], one["gateway"]) for one in found["ipv6_routes"]] == [
        ("fd00:88:9::/64", ""), ("::/0", "fd00:88:9::1"),
    ]  # fmt: skip
    assert [one["state"] for one in found["neighbours"]] == ["complete", "incomplete"]


@given(st.binary())
def test_no_table_of_any_content_makes_it_fail(raw: bytes) -> None:
    names = ("tcp", "udp6", "unix", "packet", "netlink", "dev", "route", "ipv6_route", "arp", "if_inet6", "fib_trie")
    files = dict.fromkeys(names, b"heading\n" + raw)
    json.dumps([list(sockets_of(files)), network_of(files)])
