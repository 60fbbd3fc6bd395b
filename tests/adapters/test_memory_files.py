"""The files of a host in memory: they fail where they are told to. The rest is the contract's."""

import pytest

from irkit.adapters.memory_files import PIECE, MemoryFiles
from irkit.core.errors import Refusal, TargetError
from tests.contract.file_sites import deadline

LOST = TargetError("the connection was lost", Refusal.LOST)


@pytest.mark.parametrize("after", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE - 1])
def test_a_file_gives_as_much_as_it_was_told_to_before_it_fails(after: int) -> None:
    files, content = MemoryFiles(), bytes(range(256)) * (3 * PIECE // 256)
    files.put(b"/a/file", content)
    files.fail(b"/a/file", LOST, after=after)
    got = b""
    with pytest.raises(TargetError, match="the connection was lost"):
        for piece in files.stream(b"/a/file", deadline()):
            got += bytes(piece)
    assert got == content[:after]
    assert files.read_at(b"/a/file", 0, after, deadline()) == content[:after]
    with pytest.raises(TargetError, match="the connection was lost"):
        files.read_at(b"/a/file", 0, after + 1, deadline())


def test_a_folder_fails_too() -> None:
    files = MemoryFiles()
    files.put(b"/a/file")
    files.fail(b"/a", LOST)
    with pytest.raises(TargetError, match="the connection was lost"):
        files.list(b"/a", deadline())


def test_a_size_that_is_told_need_not_be_true() -> None:
    files = MemoryFiles()
    files.put(b"/proc/1/status", b"Name: init", size=0)
    assert files.stat(b"/proc/1/status", deadline()).size == 0
    assert files.read_at(b"/proc/1/status", 0, 100, deadline()) == b"Name: init"
