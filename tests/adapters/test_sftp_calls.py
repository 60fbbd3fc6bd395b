"""SFTP servers that are odd, old, or lie: what is read is right, or refused."""

import os
import random
import struct
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from irkit.adapters.sftp_files import SftpFiles
from irkit.adapters.sftp_session import MOST_IN_READ
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline
from tests.adapters.scripted_sftp import (
    FILE,
    FOLDER,
    HELLO,
    Answers,
    ScriptedWire,
    attributes,
    data,
    facts,
    handle,
    names,
    packet,
    serve,
    status,
    string,
)
from tests.contract.file_sites import deadline

MIB = 1 << 20
OPEN, READ, LSTAT, OPENDIR, READDIR = 3, 5, 7, 11, 12


def read(files: SftpFiles, path: bytes) -> bytes:
    return b"".join(bytes(piece) for piece in files.stream(path, deadline()))


def kind_of(ask: Callable[[], object]) -> Refusal:
    with pytest.raises(TargetError) as caught:
        ask()
    assert "\n" not in caught.value.reason
    assert "\x1b" not in caught.value.reason
    return caught.value.kind


def scripted(answers: Answers, *, hello: bytes = packet(HELLO), at_most: int = 1 << 30) -> SftpFiles:
    def dial(until: Deadline) -> ScriptedWire:
        wire = ScriptedWire(answers, hello=hello)
        wire.at_most = at_most
        return wire

    return SftpFiles(dial)


@pytest.mark.parametrize("most", [1, 7, 4096, 32 * 1024, 64 * 1024, MOST_IN_READ])
@pytest.mark.parametrize("told", [0, 5, None, 1 << 40], ids=["none", "less", "right", "more"])
def test_a_file_is_read_whole_however_little_comes_at_once_and_whatever_size_is_told(
    most: int, told: int | None
) -> None:
    content = os.urandom(min(2000 * most, 5 * MIB) + 13)
    with scripted(serve(content, told=told, most=most)) as files:
        assert read(files, b"/file") == content
        assert files.read_at(b"/file", 5, len(content) - 6, deadline()) == content[5:-1]


def test_an_older_server_that_gives_less_at_once_is_soon_asked_for_no_more() -> None:
    wire = ScriptedWire(serve(bytes(40 * MIB), most=64 * 1024))
    with SftpFiles(lambda until: wire) as files:
        assert read(files, b"/file") == bytes(40 * MIB)
    sizes = [struct.unpack(">I", body[-4:])[0] for kind, body in wire.sent if kind == READ]
    assert sizes[-200:-2] == [64 * 1024] * 198  # then what is left of the file, and what may come after it


def test_what_comes_in_short_parts_and_tells_no_size_is_read_from_front_to_back() -> None:
    """Files that the kernel makes up as they are read: going forth and back in them makes it begin again each time."""
    content = os.urandom(2 * MIB)
    offsets: list[int] = []

    def answers(kind: int, number: int, body: bytes) -> Iterator[bytes]:
        if kind == READ:
            offsets.append(struct.unpack(">Q", body[-12:-4])[0])
        yield from serve(content, told=0, most=4000)(kind, number, body)

    with scripted(answers) as files:
        assert read(files, b"/file") == content
    assert offsets == sorted(offsets)


def test_what_comes_for_streams_that_were_left_is_not_kept() -> None:
    content = bytes(20 * MIB)
    with scripted(serve(content)) as files:
        files.stat(b"/file", deadline())
        tracemalloc.start()
        try:
            for _ in range(30):
                next(files.stream(b"/file", deadline()))
                files.stat(b"/file", deadline())
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert kept < 20 * MIB


def test_memory_is_bounded_as_no_more_is_asked_for_than_the_window() -> None:
    asked: list[int] = []

    def answers(kind: int, number: int, body: bytes) -> Iterator[bytes]:
        if kind == READ:
            asked.append(number)
        yield from serve(b"", told=1 << 40)(kind, number, body) if kind != READ else ()

    with scripted(answers) as files:
        assert kind_of(lambda: read(files, b"/file")) is Refusal.LOST
    assert len(asked) == 2 * 32  # the session was begun again once


def test_answers_may_come_in_any_order() -> None:
    content = os.urandom(30 * MIB + 5)
    honest = serve(content)
    held: list[bytes] = []

    def answers(kind: int, number: int, body: bytes) -> Iterator[bytes]:
        held.extend(honest(kind, number, body))
        if kind != READ or len(held) >= 20 or struct.unpack(">Q", body[-12:-4])[0] >= len(content) - MIB:
            random.shuffle(held)
            yield from held
            held.clear()

    with scripted(answers) as files:
        assert read(files, b"/file") == content


