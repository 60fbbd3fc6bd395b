"""The tar index against Python's own tarfile, fed in pieces of every size, and against hostile streams."""

import base64
import hashlib
import io
import json
import random
import struct
import tarfile
import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from irkit.adapters import tar_index
from irkit.adapters.tar_fields import number_of, read_pax
from irkit.adapters.tar_index import IndexSummary, TarIndex
from tests.soak import often

BLOCK = 512
END = bytes(2 * BLOCK)


def index(data: bytes, *steps: int) -> tuple[list[dict[str, Any]], IndexSummary]:
    out = bytearray()
    one = TarIndex(out.extend)
    at, turn = 0, 0
    while at < len(data):
        step = steps[turn % len(steps)] if steps else len(data)
        one.feed(memoryview(data)[at : at + step])
        at, turn = at + step, turn + 1
    summary = one.close()
    return [json.loads(line) for line in bytes(out).splitlines()], summary


def member(name: str = "file", **facts: Any) -> tarfile.TarInfo:
    one = tarfile.TarInfo(name)
    for key, value in facts.items():
        setattr(one, key, value)
    return one


def archive(members: list[tuple[tarfile.TarInfo, bytes]], kind: int, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=kind, **options) as tar:
        for one, data in members:
            one.size = len(data)
            tar.addfile(one, io.BytesIO(data))
    return buffer.getvalue()


def header(name: bytes = b"x", size: bytes = b"00000000000\0", kind: bytes = b"0", **fields: bytes) -> bytes:
    """A header with any field as told, and a right checksum."""
    block = struct.pack(
        "100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12x", name, fields.get("mode", b"0000644\0"), b"0000000\0",
        b"0000000\0", size, fields.get("mtime", b"14000000000\0"), b" " * 8, kind, b"",
        fields.get("magic", b"ustar\x0000"), b"", b"", b"", b"", fields.get("prefix", b""),
    )  # fmt: skip
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def pax(**values: bytes) -> bytes:
    out = b""
    for key, value in values.items():
        body = b" " + key.encode() + b"=" + value + b"\n"
        length = len(body)
        while length != len(body) + len(str(length)):
            length = len(body) + len(str(length))
        out += str(length).encode() + body
    return header(b"pax", b"%011o\0" % len(out), b"x") + padded(out)


TYPES = {b"0": "file", b"\0": "file", b"1": "hardlink", b"2": "symlink", b"3": "char", b"4": "block",
         b"5": "directory", b"6": "fifo", b"7": "file"}  # fmt: skip


