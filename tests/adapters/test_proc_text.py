"""Files of /proc as values, hostile ones too: what a process chooses cannot pass for what the kernel says."""

import base64
import io
import json
import tarfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.adapters.foreign_text import put, put_all
from irkit.adapters.proc_machine import machine_of
from irkit.adapters.proc_text import (
    CAPABILITIES,
    capabilities_of,
    descriptor_of,
    fields_of,
    groups_of,
    limits_of,
    mapped_as,
    maps_of,
    namespace_of,
    put_strings,
    status_of,
)
from irkit.adapters.raw_tar import RawTar
from tests.adapters.proc_tree import host_of
from tests.adapters.ssh_side import deadline

STATUS = b"""\
Name:\tsh\\nUid:\\t0
Umask:\t0022
State:\tS (sleeping)
Uid:\t33\t0\t33\t33
Gid:\t33\t33\t33\t33
Groups:\t4 24\x20
NSpid:\t4242\t7
VmSize:\t    2264 kB
VmRSS:\t    1376 kB
Threads:\t3
CapInh:\t0000000000000000
CapPrm:\t00000000a80425fb
CapEff:\t0000000000200001
CapBnd:\t000001ffffffffff
CapAmb:\t0000020000000000
NoNewPrivs:\t1
Seccomp:\t2
TracerPid:\t99
"""
MAPS = b"""\
00400000-00401000 r--p 00000000 00:2b 3244802                            /bin/busybox
7ffd1000-7ffd3000 rw-p 00000000 00:00 0                                  [stack]
7f000000-7f002000 rw-s 00001000 00:01 77                                 /memfd: a\\012b (deleted)
7f100000-7f101000 r--p 00000000 00:2b 5 /tmp/\xff
7f200000-7f201000 rw-p 00000000 00:00 0\x20
"""
LIMITS = b"""\
Limit                     Soft Limit           Hard Limit           Units\x20
Max cpu time              unlimited            unlimited            seconds\x20
Max open files            1024                 524288               files\x20
Max nice priority         0                    0\x20
"""


def test_status_is_told_by_name() -> None:
    found = status_of(STATUS)
    assert found["users"] == {"real": 33, "effective": 0, "saved": 33, "file_system": 33}
    assert (found["other_groups"], found["pids"], found["threads"], found["tracer"]) == ([4, 24], [4242, 7], 3, 99)
    assert found["capabilities"]["effective"] == ["chown", "sys_admin"]
    assert found["capabilities"]["bounding"] == list(CAPABILITIES)
    assert found["capabilities"]["ambient"] == ["41"], "one that has no name yet"
    assert (found["no_new_privileges"], found["seccomp"]) == (True, "filter")
    assert (found["resident_kib"], found["virtual_kib"]) == (1376, 2264)


def test_the_first_line_of_a_name_stands() -> None:
    assert fields_of(b"Uid:\t1\nUid:\t2\nno colon\n") == {"Uid": "1"}


def test_the_capabilities_have_the_kernels_numbers() -> None:
    assert [CAPABILITIES.index(name) for name in ("chown", "net_admin", "sys_ptrace", "bpf")] == [0, 12, 19, 39]
    assert capabilities_of("no number") == []


def test_maps_are_told_with_files_of_any_name() -> None:
    found = maps_of(MAPS)
    assert [one["size"] for one in found] == [4096, 8192, 8192, 4096, 4096]
    assert found[0] == {
        "address": "0x00400000", "size": 4096, "permissions": "r--p",
        "offset": 0, "device": "00:2b", "inode": 3244802, "file": "/bin/busybox",
    }  # fmt: skip
    assert found[2]["file"] == "/memfd: a\\012b (deleted)"
    assert base64.b64decode(found[3]["file_b64"]) == b"/tmp/\xff"
    assert "file" not in found[4]


def test_a_file_is_known_by_device_and_inode_where_it_is_mapped_by_its_own_name() -> None:
    assert mapped_as(MAPS, b"/bin/busybox") == (b"00:2b", b"3244802")
    assert mapped_as(MAPS, b"/memfd: a\nb (deleted)") == (b"00:01", b"77")
    assert mapped_as(MAPS, b"/bin/busy") is None


