"""Digests of files that lie on disk already: one reading for both algorithms, the two on two threads."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from irkit.adapters.storage import open_regular

_PIECE: Final = 1 << 20
_WORTH_A_THREAD: Final = 256 << 10


class Digests(msgspec.Struct, frozen=True):
    """Both digests of some bytes, and how many they are."""

    sha256: str
    sha512: str
    size: int


def digest_bytes(data: bytes) -> Digests:
    """The digests of bytes in memory."""
    return Digests(hashlib.sha256(data).hexdigest(), hashlib.sha512(data).hexdigest(), len(data))


class FileHasher:
    """Reads files and tells their digests; `counted` is told the bytes as they are read."""

    def __init__(self, counted: Callable[[int], None] | None = None) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sha512")
        self._pieces = (memoryview(bytearray(_PIECE)), memoryview(bytearray(_PIECE)))
        self._counted = counted

    def digest(self, path: Path) -> Digests:
        """The digests of a regular file, never through a link. Raises OSError."""
        with os.fdopen(open_regular(path), "rb", buffering=0) as file:
            sha256, sha512, size, turn = hashlib.sha256(), hashlib.sha512(), 0, 0
            pending: Future[None] | None = None
            while count := file.readinto(self._pieces[turn]):
                piece = self._pieces[turn][:count]
                if pending is not None:
                    pending.result()
                pending = self._thread.submit(sha512.update, piece) if count >= _WORTH_A_THREAD else None
                if pending is None:
                    sha512.update(piece)
                sha256.update(piece)
                size, turn = size + count, 1 - turn
                if self._counted is not None:
                    self._counted(count)
            if pending is not None:
                pending.result()
        return Digests(sha256.hexdigest(), sha512.hexdigest(), size)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()
