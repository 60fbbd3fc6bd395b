"""What is said over SFTP, version 3: the requests irkit can make, and what answers hold. Bytes in, values out.

The functions here that give a `Request` are all there are, and none of them is for writing. Names are bytes throughout.
Who sends and waits is `sftp_session`.
"""

import struct
from enum import IntEnum
from typing import Final, NamedTuple

from irkit.adapters.file_paths import kind_of
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import FileFacts
from irkit.core.text import safe

GREETING: Final = struct.pack(">IBI", 5, 1, 3)
"""The first message, which says what version is spoken; the answer to it has no number."""
SPACE_EXTENSION: Final = b"statvfs@openssh.com"
LONGEST_NAME: Final = 255
"""Bytes that a name can have on Linux."""
_READ_ONLY: Final = 1
_NO_ATTRIBUTES: Final = 0
_SIZE, _OWNER, _MODE, _TIMES, _EXTENDED = 1, 2, 4, 8, 1 << 31
_SECOND: Final = 10**9


class Kind(IntEnum):
    """The kinds of request irkit can make."""

    OPEN = 3
    CLOSE = 4
    READ = 5
    LSTAT = 7
    OPENDIR = 11
    READDIR = 12
    STAT = 17
    READLINK = 19
    EXTENDED = 200


class Reply(IntEnum):
    """The kinds of answer."""

    VERSION = 2
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 201


class Code(IntEnum):
    """What a status says. Servers give the last three for whatever has no code of its own."""

    EOF = 1
    ABSENT = 2
    DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    UNSUPPORTED = 8


class Request(NamedTuple):
    """A request without its number."""

    kind: Kind
    body: bytes

    def numbered(self, number: int) -> bytes:
        """The request as it is sent."""
        return struct.pack(">IBI", len(self.body) + 5, self.kind, number) + self.body


class StatusError(Exception):
    """A request was answered with a status that is no success; `text` is the server's, foreign."""

    def __init__(self, code: int, text: str) -> None:
        self.code, self.text = code, text
        super().__init__(code, text)


def ask_facts(path: bytes) -> Request:
    """What is at the path; a link itself."""
    return Request(Kind.LSTAT, _string(path))


def ask_facts_behind(path: bytes) -> Request:
    """What is at the path; of a link, what is behind it."""
    return Request(Kind.STAT, _string(path))


def ask_link(path: bytes) -> Request:
    """Where a link points."""
    return Request(Kind.READLINK, _string(path))


def ask_space(path: bytes) -> Request:
    """The room on the file system of the path."""
    return Request(Kind.EXTENDED, _string(SPACE_EXTENSION) + _string(path))


def open_file(path: bytes) -> Request:
    """A handle to read a file with."""
    return Request(Kind.OPEN, _string(path) + struct.pack(">II", _READ_ONLY, _NO_ATTRIBUTES))


def open_directory(path: bytes) -> Request:
    """A handle to read a directory with."""
    return Request(Kind.OPENDIR, _string(path))


def read(handle: bytes, offset: int, size: int) -> Request:
    """Bytes of an open file."""
    return Request(Kind.READ, _string(handle) + struct.pack(">QI", offset, size))


def read_directory(handle: bytes) -> Request:
    """The next names of an open directory."""
    return Request(Kind.READDIR, _string(handle))


def close(handle: bytes) -> Request:
    """Let go of a handle."""
    return Request(Kind.CLOSE, _string(handle))


