"""A proxy before an engine's socket that makes the engine's clock wrong.

It shifts SystemTime in answers to /info, and the Date of every answer; what it does to logs and events is in
`clock_windows`. Times of containers stay as they are. It is a process of its own:
`python -m tests.lab.clock_proxy LISTEN ENGINE SECONDS`.
"""

import contextlib
import email.utils
import json
import re
import socket
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from .clock_windows import is_window, shift_chunks, shift_edges
from .companion import Companion

HEAD_MAX = 64 * 2**10
BLOCK = 256 * 2**10
IDLE_SECONDS = 600
INFO = re.compile(rb"GET (?:/v[0-9.]+)?/info[ ?]")


@contextlib.contextmanager
def start_clock_proxy(listen: Path, engine: Path, offset: int) -> Iterator[Path]:
    """A socket beside the engine's, whose clock is `offset` seconds ahead; the path of that socket."""
    companion = Companion("clock_proxy", str(listen), str(engine), str(offset))
    try:
        yield listen
    finally:
        companion.close()


def shift_time(told: str, offset: int) -> str:
    """Shift a time as Go writes it; fraction and zone stay."""
    moved = datetime.fromisoformat(told[:19]) + timedelta(seconds=offset)
    return moved.isoformat() + told[19:]


def shift_date(head: bytes, offset: int) -> bytes:
    """Shift the Date of an answer's head."""

    def moved(found: re.Match[bytes]) -> bytes:
        date = email.utils.parsedate_to_datetime(found[1].decode("ascii")) + timedelta(seconds=offset)
        return b"\r\nDate: " + email.utils.format_datetime(date, usegmt=True).encode("ascii")

    return re.sub(rb"\r\nDate: ([^\r]+)", moved, head)


def ask_to_close(head: bytes) -> bytes:
    """One request for each connection keeps requests and answers from having to be told apart. An upgrade stays."""
    if re.search(rb"\r\nConnection:[^\r]*upgrade", head, re.IGNORECASE):
        return head
    without = re.sub(rb"\r\nConnection:[^\r]*", b"", head, flags=re.IGNORECASE)
    return without[:-4] + b"\r\nConnection: close\r\n\r\n"


def read_head(stream: BinaryIO) -> bytes:
    head = b""
    while line := stream.readline(HEAD_MAX):
        head += line
        if line == b"\r\n" or len(head) > HEAD_MAX:
            break
    return head


def join_chunks(stream: BinaryIO) -> bytes:
    body = b""
    while size := int(stream.readline(HEAD_MAX).split(b";")[0] or b"0", 16):
        body += stream.read(size)
        stream.readline(HEAD_MAX)
    return body


def shift_info(head: bytes, stream: BinaryIO, offset: int) -> bytes:
    """The whole answer to /info, with the engine's time moved."""
    chunked = b"transfer-encoding: chunked" in head.lower()
    body = join_chunks(stream) if chunked else stream.read()
    facts = json.loads(body)
    if "SystemTime" in facts:
        facts["SystemTime"] = shift_time(facts["SystemTime"], offset)
    body = json.dumps(facts).encode("utf-8")
    head = re.sub(rb"\r\n(?:Transfer-Encoding|Content-Length):[^\r]*", b"", head, flags=re.IGNORECASE)
    return head[:-4] + f"\r\nContent-Length: {len(body)}\r\n\r\n".encode("ascii") + body


def pass_on(stream: BinaryIO, to: socket.socket) -> None:
    """Copy to the end, and pass the end on too."""
    with contextlib.suppress(OSError):
        while block := stream.read1(BLOCK):  # type: ignore[attr-defined]
            to.sendall(block)
    with contextlib.suppress(OSError):
        to.shutdown(socket.SHUT_WR)


def serve(client: socket.socket, engine_path: str, offset: int) -> None:
    """One connection: one request and its answer, or what an upgrade makes of it."""
    with contextlib.suppress(OSError), client, socket.socket(socket.AF_UNIX) as engine:
        client.settimeout(IDLE_SECONDS)
        engine.settimeout(IDLE_SECONDS)
        engine.connect(engine_path)
        with client.makefile("rb") as asked, engine.makefile("rb") as answered:
            head = read_head(asked)
            if not head:
                return
            is_stamped = is_window(head)
            engine.sendall(ask_to_close(shift_edges(head, offset) if is_stamped else head))
            upward = threading.Thread(target=pass_on, args=(asked, engine), daemon=True)
            upward.start()
            answer = shift_date(read_head(answered), offset)
            if INFO.match(head) and answer.startswith(b"HTTP/1.1 200"):
                client.sendall(shift_info(answer, answered, offset))
            elif is_stamped and b"transfer-encoding: chunked" in answer.lower():
                client.sendall(answer)
                for chunk in shift_chunks(answered, offset):
                    client.sendall(chunk)
            else:
                client.sendall(answer)
                pass_on(answered, client)
            client.shutdown(socket.SHUT_RDWR)
            upward.join()


def main() -> None:
    listen, engine, offset = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(listen)
        Path(listen).chmod(0o660)
        listener.listen(64)
        threading.Thread(target=accept, args=(listener, engine, offset), daemon=True).start()
        print("ready", flush=True)
        sys.stdin.read()


def accept(listener: socket.socket, engine: str, offset: int) -> None:
    while True:
        client, _address = listener.accept()
        threading.Thread(target=serve, args=(client, engine, offset), daemon=True).start()


if __name__ == "__main__":
    main()
