"""Which contents a run has of its images: so that a file that an image has too need not be stored again."""

import threading
from collections.abc import Iterable
from typing import Final, NamedTuple

WORTH: Final = 4096
"""Bytes of a file below which a reference is not worth its while."""
MOST: Final = 200_000
"""Contents that are known at most."""


class Place(NamedTuple):
    """Where a content lies: the item of a layer, below the host's folder, and its offset in the layer unpacked."""

    layer: str
    offset: int
    size: int


class ImageDigests:
    """The contents of the layers that were stored, by digest, for the latest run alone. Threads may share it."""

    def __init__(self) -> None:
        self._run = ""
        self._places: dict[bytes, Place] = {}
        self._sizes: set[int] = set()
        self._lock = threading.Lock()

    def add(self, run: str, layer: str, contents: Iterable[tuple[bytes, int, int]]) -> None:
        """Note what a layer of that run's bundle holds: digest, offset and size of each file."""
        with self._lock:
            if run != self._run:
                self._run, self._places, self._sizes = run, {}, set()
            for digest, offset, size in contents:
                if len(self._places) < MOST:
                    self._places.setdefault(digest, Place(layer, offset, size))
                    self._sizes.add(size)

    def find(self, run: str, sha256: str) -> Place | None:
        """Where a content of that SHA-256 (hexadecimal) lies in that run's bundle, or None."""
        with self._lock:
            return self._places.get(bytes.fromhex(sha256)) if run and run == self._run else None

    def may_have(self, run: str, size: int) -> bool:
        """Whether a content of that size is there, so that it is worth while to find out its digest."""
        with self._lock:
            return size >= WORTH and bool(run) and run == self._run and size in self._sizes
