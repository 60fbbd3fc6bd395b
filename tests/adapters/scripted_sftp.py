"""An SFTP server that answers as a test tells it to: late, short, out of order, wrong, or not at all."""

import struct
from collections.abc import Callable, Iterator

HELLO = struct.pack(">BI", 2, 3)
FILE, FOLDER, LINK = 0o100644, 0o40755, 0o120777

Answers = Callable[[int, int, bytes], Iterator[bytes]]
"""What is answered to a request: its kind, its number, its body."""


def string(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


def packet(body: bytes) -> bytes:
    return string(body)


def status(number: int, code: int, text: bytes = b"said") -> bytes:
    return struct.pack(">BII", 101, number, code) + string(text) + string(b"")


def handle(number: int, name: bytes = b"h") -> bytes:
    return struct.pack(">BI", 102, number) + string(name)


def data(number: int, content: bytes) -> bytes:
    return struct.pack(">BI", 103, number) + string(content)


def attributes(mode: int, size: int = 0, times: tuple[int, int] = (0, 0)) -> bytes:
    return struct.pack(">IQIIIII", 0xF, size, 0, 0, mode, *times)


def facts(number: int, mode: int, size: int = 0) -> bytes:
    return struct.pack(">BI", 105, number) + attributes(mode, size)


def names(number: int, *found: bytes) -> bytes:
    whole = b"".join(string(one) + string(b"-rw- " + one) + attributes(FILE) for one in found)
    return struct.pack(">BII", 104, number, len(found)) + whole


class ScriptedWire:
    """A channel to such a server. What was answered can be read; where there is nothing, it hangs or has ended."""

    def __init__(self, answers: Answers, *, hello: bytes = packet(HELLO), hangs: bool = False) -> None:
        self._answers, self._hello, self._hangs = answers, hello, hangs
        self._waiting = b""
        self.sent: list[tuple[int, bytes]] = []
        self.closed = 0
        self.cancelled = 0
        self.at_most = 1 << 30

    def settimeout(self, seconds: float | None, /) -> None:
        assert seconds is not None

    def sendall(self, data: bytes, seconds: float, /) -> None:
        assert seconds > 0
        while data:
            size = 4 + int.from_bytes(data[:4])
            self._take(data[:size])
            data = data[size:]

    def _take(self, data: bytes) -> None:
        kind, number, body = data[4], *struct.unpack_from(">I", data, 5), data[9:]
        self.sent.append((kind, body))
        if kind == 1:
            self._waiting += self._hello
            return
        for answer in self._answers(kind, number, body):
            self._waiting += packet(answer)

    def recv_into(self, buffer: memoryview, /) -> int:
        if not self._waiting and self._hangs:
            raise TimeoutError
        count = min(len(buffer), len(self._waiting), self.at_most)
        buffer[:count], self._waiting = self._waiting[:count], self._waiting[count:]
        return count

    def cancel(self) -> None:
        self.cancelled += 1

    def close(self) -> None:
        self.closed += 1


def serve(content: bytes, *, told: int | None = None, most: int = 1 << 20) -> Answers:
    """A server with one file, which gives at most so many bytes at once, and a folder with nothing in it."""

    def answers(kind: int, number: int, body: bytes) -> Iterator[bytes]:
        if kind == 7:
            folder = body.endswith((b"folder", b"."))
            yield facts(number, FOLDER if folder else FILE, len(content) if told is None else told)
        elif kind in (3, 11):
            yield handle(number)
        elif kind == 12:
            yield status(number, 1)
        elif kind == 5:
            offset, size = struct.unpack(">QI", body[-12:])
            piece = content[offset : offset + min(size, most)]
            yield data(number, piece) if piece else status(number, 1)
        else:
            yield status(number, 0)

    return answers
