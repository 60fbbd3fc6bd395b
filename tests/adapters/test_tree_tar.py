"""A tree as tar and index: what other tools read of it is what was there, and nothing that is hostile stops it."""

import base64
import hashlib
import io
import json
import os
import socket
import struct
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from irkit.adapters import tree_walk
from irkit.adapters.host_files import LocalFiles
from irkit.adapters.memory_files import MemoryFiles
from irkit.adapters.memory_store import MemoryStore
from irkit.adapters.tar_index import TarIndex
from irkit.adapters.tree_tar import Counts, open_tree
from irkit.adapters.tree_walk import Enters, walk
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import ReadEngine
from irkit.core.ports import FileFacts, FileKind, HostFiles, Span
from tests.adapters.sftp_servers import open_files
from tests.contract.file_sites import deadline
from tests.contract.test_host_files import NAMES
from tests.lab.counting import LONG

MIB = 1 << 20
NET_RAW = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)


class Stored:
    """What came of a tree."""

    def __init__(self, store: MemoryStore, counts: Counts, partial: str) -> None:
        self.archive = store.files["data/local/host/t.tar"]
        self.counts, self.partial = counts, partial
        lines = [json.loads(line) for line in store.files["data/local/host/t.jsonl"].splitlines()]
        self.lines: dict[bytes, dict[str, Any]] = {raw(line): line for line in lines}
        twice = [one for one in lines if one is not self.lines[raw(one)]]
        assert all(self.lines[raw(one)]["problem"] for one in twice), "a name has two lines"

    def members(self) -> dict[bytes, tarfile.TarInfo]:
        with tarfile.open(fileobj=io.BytesIO(self.archive)) as tar:
            return {one.name.encode("utf-8", "surrogateescape"): one for one in tar}

    def content(self, name: bytes) -> bytes:
        with tarfile.open(fileobj=io.BytesIO(self.archive)) as tar:
            held = tar.extractfile(name.decode("utf-8", "surrogateescape"))
            assert held is not None
            return held.read()


def raw(line: dict[str, Any], key: str = "path") -> bytes:
    told = line.get(f"{key}_b64")
    return base64.b64decode(told) if told else line.get(key, "").encode()


def store_tree(
    files: HostFiles, path: bytes, *, limit: int = 1 << 40, enters: Enters = lambda path, facts: ""
) -> Stored:
    store = MemoryStore()
    intake = store.intake(host="local", container=None, operation=ReadEngine("info"), task=0)
    tree = open_tree(intake, "t.tar", "t.jsonl", source="test", limit=limit)
    top = files.folder(path, deadline())
    for met in walk(top, deadline(), small=1000, enters=enters):
        tree.add(met, deadline())
    top.close()
    return Stored(store, tree.counts, tree.finish())


Keep = Callable[..., Stored]


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Keep]:
    """Stores what is in the test's folder."""
    with LocalFiles() as files:
        yield lambda **how: store_tree(files, bytes(tmp_path), **how)


def test_names_of_any_bytes_come_back_from_tar_and_index(keep: Keep, tmp_path: Path) -> None:
    deep = bytes(tmp_path) + b"/" + b"d" * 200 + b"/" + b"\xff" * 200
    Path(os.fsdecode(deep)).mkdir(parents=True)
    for name in NAMES:
        for folder in (bytes(tmp_path), deep):
            Path(os.fsdecode(folder + b"/" + name)).write_bytes(name)
    found = keep()
    inner = b"d" * 200 + b"/" + b"\xff" * 200 + b"/"
    wanted = {prefix + name for name in NAMES for prefix in (b"", inner)}
    files = {name for name, line in found.lines.items() if line["type"] == "file"}
    assert files == wanted
    assert {name for name, one in found.members().items() if one.isreg()} == wanted
    for name in wanted:
        assert found.content(name) == name.rpartition(b"/")[2]
    assert found.partial == ""


