"""What is read out of a host's files: by their formats, and nothing of what only looks like it."""

import struct

from irkit.adapters.host_told import (
    LOGIN_SIZE,
    address_of,
    listening_of,
    logins_of,
    mounts_of,
    multicast_members,
    users_of,
)

MOUNTS = (
    b"36 35 98:0 /mnt1 /mnt2\\040with\\011blank rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
    b"37 35 0:5 / /proc rw shared:5 - proc proc rw\nbroken line\n"
)
TCP = (
    b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    b"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 100\n"
    b"   1: 0100007F:1F90 0200007F:0050 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0 20\n"
)
UNIX = (
    b"Num       RefCount Protocol Flags    Type St Inode Path\n"
    b"0000000000000000: 00000002 00000000 00010000 0001 01    71 /run/docker.sock\n"
    b"0000000000000000: 00000003 00000000 00000000 0001 03 88888\n"
    b"0000000000000000: 00000002 00000000 00010000 0001 01 99999 @abstract with blank\n"
    b"forged by a path with a line feed\n"
)
IGMP = b"Idx\tDevice    : Count Querier\n1\tlo        :     1      V3\n\t\t\t\t010000E0\n7\teth0: 1 V3\n"


def login(kind: int, user: bytes, host: bytes, address: bytes, seconds: int) -> bytes:
    fields = (kind, 77, b"pts/0", b"ts/0", user, host, 0, 0, 9, seconds, 500_000, address)
    record = struct.pack("<hxxi32s4s32s256shhiii16s20x", *fields)
    assert len(record) == LOGIN_SIZE == 384
    return record


def test_mounts_with_blanks_in_their_names() -> None:
    first, second = mounts_of(MOUNTS)
    assert first["at"] == "/mnt2 with\tblank" and first["kind"] == "ext3" and first["source"] == "/dev/root"
    assert second["at"] == "/proc"


def test_sockets_that_listen_and_no_others() -> None:
    found = list(listening_of({b"tcp": TCP, b"unix": UNIX}))
    assert found == [
        {"protocol": "tcp", "address": "127.0.0.1", "port": 8080, "uid": 1000, "inode": 4242},
        {"protocol": "unix", "address": "/run/docker.sock", "inode": 71},
        {"protocol": "unix", "address": "@abstract with blank", "inode": 99999},
    ]


def test_addresses_of_both_families() -> None:
    assert address_of("00000000000000000000000001000000:0016") == ("::1", 22)
    assert address_of("no address") is None and address_of("0100:1") is None


def test_logins_with_the_address_they_came_from() -> None:
    records = login(7, b"ana", b"far.example", bytes([10, 0, 0, 5]) + bytes(12), 1_700_000_000)
    records += login(99, b"x", b"", bytes(16), 1) + login(8, b"", b"", bytes(15) + b"\1", 1_700_000_060)
    first, second = logins_of(records + b"half a record")
    assert (first["kind"], first["user"], first["from"], first["address"]) == ("user", "ana", "far.example", "10.0.0.5")
    assert first["at"] == "2023-11-14T22:13:20.500000Z" and second["kind"] == "ended" and second["address"] == "::1"


def test_users_and_interfaces() -> None:
    raw = b"root:x:0:0:root:/root:/bin/sh\nbroken\nodd\xff:x:7:8::/home/odd:\n"
    assert [(one["name"], one["uid"], one["home"]) for one in users_of(raw)] == [
        ("root", 0, "/root"),
        ("odd\\xff", 7, "/home/odd"),
    ]
    assert multicast_members(IGMP) == {"lo": 1, "eth0": 7}