@pytest.mark.parametrize("at_most", [1, 3, 4, 5, 1000])
def test_answers_may_come_byte_by_byte(at_most: int) -> None:
    with scripted(serve(b"content" * 3000), at_most=at_most) as files:
        assert read(files, b"/file") == b"content" * 3000


@pytest.mark.parametrize(
    ("hello", "kind"),
    [
        (b"", Refusal.UNSUPPORTED),
        (b"\0\0", Refusal.UNSUPPORTED),
        (b"Welcome to host\x1b[2J\n" * 30, Refusal.GARBLED),
        (b"\n", Refusal.UNSUPPORTED),
        (packet(b""), Refusal.GARBLED),
        (packet(struct.pack(">BI", 101, 3)), Refusal.GARBLED),
        (packet(HELLO + b"\0\0"), Refusal.GARBLED),
        (packet(HELLO + string(b"name")), Refusal.GARBLED),
        (b"\xff" * 100, Refusal.GARBLED),
    ],
)
def test_what_is_no_sftp_server_is_told_apart(hello: bytes, kind: Refusal) -> None:
    with scripted(serve(b""), hello=hello) as files:
        assert kind_of(lambda: files.stat(b"/", deadline())) is kind


def test_what_a_login_shell_prints_is_shown() -> None:
    with scripted(serve(b""), hello=b"Welcome!\n") as files, pytest.raises(TargetError, match="it says 'Welcome!"):
        files.stat(b"/", deadline())


def lie(lies: dict[int, Callable[[int], bytes]], content: bytes = b"content") -> Answers:
    """A server that is honest but where it is told to lie."""

    def answers(kind: int, number: int, body: bytes) -> Iterator[bytes]:
        if kind in lies:
            yield lies[kind](number)
        else:
            yield from serve(content)(kind, number, body)

    return answers


