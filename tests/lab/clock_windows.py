"""What `clock_proxy` does to logs and events: their windows and time stamps go by the wrong clock too.

The engine keeps them by the right one; a host whose clock is wrong would have stamped them with it, and would
understand the edges of a window by it. Container and image times stay as they are.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import BinaryIO

LINE_MAX = 64 * 2**10
ASKED = re.compile(rb"GET (?:/v[0-9.]+)?/(?:events|containers/[^/ ?]+/logs)[ ?]")
EDGE = re.compile(rb"([?&](?:since|until)=)([0-9]+)")
STAMP = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?=\.[0-9]{9}Z )")
EVENT_TIME = re.compile(rb'("time":|"timeNano":)([0-9]{10})')


def is_window(head: bytes) -> bool:
    """Whether a request asks for logs or events."""
    return ASKED.match(head) is not None


def shift_edges(head: bytes, offset: int) -> bytes:
    """The request with its window as the engine's own clock has it."""
    line, end, rest = head.partition(b"\r\n")
    # Not below zero: a window may reach back beyond 1970.
    return EDGE.sub(lambda found: found[1] + b"%d" % max(0, int(found[2]) - offset), line) + end + rest


def shift_stamps(body: bytes, offset: int) -> bytes:
    """Records or events as the wrong clock would have stamped them; no byte more or less."""

    def moved(found: re.Match[bytes]) -> bytes:
        return (datetime.fromisoformat(found[0].decode()) + timedelta(seconds=offset)).isoformat().encode()

    shifted = STAMP.sub(moved, body)
    return EVENT_TIME.sub(lambda found: found[1] + b"%d" % (int(found[2]) + offset), shifted)


def shift_chunks(stream: BinaryIO, offset: int) -> Iterator[bytes]:
    """A chunked body, chunk by chunk: the engine sends each record and each event as one."""
    while line := stream.readline(LINE_MAX):
        size = int(line.split(b";")[0], 16)
        yield line + shift_stamps(stream.read(size), offset) + stream.readline(LINE_MAX)
        if not size:
            return
