"""File systems whose server never answers: whatever is read of a host, nobody waits for them."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from irkit.adapters import unasked
from irkit.adapters.host_files import LocalFiles, facts_of
from irkit.adapters.tree_walk import Met, walk
from irkit.core.errors import TargetError
from irkit.core.ports import FileKind
from tests.adapters.mute_file_system import mute_mount
from tests.contract.file_sites import deadline

T = TypeVar("T")


def in_time(call: Callable[[], T]) -> T:
    """What a call gives, in a minute at most: it may wait for ever otherwise."""
    found: list[T] = []
    thread = threading.Thread(target=lambda: found.append(call()), daemon=True)
    thread.start()
    thread.join(60)
    assert found, "it waits"
    return found[0]


def test_a_look_that_asks_nobody_tells_what_a_stat_tells(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 5000)
    (tmp_path / "link").symlink_to("file")
    folder = os.open(tmp_path, os.O_PATH)
    try:
        for name in (b"file", b"link"):
            assert unasked.look(folder, name).facts == facts_of(
                name, os.stat(name, dir_fd=folder, follow_symlinks=False)
            )
        assert unasked.look(folder).facts.inode == tmp_path.stat().st_ino
    finally:
        os.close(folder)


def test_a_tree_with_a_mount_that_never_answers_is_walked_past_it(tmp_path: Path) -> None:
    (tmp_path / "mute").mkdir()
    (tmp_path / "file").write_bytes(b"x")

    def met() -> dict[bytes, Met]:
        with LocalFiles() as files:
            top = files.folder(bytes(tmp_path), deadline())
            device = top.own(deadline()).facts.device
            try:
                enters = lambda path, facts: "" if facts.device == device else "elsewhere"  # noqa: E731
                found = {one.path: one for one in walk(top, deadline(), small=100, enters=enters)}
                with pytest.raises(TargetError, match="another file system"):
                    top.enter(b"mute", deadline())
                return found
            finally:
                top.close()

    with mute_mount(tmp_path / "mute"):
        found = in_time(met)
    assert found[b"file"].looked.content == b"x"
    assert found[b"mute"].looked.problem == "elsewhere" and found[b"mute"].looked.facts.kind is FileKind.DIRECTORY


@pytest.mark.parametrize("is_gone", [False, True])
def test_what_a_process_holds_on_one_is_refused_and_not_asked_about(tmp_path: Path, is_gone: bool) -> None:
    held = "import os, sys; os.open(sys.argv[1], os.O_PATH); print(flush=True); sys.stdin.read()"
    (tmp_path / "mute").mkdir()

    def why(path: bytes) -> str:
        with LocalFiles() as files, pytest.raises(TargetError) as caught:
            files.stat(path, deadline(), follow=True)
        return caught.value.reason

    with mute_mount(tmp_path / "mute"):
        argv = (sys.executable, "-c", held, str(tmp_path / "mute"))
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            if is_gone:
                subprocess.run(("umount", "-l", str(tmp_path / "mute")), check=True, timeout=60)
            try:
                assert "need never answer: not asked" in in_time(lambda: why(b"/proc/%d/fd/3" % process.pid))
            finally:
                process.kill()
                if is_gone:
                    subprocess.run(("mount", "-t", "tmpfs", "x", str(tmp_path / "mute")), check=True, timeout=60)


def test_a_file_that_is_only_in_memory_is_asked_about(tmp_path: Path) -> None:
    made = os.memfd_create("x")
    try:
        with LocalFiles() as files:
            path = b"/proc/%d/fd/%d" % (os.getpid(), made)
            assert files.stat(path, deadline(), follow=True).kind is FileKind.FILE
    finally:
        os.close(made)


def test_a_tmpfs_is_known_by_its_handle_also_once_it_is_unmounted_and_nothing_else_is(tmp_path: Path) -> None:
    place, other = tmp_path / "gone", tmp_path / "mute"
    place.mkdir()
    other.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(place)], check=True)
    held = os.open(place, os.O_PATH)
    disk = os.open(tmp_path, os.O_PATH)
    try:
        assert unasked.is_in_memory(held)
        subprocess.run(["umount", "-l", str(place)], check=True)
        assert unasked.is_in_memory(held) and not unasked.is_in_memory(disk)
        with mute_mount(other):
            mute = os.open(other, os.O_PATH)
            try:
                assert not in_time(lambda: unasked.is_in_memory(mute))
            finally:
                os.close(mute)
        with LocalFiles() as files:
            link = b"/proc/%d/fd/%d" % (os.getpid(), held)
            assert files.is_in_memory(link, deadline())
            folder = files.folder(link, deadline(), follow=True)
            outer = folder.enter(b"..", deadline())
            assert outer.own(deadline()).facts.inode == os.fstat(held).st_ino
            outer.close()
            folder.close()
    finally:
        os.close(held)
        os.close(disk)
