"""What the engine's own commands give of the incident: export, logs, top, diff and inspect."""

import hashlib
import json
import subprocess
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .seeds import SIDECAR, SUSPECT, Incident

TIMEOUT = 900
_SKIPPED = 64 << 20
"""Bytes of a member beyond which its digest is not made: it is told by its size alone."""


@dataclass(frozen=True)
class Member:
    """A file in an archive."""

    kind: str
    mode: int
    size: int
    link: str = ""
    sha256: str = ""
    attributes: Mapping[str, bytes] = field(default_factory=dict)
    device: tuple[int, int] = (0, 0)


@dataclass
class Peers:
    """What came out of the commands for the suspect, and the logs of its sidecar."""

    files: dict[bytes, Member] = field(default_factory=dict)
    top: str = ""
    diff: list[str] = field(default_factory=list)
    inspect: Any = None
    logs: bytes = b""
    sidecar_logs: bytes = b""
    bytes: int = 0
    seconds: float = 0


def ask_peers(incident: Incident) -> Peers:
    """Run them all."""
    engine, name = incident.lab.engine, incident.lab.name(SUSPECT)
    began = time.monotonic()
    found = Peers()
    found.inspect = engine.inspect(name)
    found.top = engine.docker("top", name, "auxww").stdout.decode("utf-8", "replace")
    found.diff = engine.docker("diff", name).stdout.decode("utf-8", "replace").splitlines()
    found.logs = _both(engine.docker("logs", name))
    found.sidecar_logs = _both(engine.docker("logs", incident.lab.name(SIDECAR)))
    _export(incident, found)
    found.seconds = time.monotonic() - began
    return found


def _both(done: subprocess.CompletedProcess[bytes]) -> bytes:
    return done.stdout + done.stderr


def _export(incident: Incident, found: Peers) -> None:
    engine = incident.lab.engine
    argv = engine.docker_argv("export", incident.lab.name(SUSPECT))
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=engine.docker_environment()) as child:
        assert child.stdout is not None
        with tarfile.open(fileobj=child.stdout, mode="r|", bufsize=1 << 20, errors="surrogateescape") as archive:
            for one in archive:
                found.files[raw_name(one.name)] = member_of(archive, one)
                found.bytes = archive.offset
        while child.stdout.read(1 << 20):
            pass
    assert child.returncode == 0


def raw_name(name: str) -> bytes:
    """An archive's name as the absolute path that it stands for, byte for byte."""
    return b"/" + name.encode("utf-8", "surrogateescape").removeprefix(b"./").strip(b"/")


def member_of(archive: tarfile.TarFile, one: tarfile.TarInfo) -> Member:
    """A member as it stands in an archive that is read as a stream."""
    content = archive.extractfile(one) if one.isreg() and one.size <= _SKIPPED else None
    return Member(
        kind=kind_of(one),
        mode=one.mode,
        size=one.size,
        link=one.linkname,
        sha256=hashlib.sha256(content.read()).hexdigest() if content else "",
        attributes={
            key.removeprefix("SCHILY.xattr."): value.encode("utf-8", "surrogateescape")
            for key, value in one.pax_headers.items()
            if key.startswith("SCHILY.xattr.")
        },
        device=(one.devmajor, one.devminor),
    )


def kind_of(one: tarfile.TarInfo) -> str:
    """In the words of irkit's own lists."""
    kinds = {
        tarfile.REGTYPE: "file",
        tarfile.AREGTYPE: "file",
        tarfile.GNUTYPE_SPARSE: "file",
        tarfile.DIRTYPE: "directory",
        tarfile.SYMTYPE: "symlink",
        tarfile.LNKTYPE: "hardlink",
        tarfile.FIFOTYPE: "fifo",
        tarfile.CHRTYPE: "char",
        tarfile.BLKTYPE: "block",
    }
    return kinds.get(one.type, "other")


def says(text: Any) -> str:
    """All that an inspect tells, as one text."""
    return json.dumps(text)
