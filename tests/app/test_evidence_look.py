"""Looks at evidence: previews as hex and text, members of tars without extracting, and a verification given up."""

import io
import tarfile
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.app import Setting
from irkit.app.evidence_look import (
    MOST_MEMBERS,
    PREVIEW,
    hex_lines,
    items_of,
    looks_like_text,
    members,
    preview,
    text_lines,
    verifying,
)


@given(st.binary(max_size=400), st.integers(0, 1 << 20))
def test_hex_lines_hold_all_bytes_at_their_places(data: bytes, offset: int) -> None:
    back = b""
    for number, line in enumerate(hex_lines(data, offset)):
        place, _, rest = line.partition("  ")
        assert int(place, 16) == offset + 16 * number
        back += bytes.fromhex(rest[:48])
        assert len(rest[50:]) <= 16 and rest[50:].isprintable()
    assert back == data


@given(st.binary(max_size=300))
def test_text_lines_are_made_of_any_bytes_and_none_is_lost(data: bytes) -> None:
    lines = list(text_lines(data))
    assert len(lines) == data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
    assert not any("\n" in line for line in lines)


def test_lines_of_a_text_are_made_as_they_are_asked_for() -> None:
    assert list(islice(text_lines(b"\n" * PREVIEW), 3)) == ["", "", ""]


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
        assert look.wait(20) and look.value is not None
        assert (len(look.value.data), look.value.is_cut) == (size, is_cut)


def test_an_item_that_is_gone_is_said_in_a_line(tmp_path: Path) -> None:
    look = preview(tmp_path, "data/none")
    assert look.wait(20)
    assert look.value is None and "a bug" not in look.error and look.error


def tar_of(names: list[str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name))
    return out.getvalue()


def test_members_of_a_tar_are_told_by_its_headers_and_nothing_is_extracted(tmp_path: Path) -> None:
    bundle_with(tmp_path, disk_tar=tar_of(["etc/passwd", "../../evil", "a\nb"]))
    look = members(tmp_path, "data/disk.tar")
    assert look.wait(20) and look.value is not None
    assert [line.split(" ", 3)[3] for line in look.value] == ["etc/passwd", "../../evil", "a\nb"]
    assert look.source == "its headers"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["data", "disk.tar"]


def test_of_many_members_the_first_are_told_and_that_there_are_more(tmp_path: Path) -> None:
    bundle_with(tmp_path, disk_tar=tar_of([f"f{number}" for number in range(MOST_MEMBERS + 5)]))
    look = members(tmp_path, "data/disk.tar")
    assert look.wait(60) and look.value is not None
    assert len(look.value) == MOST_MEMBERS + 1 and "and more" in look.value[-1]


@pytest.mark.parametrize("content", [b"no tar at all" * 100, tar_of(["a"])[:700], b"\x28\xb5\x2f\xfd broken"])
def test_a_broken_tar_is_a_line_and_no_bug(tmp_path: Path, content: bytes) -> None:
    bundle_with(tmp_path, disk_tar=content)
    look = members(tmp_path, "data/disk.tar")
    assert look.wait(20)
    assert "a bug" not in look.error


def test_items_are_files_in_order_and_links_are_left_out(tmp_path: Path) -> None:
    bundle_with(tmp_path, b=b"12", a=b"1")
    (tmp_path / "data/link").symlink_to("/etc/passwd")
    (tmp_path / "data/folder").mkdir()
    assert [(one.path, one.size) for one in items_of(tmp_path)] == [("data/a", 1), ("data/b", 2)]


def test_verifying_what_is_no_bundle_is_said_in_a_line(tmp_path: Path) -> None:
    look, _ = verifying(Setting(environment={}, evidence=tmp_path), tmp_path / "none")
    assert look.wait(20)
    assert "no bundle" in look.error
