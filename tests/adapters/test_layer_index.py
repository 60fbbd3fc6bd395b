"""The index of a layer is the same however the layer is packed, and a hostile one ends nothing."""

import gzip
import hashlib
import io
import json
import tarfile
import zlib

import pytest

from irkit.adapters import layer_index
from irkit.adapters.image_digests import WORTH, ImageDigests
from irkit.adapters.layer_index import LayerIndex, kind_of
from irkit.adapters.zstd_frames import compress_frame

FILES = {"app/one": b"1" * 100, "app/big": b"big\n" * 4000, "huge": bytes(3 << 20)}


def a_layer() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in FILES.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


LAYER = a_layer()
PACKED = {
    "tar": LAYER,
    "tar.gz": gzip.compress(LAYER[:5000]) + gzip.compress(LAYER[5000:]),
    "tar.zstd": compress_frame(LAYER[:7000], 3) + compress_frame(LAYER[7000:], 3),
}


def index_of(kind: str, data: bytes, step: int = 1 << 16) -> tuple[LayerIndex, list[bytes], str]:
    lines: list[bytes] = []
    index = LayerIndex(kind, lines.append)
    for at in range(0, len(data), step):
        index.feed(data[at : at + step])
    _, problem = index.close()
    return index, b"".join(lines).splitlines(), problem


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("step", [1000, 1 << 24])
def test_files_are_listed_with_their_digests(kind: str, step: int) -> None:
    assert kind_of(PACKED[kind][:600]) == kind
    index, lines, problem = index_of(kind, PACKED[kind], step)
    assert problem == ""
    found = {one["path"]: one for one in map(json.loads, lines)}
    assert {path: one["sha256"] for path, one in found.items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()
    }
    assert {LAYER[at : at + size] for _, at, size in index.contents} == {FILES["app/big"], FILES["huge"]}
    assert index.diff_id == ("" if kind == "tar" else hashlib.sha256(LAYER).hexdigest())


@pytest.mark.parametrize("kind", ["tar.gz", "tar.zstd"])
def test_a_layer_that_breaks_off_or_is_damaged_says_so(kind: str) -> None:
    torn = PACKED[kind][: len(PACKED[kind]) * 3 // 4]
    assert "end mark" in index_of(kind, torn)[2]
    damaged = bytearray(PACKED[kind])
    damaged[10:60] = bytes(50)
    index, _, problem = index_of(kind, bytes(damaged))
    assert "cannot be unpacked" in problem and index.diff_id == ""


def test_a_bomb_is_unpacked_in_bounded_pieces_and_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_index, "_MOST_UNPACKED", 5 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush()
    index, _, problem = index_of("tar.gz", bomb, 1 << 24)
    assert "more than" in problem and index._unpacked <= 6 << 20


def test_kinds_are_told_by_the_first_bytes() -> None:
    assert [kind_of(start) for start in (b'{"a":1}', b"[]", bytes(512), bytes(20), b"MZ", b"")] == [
        "json", "json", "tar", "bin", "bin", "bin",
    ]  # fmt: skip


def test_contents_are_known_for_the_latest_run_alone() -> None:
    digests, content = ImageDigests(), hashlib.sha256(b"x" * WORTH)
    digests.add("one", "images/blobs/a.tar.zst", [(content.digest(), 512, WORTH)])
    place = digests.find("one", content.hexdigest())
    assert place is not None and (place.layer, place.offset, place.size) == ("images/blobs/a.tar.zst", 512, WORTH)
    assert digests.find("two", content.hexdigest()) is None and digests.find("", content.hexdigest()) is None
    digests.add("two", "images/blobs/b.tar.zst", [])
    assert digests.find("one", content.hexdigest()) is None
