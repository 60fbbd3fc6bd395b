"""What an engine tells of one path, read from its header."""

import base64
import json

import pytest

from irkit.adapters.path_stat import PathStat, decode_stat
from irkit.core.ports import FileKind


def test_times_are_to_the_nanosecond_whatever_their_zone_and_however_many_digits() -> None:
    assert PathStat(mtime="1970-01-01T00:00:02.97864599Z").modified_ns == 2_978_645_990
    assert PathStat(mtime="1970-01-01T09:00:01.000000001+09:00").modified_ns == 1_000_000_001
    assert PathStat(mtime="1969-12-31T23:59:59.5Z").modified_ns == -500_000_000


@pytest.mark.parametrize("wrong", ["", "now", "2020-13-01T00:00:00Z", "2020-01-01T00:00:00.1234567890Z", "0Z"])
def test_what_is_no_time_is_none(wrong: str) -> None:
    assert PathStat(mtime=wrong).modified_ns is None


@pytest.mark.parametrize(
    ("mode", "kind", "permissions"),
    [
        (69206436, FileKind.CHARACTER_DEVICE, 0o644),
        (67108864, FileKind.BLOCK_DEVICE, 0),
        (33554852, FileKind.FIFO, 0o644),
        (134218239, FileKind.LINK, 0o777),
        (2147484141, FileKind.DIRECTORY, 0o755),
        (2148532735, FileKind.DIRECTORY, 0o1777),
        ((1 << 23) | 0o755, FileKind.FILE, 0o4755),
        (1 << 24, FileKind.SOCKET, 0),
        (1 << 19, FileKind.OTHER, 0),
    ],
)
def test_go_writes_kinds_and_special_bits_in_its_own_way(mode: int, kind: FileKind, permissions: int) -> None:
    assert (PathStat(mode=mode).kind, PathStat(mode=mode).permissions) == (kind, permissions)


def test_a_header_that_cannot_be_read_is_none() -> None:
    told = base64.b64encode(json.dumps({"name": "a", "size": 3, "mode": 420, "linkTarget": "x"}).encode()).decode()
    assert decode_stat(told) == PathStat(size=3, mode=420, link_target="x")
    for wrong in ("", "!", "AAAA", told[:-5], base64.b64encode(b"[]").decode()):
        assert decode_stat(wrong) is None