def varied(pax_headers: bool) -> list[tuple[tarfile.TarInfo, bytes]]:
    chance = random.Random(7)
    long = "a/" * 60 + "b" * 130
    found = [
        (member("plain.txt", mode=0o4755, uid=1000, gid=50, uname="root", gname="staff", mtime=1700000000), b"hello"),
        (member("empty"), b""),
        (member("one-block"), chance.randbytes(BLOCK)),
        (member("big", mtime=2**33), chance.randbytes(70_001)),
        (member("folder", type=tarfile.DIRTYPE, mode=0o1777), b""),
        (member("link", type=tarfile.SYMTYPE, linkname="../plain.txt"), b""),
        (member("hard", type=tarfile.LNKTYPE, linkname="plain.txt"), b""),
        (member(".wh.gone", type=tarfile.CHRTYPE, devmajor=0, devminor=0), b""),
        (member("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3), b""),
        (member("disk", type=tarfile.BLKTYPE, devmajor=8, devminor=1), b""),
        (member("pipe", type=tarfile.FIFOTYPE), b""),
        (member("p" * 90 + "/" + "q" * 90), b"prefix"),
    ]
    if pax_headers:
        more = {"SCHILY.xattr.user.a": "1", "SCHILY.xattr.security.capability": "x", "mtime": "1700000000.123456789"}
        found += [
            (member(long, pax_headers={}), b"long"),
            (member("longlink", type=tarfile.SYMTYPE, linkname=long), b""),
            (member("ünï/\u2028", uid=2**40, mtime=1.5), b"x"),
            (member("xattrs", pax_headers=more), b"y"),
        ]
    return found


def compare(data: bytes, lines: list[dict[str, Any]]) -> None:
    with tarfile.open(fileobj=io.BytesIO(data), encoding="utf-8", errors="surrogateescape") as tar:
        expected = tar.getmembers()
        assert len(lines) == len(expected)
        for line, one in zip(lines, expected, strict=True):
            name = line.get("path_b64")
            raw = base64.b64decode(name) if name else line["path"].encode()
            assert raw.rstrip(b"/") == one.name.encode("utf-8", "surrogateescape").rstrip(b"/")
            link = base64.b64decode(line["link_b64"]) if "link_b64" in line else line.get("link", "").encode()
            assert link == one.linkname.encode("utf-8", "surrogateescape")
            assert (line["mode"], line["uid"], line["gid"]) == (one.mode, one.uid, one.gid)
            assert (line.get("uname", ""), line.get("gname", "")) == (one.uname, one.gname)
            assert (line["offset"], line["data"]) == (one.offset, one.offset_data)
            assert float(line["mtime"]) == float(one.mtime)
            if one.isreg():
                content = tar.extractfile(one)
                assert content is not None
                assert line["sha256"] == hashlib.sha256(content.read()).hexdigest()
                assert (line["type"], line["size"]) == ("file", one.size)
            else:
                assert line["type"] == TYPES[one.type]
                assert "sha256" not in line


ARCHIVES = {
    "ustar": archive(varied(False)[:3] + varied(False)[4:], tarfile.USTAR_FORMAT),
    "gnu": archive(varied(False) + varied(True)[12:15], tarfile.GNU_FORMAT),
    "pax": archive(varied(True), tarfile.PAX_FORMAT),
    "pax with global values": archive(varied(True), tarfile.PAX_FORMAT, pax_headers={"gid": "77", "uname": "all"}),
    "not UTF-8": archive(
        [(member("caf\udce9"), b"1"), (member("l", type=tarfile.SYMTYPE, linkname="\udcff" * 120), b"")],
        tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape",
    ),
    "empty": archive([], tarfile.PAX_FORMAT),
}  # fmt: skip


@pytest.mark.parametrize("name", ARCHIVES)
def test_what_tarfile_finds_the_index_finds(name: str) -> None:
    lines, summary = index(ARCHIVES[name])
    compare(ARCHIVES[name], lines)
    assert summary == IndexSummary(
        entries=len(lines), bytes=len(ARCHIVES[name]), ended=True, problem="", warnings=()
    )  # fmt: skip
    assert summary.whole


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("steps", [(1,), (7,), (511,), (512,), (513,), (1000,), (1, 511), (10240,), (65536, 1)])
def test_the_index_does_not_depend_on_the_pieces(name: str, steps: tuple[int, ...]) -> None:
    assert index(ARCHIVES[name], *steps) == index(ARCHIVES[name])


def test_the_index_does_not_depend_on_where_the_stream_is_split() -> None:
    data = archive(varied(True)[-4:] + varied(True)[:3], tarfile.PAX_FORMAT)
    whole = index(data)
    for at in range(len(data.rstrip(b"\0")) + 1):
        out = bytearray()
        one = TarIndex(out.extend)
        one.feed(data[:at])
        one.feed(data[at:])
        assert (one.close(), len(out)) == (whole[1], sum(len(json_line(line)) for line in whole[0]))


def json_line(line: dict[str, Any]) -> bytes:
    return json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


@settings(max_examples=often(60, 20), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=300),
            st.binary(max_size=1500),
            st.integers(0, 2**40),
        ),
        max_size=5,
    ),
    st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    st.integers(1, 2000),
)
@example([("/", b"\1", 0)], tarfile.PAX_FORMAT, 1)
def test_any_names_and_contents_come_out_as_tarfile_has_them(
    members: list[tuple[str, bytes, int]], kind: int, step: int
) -> None:
    data = archive([(member(name, mtime=mtime), content) for name, content, mtime in members], kind)
    lines, summary = index(data, step)
    assert summary.whole
    assert [line["path"].rstrip("/") for line in lines] == [name.rstrip("/") for name, _, _ in members]
    assert [line.get("sha256") for line in lines] == [
        None if line["type"] == "directory" else hashlib.sha256(content).hexdigest()
        for line, (_, content, _) in zip(lines, members, strict=True)
    ]


