"""What is acquired of a container: what differs from its image, against the whole of it."""

import io
import random
import tarfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.timing import Row, in_turns
from tests.lab.description import Suspect
from tests.lab.images import add_file, big_image, mixed_content

CHANGES = "name: changes\nversion: 1\nsteps:\n  - {id: layer, action: snapshot.changes}\n"
IMAGE_MIB, IMAGE_FILES = 1200, 12_000
CHANGED_BYTES, CHANGED_FILES = 40_000_000, 400


def changed_files(total: int, files: int) -> bytes:
    """An archive of files like those of a big image, below /data: as much, in as many."""
    buffer = io.BytesIO()
    source = random.Random(f"{total}/{files}")
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number in range(files):
            add_file(archive, f"changed/{number % 20}/{number}.bin", mixed_content(source, number, total // files))
    return buffer.getvalue()


def stored_bytes(folder: Path, what: str) -> int:
    """Bytes in the bundle that some items take."""
    return sum(path.stat().st_size for path in folder.glob(f"evidence/*irb-*/data/*/*/{what}/*"))


def bench_changes(bench: Bench) -> Iterator[Row]:
    image = big_image(bench.engine, IMAGE_MIB, IMAGE_FILES)
    suspect = bench.lab.make(Suspect(name="changed", image=image, command=("sleep", "9999")))
    bench.engine.docker("cp", "-", "changed:/data", input=changed_files(CHANGED_BYTES, CHANGED_FILES))
    playbook = bench.playbook("changes", CHANGES)
    sink = bench.folder / "f"
    peer = f"docker export {suspect} | zstd -3 -c | tee {sink} | sha256sum"
    sizes: dict[str, int] = {}

    def ours() -> float:
        bench.forget()
        seconds = bench.irkit("run", playbook, "changed", "--json")[0]
        sizes["ours"] = stored_bytes(bench.folder, "changes")
        return seconds

    def peers() -> float:
        seconds = bench.peer(peer)
        sizes["peers"] = sink.stat().st_size
        return seconds

    mine, theirs = in_turns(ours, peers, 3)
    shown = peer.replace(str(sink), "f").replace(suspect, "ID")
    name = "snapshot.changes, 40 MB of changes on an image of 1.2 GB"
    yield Row(name, mine, theirs, 0.1, "s", shown)
    yield Row(f"{name}: bytes", sizes["ours"] / 1e6, sizes["peers"] / 1e6, 0.05, "MB", shown)
    bench.lab.remove("changed")