def test_limits_and_groups_and_namespaces() -> None:
    assert limits_of(LIMITS) == {
        "cpu time": ["unlimited", "unlimited"], "open files": [1024, 524288], "nice priority": [0, 0],
    }  # fmt: skip
    assert groups_of(b"4:cpu,cpuacct:/docker/a\n1:name=systemd:/b\n0::/c:d\n") == {
        "cpu,cpuacct": "/docker/a", "name=systemd": "/b", "unified": "/c:d",
    }  # fmt: skip
    assert [namespace_of(b"net:[4026532270]"), namespace_of(b"odd")] == [4026532270, "odd"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [(b"a\0b\0", ["a", "b"]), (b"a\0\0", ["a", ""]), (b"written over", ["written over"]), (b"", [])],
)
def test_strings_end_with_nul_unless_they_were_written_over(text: bytes, parts: list[str]) -> None:
    found: dict[str, Any] = {}
    put_strings(found, "arguments", text)
    assert found == {"arguments": parts}


@given(st.binary())
def test_nothing_is_lost_of_any_text(raw: bytes) -> None:
    found: dict[str, Any] = {}
    put(found, "name", raw)
    put_all(found, "parts", raw.split(b"\0"), raw)
    again = json.loads(json.dumps(found))
    kept = base64.b64decode(again["name_b64"]) if "name_b64" in again else again["name"].encode()
    parts = again.get("parts_b64")
    assert kept == raw
    assert (base64.b64decode(parts) if parts is not None else "\0".join(again["parts"]).encode()) == raw


def test_a_descriptor_is_told_with_what_it_stands_for() -> None:
    facts = b"pos:\t12\nflags:\t02100002\nmnt_id:\t9\nino:\t5\n"
    assert descriptor_of(b"7", b"socket:[4711]", facts) == {
        "fd": 7, "target": "socket:[4711]", "kind": "socket", "inode": 4711,
        "position": 12, "flags": "02100002", "mount": 9,
    }  # fmt: skip
    assert descriptor_of(b"8", b"/tmp/pipe:[x]", b"") == {"fd": 8, "target": "/tmp/pipe:[x]"}


@given(st.binary())
def test_no_file_of_any_content_makes_it_fail(raw: bytes) -> None:
    for read in (status_of, limits_of, maps_of, groups_of, namespace_of):
        json.dumps(read(raw))
    json.dumps(descriptor_of(b"1", raw, raw))


def test_times_count_from_when_the_machine_was_started() -> None:
    files = host_of()
    files.put(b"/proc/stat", b"cpu 1 2\nbtime 1700000000\n")
    machine = machine_of(files, deadline())
    assert machine.moment(150) == "2023-11-14T22:13:21.500000Z"
    assert machine.moment(10**30) == ""
    assert machine_of(host_of(), deadline()).moment(150) == "", "it was not told when"


class Out(io.BytesIO):
    def warn(self, text: str) -> None: ...
    def finish(self, partial: str = "") -> Any: ...


def test_the_archive_is_one_that_others_read() -> None:
    out = Out()
    tar = RawTar(out)  # type: ignore[arg-type]
    wanted = {f"{number}/status": bytes([number]) * number * 7 for number in range(0, 250, 5)}
    for name, content in wanted.items():
        tar.add(name, content)
    tar.add("x" * 100, b"", mtime=1_700_000_000)
    tar.end()
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as archive:
        found = {one.name: one for one in archive}
        kept = {name: archive.extractfile(one) for name, one in found.items() if "/" in name}
        assert {name: one.read() for name, one in kept.items() if one} == wanted
    assert found["x" * 100].mtime == 1_700_000_000
    assert (tar.files, tar.bytes) == (len(wanted) + 1, sum(map(len, wanted.values())))
    with pytest.raises(ValueError, match="no member"):
        tar.add("x" * 101, b"")


def test_a_file_is_known_by_the_line_that_has_exactly_its_path_however_often_others_hold_that() -> None:
    lines = b"".join(b"%x-%x r-xp 0 fe:01 %d /a%b\n" % (n, n + 1, n + 1, b"/a/b" * 500) for n in range(500))
    last = b"ff00-ff01 r-xp 00000000 fe:02 77                    /a/b\n"
    assert mapped_as(lines + last, b"/a/b") == (b"fe:02", b"77")
    assert mapped_as(lines, b"/a/b") is None and mapped_as(b"", b"/a/b") is None
