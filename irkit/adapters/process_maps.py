"""What a process's address space consists of, and which pages of it are in memory: from its smaps and pagemap.

Only pages that are there are told to be read: nothing is brought into memory, and no read waits for a file system or a
user fault handler of the container's own. Formats: `filesystems/proc.rst` and `admin-guide/mm/pagemap.rst` of Linux.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, HostFiles

PAGE: Final = 4096
MOST_MAPPINGS: Final = 262_144
"""Mappings of one process that are told; kernels allow 65,530 unless told otherwise."""
_ENTRY: Final = 8
"""Bytes that pagemap has for a page, the state of it in the highest bits of the last."""
_PRESENT, _SWAPPED = 0x80, 0x40
_IS_THERE: Final = bytes(1 if top & (_PRESENT | _SWAPPED) else 0 for top in range(256))
_KIBI: Final = 1024
_COUNTED: Final = {
    b"Rss:": "resident",
    b"Private_Hugetlb:": "resident",
    b"Shared_Hugetlb:": "resident",
    b"Swap:": "swapped",
    b"Anonymous:": "anonymous",
}
_FIELDS: Final = 5
UNKNOWN: Final = -1


class Mapping(NamedTuple):
    """One mapping. `name` is what the kernel shows: a file's path (a newline as `\\012`), `[heap]`, or nothing.

    `resident`, `swapped` and `anonymous` are bytes, UNKNOWN where the kernel does not count them; `flags` are words of
    two letters.
    """

    start: int
    end: int
    permissions: str
    offset: int
    device: str
    inode: int
    name: bytes
    resident: int = UNKNOWN
    swapped: int = UNKNOWN
    anonymous: int = UNKNOWN
    flags: str = ""

    @property
    def size(self) -> int:
        """Bytes of address space."""
        return self.end - self.start

    @property
    def in_use(self) -> int:
        """Bytes that are in memory or in swap; all of it where that is not counted."""
        return self.size if self.resident == UNKNOWN else self.resident + max(self.swapped, 0)

    @property
    def is_anonymous(self) -> bool:
        """Whether it is memory of its own, zeros where nothing was written, and of no file."""
        return self.inode == 0 and self.permissions[3:] == "p"

    def why_not(self) -> str:
        """Why it is not to be read at all, or empty."""
        flags = self.flags.split()
        if self.name in (b"[vvar]", b"[vvar_vclock]", b"[vsyscall]"):
            return "it is the kernel's, the same for every process"
        if "io" in flags or "pf" in flags:
            return "it is a device's memory, which a read may change"
        return ""


def read_mappings(files: HostFiles, pid: int, deadline: Deadline) -> list[Mapping]:
    """The mappings of a process, by address. Raises TargetError; ABSENT where it has ended, or has no memory."""
    path = b"/proc/%d/smaps" % pid
    (first,) = files.read_small([path], 1, deadline)  # this is waited for a while, where the rest may be for ever
    if isinstance(first, TargetError) and first.kind is not Refusal.ABSENT:
        raise first
    try:
        found = list(_parsed(_lines(files, path, deadline)))
    except TargetError as error:
        if error.kind is not Refusal.ABSENT:
            raise
        found = list(_parsed(_lines(files, b"/proc/%d/maps" % pid, deadline)))  # a kernel that does not count pages
    if not found:
        raise TargetError(f"process {pid} has no memory any more", Refusal.ABSENT)
    return found


def _lines(files: HostFiles, path: bytes, deadline: Deadline) -> Iterator[bytes]:
    rest = b""
    for piece in files.stream(path, deadline):
        *lines, rest = (rest + bytes(piece)).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _parsed(lines: Iterator[bytes]) -> Iterator[Mapping]:
    current: Mapping | None = None
    counted: dict[str, int] = {}
    flags, count = "", 0

    def whole(begun: Mapping) -> Mapping:
        amounts = (counted.get(what, UNKNOWN) for what in ("resident", "swapped", "anonymous"))
        resident, swapped, anonymous = amounts
        return begun._replace(resident=resident, swapped=swapped, anonymous=anonymous, flags=flags)

    for line in lines:
        word, _, rest = line.partition(b" ")
        if (begun := _begun(word, rest)) is not None:
            if current is not None:
                yield whole(current)
            count += 1
            if count > MOST_MAPPINGS:
                raise TargetError(f"the process has more than {MOST_MAPPINGS} mappings", Refusal.REFUSED)
            current, counted, flags = begun, {}, ""
        elif word in _COUNTED and (amount := rest.split()) and amount[0].isdigit():
            what = _COUNTED[word]
            counted[what] = counted.get(what, 0) + int(amount[0]) * _KIBI
        elif word == b"VmFlags:":
            flags = rest.decode("ascii", "replace").strip()
    if current is not None:
        yield whole(current)


def _begun(word: bytes, rest: bytes) -> Mapping | None:
    """The mapping that a line begins, or None: `START-END PERMISSIONS OFFSET DEVICE INODE NAME`."""
    start, dash, end = word.partition(b"-")
    fields = rest.split(None, _FIELDS - 1)
    if not dash or len(fields) < _FIELDS - 1:
        return None
    try:
        return Mapping(
            start=int(start, 16),
            end=int(end, 16),
            permissions=fields[0].decode("ascii", "replace"),
            offset=int(fields[1], 16),
            device=fields[2].decode("ascii", "replace"),
            inode=int(fields[3]),
            name=fields[4] if len(fields) == _FIELDS else b"",
        )
    except ValueError:
        return None


def runs_in_memory(
    files: HostFiles, pid: int, begin: int, end: int, deadline: Deadline
) -> Iterator[tuple[int, int, bool]]:
    """A part of an address space as runs of pages: where each begins, its bytes, and whether it is in memory or swap.

    What the kernel does not tell counts as being there.
    """
    wanted = [(begin // PAGE * _ENTRY, (end - begin) // PAGE * _ENTRY)]
    at, was, run = begin, True, begin
    rest = b""
    for part in files.read_ranges(b"/proc/%d/pagemap" % pid, wanted, deadline):
        data = rest + (bytes(part.data) if not part.why else b"\xff" * part.missing)
        whole = len(data) // _ENTRY * _ENTRY
        rest = data[whole:]
        there = data[_ENTRY - 1 : whole : _ENTRY].translate(_IS_THERE)
        place = 0
        while place < len(there):
            is_there = bool(there[place])
            after = there.find(b"\0" if is_there else b"\1", place)
            after = len(there) if after < 0 else after
            if is_there != was:
                if at > run:
                    yield run, at - run, was
                run, was = at, is_there
            at += (after - place) * PAGE
            place = after
    if at > run:
        yield run, at - run, was
