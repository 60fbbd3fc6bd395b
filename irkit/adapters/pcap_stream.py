"""A pcap as it comes, cut at packets: into one item, or into a ring of items of which the oldest are let go.

The format is that of `man 5 pcap-savefile`. Who captures is `packet_capture`'s and `packet_socket`'s concern.
"""

import struct
from collections.abc import Callable
from typing import Final

from irkit.core.errors import Refusal, TargetError
from irkit.core.evidence import Evidence
from irkit.core.ports import EvidenceFile, Intake

HEADER: Final = 24
_RECORD: Final = 16
_MOST_IN_PACKET: Final = 1 << 20
_MAGICS: Final = {
    b"\xd4\xc3\xb2\xa1": "<",
    b"\x4d\x3c\xb2\xa1": "<",
    b"\xa1\xb2\xc3\xd4": ">",
    b"\xa1\xb2\x3c\x4d": ">",
}
_PARTS: Final = 8
"""Items that a ring is made of: it goes back so many parts in one."""
LINK_TYPES: Final = {1: "ethernet", 12: "raw IP", 101: "raw IP", 113: "Linux cooked, first form", 276: "Linux cooked"}


class PcapStream:
    """Takes in a pcap; its packets go into items that each are a pcap of their own.

    Raises TargetError for what is no pcap.
    `open` gives the item of that number, from 1 on; without `ring` there is one.
    """

    def __init__(self, intake: Intake, limit: int, *, ring: bool, open: Callable[[int], EvidenceFile]) -> None:
        self._intake, self._limit, self._ring, self._open = intake, limit, ring, open
        self._buffer = bytearray()
        self._order = ""
        self._header = b""
        self._item: EvidenceFile | None = None
        self._size = self._number = self._in_item = 0
        self._parts: list[tuple[Evidence, int]] = []
        self.packets = self.bytes = self.let_go = 0
        self.is_full = False

    @property
    def link_type(self) -> int:
        """What a packet begins with (the LINKTYPE_ numbers of libpcap)."""
        return int(struct.unpack_from(self._order + "I", self._header, 20)[0]) & 0xFFFF if self._header else 0

    def write(self, data: bytes | memoryview) -> bool:
        """Take in the next bytes; whether more can be taken."""
        self._buffer += data
        if not self._header and not self._begin():
            return True
        end = count = 0
        while not self.is_full and (size := self._packet_at(end)):
            is_first = self._ring and self._size + end == HEADER
            if self._size + end + size > self._part_size() and not is_first:
                if not self._ring:
                    self.is_full = True
                    break
                self._put(end, count)
                self._next_item()
                end = count = 0
                continue
            end, count = end + size, count + 1
        self._put(end, count)
        return not self.is_full

    def _part_size(self) -> int:
        return self._limit // _PARTS if self._ring else self._limit

    def _begin(self) -> bool:
        if len(self._buffer) < HEADER:
            return False
        order = _MAGICS.get(bytes(self._buffer[:4]))
        if order is None:
            raise TargetError("what the capture gives is no pcap", Refusal.GARBLED)
        self._order, self._header = order, bytes(self._buffer[:HEADER])
        del self._buffer[:HEADER]
        self._next_item()
        return True

    def _packet_at(self, at: int) -> int:
        """The size of the packet that begins there with its header, 0 where it is not all there."""
        if len(self._buffer) - at < _RECORD:
            return 0
        (size,) = struct.unpack_from(self._order + "I", self._buffer, at + 8)
        if size > _MOST_IN_PACKET:
            raise TargetError("the capture holds a packet of an impossible size", Refusal.GARBLED)
        return _RECORD + int(size) if len(self._buffer) - at >= _RECORD + size else 0

    def _put(self, end: int, count: int) -> None:
        if end and self._item is not None:
            self._item.write(self._buffer[:end])
            del self._buffer[:end]
            self._size += end
            self._in_item += count
            self.packets, self.bytes = self.packets + count, self.bytes + end

    def _next_item(self) -> None:
        self._finish_item("")
        self._number += 1
        self._item = self._open(self._number)
        self._item.write(self._header)
        self._size, self._in_item = HEADER, 0
        kept = self._part_size() + sum(evidence.source_size for evidence, _ in self._parts)
        while self._parts and kept > self._limit:
            oldest, packets = self._parts.pop(0)
            kept -= oldest.source_size
            self._intake.drop(oldest)
            self.let_go += packets

    def _finish_item(self, partial: str) -> None:
        item, self._item = self._item, None
        if item is not None:
            self._parts.append((item.finish(partial), self._in_item))

    def end(self, partial: str = "") -> None:
        """It is over. What came of a packet that is not all there is left out."""
        if self._item is None:
            raise TargetError("the capture ended before it began", Refusal.LOST)
        self._finish_item(partial)
