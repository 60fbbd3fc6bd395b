"""Many questions to one SFTP session: few round trips, every handle let go of, and no word taken for another's."""

import contextlib
import os
import signal
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from irkit.adapters.sftp_files import SftpFiles
from irkit.adapters.sftp_many import UNDER_WAY
from irkit.core.errors import Refusal, TargetError
from tests.adapters.scripted_sftp import Answers, ScriptedWire, data, handle, names, status
from tests.adapters.sftp_servers import SftpServers
from tests.contract.file_sites import deadline

OPEN, CLOSE, READ, OPENDIR, READDIR, READLINK = 3, 4, 5, 11, 12, 19


@pytest.fixture
def servers() -> Iterator[SftpServers]:
    with contextlib.closing(SftpServers()) as made:
        yield made


@pytest.fixture
def files(servers: SftpServers) -> Iterator[SftpFiles]:
    with SftpFiles(servers.dial) as made:
        yield made


def counting(most: int = 1 << 20) -> tuple[Answers, dict[bytes, bytes], list[int]]:
    """A server with files that hold their own names, what it has open, and how many files that were at each opening."""
    opened: dict[bytes, bytes] = {}
    counts: list[int] = []

    def answers(kind: int, number: int, body: bytes) -> Iterator[bytes]:
        if kind in (OPEN, OPENDIR):
            name = body[4 : 4 + int.from_bytes(body[:4])]
            opened[b"h%d" % number] = name
            counts.append(len(opened))
            yield handle(number, b"h%d" % number)
        elif kind == CLOSE:
            del opened[body[4:]]
            yield status(number, 0)
        elif kind == READDIR:
            yield names(number, b".", b"..", b"one")
        else:
            held = body[4 : 4 + int.from_bytes(body[:4])]
            offset, size = struct.unpack(">QI", body[-12:])
            piece = opened[held][offset : offset + min(size, most)]
            yield data(number, piece) if piece else status(number, 1)

    return answers, opened, counts


@pytest.mark.parametrize("most", [1, 3, 1 << 20])
def test_each_answer_goes_to_its_own_question_and_every_handle_is_let_go_of(most: int) -> None:
    answers, opened, counts = counting(most)
    with SftpFiles(lambda until: ScriptedWire(answers)) as files:
        paths = [b"/file/%d" % number for number in range(1000)]
        assert files.read_small(paths, 100, deadline()) == paths
        assert files.read_small(paths, 4, deadline()) == [b"/fil"] * 1000
    assert not opened
    assert max(counts) <= UNDER_WAY + 1


def test_no_more_names_are_asked_for_than_are_wanted_though_there_is_no_end_of_them() -> None:
    answers, opened, _ = counting()
    with SftpFiles(lambda until: ScriptedWire(answers)) as files:
        assert files.list_names([b"/endless"], 5, deadline()) == [[b"one"] * 5]
    assert not opened


def test_what_is_no_path_is_refused_alone() -> None:
    answers, _, _ = counting()
    with SftpFiles(lambda until: ScriptedWire(answers)) as files:
        found = files.read_small([b"relative", b"/a", b"/..", b"/" + b"x" * 5000], 10, deadline())
        assert found[1] == b"/a"
        assert [one.kind for one in found if isinstance(one, TargetError)] == [
            Refusal.REFUSED, Refusal.REFUSED, Refusal.UNSUPPORTED,
        ]  # fmt: skip
        assert files.read_small([], 10, deadline()) == []


@pytest.mark.parametrize(
    "lie",
    [lambda number: names(number, b"a", b"b"), lambda number: data(number, b"x" * 100), lambda number: b"\x65" * 9],
    ids=["names", "too much", "breaks off"],
)
def test_an_answer_that_makes_no_sense_ends_all(lie: Callable[[int], bytes]) -> None:
    def answers(kind: int, number: int, body: bytes) -> Iterator[bytes]:
        yield handle(number) if kind == OPEN else lie(number)

    with SftpFiles(lambda until: ScriptedWire(answers)) as files, pytest.raises(TargetError) as caught:
        files.read_small([b"/a"], 10, deadline())
    assert caught.value.kind is Refusal.GARBLED


def test_a_server_that_died_is_begun_again_once(servers: SftpServers, files: SftpFiles, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    path = bytes(tmp_path / "file")
    assert files.read_small([path], 10, deadline()) == [b"content"]
    os.kill(servers.processes[0].pid, signal.SIGKILL)
    servers.processes[0].wait()
    assert files.read_small([path] * 3, 10, deadline()) == [b"content"] * 3
    assert len(servers.processes) == 2


def test_a_real_server_has_nothing_open_afterwards(servers: SftpServers, files: SftpFiles, tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / str(number)).write_bytes(b"x" * 100_000)
    for limit in (10, 1 << 20):
        found = files.read_small([bytes(tmp_path / str(number % 11)) for number in range(2000)], limit, deadline())
        assert sum(isinstance(one, bytes) for one in found) == 1819
        files.stat(bytes(tmp_path), deadline())  # what was asked before is done
        held = [str(one.readlink()) for one in Path(f"/proc/{servers.processes[0].pid}/fd").iterdir()]
        assert not [one for one in held if one.startswith(str(tmp_path))]


def test_what_fails_without_a_word_why_is_asked_after_all_together(servers: SftpServers, files: SftpFiles) -> None:
    """A file of a process that has ended is absent, one that cannot be read is refused; either costs no round trip."""
    here = b"/proc/%d" % os.getpid()
    found = files.read_links([here + b"/exe", here + b"/stat", b"/proc/1073741824/exe", here + b"/maps"], deadline())
    assert isinstance(found[0], bytes)
    assert [one.kind for one in found if isinstance(one, TargetError)] == [
        Refusal.REFUSED, Refusal.ABSENT, Refusal.REFUSED,
    ]  # fmt: skip
