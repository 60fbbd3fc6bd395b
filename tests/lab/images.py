"""Images for the lab, made of local files only and handed to `docker import`: nothing is ever pulled."""

import contextlib
import io
import json
import random
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from .engine import LABEL, Engine
from .setup import BUSYBOX
from .tools import LabError, last_words, run

BASE = "irkit-lab/base:1"
MADE_AT = 1_700_000_000  # one time for all files, so that a rebuilt image is the same
BLOCK = 256 * 1024
DIRECTORIES = ("bin", "app", "data", "dev", "etc", "home", "home/app", "proc", "root", "run", "sys", "usr", "usr/bin")
SHARED_DIRECTORIES = ("tmp", "var/tmp")
FILES = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n",
    "etc/group": b"root:x:0:\napp:x:1000:\n",
    "etc/shadow": b"root:*:19000:0:99999:7:::\napp:*:19000:0:99999:7:::\n",
    "etc/os-release": b'ID=irkit-lab\nNAME="irkit lab"\nVERSION_ID="1"\n',
    "app/keep.txt": b"kept as it was\n",
    "app/change-me.txt": b"not changed yet\n",
    "app/delete-me.txt": b"still here\n",
    "data/readme.txt": b"a place for volumes\n",
}
SETUID_FILE = "usr/bin/setuid-sample"
SYMLINK = ("app/link.txt", "keep.txt")
HARD_LINK = ("app/hard.txt", "app/keep.txt")


def _entry(
    name: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o644, link: str = "", size: int = 0
) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.linkname, entry.size, entry.mtime = kind, mode, link, size, MADE_AT
    return entry


def add_file(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    archive.addfile(_entry(name, mode=mode, size=len(content)), io.BytesIO(content))


def _add_base(archive: tarfile.TarFile) -> None:
    for name in (*DIRECTORIES, "var"):
        archive.addfile(_entry(name, tarfile.DIRTYPE, 0o755))
    for name in SHARED_DIRECTORIES:
        archive.addfile(_entry(name, tarfile.DIRTYPE, 0o1777))
    add_file(archive, "bin/busybox", BUSYBOX.read_bytes(), 0o755)
    for applet in run([str(BUSYBOX), "--list"]).stdout.decode("ascii").split():
        if applet != "busybox":
            archive.addfile(_entry(f"bin/{applet}", tarfile.SYMTYPE, 0o777, "/bin/busybox"))
    for name, content in FILES.items():
        add_file(archive, name, content, 0o640 if name == "etc/shadow" else 0o644)
    add_file(archive, SETUID_FILE, b"#!/bin/sh\nexec id\n", 0o4755)
    archive.addfile(_entry(SYMLINK[0], tarfile.SYMTYPE, 0o777, SYMLINK[1]))
    archive.addfile(_entry(HARD_LINK[0], tarfile.LNKTYPE, 0o644, HARD_LINK[1]))


def _import_argv(engine: Engine, tag: str) -> list[str]:
    changes = ['CMD ["/bin/sh"]', "ENV PATH=/bin:/usr/bin", "ENV LAB=irkit", f"LABEL {LABEL}={engine.lab_id}"]
    return ["import", *(part for change in changes for part in ("--change", change)), "-", tag]


def has_image(engine: Engine, tag: str) -> bool:
    return image_id(engine, tag) is not None


def image_id(engine: Engine, tag: str) -> str | None:
    found = engine.ask("GET", f"/images/{tag}/json", check=False)
    return str(found.json["Id"]) if found.ok else None


def base_image(engine: Engine) -> str:
    """A small system with busybox and sample files; built once for an engine."""
    if not has_image(engine, BASE):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            _add_base(archive)
        engine.docker(*_import_argv(engine, BASE), input=buffer.getvalue())
    return BASE


def derived_image(
    engine: Engine, tag: str, files: dict[str, bytes], command: list[str], base: str | None = None
) -> str:
    """An image (the base image) with some files more and a command of its own."""
    base = base or base_image(engine)
    # The engine would find the same image in its cache, and unpack all files to see that: it is asked only once.
    wanted = (image_id(engine, base), files, command)
    if (made := engine.images.get(tag)) and made == (wanted, image_id(engine, tag)):
        return tag
    recipe = [f"FROM {base}", "COPY root/ /", f"CMD {json.dumps(command)}"]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        add_file(archive, "Dockerfile", "\n".join(recipe).encode())
        for name, content in files.items():
            add_file(archive, f"root/{name}", content, 0o755)
    engine.docker("build", "--quiet", "--tag", tag, "-", input=buffer.getvalue())
    engine.images[tag] = (wanted, image_id(engine, tag))
    return tag


@dataclass
class _Filler:
    """Bytes by the block: a third random, a third like text, a third mostly zeros; no two blocks alike.

    Text and records are made once and given another alphabet for each block: that is fast, and a compressor with a
    long memory still finds nothing again.
    """

    source: random.Random

    def __post_init__(self) -> None:
        draw = self.source
        words = [bytes(draw.choices(b"abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 10))) for _ in range(3000)]
        weights = [1 / rank for rank in range(1, 3001)]
        self.text = b" ".join(draw.choices(words, weights, k=BLOCK // 4))[:BLOCK]
        record = (draw.randbytes(16) + bytes(240) for _ in range(BLOCK // 256))
        self.records = b"".join(record)

    def block(self, kind: int) -> bytes:
        if kind == 0:
            return self.source.randbytes(BLOCK)
        if kind == 1:
            return self._renamed(self.text, b"abcdefghijklmnopqrstuvwxyz")
        return self._renamed(self.records, bytes(range(1, 256)))

    def _renamed(self, raw: bytes, alphabet: bytes) -> bytes:
        return raw.translate(bytes.maketrans(alphabet, bytes(self.source.sample(alphabet, len(alphabet)))))

    def content(self, number: int, size: int) -> bytes:
        blocks = b"".join(self.block(number % 3) for _ in range(-(-size // BLOCK)))
        return blocks[:size]


def mixed_content(source: random.Random, number: int, size: int) -> bytes:
    """Content of the kinds that a big image has."""
    return _Filler(source).content(number, size)


def _sizes(source: random.Random, total: int, files: int) -> Iterator[int]:
    weights = [source.expovariate(1) + 0.01 for _ in range(files)]
    scale = total / sum(weights)
    return (int(weight * scale) for weight in weights)


def _write_big(stream: IO[bytes], mib: int, files: int) -> None:
    source = random.Random(f"{mib}/{files}")
    filler = _Filler(source)
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 20) as archive:
        _add_base(archive)
        for number, size in enumerate(_sizes(source, mib << 20, files)):
            add_file(archive, f"data/{number // 200:04}/{number:06}.bin", filler.content(number, size))


def big_image(engine: Engine, mib: int, files: int) -> str:
    """The base image with `mib` MiB of mixed content in `files` files below /data; the same bytes every time."""
    tag = f"irkit-lab/big-{mib}-{files}:1"
    if has_image(engine, tag):
        return tag
    argv = engine.docker_argv(*_import_argv(engine, tag))
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, env=engine.docker_environment()) as child:
        assert child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # a command that ended early says why below
            _write_big(child.stdin, mib, files)
        _out, said = child.communicate()
    if child.returncode != 0:
        raise LabError(f"{tag} could not be imported: {last_words(said)}")
    return tag
