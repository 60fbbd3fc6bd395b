import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from irkit.adapters.storage import make_folders, open_regular, read_regular, storing, write_all, write_file
from irkit.core.errors import StorageError


@pytest.fixture(params=[0o000, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    old = os.umask(request.param)
    yield request.param
    os.umask(old)


def test_files_and_folders_are_ours_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    folder = make_folders(tmp_path, "a/b")
    write_file(folder / "file", b"x")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a", folder, folder / "file")]
    assert modes == [0o700, 0o700, 0o600]


def test_a_file_that_is_there_is_not_overwritten_and_a_link_not_followed(tmp_path: Path) -> None:
    write_file(tmp_path / "file", b"x")
    (tmp_path / "link").symlink_to("elsewhere")
    for name in ("file", "link"):
        with pytest.raises(FileExistsError):
            write_file(tmp_path / name, b"y")
    assert (tmp_path / "file").read_bytes() == b"x"
    assert not (tmp_path / "elsewhere").exists()


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", refuse)
    with pytest.raises(OSError, match="No space"):
        write_file(tmp_path / "file", b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_takes_a_part_is_followed_by_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:3]))
    write_file(tmp_path / "file", b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"0123456789"
    descriptor = os.open(tmp_path / "more", os.O_WRONLY | os.O_CREAT)
    write_all(descriptor, memoryview(b"0123456789"))
    os.close(descriptor)
    assert (tmp_path / "more").read_bytes() == b"0123456789"


def test_only_regular_files_are_read_and_nothing_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "file").write_bytes(b"12345")
    for name in ("pipe", "link", "."):
        with pytest.raises(OSError, match=r"[a-z]"):
            open_regular(tmp_path / name)
    assert read_regular(tmp_path / "file", 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_regular(tmp_path / "file", 4)


@pytest.mark.parametrize(("number", "full"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EIO, False)])
def test_what_the_system_refuses_is_a_storage_error_that_names_the_file(number: int, full: bool) -> None:
    with pytest.raises(StorageError, match=r"^the item: ") as caught, storing("the item"):
        raise OSError(number, os.strerror(number))
    assert caught.value.full is full
    with pytest.raises(StorageError, match=r"^the file: "), storing("the folder"):
        raise OSError(number, os.strerror(number), "the file")
