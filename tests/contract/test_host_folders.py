"""What every way to a host's files keeps to where a tree is read: in memory, on this machine, and over real SFTP."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from irkit.adapters.host_files import LocalFiles
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import FileFacts, FileKind, HostFolder, Looked, Span
from tests.contract.file_sites import DiskMaker, FileSite, deadline
from tests.contract.test_host_files import NAMES, disk, folder, site

__all__ = ["disk", "folder", "site"]
SMALL = 100
MIB = 1 << 20


@pytest.fixture
def held(site: FileSite) -> Iterator[HostFolder]:
    site.make.folder(b"tree")
    made = site.files.folder(site(b"tree"), deadline())
    yield made
    made.close()


def listed(held: HostFolder) -> list[FileFacts]:
    return [one for batch in held.batches(deadline()) for one in batch]


def looked(held: HostFolder) -> dict[bytes, Looked]:
    return {one.facts.name: one for one in held.look(listed(held), SMALL, deadline())}


def test_names_of_any_kind_are_listed_and_read(site: FileSite, held: HostFolder) -> None:
    for name in NAMES:
        site.make.file(b"tree/" + name, name)
    assert {one.name for one in listed(held)} == set(NAMES)
    expected = {name: name if len(name) <= SMALL else None for name in NAMES}
    assert {name: one.content for name, one in looked(held).items()} == expected
    assert not any(one.problem for one in looked(held).values())


def test_more_names_than_one_answer_holds_are_all_there(site: FileSite, held: HostFolder) -> None:
    for number in range(1100):
        site.make.file(b"tree/%d" % number, b"%d" % number)
    assert {name: one.content for name, one in looked(held).items()} == {b"%d" % n: b"%d" % n for n in range(1100)}


def test_links_and_special_files_are_told_and_not_opened(site: FileSite, held: HostFolder) -> None:
    site.make.link(b"tree/link", b"/etc/\xffshadow\n")
    site.make.special(b"tree/fifo", FileKind.FIFO)
    site.make.special(b"tree/socket", FileKind.SOCKET)
    site.make.folder(b"tree/folder")
    found = looked(held)
    assert found[b"link"].link == b"/etc/\xffshadow\n"
    assert {name: (one.facts.kind, one.content, one.problem) for name, one in found.items()} == {
        b"link": (FileKind.LINK, None, ""),
        b"fifo": (FileKind.FIFO, None, ""),
        b"socket": (FileKind.SOCKET, None, ""),
        b"folder": (FileKind.DIRECTORY, None, ""),
    }


def test_what_goes_between_listing_and_looking_has_a_problem_and_no_content(disk: FileSite) -> None:
    disk.make.folder(b"tree")
    for name in (b"stays", b"goes", b"turns"):
        disk.make.file(b"tree/" + name, b"content")
    held = disk.files.folder(disk(b"tree"), deadline())
    names = listed(held)
    assert isinstance(disk.make, DiskMaker)
    disk.make._path(b"tree/goes").unlink()
    disk.make._path(b"tree/turns").unlink()
    disk.make.link(b"tree/turns", b"/etc/passwd")
    found = {one.facts.name: one for one in held.look(names, SMALL, deadline())}
    held.close()
    assert found[b"stays"].content == b"content"
    assert found[b"goes"].problem.endswith("is not there")
    assert (found[b"turns"].facts.kind, found[b"turns"].content) == (FileKind.LINK, None)


def test_a_larger_file_is_read_by_its_parts(site: FileSite, held: HostFolder) -> None:
    content = os.urandom(3 * MIB + 17)
    site.make.file(b"tree/large", content)
    assert looked(held)[b"large"].content is None
    with held.open(b"large", deadline()) as file:
        spans = file.spans(deadline())
        assert [(one.offset, one.size) for one in spans] == [(0, len(content))]
        assert b"".join(bytes(piece) for piece in file.read(spans[0], deadline())) == content
        assert b"".join(bytes(piece) for piece in file.read(Span(MIB, 5), deadline())) == content[MIB : MIB + 5]
        assert b"".join(bytes(piece) for piece in file.read(Span(len(content) - 3, 50), deadline())) == content[-3:]


@pytest.mark.parametrize("name", [b"link", b"fifo", b"folder", b"nothing"])
def test_what_is_no_file_is_not_opened(site: FileSite, held: HostFolder, name: bytes) -> None:
    site.make.file(b"file", b"")
    site.make.link(b"tree/link", b"../file")
    site.make.special(b"tree/fifo", FileKind.FIFO)
    site.make.folder(b"tree/folder")
    with pytest.raises(TargetError) as caught, held.open(name, deadline()):
        pass
    assert caught.value.kind is (Refusal.ABSENT if name == b"nothing" else Refusal.REFUSED)


def test_a_folder_in_it_is_entered_and_a_link_to_one_is_not(site: FileSite, held: HostFolder) -> None:
    site.make.folder(b"tree/folder")
    site.make.file(b"tree/folder/inside", b"content")
    site.make.link(b"tree/link", b"folder")
    inner = held.enter(b"folder", deadline())
    assert looked(inner)[b"inside"].content == b"content"
    assert inner.path == site(b"tree/folder")
    assert inner.own(deadline()).facts.kind is FileKind.DIRECTORY
    inner.close()
    for name in (b"link", b"folder/inside", b"nothing"):
        with pytest.raises(TargetError):
            held.enter(name, deadline())
    with pytest.raises(TargetError):
        site.files.folder(site(b"tree/link"), deadline())


# This machine alone tells what follows ---------------------------------------------------------------------------


@pytest.fixture
def local(tmp_path: Path) -> Iterator[HostFolder]:
    with LocalFiles() as files:
        made = files.folder(bytes(tmp_path), deadline())
        yield made
        made.close()


def test_the_parts_of_a_sparse_file_are_those_with_data(local: HostFolder, tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        for offset in (0, 10 * MIB, 30 * MIB):
            file.seek(offset)
            file.write(b"x" * MIB)
        file.truncate(50 * MIB)
    (tmp_path / "hollow").touch()
    os.truncate(tmp_path / "hollow", 20 << 30)
    with local.open(b"sparse", deadline()) as opened:
        assert [(one.offset // MIB, one.size // MIB) for one in opened.spans(deadline())] == [(0, 1), (10, 1), (30, 1)]
    with local.open(b"hollow", deadline()) as opened:
        assert list(opened.spans(deadline())) == []


def test_extended_attributes_are_told_of_files_folders_and_links(local: HostFolder, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "fifo")
    for name in ("file", "folder", "link", "fifo"):
        os.setxattr(tmp_path / name, "trusted.irkit", name.encode() + b"\0\xff", follow_symlinks=False)
    found = looked(local)
    assert {name: one.xattrs for name, one in found.items()} == {
        name: {b"trusted.irkit": name + b"\0\xff"} for name in (b"file", b"folder", b"link", b"fifo")
    }


def test_reading_leaves_the_times_of_access_as_they_were(local: HostFolder, tmp_path: Path) -> None:
    for name, size in (("small", 10), ("large", SMALL + 1)):
        (tmp_path / name).write_bytes(b"x" * size)
        os.utime(tmp_path / name, ns=(1, 1))
    looked(local)
    with local.open(b"large", deadline()) as opened:
        assert list(opened.read(Span(0, 10), deadline()))
    assert {(tmp_path / name).stat().st_atime_ns for name in ("small", "large")} == {1}


def test_what_was_moved_away_while_it_was_held_is_still_read_where_it_is(local: HostFolder, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/file").write_bytes(b"content")
    inner = local.enter(b"real", deadline())
    (tmp_path / "real").rename(tmp_path / "away")
    (tmp_path / "real").symlink_to("/etc")
    assert list(looked(inner)) == [b"file"]
    inner.close()


def test_what_a_link_leads_to_is_opened_and_a_folder_is_not(site: FileSite) -> None:
    content = os.urandom(5000)
    site.make.file(b"there", content)
    site.make.folder(b"folder")
    with site.files.open_link(site(b"there"), deadline()) as file:
        assert file.facts.size == len(content) and [one.size for one in file.spans(deadline())] == [len(content)]
        assert b"".join(bytes(piece) for piece in file.read(Span(10, 50), deadline())) == content[10:60]
    for wrong, kind in ((b"folder", Refusal.REFUSED), (b"gone", Refusal.ABSENT)):
        with pytest.raises(TargetError) as caught, site.files.open_link(site(wrong), deadline()):
            pass
        assert caught.value.kind is kind
    if site.follows:
        site.make.link(b"link", site(b"there"))
        with site.files.open_link(site(b"link"), deadline()) as file:
            assert b"".join(bytes(piece) for piece in file.read(Span(0, 9000), deadline())) == content
