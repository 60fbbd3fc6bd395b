import struct
import subprocess
import sys
from pathlib import Path

from irkit.adapters.zstd_frames import FRAME, SeekTable, compress_frame

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def test_a_frame_tells_its_content_size_and_comes_out_the_same_each_time() -> None:
    data = b"irkit " * 100_000
    frame = compress_frame(memoryview(data), 3)
    assert zstd.get_frame_info(frame).decompressed_size == len(data)
    assert compress_frame(data, 1) != frame
    assert compress_frame(data, 3) == frame
    assert zstd.decompress(frame) == data


def test_the_seek_table_is_that_of_the_seekable_format() -> None:
    table = SeekTable()
    table.add(100, FRAME)
    table.add(7, 20)
    assert table.render() == struct.pack("<IIIIIIIBI", 0x184D2A5E, 25, 100, FRAME, 7, 20, 2, 0, 0x8F92EAB1)
    assert len(table) == 2


def test_with_the_table_any_frame_is_found_by_itself() -> None:
    parts, table, stored = [b"a" * 1000, b"b" * 2000, b"c" * 5], SeekTable(), b""
    for part in parts:
        frame = compress_frame(part, 3)
        table.add(len(frame), len(part))
        stored += frame
    stored += table.render()
    count, _, magic = struct.unpack("<IBI", stored[-9:])
    assert magic == 0x8F92EAB1
    sizes = list(struct.iter_unpack("<II", stored[-9 - 8 * count : -9]))
    begin = sizes[0][0]
    assert zstd.decompress(stored[begin : begin + sizes[1][0]]) == parts[1]


def test_the_zstd_program_reads_it(tmp_path: Path) -> None:
    table = SeekTable()
    frame = compress_frame(b"", 3)
    table.add(len(frame), 0)
    (tmp_path / "x.zst").write_bytes(compress_frame(b"abc", 3) + frame + table.render())
    run = subprocess.run(["zstd", "-dc", str(tmp_path / "x.zst")], capture_output=True, check=True)
    assert run.stdout == b"abc"