def _string(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


class Answer:
    """An answer, read from its start to its end. Raises TargetError where it is shorter than it says."""

    def __init__(self, packet: bytes) -> None:
        self._packet, self._at = memoryview(packet), 1
        self.kind = packet[0]
        self.number = 0 if self.kind == Reply.VERSION else self.u32()

    def u32(self) -> int:
        """The next four bytes, a number."""
        return int.from_bytes(self._take(4))

    def u64(self) -> int:
        """The next eight bytes, a number."""
        return int.from_bytes(self._take(8))

    def string(self) -> memoryview:
        """The next string, of bytes."""
        return self._take(self.u32())

    @property
    def is_read(self) -> bool:
        """Whether there is no more in it."""
        return self._at == len(self._packet)

    def _take(self, size: int) -> memoryview:
        begin, self._at = self._at, self._at + size
        if self._at > len(self._packet):
            raise _garbled("breaks off")
        return self._packet[begin : self._at]


def handle_of(answer: Answer) -> bytes:
    """The handle that a file or directory was opened with. Raises StatusError, TargetError."""
    _expect(answer, Reply.HANDLE)
    return bytes(answer.string())


def data_of(answer: Answer, size: int) -> memoryview | None:
    """What was read, at most `size` bytes; None at the end of the file. Raises StatusError, TargetError."""
    if _is_end(answer):
        return None
    _expect(answer, Reply.DATA)
    data = answer.string()
    if not 0 < len(data) <= size:
        raise _garbled(f"has {len(data)} bytes where {size} were asked for")
    return data


def names_of(answer: Answer) -> list[FileFacts] | None:
    """The next names of a directory; None at its end. Raises StatusError, TargetError."""
    if _is_end(answer):
        return None
    _expect(answer, Reply.NAME)
    return [_named(answer) for _ in range(answer.u32())]


def link_of(answer: Answer) -> bytes:
    """Where a link points. Raises StatusError, TargetError."""
    _expect(answer, Reply.NAME)
    if answer.u32() != 1:
        raise _garbled("names more or less than one place for a link")
    return bytes(answer.string())


def facts_of(answer: Answer, name: bytes) -> FileFacts:
    """The facts of a file. Raises StatusError, TargetError."""
    _expect(answer, Reply.ATTRS)
    return _attributes(answer, name)


def space_of(answer: Answer) -> tuple[int, int]:
    """Free bytes and bytes in all. Raises StatusError, TargetError."""
    _expect(answer, Reply.EXTENDED)
    _, unit, blocks, _, available = (answer.u64() for _ in range(5))
    return available * unit, blocks * unit


def extensions_of(answer: Answer) -> frozenset[bytes]:
    """What else the server says it can do, in its answer to the greeting. Raises TargetError."""
    if answer.kind != Reply.VERSION:
        raise _garbled("is of no known kind")
    answer.u32()
    found: set[bytes] = set()
    while not answer.is_read:
        found.add(bytes(answer.string()))
        answer.string()
    return frozenset(found)


def _is_end(answer: Answer) -> bool:
    if answer.kind != Reply.STATUS:
        return False
    status = _status(answer)
    if status.code != Code.EOF:
        raise status
    return True


def _expect(answer: Answer, kind: Reply) -> None:
    if answer.kind == Reply.STATUS:
        raise _status(answer)
    if answer.kind != kind:
        raise _garbled("is of another kind than what was asked for")


def _status(answer: Answer) -> StatusError:
    code = answer.u32()
    text = b"" if answer.is_read else bytes(answer.string())
    return StatusError(code, safe(text.decode("utf-8", "backslashreplace"), 200))


def _named(answer: Answer) -> FileFacts:
    name = bytes(answer.string())
    if not 0 < len(name) <= LONGEST_NAME or b"/" in name or b"\0" in name:
        raise _garbled("has a name that no file can have")
    answer.string()  # the same once more as a line of `ls -l`
    return _attributes(answer, name)


def _attributes(answer: Answer, name: bytes) -> FileFacts:
    """Times are whole seconds, and of 32 bits."""
    flags = answer.u32()
    size = answer.u64() if flags & _SIZE else 0
    uid, gid = (answer.u32(), answer.u32()) if flags & _OWNER else (0, 0)
    mode = answer.u32() if flags & _MODE else 0
    accessed, modified = (answer.u32(), answer.u32()) if flags & _TIMES else (0, 0)
    for _ in range(answer.u32() if flags & _EXTENDED else 0):
        answer.string()
        answer.string()
    return FileFacts(
        name=name,
        kind=kind_of(mode),
        size=size,
        mode=mode & 0o7777,
        uid=uid,
        gid=gid,
        modified_ns=modified * _SECOND,
        accessed_ns=accessed * _SECOND,
    )


def _garbled(what: str) -> TargetError:
    return TargetError(f"an answer of the host's SFTP server {what}", Refusal.GARBLED)
