"""Memory of processes: what is read of it and how that is told, on real ones and with faults."""

import hashlib
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import pytest

from irkit.adapters import process_memory
from irkit.adapters.clock import SystemClock
from irkit.adapters.host_commands import NoCommands
from irkit.adapters.host_files import LocalFiles
from irkit.adapters.host_side import HostSide
from irkit.adapters.memory_files import MemoryFiles
from irkit.adapters.memory_reading import by_command, by_file
from irkit.adapters.memory_regions import Region
from irkit.adapters.memory_strings import find_strings
from irkit.adapters.process_maps import UNKNOWN, Mapping, read_mappings, runs_in_memory
from irkit.adapters.process_memory import MemoryCounts, ProcessMemory
from irkit.core.errors import Refusal, TargetError
from irkit.core.evidence import Evidence
from irkit.core.ports import Deadline, Part
from tests.adapters.scripted_commands import ScriptedCommands
from tests.contract.file_sites import deadline

MIB = 1 << 20
PAGE = 4096


class Item:
    """An item that is kept here."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.partial: str | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.data += data

    def warn(self, text: str) -> None:
        raise AssertionError(text)

    def finish(self, partial: str = "") -> Evidence:
        self.partial = partial
        return Evidence(
            path="", kind="", sha256="", sha512="", size=0, source_sha256="", source_size=0, started_at="", ended_at=""
        )


class Taken:
    """What came of taking mappings in."""

    def __init__(self, pid: int, limit: int = 1 << 40) -> None:
        self.files = LocalFiles()
        self.item, self.index = Item(), Item()
        self.memory = ProcessMemory(self.files, pid, limit, self.item, self.index)
        self.pid = pid

    def take(self, mappings: Iterable[Mapping], read: Any = None) -> "Taken":
        side = HostSide(SystemClock(), NoCommands("none"), self.files)
        self.memory.take(mappings, read or by_file(side, self.pid, deadline()), deadline())
        return self

    @property
    def regions(self) -> list[Region]:
        return [msgspec.json.decode(line, type=Region) for line in bytes(self.index.data).splitlines()]

    @property
    def counts(self) -> MemoryCounts:
        return self.memory.counts


HELD = """
import ctypes, mmap
made = mmap.mmap(-1, 12 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
if hasattr(made, "madvise"): made.madvise(15)
for page in range(0, 1024, 2):
    made[page * 4096:page * 4096 + 8] = page.to_bytes(8, "little")
made[5 << 20:6 << 20] = b"x" * (1 << 20)
made[6 << 20:7 << 20] = bytes(1 << 20)
print(ctypes.addressof(ctypes.c_char.from_buffer(made)), flush=True); input()
"""


@pytest.fixture
def held() -> Iterator[tuple[int, int]]:
    """A process with memory that is used here and there: its number, and where that is."""
    with subprocess.Popen([sys.executable, "-I", "-c", HELD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout
        yield started.pid, int(started.stdout.readline())
        started.kill()


def mapping_at(pid: int, address: int) -> Mapping:
    with LocalFiles() as files:
        return next(one for one in read_mappings(files, pid, deadline()) if one.start <= address < one.end)


def contents(taken: Taken, start: int, size: int) -> bytes:
    found = bytearray(size)
    for region in taken.regions:
        for at, length, offset in region.data:
            place = int(at, 16) - start
            if 0 <= place < size:
                found[place : place + length] = taken.item.data[offset : offset + length]
    return bytes(found)


def test_what_is_used_here_and_there_is_stored_and_the_rest_told_as_zeros(held: tuple[int, int]) -> None:
    pid, at = held
    mapping = mapping_at(pid, at)
    taken = Taken(pid).take([mapping])
    whole = contents(taken, at, 12 * MIB)
    for page in range(0, 1024, 2):
        assert whole[page * PAGE : page * PAGE + 8] == page.to_bytes(8, "little")
    assert whole[5 * MIB : 6 * MIB] == b"x" * MIB and whole[6 * MIB :] == bytes(6 * MIB)
    assert len(taken.item.data) < 5 * MIB, "neither what was never used nor what is zeros"
    for region in taken.regions:
        covered = sum(size for _, size, _ in region.data) + sum(size for _, size in region.zeros)
        assert covered == region.size and not region.gaps and not region.absent
        stored = b"".join(bytes(taken.item.data[offset : offset + size]) for _, size, offset in region.data)
        assert region.sha256 == (hashlib.sha256(stored).hexdigest() if stored else "")


def test_a_large_mapping_is_told_in_parts(held: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_memory, "SLICE", 2 * MIB)
    pid, at = held
    mapping = mapping_at(pid, at)
    taken = Taken(pid).take([mapping])
    assert len(taken.regions) == -(-mapping.size // (2 * MIB))
    assert sum(one.size for one in taken.regions) == mapping.size
    assert contents(taken, at, 12 * MIB)[5 * MIB : 6 * MIB] == b"x" * MIB


def test_what_is_too_large_to_be_looked_through_is_left_out_and_said(
    held: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_memory, "MOST_LOOKED_UP", 4 * MIB)
    monkeypatch.setattr(process_memory, "SLICE", 2 * MIB)
    pid, at = held
    mapping = mapping_at(pid, at)
    taken = Taken(pid).take([mapping])
    *read, rest = taken.regions
    assert len(read) == 2 and taken.item.data, "it is read as far as it can be"
    assert sum(one.size for one in taken.regions) == mapping.size
    assert "too large to look for" in rest.gaps[0].why and rest.gaps[0].size == rest.size
    assert "could not be read: too large" in taken.memory.finish() and taken.item.partial


RESERVED = """
import ctypes
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
at = libc.mmap(None, 65 << 30, 3, 0x4022, -1, 0)
ctypes.memmove(at + (64 << 30), b"SECRET IN A LARGE MAPPING", 25)
print(at, flush=True); input()
"""


def test_a_page_is_found_in_sixty_five_gibibytes_of_nothing() -> None:
    with subprocess.Popen(
        [sys.executable, "-I", "-c", RESERVED], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as started:
        assert started.stdout
        at = int(started.stdout.readline())
        mapping = mapping_at(started.pid, at)
        taken = Taken(started.pid).take([mapping])
        started.kill()
    assert b"SECRET IN A LARGE MAPPING" in taken.item.data and mapping.size >= 65 << 30
    assert not taken.memory.finish() and sum(one.size for one in taken.regions) == mapping.size


def test_a_limit_cuts_what_is_mapped_from_files_first(held: tuple[int, int]) -> None:
    pid, _ = held
    with LocalFiles() as files:
        mappings = read_mappings(files, pid, deadline())
    taken = Taken(pid, 4 * MIB).take(mappings)
    assert taken.counts.read == 4 * MIB and taken.counts.beyond > 0
    assert "left out, as no more than 4194304 were asked for" in taken.memory.finish()
    cut = [one for one in taken.regions if any(gap.why == "beyond the limit" for gap in one.gaps)]
    assert all(one.inode or one.file.startswith("[") or not one.data for one in cut[1:])


def test_what_breaks_off_is_told_with_what_came(held: tuple[int, int]) -> None:
    pid, at = held

    def breaks(ranges: Iterable[tuple[int, int]]) -> Iterator[Part]:
        for number, (begin, size) in enumerate(ranges):
            if number == 2:
                raise TargetError("the way there is lost", Refusal.LOST)
            yield Part(begin, memoryview(b"y" * size))

    taken = Taken(pid)
    with pytest.raises(TargetError):
        taken.take([mapping_at(pid, at)], breaks)
    (region,) = taken.regions
    told = sum(size for _, size, _ in region.data) + sum(size for _, size in region.zeros)
    assert told + sum(gap.size for gap in region.gaps) == region.size
    assert region.gaps[-1].why == "reading broke off" and taken.counts.unread > 0


def test_what_cannot_be_read_is_a_gap_with_the_reason(held: tuple[int, int]) -> None:
    pid, at = held

    def holes(ranges: Iterable[tuple[int, int]]) -> Iterator[Part]:
        for begin, size in ranges:
            for offset in range(begin, begin + size, PAGE):
                if offset // PAGE % 4 == 0:
                    yield Part(offset, memoryview(b""), PAGE, "Input/output error")
                else:
                    yield Part(offset, memoryview(b"z" * PAGE))

    taken = Taken(pid).take([mapping_at(pid, at)], holes)
    gaps = [gap for region in taken.regions for gap in region.gaps]
    assert gaps and {gap.why for gap in gaps} == {"Input/output error"}
    assert taken.counts.unread == sum(gap.size for gap in gaps)
    assert "could not be read: Input/output error" in taken.memory.finish()


@pytest.mark.parametrize("place", [0, 1, 32_769, 65_534, 65_535])
def test_a_block_that_is_zeros_but_for_one_byte_is_stored(held: tuple[int, int], place: int) -> None:
    pid, at = held
    block = bytearray(1 << 16)
    block[place] = 1

    def nearly(ranges: Iterable[tuple[int, int]]) -> Iterator[Part]:
        for begin, size in ranges:
            yield Part(begin, memoryview(bytes(block) * (size // len(block))))

    mapping = mapping_at(pid, at)._replace(start=at, end=at + 4 * len(block), resident=UNKNOWN)
    taken = Taken(pid).take([mapping], nearly)
    (region,) = taken.regions
    assert taken.item.data == block * 4 and not region.zeros
    assert region.sha256 == hashlib.sha256(block * 4).hexdigest()


class Dd(ScriptedCommands):
    """A host whose dd gives as much as it is told to."""

    def __init__(self, files: LocalFiles, most: int) -> None:
        super().__init__()
        self.files, self.most = files, most

    def pieces(self, argv: tuple[str, ...], deadline: Deadline) -> Iterator[memoryview]:
        words = dict(word.split("=", 1) for word in argv[1:] if not word.startswith("iflag"))
        begin, size = int(words["skip"]), min(int(words["count"]), self.most)
        for part in self.files.read_ranges(words["if"].encode(), [(begin, size)], deadline):
            yield part.data
        if self.most < int(words["count"]):
            raise TargetError("dd ended with 1: Input/output error", Refusal.REFUSED)


@pytest.mark.parametrize("most", [1 << 40, 300_000, 0])
def test_what_a_command_leaves_out_is_read_as_a_file_is(most: int) -> None:
    code = "held = b'k' * (20 << 20)\nprint(id(held), flush=True); input()"
    with subprocess.Popen([sys.executable, "-I", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout
        at = int(started.stdout.readline())
        mapping, taken = mapping_at(started.pid, at), Taken(started.pid)
        dd = Dd(taken.files, most)
        side = HostSide(SystemClock(), dd, taken.files)
        taken.take([mapping], by_command(side, started.pid, deadline()))
        started.kill()
    assert len(dd.asked) == 1
    assert contents(taken, mapping.start, mapping.size).count(b"k") >= 20 * MIB
    assert taken.counts.unread == 0


# Maps ------------------------------------------------------------------------------------------------------------

SMAPS = b"""\
00400000-00401000 r-xp 00001000 fe:00 77 /bin/a b\\012c (deleted)
Size:                  4 kB
Rss:                   4 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
7f0000000000-7f0000200000 rw-p 00000000 00:0f 9 /anon_hugepage (deleted)
Rss:                   0 kB
Private_Hugetlb:    2048 kB
Swap:                  0 kB
VmFlags: rd wr ht
7f1000000000-7f1000001000 rw-s 00000000 00:05 3 /dev/mem
Rss:                   4 kB
VmFlags: rd wr io pf
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]
VmFlags: ex
"""


def test_mappings_are_what_the_kernel_tells_names_and_all() -> None:
    files = MemoryFiles()
    files.put(b"/proc/7/smaps", SMAPS)
    program, huge, device, kernels = read_mappings(files, 7, deadline())
    assert program.name == b"/bin/a b\\012c (deleted)" and program.inode == 77 and program.in_use == PAGE
    assert huge.in_use == huge.size and not huge.why_not()
    assert "device" in device.why_not() and "kernel's" in kernels.why_not()


def test_a_kernel_that_counts_nothing_has_its_maps_read() -> None:
    files = MemoryFiles()
    files.put(b"/proc/7/maps", b"\n".join(line for line in SMAPS.split(b"\n") if b"-" in line[:20]))
    found = read_mappings(files, 7, deadline())
    assert [one.in_use == one.size for one in found] == [True] * 4
    with pytest.raises(TargetError) as caught:
        read_mappings(files, 8, deadline())
    assert caught.value.kind is Refusal.ABSENT


def test_pages_in_memory_and_in_swap_are_there_and_others_not() -> None:
    files = MemoryFiles()
    states = [0x80, 0x80, 0x00, 0x40, 0x20, 0x00]
    files.put(b"/proc/7/pagemap", bytes(8 * 16) + b"".join(bytes(7) + bytes([one]) for one in states))
    begin = 16 * PAGE
    found = list(runs_in_memory(files, 7, begin, begin + 6 * PAGE, deadline()))
    assert [(at // PAGE - 16, size // PAGE, there) for at, size, there in found] == [
        (0, 2, True),
        (2, 1, False),
        (3, 1, True),
        (4, 2, False),
    ]
    beyond = list(runs_in_memory(files, 7, begin, begin + 8 * PAGE, deadline()))
    assert beyond[-1] == (begin + 6 * PAGE, 2 * PAGE, True), "what is not told counts as being there"


# Strings ---------------------------------------------------------------------------------------------------------


def test_strings_are_found_with_their_addresses_across_parts_and_in_pairs() -> None:
    data = b"\0\0first string\0\xffno\x01" + "wide string".encode("utf-16-le") + b"\0\0" + b"last one"
    for cut in range(len(data)):
        parts = [(0x1000, data[:cut]), (0x1000 + cut, data[cut:])]
        found = [(one.address - 0x1000, one.encoding, one.text) for one in find_strings(parts, 6)]
        assert found == [(2, "ascii", "first string"), (19, "utf-16", "wide string"), (43, "ascii", "last one")], cut
    apart = [(0x1000, b"cut in"), (0x9000, b" two parts")]
    assert [one.text for one in find_strings(apart, 6)] == ["cut in", " two parts"]
    assert sum(len(one.text) for one in find_strings([(0, b"a" * 100_000)], 6)) == 100_000
