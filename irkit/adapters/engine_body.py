"""The body of an engine's answer: its bytes, as far as its framing says and not further.

The standard library's own reading takes a body cut short for whole where a length was announced, drops what it had
read when the connection ends, and reads without bound after a negative chunk size (docs/adr/0002).
"""

import io
import re
import time
from http.client import HTTPResponse
from typing import Final

from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline

_CHUNK_SIZE: Final = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?\r?\n", re.DOTALL)
_LINE_LIMIT: Final = 4096
_PATIENCE: Final = 0.2
_MOST_TRAILERS: Final = 100


class Body:
    """Reads a body that is chunked or of a stated length; one that neither is could end anywhere, and is refused."""

    def __init__(self, response: HTTPResponse, deadline: Deadline) -> None:
        self._response = response  # which closes its file once nobody holds it
        self._file: io.BufferedReader = response.fp
        self._deadline = deadline
        self._is_chunked = bool(response.chunked)
        self._left = 0 if self._is_chunked else response.length
        self._has_begun = False
        self._ended = self._left == 0 and not self._is_chunked
        self._failed: TargetError | None = None

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer as far as the body goes; 0 at its end.

        What trickles is handed out before the buffer is full. Where the body breaks off, what came before is handed
        out first, and the reason is raised by the next call.
        """
        if self._failed is not None:
            raise self._failed
        done, size, until = 0, len(buffer), time.monotonic() + _PATIENCE
        while done < size and not self._ended and not (done and time.monotonic() > until):
            try:
                done += self._some(buffer[done:])
            except TargetError as error:
                if not done:
                    raise
                self._failed = error
                break
        return done

    def read_some(self, buffer: memoryview) -> int:
        """What there is, as soon as there is something; 0 at its end."""
        done = 0
        while not done and not self._ended:
            done = self._some(buffer)
        return done

    def _some(self, buffer: memoryview) -> int:
        """What can be had at once of the current chunk; 0 between chunks and at the end."""
        if self._left is None:
            raise TargetError("the engine's answer does not tell where it ends", Refusal.GARBLED)
        if self._is_chunked and self._left == 0:
            self._next_chunk()
            return 0
        count = self._file.readinto1(buffer[: self._left])
        if not count:
            raise self._cut_short()
        self._left -= count
        self._ended = self._left == 0 and not self._is_chunked
        return count

    def _next_chunk(self) -> None:
        if self._has_begun and self._line() not in (b"\r\n", b"\n"):
            raise TargetError("the engine's answer is not HTTP: a chunk is not as long as it says", Refusal.GARBLED)
        self._has_begun = True
        found = _CHUNK_SIZE.fullmatch(self._line())
        if found is None:
            raise TargetError("the engine's answer is not HTTP: a chunk without a size", Refusal.GARBLED)
        self._left = int(found[1], 16)
        if self._left == 0:
            self._skip_trailers()
            self._ended = True

    def _line(self) -> bytes:
        line = self._file.readline(_LINE_LIMIT)
        if not line.endswith(b"\n") and len(line) < _LINE_LIMIT:
            raise self._cut_short()
        return line

    def _skip_trailers(self) -> None:
        """All of the body is there already: a connection that ends here takes nothing away."""
        for _ in range(_MOST_TRAILERS):
            if self._file.readline(_LINE_LIMIT) in (b"\r\n", b"\n", b""):
                return

    def _cut_short(self) -> TargetError:
        self._deadline.remaining()  # says so where the time is up, or the run was told to stop
        return TargetError("the connection ended before the answer did", Refusal.LOST)