def test_times_owners_names_and_holes_are_told_without_loss() -> None:
    data = (
        pax(path=b"a\0b/\xff", mtime=b"-1.5", atime=b"1.000000001", uid=b"9007199254740993", uname=b"\xc3\xbc")
        + header(size=b"00000000003\0") + padded(b"abc")
        + pax(**{"GNU.sparse.major": b"1", "GNU.sparse.name": b"holes", "SCHILY.xattr.user.\u00e4": b"\0"})
        + header() + END
    )  # fmt: skip
    first, second = index(data)[0]
    assert base64.b64decode(first["path_b64"]) == b"a\0b/\xff"
    assert (first["mtime"], first["atime"], first["uid"], first["uname"]) == (
        "-1.5", "1.000000001", 9007199254740993, "ü"
    )  # fmt: skip
    assert second["sparse"] == [["GNU.sparse.major", "1"], ["GNU.sparse.name", "holes"]]
    assert second["xattrs"] == ["user.ä"]
    assert "uid" not in first["path"]


def test_a_whiteout_device_is_told_from_what_is_no_device() -> None:
    lines, _ = index(header(kind=b"3") + header() + END)
    assert lines[0]["device"] == [0, 0]
    assert "device" not in lines[1]


def test_an_old_gnu_sparse_map_is_passed_over() -> None:
    block = bytearray(header(b"sparse", b"00000000012\0", b"S", magic=b"ustar  \0"))
    block[482] = 1
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    more = bytearray(BLOCK)
    more[504] = 1
    data = bytes(block) + bytes(more) + bytes(BLOCK) + padded(b"0123456789") + header(b"next") + END
    for step in (len(data), 100):
        lines, summary = index(data, step)
        assert [line["path"] for line in lines] == ["sparse", "next"]
        assert lines[0]["sha256"] == hashlib.sha256(b"0123456789").hexdigest()
        assert lines[0]["data"] == 3 * BLOCK
        assert summary.whole


def test_in_gnu_headers_there_is_no_prefix() -> None:
    lines, _ = index(header(magic=b"ustar  \0", prefix=b"15000000000\0") + header(prefix=b"pre") + END)
    assert [line["path"] for line in lines] == ["x", "pre/x"]


def test_a_checksum_of_signed_bytes_is_taken_as_well() -> None:
    block = header(b"\xff\xfe")
    signed = sum(byte - 256 if byte > 127 else byte for byte in block[:148] + b" " * 8 + block[156:])
    data = block[:148] + b"%06o\0 " % signed + block[156:] + END
    assert index(data)[1].whole


def test_the_end_is_two_blocks_of_zeros_and_what_follows_is_told() -> None:
    assert index(header() + END)[1].ended
    assert not index(header() + END[:BLOCK])[1].ended
    assert not index(header())[1].ended
    assert index(header() + END + bytes(9000))[1].warnings == ()
    _, hidden = index(header() + END + bytes(600) + b"hidden")
    assert (hidden.ended, hidden.warnings) == (True, ("there is more after the end of the archive, from byte 1536 on",))
    lines, lone = index(header() + bytes(BLOCK) + header(b"y") + END)
    assert [line["path"] for line in lines] == ["x", "y"]
    assert lone.warnings == ("a lone block of zeros before byte 1024",)


def test_a_stream_cut_anywhere_is_not_whole_and_raises_nothing() -> None:
    data = ARCHIVES["pax"]
    last = data.rstrip(b"\0")
    for cut in range(0, len(last), 97):
        lines, summary = index(data[:cut], 4096)
        assert not summary.whole
        assert summary.problem == ""
        assert summary.entries == len(lines)


def test_a_member_that_is_cut_is_told_without_digest() -> None:
    lines, summary = index(header(size=b"00000001000\0") + b"x" * 100)
    assert (lines[0]["truncated"], "sha256" in lines[0], summary.ended) == (True, False, False)


