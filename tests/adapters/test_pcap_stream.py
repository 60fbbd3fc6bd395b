"""A pcap is cut at packets only, whatever pieces it comes in, and a ring keeps the newest."""

import struct

import pytest

from irkit.adapters.memory_store import MemoryIntake, MemoryStore
from irkit.adapters.pcap_stream import PcapStream
from irkit.core.errors import TargetError
from irkit.core.evidence import Evidence
from irkit.core.ports import EvidenceFile


def pcap(packets: list[bytes], order: str = "<", magic: int = 0xA1B2C3D4, link: int = 276) -> bytes:
    head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link)
    return head + b"".join(struct.pack(order + "IIII", 1, 2, len(one), len(one)) + one for one in packets)


def packets_of(raw: bytes, order: str = "<") -> list[bytes]:
    at, found = 24, []
    while at < len(raw):
        (size,) = struct.unpack_from(order + "I", raw, at + 8)
        found.append(raw[at + 16 : at + 16 + size])
        at += 16 + size
    assert at == len(raw)
    return found


class Kept:
    """What a stream made of what it was given."""

    def __init__(self, raw: bytes, step: int, limit: int = 1 << 20, *, ring: bool = False, partial: str = "") -> None:
        self.store = MemoryStore()
        intake = MemoryIntake(self.store, "data")

        def open_item(number: int) -> EvidenceFile:
            return intake.open(f"{number:03d}", source="x")

        self.stream = PcapStream(intake, limit, ring=ring, open=open_item)
        for at in range(0, len(raw), step):
            if not self.stream.write(raw[at : at + step]):
                break
        self.stream.end(partial)
        self.items: tuple[Evidence, ...] = intake.close("")

    @property
    def files(self) -> list[bytes]:
        return [self.store.files[one.path] for one in self.items]


PACKETS = [bytes([number]) * (number * 7 % 90) for number in range(200)]


@pytest.mark.parametrize("step", [1, 17, 1000, 1 << 20])
@pytest.mark.parametrize(("order", "magic"), [("<", 0xA1B2C3D4), (">", 0xA1B2C3D4), ("<", 0xA1B23C4D)])
def test_it_comes_out_as_it_came(step: int, order: str, magic: int) -> None:
    raw = pcap(PACKETS, order, magic)
    kept = Kept(raw, step)
    assert kept.files == [raw] and kept.stream.packets == 200 and kept.stream.link_type == 276
    assert kept.stream.bytes == len(raw) - 24 and not kept.stream.is_full


def test_half_a_packet_at_the_end_is_left_out() -> None:
    kept = Kept(pcap(PACKETS)[:-5], 64)
    assert packets_of(kept.files[0]) == PACKETS[:-1]


@pytest.mark.parametrize("step", [13, 1 << 20])
def test_at_the_limit_it_is_full_with_whole_packets(step: int) -> None:
    kept = Kept(pcap(PACKETS), step, 2000, partial="cut")
    (file,) = kept.files
    assert kept.stream.is_full and len(file) <= 2000 < len(file) + 16 + 90
    assert packets_of(file) == PACKETS[: kept.stream.packets] and kept.items[0].partial == "cut"


@pytest.mark.parametrize("step", [13, 1 << 20])
def test_a_ring_keeps_the_newest_and_counts_what_it_let_go(step: int) -> None:
    kept = Kept(pcap(PACKETS), step, 4000, ring=True)
    assert sum(len(one) for one in kept.files) <= 4000 and len(kept.files) > 3
    found = [packet for file in kept.files for packet in packets_of(file)]
    assert found == PACKETS[-len(found) :] and kept.stream.let_go == 200 - len(found) > 0
    assert kept.stream.packets == 200 and not kept.stream.is_full


def test_a_packet_larger_than_a_part_of_the_ring_is_kept() -> None:
    kept = Kept(pcap([b"a" * 3000, b"b" * 3000]), 100, 4096, ring=True)
    assert packets_of(kept.files[-1]) == [b"b" * 3000]


@pytest.mark.parametrize("raw", [b"x" * 30, pcap([b"a"])[:24] + struct.pack("<IIII", 1, 1, 1 << 30, 1)])
def test_what_is_no_pcap_is_refused(raw: bytes) -> None:
    with pytest.raises(TargetError, match=r"no pcap|impossible size"):
        Kept(raw, 100)


def test_one_that_never_began_is_no_capture() -> None:
    with pytest.raises(TargetError, match="before it began"):
        Kept(b"short", 5)
