"""Looks at evidence: previews as hex and text, members of tars without extracting, and a verification given up."""

import hashlib
import io
import tarfile
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.adapters.tar_fields import BLOCK
from irkit.adapters.tar_index import TarIndex
from irkit.adapters.zstd_frames import compress_frame
from irkit.app import Setting
from irkit.app.evidence_look import (
    MOST_MEMBERS,
    PREVIEW,
    Item,
    hex_lines,
    items_of,
    looks_like_text,
    members,
    preview,
    verifying,
)
from irkit.app.one_look import Look
from irkit.core.events import OperationFinished, Record
from irkit.core.evidence import Evidence
from irkit.core.listed_member import ListedMember


@given(st.binary(max_size=400), st.integers(0, 1 << 20))
def test_hex_lines_hold_all_bytes_at_their_places(data: bytes, offset: int) -> None:
    back = b""
    for number, line in enumerate(hex_lines(data, offset)):
        place, _, rest = line.partition("  ")
        assert int(place, 16) == offset + 16 * number
        back += bytes.fromhex(rest[:48])
        assert len(rest[50:]) <= 16 and rest[50:].isprintable()
    assert back == data


@given(st.text(max_size=50))
def test_what_is_utf_8_without_nul_is_shown_as_text(text: str) -> None:
    assert looks_like_text(text.encode("utf-8", "replace")) == ("\0" not in text)


def test_a_character_cut_at_the_end_of_what_is_looked_at_is_text_still_and_other_bytes_are_not() -> None:
    assert looks_like_text(b"a" * 65535 + "é".encode())
    assert not looks_like_text(b"\xff\xfe" + b"a" * 100)


def bundle_with(folder: Path, **items: bytes) -> Path:
    for name, content in items.items():
        path = folder / "data" / name.replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return folder


def test_a_preview_is_the_beginning_and_says_where_there_is_more(tmp_path: Path) -> None:
    bundle_with(tmp_path, small=b"abc", large=b"x" * (PREVIEW + 1), just=b"y" * PREVIEW)
    for name, size, is_cut in (("small", 3, False), ("large", PREVIEW, True), ("just", PREVIEW, False)):
        look = preview(tmp_path, f"data/{name}")
        assert look.wait(60) and look.value is not None
        assert (len(look.value.data), look.value.is_cut) == (size, is_cut)


def test_an_item_that_is_gone_is_said_in_a_line(tmp_path: Path) -> None:
    look = preview(tmp_path, "data/none")
    assert look.wait(60)
    assert look.value is None and "a bug" not in look.error and look.error


def tar_of(names: list[str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name))
    return out.getvalue()


def listed(folder: Path, item: str, index: str = "") -> tuple[list[ListedMember], Look[list[ListedMember]]]:
    look = members(folder, item, index)
    assert look.wait(60) and look.value is not None, look.error
    return look.value, look


def test_members_of_a_tar_are_told_by_its_headers_and_nothing_is_extracted(tmp_path: Path) -> None:
    bundle_with(tmp_path, disk_tar=tar_of(["etc/passwd", "../../evil", "a\nb"]))
    found, look = listed(tmp_path, "data/disk.tar")
    assert [(one.name, one.type, one.mode, one.size) for one in found] == [
        (name, "file", 0o644, 0) for name in (b"etc/passwd", b"../../evil", b"a\nb")
    ]
    assert (look.source, look.notes) == ("its headers", ())
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["data", "disk.tar"]


def test_of_many_members_the_first_are_told_and_that_there_are_more(tmp_path: Path) -> None:
    bundle_with(tmp_path, disk_tar=tar_of([f"f{number}" for number in range(MOST_MEMBERS + 5)]))
    found, look = listed(tmp_path, "data/disk.tar")
    assert len(found) == MOST_MEMBERS and "first" in look.notes[0]
    bundle_with(tmp_path, disk_tar=tar_of([f"f{number}" for number in range(MOST_MEMBERS)]))
    found, look = listed(tmp_path, "data/disk.tar")
    assert len(found) == MOST_MEMBERS and look.notes == ()


