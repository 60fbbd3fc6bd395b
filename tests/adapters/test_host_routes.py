"""What is next to a host by its routes, and what would leave it by a router."""

import pytest

from irkit.adapters.clock import SystemClock
from irkit.adapters.host_routes import is_next_to
from irkit.adapters.memory_files import MemoryFiles
from irkit.core.errors import Refusal, TargetError
from irkit.engine.deadline import Cancel, OperationDeadline

IPV4 = (
    b"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    b"eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    b"br0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
    b"eth0\t05001EAC\t0100000A\t0007\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n"
    b"br1\t00001EAC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
    b"*\t00001FAC\t00000000\t0201\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
    b"no route\n"
)
IPV6 = (
    b"fd000093000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000"
    b" 00000100 00000001 00000000 00000001 br0\n"
    b"00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001"
    b" 00000400 00000001 00000000 00000003 eth0\n"
    b"00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000"
    b" ffffffff 00000001 00000000 00200200 lo\n"
)


def deadline() -> OperationDeadline:
    return OperationDeadline(SystemClock(), 60, 60, Cancel())


@pytest.fixture
def files() -> MemoryFiles:
    made = MemoryFiles()
    made.put(b"/proc/net/route", IPV4)
    made.put(b"/proc/net/ipv6_route", IPV6)
    return made


@pytest.mark.parametrize(
    ("address", "is_there"),
    [
        ("172.17.0.2", True),
        ("172.30.0.4", True),
        ("172.30.0.5", False),  # a route of its own, by a router
        ("172.31.0.1", False),  # refused by the host itself
        ("192.0.2.1", False),
        ("fd00:93::20", True),
        ("2001:db8::1", False),
    ],
)
def test_the_most_specific_route_decides(files: MemoryFiles, address: str, is_there: bool) -> None:
    assert is_next_to(files, address, deadline()) is is_there


def test_without_ipv6_there_is_no_way_and_what_cannot_be_read_says_so(files: MemoryFiles) -> None:
    assert not is_next_to(MemoryFiles(), "fd00:93::20", deadline())
    files.deny(b"/proc/net/route")
    with pytest.raises(TargetError, match="next to the host") as caught:
        is_next_to(files, "172.17.0.2", deadline())
    assert caught.value.kind is not Refusal.ABSENT
