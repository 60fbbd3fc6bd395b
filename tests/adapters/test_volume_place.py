"""Where a volume lies: no link on the way is followed; what the container has mounted is read where there is one."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from irkit.adapters.host_files import LocalFiles
from irkit.adapters.host_folder import LocalFolder
from irkit.adapters.layer_place import Store, store_of
from irkit.adapters.memory_files import MemoryFiles
from irkit.adapters.volume_place import LinkOnWayError, VolumePlace, find_volume
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import ReadVolume
from irkit.core.ports import Deadline, FileKind, HostFiles, Looked
from tests.contract.file_sites import deadline

ID = "ab" * 32
ROOT = b"1 0 0:50 / / rw - overlay overlay rw\n"
MOUNTED = ROOT + b"2 1 8:1 /x /conf rw - ext4 /dev/sda1 rw\n"


def volume(source: str, *, kind: str = "bind", name: str = "") -> ReadVolume:
    return ReadVolume(ID, kind, name, source, "/conf", 1 << 20)


def running() -> Store:
    return store_of(json.dumps({"Id": ID, "State": {"Pid": 42}}).encode())


@contextlib.contextmanager
def found(files: HostFiles, operation: ReadVolume) -> Iterator[VolumePlace]:
    place = find_volume(files, running(), operation, deadline(), small=100)
    try:
        yield place
    finally:
        place.folder.close()


@pytest.fixture
def files() -> MemoryFiles:
    """The source leads through a link to a folder of the host's; the container's process has the real one."""
    made = MemoryFiles()
    made.put(b"/proc/42/cgroup", f"0::/docker/{ID}\n".encode())
    made.put(b"/proc/42/mountinfo", MOUNTED)
    made.put(b"/proc/42/root/conf/own", b"own")
    made.put(b"/srv/app", b"/host", kind=FileKind.LINK)
    made.put(b"/host/conf/secret", b"secret")
    return made


def names_in(place: VolumePlace) -> set[bytes]:
    return {one.name for batch in place.folder.batches(deadline()) for one in batch}


def test_behind_a_link_what_the_container_has_mounted_is_read(files: MemoryFiles) -> None:
    with found(files, volume("/srv/app/conf")) as place:
        assert names_in(place) == {b"own"}
        assert (place.source, place.table, place.mounted) == ("/proc/42/root/conf", b"/proc/42/mountinfo", b"/conf")
        assert "/srv/app on the way to it is a link" in place.warning


def test_a_source_that_became_a_link_itself_is_not_taken_for_the_volume(files: MemoryFiles) -> None:
    files.put(b"/srv/conf", b"/host/conf", kind=FileKind.LINK)
    with found(files, volume("/srv/conf")) as place:
        assert names_in(place) == {b"own"}


def test_a_source_that_is_gone_is_read_where_it_is_mounted_still(files: MemoryFiles) -> None:
    with found(files, volume("/gone/conf")) as place:
        assert names_in(place) == {b"own"}
        assert "/gone is not there" in place.warning


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (b"/proc/42/cgroup", b"0::/user.slice\n"),
        (b"/proc/42/mountinfo", ROOT),
        (b"/proc/42/mountinfo", MOUNTED + b"3 1 0:60 / /conf rw - fuse.x x rw\n"),
        (b"/proc/42/mountinfo", MOUNTED.replace(b"overlay overlay", b"fuse.overlayfs none")),
    ],
)
def test_what_is_not_seen_to_be_the_containers_mount_is_not_read_in_its_place(
    files: MemoryFiles, path: bytes, content: bytes
) -> None:
    files.put(path, content)
    with pytest.raises(LinkOnWayError) as caught:
        find_volume(files, running(), volume("/srv/app/conf"), deadline(), small=100)
    assert caught.value.link == b"/srv/app"


def test_links_above_a_volume_that_the_engine_made_are_followed_and_one_in_its_place_is_not(files: MemoryFiles) -> None:
    files.put(b"/proc/42/cgroup", b"")
    files.put(b"/lib", b"/data", kind=FileKind.LINK)
    files.put(b"/data/volumes/web/_data/page", b"x")
    with found(files, volume("/lib/volumes/web/_data", kind="volume", name="web")) as place:
        assert names_in(place) == {b"page"}
    files.put(b"/data/volumes/web/_data", b"/host/conf", kind=FileKind.LINK)
    for kind in ("volume", "bind"):
        with pytest.raises(LinkOnWayError):
            find_volume(files, running(), volume("/lib/volumes/web/_data", kind=kind, name="web"), deadline(), small=9)


def test_the_root_of_the_host_is_found_and_a_single_file_is_read(files: MemoryFiles) -> None:
    with found(files, volume("/")) as place:
        assert b"host" in names_in(place)
    with found(files, volume("/host/conf/secret")) as place:
        assert place.file is not None and place.file.content == b"secret"
    files.put(b"/proc/42/mountinfo", ROOT)
    with pytest.raises(TargetError, match="is not there"):
        find_volume(files, running(), volume("/host/nothing"), deadline(), small=100)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LocalFiles]:
    """A folder of this machine as a host, with a process made up in it."""
    process = tmp_path / "proc/42"
    (process / "root").mkdir(parents=True)
    (process / "cgroup").write_text(f"0::/docker/{ID}\n")
    (process / "mountinfo").write_bytes(MOUNTED)
    (tmp_path / "srv/conf").mkdir(parents=True)
    with LocalFiles(os.fsencode(tmp_path)) as made:
        yield made


def test_it_is_said_where_the_container_has_something_else_by_now(disk: LocalFiles, tmp_path: Path) -> None:
    mounted = tmp_path / "proc/42/root/conf"
    mounted.mkdir()
    with found(disk, volume("/srv/conf")) as place:
        assert place.source == "/srv/conf" and "something else there by now" in place.warning
    mounted.rmdir()
    (tmp_path / "srv/conf").rmdir()
    (tmp_path / "srv/conf").write_bytes(b"same")
    mounted.hardlink_to(tmp_path / "srv/conf")
    with found(disk, volume("/srv/conf")) as place:
        assert place.file is not None and (place.file.content, place.warning) == (b"same", "")


def test_no_link_inside_the_container_leads_out_of_it(disk: LocalFiles, tmp_path: Path) -> None:
    (tmp_path / "host").mkdir()
    (tmp_path / "srv/link").symlink_to("../host")
    (tmp_path / "proc/42/root/conf").symlink_to("/etc")
    with pytest.raises(LinkOnWayError):
        find_volume(disk, running(), volume("/srv/link/conf"), deadline(), small=100)


def test_nothing_is_held_of_a_volume_that_cannot_be_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(folder: LocalFolder, deadline: Deadline) -> Looked:
        raise TargetError("it broke off", Refusal.LOST)

    monkeypatch.setattr(LocalFolder, "own", broken)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with LocalFiles() as files, pytest.raises(TargetError, match="it broke off"):
        find_volume(files, running(), volume(str(tmp_path)), deadline(), small=100)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