@pytest.mark.parametrize(
    "lies",
    [
        {READ: lambda number: data(number, b"")},
        {READ: lambda number: data(number, b"more than was asked for")},
        {READ: handle},
        {READ: lambda number: data(number, b"content")[:-1]},
        {READ: lambda number: data(number + 1000, b"content")},
        {READ: lambda number: struct.pack(">BI", 103, number)},
        {READ: lambda number: b"\xff" * 300_000},
        {READ: lambda number: b""},
        {OPEN: lambda number: data(number, b"")},
        {LSTAT: handle},
        {LSTAT: lambda number: facts(number, FILE)[:-1]},
        {LSTAT: lambda number: struct.pack(">BII", 105, number, 1 << 31) + b"\xff" * 4},
        {LSTAT: lambda number: struct.pack(">BI", 101, number)},
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(lies: dict[int, Callable[[int], bytes]]) -> None:
    with scripted(lie(lies)) as files:
        assert kind_of(lambda: read(files, b"/file")) is Refusal.GARBLED


@pytest.mark.parametrize(
    "lies",
    [
        {READDIR: lambda number: names(number, b"one")[:-1]},
        {READDIR: lambda number: struct.pack(">BII", 104, number, 0xFFFFFFFF)},
        {READDIR: lambda number: data(number, b"")},
        {OPENDIR: names},
        {READDIR: lambda number: names(number, b"..", b"../../etc/shadow")},
        {READDIR: lambda number: names(number, b"one", b"")},
        {READDIR: lambda number: names(number, b"one\0")},
        {READDIR: lambda number: names(number, b"n" * 256)},
        {READDIR: lambda number: names(number, b"n" * 200_000)},
    ],
)
def test_a_listing_that_makes_no_sense_is_refused(lies: dict[int, Callable[[int], bytes]]) -> None:
    with scripted(lie(lies)) as files:
        assert kind_of(lambda: files.list(b"/folder", deadline())) is Refusal.GARBLED


def test_a_listing_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("irkit.adapters.sftp_calls.MOST_ENTRIES", 100_000)
    with scripted(lie({READDIR: lambda number: names(number, *[b"%d" % one for one in range(3000)])})) as files:
        assert kind_of(lambda: files.list(b"/folder", deadline())) is Refusal.REFUSED


def test_names_that_are_too_long_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("irkit.adapters.sftp_calls.MOST_IN_NAMES", 100_000)
    with scripted(lie({READDIR: lambda number: names(number, *[b"n" * 255] * 300)})) as files:
        with pytest.raises(TargetError, match="its names have more than 100000 bytes, too many to list") as caught:
            files.list(b"/folder", deadline())
        assert caught.value.kind is Refusal.REFUSED


def test_a_listing_of_nothing_without_end_ends_with_the_time() -> None:
    with scripted(lie({READDIR: names})) as files:
        assert kind_of(lambda: files.list(b"/folder", deadline(seconds=0.3))) is Refusal.TIMEOUT


@pytest.mark.parametrize(
    ("code", "kind"),
    [(2, Refusal.ABSENT), (3, Refusal.REFUSED), (4, Refusal.REFUSED), (5, Refusal.REFUSED), (8, Refusal.UNSUPPORTED)]
    + [(code, Refusal.REFUSED) for code in (0, 1, 6, 7, 9, 4_000_000_000)],
)
def test_every_status_is_a_refusal_of_its_kind(code: int, kind: Refusal) -> None:
    with scripted(lie({OPEN: lambda number: status(number, code, b"\x1b[2J\xff\n")})) as files:
        assert kind_of(lambda: read(files, b"/file")) is kind


def test_what_fails_because_it_went_meanwhile_is_absent() -> None:
    gone: list[int] = []

    def answers(kind: int, number: int, body: bytes) -> Iterator[bytes]:
        if kind == READ:
            gone.append(number)
            yield status(number, 4)
        elif kind == LSTAT and gone:
            yield status(number, 2)
        else:
            yield from serve(b"content")(kind, number, body)

    with scripted(answers) as files:
        assert kind_of(lambda: read(files, b"/file")) is Refusal.ABSENT


def test_a_file_that_fails_further_on_gives_what_comes_before() -> None:
    content = os.urandom(3 * MIB)

    def answers(kind: int, number: int, body: bytes) -> Iterator[bytes]:
        if kind == READ and struct.unpack(">Q", body[-12:-4])[0] >= MIB:
            yield status(number, 4)
        else:
            yield from serve(content)(kind, number, body)

    with scripted(answers) as files:
        got = b""
        with pytest.raises(TargetError, match="the host says 'said'"):
            for piece in files.stream(b"/file", deadline()):
                got += bytes(piece)
    assert len(got) >= MIB
    assert got == content[: len(got)]


def test_a_folder_that_may_be_read_and_not_entered_is_refused_and_not_shown_empty() -> None:
    """OpenSSH leaves out names it may not look at: here all of them."""

    def answers(kind: int, number: int, body: bytes) -> Iterator[bytes]:
        if kind == LSTAT and body.endswith(b"/."):
            yield status(number, 3)
        else:
            yield from serve(b"")(kind, number, body)

    with scripted(answers) as files:
        assert kind_of(lambda: files.list(b"/folder", deadline())) is Refusal.REFUSED
    with scripted(serve(b"")) as files:
        assert files.list(b"/folder", deadline()) == []


@pytest.mark.parametrize(("length", "lists"), [(3839, True), (3840, False), (4095, False)])
def test_a_path_too_long_to_look_up_what_is_in_it_is_not_shown_with_names_left_out(length: int, lists: bool) -> None:
    path = b"/" + b"d" * (length - 8) + b"/folder"
    with scripted(serve(b"")) as files:
        if lists:
            assert files.list(path, deadline()) == []
        else:
            assert kind_of(lambda: files.list(path, deadline())) is Refusal.UNSUPPORTED
        assert files.stat(path, deadline()).name == b"folder"
        assert kind_of(lambda: files.stat(b"/" + b"d" * 4095, deadline())) is Refusal.UNSUPPORTED


def test_a_server_that_does_not_tell_free_space_is_not_asked() -> None:
    with scripted(serve(b"")) as files:
        assert kind_of(lambda: files.free_space(b"/", deadline())) is Refusal.UNSUPPORTED


def test_facts_that_are_not_told_are_nought() -> None:
    with scripted(
        lie({LSTAT: lambda number: struct.pack(">BII", 105, number, 4) + struct.pack(">I", FOLDER)})
    ) as files:
        found = files.stat(b"/folder", deadline())
    assert (found.size, found.mode, found.uid, found.modified_ns, found.accessed_ns) == (0, 0o755, 0, 0, 0)


def test_facts_with_more_than_is_known_are_read_past() -> None:
    more = struct.pack(">I", 2) + string(b"acl") + string(b"x") + string(b"more") + string(b"")
    told = struct.pack(">I", 0x8000000F) + attributes(FILE, 5, (1, 2))[4:] + more
    with scripted(lie({LSTAT: lambda number: struct.pack(">BI", 105, number) + told})) as files:
        found = files.stat(b"/file", deadline())
    assert (found.size, found.accessed_ns, found.modified_ns) == (5, 10**9, 2 * 10**9)