BIG = {
    "an octal size of 2^62": header(size=b"\x80\0\0\0@\0\0\0\0\0\0\0"[:12]),
    "a size of 2^62": header(size=b"\x80" + bytes(3) + struct.pack(">Q", 2**62)),
    "a size of 2^95": header(size=b"\xbf" + b"\xff" * 11),
    "a negative size": header(size=b"\xff" * 12),
    "a size that is no number": header(size=b"0000000zz00\0"),
    "a PAX size of 2^62": pax(size=b"%d" % 2**62) + header(),
    "a negative PAX size": pax(size=b"-512") + header(),
    "a PAX size of many digits": pax(size=b"9" * 5000) + header(),
    "garbage": random.Random(3).randbytes(5000),
    "text": b"HTTP/1.1 500 Internal Server Error\r\n\r\n" * 100,
    "no checksum": header()[:148] + b"zzzzzzzz" + header()[156:],
}  # fmt: skip


@pytest.mark.parametrize("name", BIG)
def test_what_can_not_be_is_a_problem_and_ends_the_index_only(name: str) -> None:
    data = header(b"before") + BIG[name] + END + header(b"after") + END
    lines, summary = index(data, 300)
    assert [line["path"] for line in lines] == ["before"]
    assert summary.problem
    assert not summary.whole
    assert summary.bytes == len(data)


def test_the_largest_size_is_believed_and_takes_no_memory() -> None:
    lines, summary = index(header(size=b"\x80" + bytes(3) + struct.pack(">Q", 2**53)) + b"x" * 3000)
    assert (lines[0]["size"], summary.problem, summary.ended) == (2**53, "", False)


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_records_that_claim_much_take_no_memory(kind: bytes) -> None:
    claimed = header(size=b"%011o\0" % 2**30, kind=kind)
    one = TarIndex(lambda line: None)
    piece = b"1 a=" + b"x" * (1 << 16)
    tracemalloc.start()
    one.feed(claimed)
    for _ in range(200):
        one.feed(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000
    assert "1073741824 bytes" in one.close().warnings[0]


@pytest.mark.parametrize("kind", [b"x", b"g", b"L"])
def test_many_records_take_no_more_memory_than_one(kind: bytes) -> None:
    one = TarIndex(lambda line: None)
    tracemalloc.start()
    for turn in range(50):
        record = pax(**{f"k{turn}.{number}": b"v" * 100_000 for number in range(8)})[BLOCK:]
        one.feed(header(size=b"%011o\0" % len(record), kind=kind) + record)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000
    one.feed(header() + END)
    assert one.close().ended


def test_what_is_said_of_all_members_at_once_does_not_make_the_index_many_times_the_archive() -> None:
    for key, value in (
        (b"SCHILY.xattr." + b"\x01" * 500_000, b"v"),
        (b"path", b"p" * 60_000),
        (b"uname", b"\x01" * 9000),
    ):
        record = pax(**{key.decode(): value})[BLOCK:]
        archive = header(size=b"%011o\0" % len(record), kind=b"g") + record + header() * 400 + END
        made: list[int] = []
        one = TarIndex(lambda lines, made=made: made.append(len(lines)))  # type: ignore[misc]
        one.feed(archive)
        summary = one.close()
        assert summary.entries == 400 and summary.ended
        assert sum(made) < 4 * len(archive)
        assert "global PAX values" in summary.warnings[0]


def test_a_global_value_told_again_and_again_takes_no_more_room_than_once() -> None:
    lines: list[bytes] = []
    one = TarIndex(lines.append)
    for number in range(300):
        record = pax(uname=b"user-%03d" % number + b"x" * 200)[BLOCK:]
        one.feed(header(size=b"%011o\0" % len(record), kind=b"g") + record)
    one.feed(header() + END)
    assert one.close().warnings == ()
    assert json.loads(lines[0])["uname"].startswith("user-299")


def test_lines_that_are_long_wait_for_no_others() -> None:
    record = pax(**{"SCHILY.xattr." + "\x01" * 900_000: b"v"})
    member = header(size=b"%011o\0" % (len(record) - BLOCK), kind=b"x") + record[BLOCK:] + header()
    one = TarIndex(lambda lines: None)
    tracemalloc.start()
    for _ in range(40):
        one.feed(member)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40_000_000
    assert one.close().entries == 40


def test_a_bad_pax_record_is_told_and_the_next_member_found() -> None:
    for record in (
        b"1 a=b\n",
        b"999999 a=b\n",
        b"x",
        b"6 ab\n\n",
        b"-5 a=b\n",
        b"8 abc=de",
        b"99999999999999999999 a=b\n",
    ):
        data = header(size=b"%011o\0" % len(record), kind=b"x") + padded(record) + header(b"next") + END
        lines, summary = index(data)
        assert [line["path"] for line in lines] == ["next"], record
        assert "PAX" in summary.warnings[0]
        assert summary.whole


def test_names_beyond_the_limit_are_cut_and_told() -> None:
    name = b"d/" * (35 * 1024)
    data = header(size=b"%011o\0" % len(name), kind=b"L") + padded(name) + header() + END
    lines, summary = index(data, 10_000)
    assert len(lines[0]["path"]) == 1 << 16
    assert "71680 bytes" in summary.warnings[0]


def test_names_with_controls_nuls_and_newlines_stay_one_line() -> None:
    lines, _ = index(pax(path=b'a\n{"path":"b"}\0\x1b[2J\r') + header() + END)
    assert [line["path"] for line in lines] == ['a\n{"path":"b"}\0\x1b[2J\r']


def test_owners_and_times_that_are_no_numbers_do_not_stop_the_index() -> None:
    lines, summary = index(header(mode=b"rw-r--r-", mtime=b"yesterday  \0") + END)
    assert (lines[0]["mode"], lines[0]["mtime"], summary.whole) == (None, "", True)


def test_too_many_entries_end_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar_index, "_MOST_ENTRIES", 3)
    lines, summary = index(header() * 10 + END)
    assert (len(lines), summary.problem) == (3, "more than 3 entries")