@pytest.mark.parametrize(
    ("content", "names", "why"),
    [
        (b"no tar at all" * 100, [], "no valid header at byte 0"),
        (tar_of(["a", "b"])[:1200], [b"a", b"b"], "ends before its end mark"),
        (tar_of(["a"])[:512] + b"x" * 512, [b"a"], "no valid header at byte 512"),
    ],
    ids=["no-tar", "cut", "damaged"],
)
def test_of_a_broken_tar_what_came_is_told_and_where_it_ends(
    tmp_path: Path, content: bytes, names: list[bytes], why: str
) -> None:
    bundle_with(tmp_path, disk_tar=content)
    found, look = listed(tmp_path, "data/disk.tar")
    assert [one.name for one in found] == names
    assert why in "; ".join(look.notes)


@pytest.mark.parametrize("keep", [0, 3, 60])
def test_of_a_torn_frame_what_came_is_told_and_that_it_cannot_be_read_on(tmp_path: Path, keep: int) -> None:
    packed = compress_frame(tar_of([f"f{number}" for number in range(300)]), 3)
    bundle_with(tmp_path, disk_tar_zst=packed[:keep] or b"\x28\xb5\x2f\xfd broken")
    found, look = listed(tmp_path, "data/disk.tar.zst")
    assert found == [] and "cannot be read on" in look.notes[0]


def index_of_tar(content: bytes) -> bytes:
    """As a run makes it."""
    lines: list[bytes] = []
    index = TarIndex(lines.append)
    index.feed(content)
    index.close()
    return b"".join(lines)


def telling_tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as tar:
        for name, more in (
            (".dockerenv", {"mode": 0o755, "mtime": 1_700_000_000}),
            ("tmp", {"type": tarfile.DIRTYPE, "mode": 0o1777}),
            ("bin/su", {"mode": 0o4755, "size": 3, "uid": 1000, "gid": 50, "uname": "ann", "gname": "staff"}),
            ("bin/sh", {"type": tarfile.SYMTYPE, "mode": 0o777, "linkname": "dash"}),
            ("tmp/\udcff\n", {"mode": 0o600}),
            ("dev/null", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}),
        ):
            one = tarfile.TarInfo(name)
            for key, value in more.items():
                setattr(one, key, value)
            tar.addfile(one, io.BytesIO(b"abc"[: one.size]))
    return out.getvalue()


def test_an_index_and_the_headers_it_was_made_from_tell_the_same_members(tmp_path: Path) -> None:
    content = telling_tar()
    bundle_with(tmp_path, disk_tar=content, disk_index_jsonl_zst=compress_frame(index_of_tar(content), 3))
    by_index, look = listed(tmp_path, "data/disk.tar", "data/disk.index.jsonl.zst")
    assert (look.source, look.notes) == ("its index", ())
    by_headers, _ = listed(tmp_path, "data/disk.tar")
    assert [replace(one, sha256="") for one in by_index] == [replace(one, sha256="") for one in by_headers]
    assert [one.name for one in by_headers] == [
        b".dockerenv", b"tmp/", b"bin/su", b"bin/sh", b"tmp/\xff\n", b"dev/null"
    ]  # fmt: skip
    su = by_index[2]
    assert (su.mode, su.uid, su.gid, su.owner, su.size, su.sha256) == (
        0o4755, 1000, 50, "ann:staff", 3, hashlib.sha256(b"abc").hexdigest()
    )  # fmt: skip
    assert (by_index[3].type, by_index[3].link, by_index[0].mtime) == ("symlink", b"dash", "1700000000")


