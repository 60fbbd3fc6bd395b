"""Where irkit itself is: by what /proc tells in a container, by sshd's environment, by the addresses of hosts."""

import pytest

from irkit.adapters.clock import SystemClock
from irkit.adapters.own_place import containers_in, own_containers, points_of, ssh_session
from irkit.core.host import Host
from irkit.core.ways import Point, Session
from irkit.engine.deadline import Cancel, OperationDeadline

ONE, OTHER = "a1" * 32, "b2" * 32
HOST_MOUNTS = (
    f"27 1 254:0 / / rw - ext4 /dev/vda rw\n31 27 0:30 / /var/lib/docker/overlay2/{OTHER}/merged rw - overlay\n"
)
OWN_MOUNT = f"512 500 254:0 /var/lib/docker/containers/{ONE}/hostname /etc/hostname rw,relatime - ext4 /dev/vda rw\n"
PODMAN_MOUNT = f"9 8 0:2 /containers/overlay-containers/{ONE}/userdata/hosts /etc/hosts rw - tmpfs tmpfs rw\n"


def deadline() -> OperationDeadline:
    return OperationDeadline(SystemClock(), 60, 60, Cancel())


@pytest.mark.parametrize(
    ("groups", "mounts", "found"),
    [
        (f"12:pids:/docker/{ONE}\n", "", {ONE}),
        (f"0::/system.slice/docker-{ONE}.scope\n", "", {ONE}),
        (f"0::/machine.slice/libpod-{ONE}.scope/container\n", "", {ONE}),
        (f"0::/kubepods/besteffort/pod1/{ONE}\n", "", {ONE}),
        ("0::/\n", HOST_MOUNTS + OWN_MOUNT, {ONE}),
        ("0::/\n", PODMAN_MOUNT, {ONE}),
        ("0::/\n", HOST_MOUNTS, set()),
        ("0::/user.slice\n", "", set()),
        (f"0::/docker/{ONE}0\n", "", set()),
        ("", "", set()),
    ],
)
def test_a_container_is_known_by_its_control_groups_and_the_files_put_into_it(
    groups: str, mounts: str, found: set[str]
) -> None:
    assert containers_in(groups, mounts) == found


def test_this_process_can_be_asked() -> None:
    assert all(len(one) == 64 for one in own_containers())


def test_the_session_is_the_one_that_sshd_tells() -> None:
    session = ssh_session({"SSH_CONNECTION": "198.51.100.7 50000 192.0.2.1 22"})
    assert session == Session(client="198.51.100.7", server=Point(addresses=("192.0.2.1",), port=22))
    for text in ("", "198.51.100.7 1 192.0.2.1", "a b c d", "a 1 b 99999", "1 2 3 4 5"):
        assert ssh_session({"SSH_CONNECTION": text}) is None
    assert ssh_session({}) is None


def test_the_way_to_a_host_goes_over_its_hops() -> None:
    host = Host(name="web1", address="192.0.2.5", reach="ssh", port=2222, jump="ann@192.0.2.9,[2001:db8::1]:2200")
    assert [(one.addresses, one.port, one.text) for one in points_of(host, deadline())] == [
        (("192.0.2.9",), 22, "192.0.2.9:22"),
        (("2001:db8::1",), 2200, "[2001:db8::1]:2200"),
        (("192.0.2.5",), 2222, "192.0.2.5:2222"),
    ]


@pytest.mark.parametrize(
    ("host", "port"),
    [
        (Host(name="a", address="127.0.0.1", reach="ssh"), 22),
        (Host(name="a", address="127.0.0.1", reach="tcp"), 2375),
        (Host(name="a", address="127.0.0.1", reach="tcp", tls="/certs"), 2376),
        (Host(name="127.0.0.1", reach="ssh", jump="not a hop"), 22),
    ],
)
def test_where_no_port_is_said_the_usual_one_is_meant(host: Host, port: int) -> None:
    assert points_of(host, deadline()) == (Point(addresses=("127.0.0.1",), port=port),)


def test_an_engine_of_this_machine_s_is_reached_without_a_way() -> None:
    assert points_of(Host(name="local", address="10.0.0.1"), deadline()) == ()


def test_a_name_that_is_not_known_has_no_address() -> None:
    host = Host(name="a", address="no-such-host.invalid", reach="tcp")
    over = OperationDeadline(SystemClock(), 0, 0, Cancel())
    (point,) = points_of(host, over)
    assert point.addresses == () and point.text == "?:2375"