def test_an_index_without_output_follows_the_stream_all_the_same() -> None:
    one = TarIndex(None)
    one.feed(ARCHIVES["pax"])
    summary = one.close()
    assert (summary.entries, summary.whole) == (16, True)


def test_what_emit_raises_is_raised() -> None:
    def full(line: bytes) -> None:
        raise OSError("full")

    one = TarIndex(full)
    one.feed(header())
    with pytest.raises(OSError, match="full"):
        one.close()


@settings(max_examples=often(300, 100), deadline=None)
@given(st.binary(max_size=3000), st.integers(1, 600))
def test_nothing_that_is_fed_raises(data: bytes, step: int) -> None:
    index(header() + data, step)


@settings(max_examples=often(150, 50), deadline=None)
@given(st.data())
def test_no_damage_to_an_archive_raises(data: st.DataObject) -> None:
    damaged = bytearray(ARCHIVES["pax"])
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    lines, summary = index(bytes(damaged), data.draw(st.integers(1, 5000)))
    assert summary.bytes == len(damaged)
    assert len(lines) == summary.entries


@pytest.mark.parametrize(("field", "value"), [
    (b"0000644\0", 0o644), (b" 644 \0\0\0", 0o644), (b"\0" * 8, 0), (b"        ", 0), (b"77777777", 0o77777777),
    (b"\x80\0\0\0\0\0\x01\0", 256), (b"\xff" * 8, -1), (b"\xff\xff\xff\xff\xff\xff\xff\0", -256), (b"00000008", None),
    (b"abc\0\0\0\0\0", None), (b"644\0junk", 0o644),
])  # fmt: skip
def test_numbers_are_octal_or_base_256(field: bytes, value: int | None) -> None:
    assert number_of(field) == value


def test_pax_records_keep_their_order_and_their_bytes() -> None:
    assert read_pax(b"6 a=1\n8 b=\n=\x00\n6 a=2\n") == [(b"a", b"1"), (b"b", b"\n=\0"), (b"a", b"2")]
    assert read_pax(b"") == []
    assert read_pax(b"6 a=1\n\0\0\0") == [(b"a", b"1")]
