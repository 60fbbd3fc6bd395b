"""An ELF core of a process from its memory in a bundle, as gdb, lldb and volatility read it.

Notes tell what the kernel told: name, state, auxiliary vector, mapped files, and of each thread where it waited, as far
as /proc says: stack and instruction pointer, and zeros for other registers. What was not in memory, not read or zeros
is in segments that say how large they are in memory and have no bytes; debuggers look into the mapped file for these.
"""

import base64
import struct
from collections.abc import Iterator, Sequence
from typing import IO, Final

from irkit.adapters.memory_bundle import pieces
from irkit.adapters.memory_process import MemoryProcess, Thread
from irkit.adapters.memory_regions import Region
from irkit.adapters.process_maps import PAGE

_HEADER: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT: Final = struct.Struct("<IIQQQQQQ")
_SECTION: Final = struct.Struct("<IIQQQQIIQQ")
_IDENT: Final = b"\x7fELF\x02\x01\x01" + bytes(9)
_CORE, _X86_64, _AARCH64 = 4, 62, 183
_LOAD, _NOTE = 1, 4
_MOST_SEGMENTS: Final = 0xFFFF
_STATUS, _INFO, _AUXV, _FILES = 1, 3, 6, 0x46494C45
_REGISTERS: Final = 27
"""Registers of x86-64 in a note, of which the 17th is the instruction pointer and the 20th the stack pointer."""
_RIP, _RSP = 16, 19
_PERMISSIONS: Final = {"r": 4, "w": 2, "x": 1}
_NAME: Final = b"CORE\0\0\0\0"


class Segment:
    """What one program header tells of: bytes of the item, or memory that has none of them."""

    __slots__ = ("address", "flags", "offset", "size", "stored")

    def __init__(self, address: int, size: int, flags: int, stored: bool, offset: int = 0) -> None:
        self.address, self.size, self.flags, self.stored, self.offset = address, size, flags, stored, offset


def segments_of(regions: Sequence[Region]) -> list[Segment]:
    """The segments of a core, by address; zeros that were not stored are segments without bytes, as gaps are."""
    found: list[Segment] = []
    for region in regions:
        flags = sum(_PERMISSIONS.get(one, 0) for one in region.permissions)
        found += [Segment(int(at, 16), size, flags, True, offset) for at, size, offset in region.data]
        found += [Segment(int(at, 16), size, flags, False) for at, size in (*region.zeros, *region.absent)]
        found += [Segment(int(gap.address, 16), gap.size, flags, False) for gap in region.gaps]
    found.sort(key=lambda one: one.address)
    joined: list[Segment] = []
    for one in found:
        if joined and _goes_on(joined[-1], one):
            joined[-1].size += one.size
        else:
            joined.append(one)
    return joined


def _goes_on(last: Segment, one: Segment) -> bool:
    """Whether a segment goes on where the last one ends, in memory and in the item."""
    follows = last.address + last.size == one.address and last.flags == one.flags and last.stored == one.stored
    return follows and (not one.stored or last.offset + last.size == one.offset)


def core_of(process: MemoryProcess, regions: Sequence[Region], memory: IO[bytes], machine: str) -> Iterator[bytes]:
    """The bytes of a core, from its header on: the item follows as it is, whatever the order of addresses.

    Raises VerificationError where the item has not what its index tells of.
    """
    segments = segments_of(regions)
    notes = _notes(process, regions)
    count = len(segments) + 1
    is_large = count >= _MOST_SEGMENTS
    sections = _SECTION.size if is_large else 0
    start = _HEADER.size + count * _SEGMENT.size + sections
    data = -(-(start + len(notes)) // PAGE) * PAGE
    kind = _AARCH64 if machine == "aarch64" else _X86_64
    section_at = _HEADER.size + count * _SEGMENT.size if is_large else 0
    yield _HEADER.pack(
        _IDENT, _CORE, kind, 1, 0, _HEADER.size, section_at, 0, _HEADER.size, _SEGMENT.size,
        min(count, _MOST_SEGMENTS), _SECTION.size if is_large else 0, 1 if is_large else 0, 0,
    )  # fmt: skip
    yield _SEGMENT.pack(_NOTE, 0, start, 0, 0, len(notes), 0, 4)
    for one in segments:
        size = one.size if one.stored else 0
        yield _SEGMENT.pack(_LOAD, one.flags, data + one.offset, one.address, 0, size, one.size, PAGE)
    if is_large:  # the number of segments stands where a section tells of itself
        yield _SECTION.pack(0, 0, 0, 0, 0, 0, 0, count, 0, 0)
    yield notes + bytes(data - start - len(notes))
    yield from pieces(memory, 0, max((one.offset + one.size for one in segments if one.stored), default=0))


def _notes(process: MemoryProcess, regions: Sequence[Region]) -> bytes:
    words = process.stat.rpartition(")")[2].split()
    found = [_note(_STATUS, _status(one, words)) for one in process.threads or [Thread(tid=process.pid)]]
    found.insert(1, _note(_INFO, _info(process, words)))
    if process.auxv:
        found.append(_note(_AUXV, base64.b64decode(process.auxv)))
    found.append(_note(_FILES, _files(regions)))
    return b"".join(found)


def _note(kind: int, content: bytes) -> bytes:
    return struct.pack("<III", 5, len(content), kind) + _NAME + content + bytes(-len(content) % 4)


def _status(thread: Thread, words: Sequence[str]) -> bytes:
    """What a core tells of a thread (`elf_prstatus`), as far as it is known."""
    said = thread.syscall.split()
    registers = [0] * _REGISTERS
    if len(said) > 1:
        registers[_RIP], registers[_RSP] = _hex(said[-1]), _hex(said[-2])
    ids = [thread.tid, _number(words, 1), _number(words, 2), _number(words, 3)]
    head = struct.pack("<iiihHQQiiii", 0, 0, 0, 0, 0, 0, 0, *ids)
    return head + bytes(64) + struct.pack(f"<{_REGISTERS}Q", *registers) + struct.pack("<ii", 0, 0)


def _info(process: MemoryProcess, words: Sequence[str]) -> bytes:
    """What a core tells of a process (`elf_prpsinfo`)."""
    state = (words[0] if words else "?").encode()[:1]
    ids = [process.pid, _number(words, 1), _number(words, 2), _number(words, 3)]
    command = base64.b64decode(process.command_b64).replace(b"\0", b" ").strip()
    head = struct.pack("<bcbbxxxxQII", 0, state, state == b"Z", 0, 0, 0, 0)
    return head + struct.pack("<iiii16s80s", *ids, process.name.encode()[:15], command[:79])


def _files(regions: Sequence[Region]) -> bytes:
    """Which files are mapped where."""
    mapped = [one for one in regions if one.inode and one.file.startswith("/")]
    rows = b"".join(
        struct.pack("<QQQ", int(one.address, 16), int(one.address, 16) + one.size, one.file_offset // PAGE)
        for one in mapped
    )
    names = b"".join(_raw_name(one) + b"\0" for one in mapped)
    return struct.pack("<QQ", len(mapped), PAGE) + rows + names


def _raw_name(region: Region) -> bytes:
    return base64.b64decode(region.file_b64) if region.file_b64 else region.file.encode()


def _number(words: Sequence[str], at: int) -> int:
    return int(words[at]) & 0x7FFFFFFF if len(words) > at and words[at].lstrip("-").isdigit() else 0


def _hex(word: str) -> int:
    try:
        return int(word, 16) & (2**64 - 1)
    except ValueError:
        return 0