def test_the_mode_of_an_engines_export_is_told_without_the_bits_that_say_what_it_is(tmp_path: Path) -> None:
    bundle_with(tmp_path, x_tar=b"", x_index_jsonl=b'{"path":".dockerenv","type":"file","mode":33261,"size":0}\n')
    found, _ = listed(tmp_path, "data/x.tar", "data/x.index.jsonl")
    assert (found[0].name, found[0].type, found[0].mode) == (b".dockerenv", "file", 0o755)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (b'{"path":"a","type":"file"}\nno json\n', "line 2"),
        (b'{"path":"a","type":"file"}\n{"path":7}\n', "line 2"),
        (b'{"path":"a","type":"file"}\n{"path":"' + b"x" * (5 << 20) + b'"}\n', "line 2"),
        (b'{"path":"a","type":"file"}\n' + b"[" * 100_000, "line 2"),
        (b'{"path":"a","type":"file","size":' + b"9" * 5000 + b"}\n", "line 1"),
    ],
    ids=["no-json", "other-fields", "too-long", "too-deep", "too-large-a-number"],
)
def test_an_index_that_is_none_is_told_up_to_where_it_ends(tmp_path: Path, lines: bytes, why: str) -> None:
    bundle_with(tmp_path, x_tar=b"", x_index_jsonl=lines)
    found, look = listed(tmp_path, "data/x.tar", "data/x.index.jsonl")
    assert [one.name for one in found] == [b"a"] * (why == "line 2")
    assert why in look.notes[0]


def pax_header(kind: bytes, size: int) -> bytes:
    block = bytearray(BLOCK)
    block[:1], block[100:108], block[124:136], block[156:157] = b"x", b"0000644\0", b"%011o\0" % size, kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def packed(*parts: bytes) -> bytes:
    """Frames of what may be repeated."""
    return b"".join(compress_frame(part, 3) for part in parts)


LARGE = b"x" * (4 << 20)


def long_pax_header() -> bytes:
    """10 kB that claim, and bring, a PAX header of 300 MB."""
    frame = compress_frame(LARGE, 3)
    return packed(pax_header(b"x", 75 * len(LARGE))) + frame * 75 + packed(tar_of(["end"]))


def one_long_path_for_all() -> bytes:
    """A global PAX header with a path of 60 kB, and many members to which it applies."""
    record = b"60010 path=" + b"p" * (60010 - 12) + b"\n"
    head = pax_header(b"g", len(record)) + record + bytes(-len(record) % BLOCK)
    return packed(head, pax_header(b"0", 0) * 40_000, bytes(1024))


def one_long_line() -> bytes:
    return compress_frame(b'{"path":"', 3) + compress_frame(LARGE, 3) * 75 + compress_frame(b'"}\n', 3)


def many_long_lines() -> bytes:
    lines = b"".join(b'{"type":"file","path":"%d%s"}\n' % (number, b"p" * 60_000) for number in range(60))
    return compress_frame(lines, 3) * 100


@pytest.mark.parametrize(
    ("content", "index", "told"),
    [
        (long_pax_header(), b"", "a record of 314572800 bytes"),
        (one_long_path_for_all(), b"", "the first"),
        (b"", one_long_line(), "line 1 is too long"),
        (b"", many_long_lines(), "the first"),
    ],
    ids=["long-pax-header", "one-long-path-for-all", "one-long-line", "many-long-lines"],
)
def test_a_few_kilobytes_that_unpack_to_hundreds_of_megabytes_take_little_memory(
    tmp_path: Path, content: bytes, index: bytes, told: str
) -> None:
    assert len(content) + len(index) < 200_000
    bundle_with(tmp_path, x_tar_zst=content, x_index_jsonl_zst=index)
    tracemalloc.start()
    try:
        _, look = listed(tmp_path, "data/x.tar.zst", "data/x.index.jsonl.zst" if index else "")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 48 << 20
    assert told in "; ".join(look.notes)


def test_items_are_files_in_order_and_links_are_left_out(tmp_path: Path) -> None:
    bundle_with(tmp_path, b=b"12", a=b"1")
    (tmp_path / "data/link").symlink_to("/etc/passwd")
    (tmp_path / "data/folder").mkdir()
    assert [(one.path, one.size) for one in items_of(tmp_path)] == [("data/a", 1), ("data/b", 2)]


