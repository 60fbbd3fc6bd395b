"""Many small questions to an engine at once: HEAD requests in a row on one connection, answered in that order.

Each by itself would take a connection and a round trip. A HEAD's answer has no body, so that where one ends is plain.
"""

import http.client
import io
import re
from collections.abc import Sequence
from email.message import Message
from typing import Final, NamedTuple

from irkit.adapters.engine_http import EngineApi, mapped_errors
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline

MOST: Final = 64
"""Requests in a row at most: their answers fit into any buffer on the way, so that nobody waits for the other."""
_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})[ \r\n].*", re.DOTALL)
_LINE: Final = 4096


class Head(NamedTuple):
    """An answer: its status, and its headers."""

    status: int
    headers: Message


def ask_heads(api: EngineApi, targets: Sequence[str], deadline: Deadline) -> list[Head]:
    """What is answered to each target, a path with its query, of which there are MOST at most. Raises TargetError."""
    prefix, found = api.prefix(deadline), list[Head]()
    while len(found) < len(targets):
        rest = targets[len(found) :]
        with api.line(deadline) as line, mapped_errors(deadline):
            api.tally.count("requests", len(rest))
            line.sendall(b"".join(_request(prefix + target) for target in rest))
            heads = _read(line.makefile(), len(rest))
        if not heads:
            raise TargetError("the connection ended before the answer did", Refusal.LOST)
        found += heads
    return found


def _request(target: str) -> bytes:
    return f"HEAD {target} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: irkit\r\n\r\n".encode("ascii")


def _read(file: io.BufferedReader, count: int) -> list[Head]:
    """The answers there are, up to the one after which the engine ends the connection."""
    heads: list[Head] = []
    try:
        while len(heads) < count and (line := file.readline(_LINE)):
            status = _STATUS.fullmatch(line)
            if status is None:
                raise TargetError("the engine's answer is not HTTP", Refusal.GARBLED)
            heads.append(Head(int(status[2]), http.client.parse_headers(file)))
            if status[1] == b"0" or "close" in str(heads[-1].headers.get("Connection", "")).lower():
                break
    except ConnectionError:
        if not heads:  # it answered some, and ended the connection with the rest unread
            raise
    return heads
