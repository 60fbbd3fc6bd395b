"""Containers of one image: the image once and what each has changed, against an export of each."""

from collections.abc import Iterator
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.layers import changed_files
from tests.bench.timing import Row
from tests.lab.description import Suspect
from tests.lab.images import big_image

STEPS = (
    "name: image\nversion: 1\nsteps:\n"
    "  - {id: image, action: snapshot.image}\n"
    "  - {id: layer, action: snapshot.changes}\n"
)
IMAGE_MIB, IMAGE_FILES = 600, 6_000
CHANGED_BYTES, CHANGED_FILES = 4_000_000, 40
CONTAINERS = 10


def _stored(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("evidence/*irb-*/data/**/*") if path.is_file())


def bench_image(bench: Bench) -> Iterator[Row]:
    """One run of each: bytes do not vary, and ten exports take their time."""
    image = big_image(bench.engine, IMAGE_MIB, IMAGE_FILES)
    names = [f"alike-{number}" for number in range(CONTAINERS)]
    for name in names:
        bench.lab.make(Suspect(name=name, image=image, command=("sleep", "9999")))
        bench.engine.docker("cp", "-", f"{name}:/data", input=changed_files(CHANGED_BYTES, CHANGED_FILES))
    playbook = bench.playbook("image", STEPS)
    sink = bench.folder / "f"
    peer = "; ".join(f"docker export {name} | zstd -3 -c | tee {sink}-{name} | sha256sum" for name in names)
    bench.forget()
    mine, peak = bench.irkit("run", playbook, *names, "--json")
    ours = _stored(bench.folder)
    theirs = bench.peer(peer)
    exported = sum(Path(f"{sink}-{name}").stat().st_size for name in names)
    for name in names:
        Path(f"{sink}-{name}").unlink()
        bench.lab.remove(name)
    shown = "docker export | zstd -3 -c | tee f | sha256sum, ten times"
    what = f"snapshot.image and snapshot.changes of {CONTAINERS} containers of one image of {IMAGE_MIB} MiB"
    yield Row(f"{what}: bytes stored", ours / 1e6, exported / 1e6, 0.15, "MB", shown, f"peak memory {peak:.0f} MB")
    yield Row(f"{what}: time", mine, theirs, None, "s", shown)
