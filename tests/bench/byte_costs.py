"""`python -m tests.bench.byte_costs`: what each thing that is done with a byte of evidence costs, in processor time.

The content is of the kinds that `memory` and `export` are measured with, in the order of their files.
"""

import ctypes
import hashlib
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Final

from irkit.adapters.zstd_frames import FRAME, compress_frame
from tests.lab.images import mixed_content

MIB: Final = 192
PIECE: Final = 1 << 18
LEVELS: Final = (-20, -5, 1, 2, 3)
TURNS: Final = 6


def nanoseconds(work: Callable[[], object], size: int) -> float:
    """Processor time of the process for one of so many bytes: the least of some turns."""
    least = float("inf")
    for _ in range(TURNS):
        begun = time.process_time_ns()
        work()
        least = min(least, time.process_time_ns() - begun)
    return least / size


def frames_of(content: bytes) -> Iterator[memoryview]:
    view = memoryview(content)
    yield from (view[at : at + FRAME] for at in range(0, len(content), FRAME))


def read_own_memory(content: bytes) -> None:
    """The content as `snapshot.memory` reads it, a piece at a time, from /proc."""
    buffer = bytearray(PIECE)
    address = ctypes.cast(ctypes.c_char_p(content), ctypes.c_void_p).value or 0
    memory = os.open("/proc/self/mem", os.O_RDONLY)
    try:
        for at in range(0, len(content), PIECE):
            os.preadv(memory, [buffer], address + at)
    finally:
        os.close(memory)


def write(pieces: list[bytes]) -> None:
    with tempfile.TemporaryFile(buffering=0) as file:
        for piece in pieces:
            file.write(piece)


def costs() -> Iterator[tuple[str, float]]:
    """What is done, and nanoseconds for a byte of the content."""
    source = random.Random("byte costs")
    content = b"".join(mixed_content(source, number, 1 << 20) for number in range(MIB))
    size = len(content)

    def digest(*names: str, pieces: list[bytes] | None = None) -> Callable[[], object]:
        return lambda: [hashlib.new(name, one).digest() for name in names for one in pieces or frames_of(content)]

    yield "reading it from /proc/PID/mem", nanoseconds(lambda: read_own_memory(content), size)
    yield "SHA-256 of it", nanoseconds(digest("sha256"), size)
    yield "SHA-512 of it", nanoseconds(digest("sha512"), size)
    for level in LEVELS:
        packed: list[bytes] = []

        def pack(level: int = level, packed: list[bytes] = packed) -> None:
            packed[:] = [compress_frame(frame, level) for frame in frames_of(content)]

        yield f"zstd at level {level}", nanoseconds(pack, size)
        stored = sum(map(len, packed))
        yield f"  size after that, of 1: {stored / size:.2f}", stored / size
        yield "  SHA-256 and SHA-512 of that", nanoseconds(digest("sha256", "sha512", pieces=packed), size)
        yield "  writing that", nanoseconds(lambda packed=packed: write(packed), size)  # type: ignore[misc]


def main() -> None:
    print(f"nanoseconds of processor time for a byte of {MIB} MiB of mixed content, the least of {TURNS} turns")
    for what, cost in costs():
        print(what if what.startswith("  size") else f"{what}: {cost:.2f}")


if __name__ == "__main__":
    main()