def record_of(seq: int, *paths: str, size: int = 1, partial: str = "") -> Record:
    items = tuple(
        Evidence(
            path=path, kind="export", sha256="a" * 64, sha512="b" * 128, size=size, source_sha256="c" * 64,
            source_size=size, started_at="", ended_at="", partial=partial,
        )
        for path in paths
    )  # fmt: skip
    event = OperationFinished(task=1, number=1, step="s", host="h", container="c", milliseconds=1, evidence=items)
    return Record(seq=seq, at="2026-01-31T10:00:00Z", prev="0" * 64, event=event)


def test_what_the_log_says_of_an_item_is_told_with_it_and_what_does_not_agree(tmp_path: Path) -> None:
    bundle_with(tmp_path, a=b"1", b=b"12", d=b"1")
    records = [record_of(7, "data/a", "data/c", partial="cut after 1 byte"), record_of(8, "data/b")]
    found = {one.path: one for one in items_of(tmp_path, records)}
    assert list(found) == ["data/a", "data/b", "data/c", "data/d"]
    assert found["data/a"].evidence is not None and found["data/a"].evidence.partial == "cut after 1 byte"
    doubts = ["", "ALTERED: it had 1 bytes", "MISSING", "NOT IN THE LOG"]
    assert [one.doubt for one in found.values()] == doubts
    assert all(one.doubt == "" for one in items_of(tmp_path))


def test_the_log_itself_is_not_said_to_be_missing_in_the_log(tmp_path: Path) -> None:
    (tmp_path / "data/log").mkdir(parents=True)
    (tmp_path / "data/log/run.jsonl").write_bytes(b"x")
    assert list(items_of(tmp_path, [])) == [Item("data/log/run.jsonl", 1)]


@pytest.mark.parametrize(
    ("archive", "index"),
    [
        ("rootfs.tar.zst", "rootfs.index.jsonl.zst"),
        ("rootfs.tar", "rootfs.index.jsonl.zst"),
        ("changes.tar.zst", "changes.jsonl.zst"),
        ("001-my.vol.tar.zst", "001-my.vol.jsonl.zst"),
        ("001-my-2.vol.tar", "001-my-2.vol.jsonl"),
        ("files.tar", "files.index.jsonl"),
        ("c0ffee.tar.gz", "c0ffee.index.jsonl.zst"),
        ("c0ffee.tar.zstd", "c0ffee.index.jsonl.zst"),
    ],
)
def test_the_index_of_an_archive_is_the_one_that_was_made_with_it(tmp_path: Path, archive: str, index: str) -> None:
    bundle_with(tmp_path, **{archive: b"1", index: b"1"})
    paths = f"data/{archive}", f"data/{index}"
    for records, found in (
        (None, paths[1]),
        ([record_of(5, *paths)], paths[1]),
        ([record_of(5, paths[0]), record_of(6, paths[1])], ""),
        ([record_of(5, paths[1])], ""),
    ):
        (one,) = [item for item in items_of(tmp_path, records) if item.path == paths[0]]
        assert one.index == found and (one.is_archive or not archive.endswith((".tar", ".tar.zst")))


def test_what_is_no_archive_has_no_index_and_no_members(tmp_path: Path) -> None:
    bundle_with(tmp_path, **{"processes.json": b"1", "processes.jsonl": b"1", "x.bin": b"1", "x.index.jsonl": b"1"})
    assert [(one.index, one.is_archive) for one in items_of(tmp_path)] == [("", False)] * 4


def test_verifying_what_is_no_bundle_is_said_in_a_line(tmp_path: Path) -> None:
    look, _ = verifying(Setting(environment={}, evidence=tmp_path), tmp_path / "none")
    assert look.wait(60)
    assert "no bundle" in look.error