def test_gnu_tar_brings_back_what_was_there(keep: Keep, tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path.with_name("out")
    source.mkdir()
    target.mkdir()
    (source / "file").write_bytes(b"x" * 5000)
    (source / "file").chmod(0o4711)
    os.chown(source / "file", 3_000_000, 12)
    os.utime(source / "file", ns=(1_600_000_000_123_456_789, 1_500_000_000_987_654_321))
    (source / "hard").hardlink_to(source / "file")
    (source / ("l" * 200)).symlink_to("/" + "t" * 3000)
    os.mkfifo(source / "fifo", 0o600)
    os.mknod(source / "device", 0o020666, os.makedev(1, 300))
    with (source / "sparse").open("wb") as file:
        file.seek(3 * MIB)
        file.write(b"middle")
        file.truncate(9 * MIB + 5)
    found = keep()
    assert len(found.archive) < 60_000
    subprocess.run(
        ["tar", "-xp", "--numeric-owner", "--xattrs", "-C", str(target)], input=found.archive, check=True, timeout=60
    )
    for name in ("file", "hard", "l" * 200, "fifo", "device", "sparse"):
        was, now = (source / name).lstat(), (target / "in" / name).lstat()
        same = [getattr(one, part) for one in (was, now) for part in ("st_mode", "st_uid", "st_gid", "st_rdev")]
        assert same[:4] == same[4:], name
        assert (was.st_mtime_ns, was.st_size) == (now.st_mtime_ns, now.st_size)
    assert (target / "in/sparse").read_bytes() == (source / "sparse").read_bytes()
    assert (target / "in/sparse").stat().st_blocks < 100
    assert (target / "in/hard").samefile(target / "in/file")
    assert str((target / "in" / ("l" * 200)).readlink()) == "/" + "t" * 3000


def test_names_of_attributes_with_the_signs_of_a_record_come_back_through_gnu_tar(keep: Keep, tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path.with_name("out-of-tar")
    source.mkdir()
    target.mkdir()
    marks = {"trusted.a=b": b"1=2", "trusted.c%3Dd": b"3%3D4", "trusted.%=%": b"\0\n", "trusted.\u00e4": b"5"}
    (source / "file").write_bytes(b"x")
    for name, value in marks.items():
        os.setxattr(source / "file", name, value)
    found = keep()
    assert set(found.lines[b"in/file"]["xattr_values"]) == set(marks)
    include = ["--xattrs", "--xattrs-include=trusted.*"]
    subprocess.run(["tar", "-xp", *include, "-C", str(target)], input=found.archive, check=True, timeout=60)
    read = target / "in/file"
    assert {name: os.getxattr(read, name) for name in os.listxattr(read)} == marks


def test_the_index_says_what_can_be_known_of_each(keep: Keep, tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_bytes(b"#!/usr/bin/env python3\n")
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "ping").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0" + bytes(2000))
    os.setxattr(tmp_path / "ping", "security.capability", NET_RAW)
    os.setxattr(tmp_path / "ping", "trusted.mark", b"a\0\xff")
    (tmp_path / "link").symlink_to(b"/\xff\n".decode("utf-8", "surrogateescape"))
    os.utime(tmp_path / "run.sh", ns=(1, 1_500_000_000_000_000_007))
    found = keep()
    script, ping = found.lines[b"run.sh"], found.lines[b"ping"]
    assert (script["mime"], script["executable"], script["mode"]) == ("text/x-script.python", True, 0o755)
    assert (script["mtime"], script["atime"]) == ("1500000000.000000007", "0.000000001")
    assert script["sha256"] == hashlib.sha256((tmp_path / "run.sh").read_bytes()).hexdigest()
    assert (ping["mime"], ping.get("executable", False)) == ("application/x-pie-executable", False)
    assert ping["capabilities"] == "cap_net_raw=ep"
    assert base64.b64decode(ping["xattr_values"]["trusted.mark"]) == b"a\0\xff"
    assert raw(found.lines[b"link"], "link") == b"/\xff\n"
    told = found.members()[b"ping"].pax_headers["SCHILY.xattr.security.capability"]
    assert told.encode("utf-8", "surrogateescape") == NET_RAW


def test_each_offset_leads_to_the_content_and_irkits_own_parser_agrees(keep: Keep, tmp_path: Path) -> None:
    for number, size in enumerate((0, 1, 512, 999, 1000, 1001, 300_000, 3 * MIB)):
        (tmp_path / f"f{number}").write_bytes(os.urandom(size))
    found = keep()
    parsed: list[bytes] = []
    index = TarIndex(parsed.append)
    index.feed(found.archive)
    assert index.close().whole
    theirs = {one["path"].rstrip("/"): one for one in map(json.loads, b"".join(parsed).splitlines())}
    for name, line in found.lines.items():
        other = theirs[name.decode()]
        assert (line["offset"], line["data"]) == (other["offset"], other["data"])
        if line["type"] == "file":
            held = found.archive[line["data"] : line["data"] + line.get("size", 0)]
            assert line["sha256"] == hashlib.sha256(held).hexdigest() == other["sha256"]


def test_a_huge_sparse_file_costs_its_data_alone(keep: Keep, tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.seek(10 << 30)
        file.write(b"needle")
        file.truncate(20 << 30)
    found = keep()
    line = found.lines[b"huge"]
    assert (line["size"], "sha256" in line) == (20 << 30, False)
    data = bytearray(line["data_size"])
    data[data_at(10 << 30, line["data_size"]) : data_at(10 << 30, line["data_size"]) + 6] = b"needle"
    assert line["sha256_data"] == hashlib.sha256(data).hexdigest()
    assert len(found.archive) < 20_000 and found.partial == ""
    assert found.members()[b"huge"].size == 20 << 30


def data_at(offset: int, size: int) -> int:
    """Where that byte is in the first block with data."""
    return offset % size


def test_special_files_and_sockets_are_told_and_none_is_opened(keep: Keep, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    os.mknod(tmp_path / "tty", 0o020666, os.makedev(5, 0))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "engine.sock"))
        found = keep()
    kinds = {name: line["type"] for name, line in found.lines.items()}
    assert kinds == {b".": "directory", b"fifo": "fifo", b"tty": "char", b"engine.sock": "socket"}
    assert found.lines[b"tty"]["device"] == [5, 0]
    assert set(found.members()) == {b".", b"fifo", b"tty"}, "a tar holds no sockets"


def test_links_to_anywhere_are_stored_and_not_followed(keep: Keep, tmp_path: Path) -> None:
    for name, target in (("root", "/"), ("up", "../../.."), ("self", "self"), ("loop", ".")):
        (tmp_path / name).symlink_to(target)
    assert set(keep().lines) == {b".", b"root", b"up", b"self", b"loop"}


def test_a_folder_hundreds_deep_with_neighbours_everywhere_is_walked_whole(keep: Keep, tmp_path: Path) -> None:
    at = os.open(tmp_path, os.O_RDONLY)
    for _ in range(400):
        for name in ("a", "b"):
            os.mkdir(name, dir_fd=at)
        inner = os.open("a", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)
    before = open_files()
    found = keep()
    assert open_files() <= before  # what another test left may have been closed meanwhile
    assert len(found.lines) == 801 and found.partial == ""
    assert max(len(name) for name in found.lines) == 2 * 400 - 1
    assert b"/".join([b"a"] * 400) in found.members()
    subprocess.run(["rm", "-rf", str(tmp_path / "a"), str(tmp_path / "b")], check=True, timeout=60)


def test_more_than_the_limit_is_left_out_and_said_and_still_listed(keep: Keep, tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"f{number}").write_bytes(b"x" * 3000)
    found = keep(limit=9000)
    left = [line for line in found.lines.values() if "left_out" in line]
    assert len(left) == 2 and len(found.members()) == 4
    assert found.partial == "the content of 2 files is left out: more than the 9000 bytes asked for"


def test_whoever_swaps_folders_and_files_for_links_meanwhile_leads_nowhere(keep: Keep, tmp_path: Path) -> None:
    outside = tmp_path.with_name("outside")
    (outside / "folder").mkdir(parents=True)
    (outside / "folder/name").write_bytes(b"SECRET OF THE HOST")
    (outside / "file").write_bytes(b"SECRET OF THE HOST" * 100)
    for number in range(40):
        (tmp_path / f"{number}-folder").mkdir()
        (tmp_path / f"{number}-folder/name").write_bytes(b"own")
        (tmp_path / f"{number}-file").write_bytes(b"own" * 1000)
    swapping = Swapping(tmp_path, outside)
    try:
        tries, end = 0, time.monotonic() + LONG
        while tries < 15 or (swapping.count <= 100 and time.monotonic() < end):
            assert b"SECRET" not in keep().archive
            tries += 1
    finally:
        swapping.stop()
    assert swapping.count > 100


class Swapping(threading.Thread):
    """Swaps what is in a folder for links to another, and back, until it is told to stop."""

    def __init__(self, folder: Path, outside: Path) -> None:
        super().__init__(daemon=True)
        self._folder, self._outside, self._stopped = folder, outside, threading.Event()
        self.count = 0
        self.start()

    def run(self) -> None:
        while not self._stopped.is_set():
            for number in range(40):
                for kind in ("folder", "file"):
                    path, aside = self._folder / f"{number}-{kind}", self._outside / f"{number}-{kind}"
                    path.rename(aside)
                    path.symlink_to(self._outside / kind)
                    path.unlink()
                    aside.rename(path)
                    self.count += 1

    def stop(self) -> None:
        self._stopped.set()
        self.join(60)


@pytest.mark.parametrize("bound", ["MOST_ENTRIES", "MOST_IN_PATHS"])
def test_a_tree_without_end_ends_and_that_is_said(
    keep: Keep, tmp_path: Path, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(100):
        (tmp_path / str(number)).touch()
    monkeypatch.setattr(tree_walk, bound, 50)
    found = keep()
    assert 20 < len(found.lines) < 60
    assert "the rest is left out" in found.partial


def test_a_folder_that_is_not_entered_says_why(keep: Keep, tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/inside").touch()

    def enters(path: bytes, facts: FileFacts) -> str:
        return "another file system" if path == b"proc" else ""

    found = keep(enters=enters)
    assert set(found.lines) == {b".", b"proc"}
    assert found.partial == "1 names could not be read: another file system"


def test_what_cannot_be_read_is_said_and_the_rest_is_there() -> None:
    files = MemoryFiles()
    for name, size in ((b"good", 10), (b"broken", 2000), (b"secret", 10), (b"half", 9000), (b"after", 10)):
        files.put(b"/tree/" + name, b"x" * size)
    files.put(b"/tree/shut/inside", b"")
    files.fail(b"/tree/broken", TargetError("input/output error", Refusal.REFUSED))
    files.fail(b"/tree/half", TargetError("input/output error", Refusal.REFUSED), after=4096)
    files.deny(b"/tree/secret")
    files.deny(b"/tree/shut")
    found = store_tree(files, b"/tree")
    problems = {name for name, line in found.lines.items() if line.get("problem")}
    assert problems == {b"broken", b"secret", b"half", b"shut"}
    assert found.content(b"half") == b"x" * 4096 + bytes(9000 - 4096)
    assert found.lines[b"half"]["truncated"] and "sha256" not in found.lines[b"half"]
    assert found.content(b"after") == b"x" * 10
    assert found.partial.startswith("4 names could not be read: ")


def test_a_file_that_shrinks_while_it_is_read_is_filled_up_and_said() -> None:
    files = MemoryFiles()
    files.put(b"/tree/f", b"x" * 2000, size=5000)
    found = store_tree(files, b"/tree")
    assert found.content(b"f") == b"x" * 2000 + bytes(3000)
    assert "zeros stand for 3000 bytes" in found.lines[b"f"]["problem"]


def test_a_file_that_grows_without_end_is_kept_as_long_as_it_was() -> None:
    files = MemoryFiles()
    files.put(b"/tree/f", b"x" * 50_000, size=5000)
    found = store_tree(files, b"/tree")
    assert found.content(b"f") == b"x" * 5000 and found.partial == ""
    assert found.lines[b"f"]["grew"]


def test_a_file_with_holes_in_the_middle_is_put_together_again() -> None:
    content = bytes(1000) + b"a" * 500 + bytes(3000) + b"b" * 500
    files = MemoryFiles()
    files.put(b"/tree/f", content, spans=[Span(1000, 500), Span(4500, 500)])
    found = store_tree(files, b"/tree")
    line = found.lines[b"f"]
    assert found.content(b"f") == content
    assert line["sha256"] == hashlib.sha256(content).hexdigest()
    assert line["sha256_data"] == hashlib.sha256(b"a" * 500 + b"b" * 500).hexdigest()


def test_the_host_that_cannot_be_asked_any_more_ends_it() -> None:
    files = MemoryFiles()
    files.put(b"/tree/f", b"x" * 5000, kind=FileKind.FILE)
    files.fail(b"/tree/f", TargetError("lost", Refusal.LOST))
    with pytest.raises(TargetError, match="lost"):
        store_tree(files, b"/tree")
