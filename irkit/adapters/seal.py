"""Closing a bundle: what is described, what is not, the manifests, and making it read-only.

Every step can be done again, so that a seal that was killed anywhere is finished by sealing once more. What a bundle
is while it is being written is `bundle`'s concern, and what its files look like `bag`'s and `description`'s.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from irkit.adapters import bag, zstd_frames
from irkit.adapters.bag_texts import README, VERIFY
from irkit.adapters.description import Clocks, Facts, describe
from irkit.adapters.digests import Digests, FileHasher, digest_bytes
from irkit.adapters.storage import read_regular, sync_folder, write_file
from irkit.core import codec
from irkit.core.errors import StorageError
from irkit.core.evidence import Evidence
from irkit.core.plan import Plan
from irkit.core.run import Run
from irkit.core.text import safe
from irkit.core.values import utc_text

RESERVE: Final = ".reserve"
_METADATA_LIMIT: Final = 1 << 28
_CLOCK_LIMIT: Final = 1 << 16
NO_RECORD: Final = "in flight when the run ended: no record describes it"
Described = Mapping[str, tuple[int, Evidence]]


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a seal starts from: a folder, and what its log says."""

    root: Path
    name: str
    run: Run
    plan: Plan | None
    described: Described
    log_lines: int
    log_head: str
    tool: str
    now: datetime


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A line of items.jsonl: the evidence, and the record that describes it (0: none does)."""

    evidence: Evidence
    seq: int

    def line(self) -> bytes:
        """The line, without its LF."""
        return codec.canonical({**msgspec.structs.asdict(self.evidence), "seq": self.seq})


def write_seal(contents: Contents) -> None:
    """Write everything that makes the folder a bundle, all of it on disk. Raises OSError, StorageError."""
    root = contents.root
    for name in (RESERVE, *bag.SEALED_FILES):
        (root / name).unlink(missing_ok=True)
    _drop_empty_folders(root / "data")
    hasher = FileHasher()
    try:
        log = hasher.digest(root / bag.LOG)
        items = list(_items(contents, hasher))
    finally:
        hasher.close()
    payload = {bag.LOG: log} | {
        one.evidence.path: Digests(one.evidence.sha256, one.evidence.sha512, one.evidence.size) for one in items
    }
    _write_manifests(root, payload, bag.manifest_name)
    write_file(root / bag.ITEMS, b"".join(one.line() + b"\n" for one in items))
    write_file(root / bag.BUNDLE, codec.pretty(describe(_facts(contents, items, payload))))
    write_file(root / "README.txt", README.encode())
    write_file(root / "verify.sh", VERIFY.encode())
    write_file(root / "bagit.txt", bag.DECLARATION)
    write_file(root / bag.INFO, bag.render_info(_info(contents, payload)))
    _write_manifests(root, dict(_tag_files(root)), bag.tag_manifest_name)
    for folder in _folders(root):
        sync_folder(folder)


def make_read_only(root: Path) -> None:
    """Take away the right to write, files first; the top folder keeps it, for signatures to come."""
    for path in list(_files(root)):
        _take_write(path)
    for folder in _folders(root):
        if folder != root:
            folder.chmod(0o500)


def _take_write(path: Path) -> None:
    """Nothing but a regular file, and never what a link leads to: that may be anybody's."""
    if not stat.S_ISREG(path.lstat().st_mode):
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        os.fchmod(descriptor, 0o400)
    finally:
        os.close(descriptor)


def problems_of(root: Path, described: Described) -> Iterator[tuple[str, str]]:
    """Described evidence that is not there as described: its path, and what is wrong."""
    for path, (_, evidence) in described.items():
        try:
            found = os.lstat(root / path)
        except FileNotFoundError:
            yield path, "missing"
            continue
        if not stat.S_ISREG(found.st_mode):
            yield path, "no regular file any more"
        elif found.st_size != evidence.size:
            yield path, f"{found.st_size} bytes and not {evidence.size}"


def _items(contents: Contents, hasher: FileHasher) -> Iterator[Item]:
    """The described items in the order of the log, then what no record describes, by name."""
    wrong = dict(problems_of(contents.root, contents.described))
    found = {path.relative_to(contents.root).as_posix(): path for path in _files(contents.root / "data")}
    for path, (seq, evidence) in contents.described.items():
        if path in found:
            del found[path]
            reason = f"altered before the seal: {wrong[path]}" if path in wrong else ""
            yield Item(evidence=_reread(contents, evidence, hasher, reason) if reason else evidence, seq=seq)
    found.pop(bag.LOG, None)
    for path in sorted(found):
        if not bag.is_payload_name(path):
            raise StorageError(f"{safe(path)}: irkit gives no such name; move it out of the bundle, then seal again")
        yield Item(evidence=_undescribed(path, found[path], hasher), seq=0)


def _reread(contents: Contents, evidence: Evidence, hasher: FileHasher, reason: str) -> Evidence:
    digests = hasher.digest(contents.root / evidence.path)
    return msgspec.structs.replace(
        evidence, sha256=digests.sha256, sha512=digests.sha512, size=digests.size, partial=reason
    )


def _undescribed(path: str, file: Path, hasher: FileHasher) -> Evidence:
    digests = hasher.digest(file)
    changed = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    packed = path.endswith(zstd_frames.SUFFIX)
    torn = bag.is_torn_name(path)
    return Evidence(
        path=path,
        kind="log" if torn else "unknown",
        sha256=digests.sha256,
        sha512=digests.sha512,
        size=digests.size,
        # What a torn compressed file held is not known without reading it again: empty says so.
        source_sha256="" if packed else digests.sha256,
        source_size=0 if packed else digests.size,
        compression=zstd_frames.NAME if packed else "",
        started_at="",
        ended_at=utc_text(changed),
        partial="the last line of the log, torn when irkit ended" if torn else NO_RECORD,
    )


def _facts(contents: Contents, items: list[Item], payload: Mapping[str, Digests]) -> Facts:
    return Facts(
        name=contents.name,
        run=contents.run,
        plan=contents.plan,
        tool=_tool(contents.root),
        sealed_by=contents.tool,
        sealed_at=utc_text(contents.now),
        log_lines=contents.log_lines,
        log_head=contents.log_head,
        files=len(payload),
        size=sum(one.size for one in payload.values()),
        partial=tuple(one.evidence.path for one in items if one.evidence.partial),
        clocks=tuple(_clocks(contents)),
    )


def _tool(root: Path) -> Any:
    try:
        return codec.decode(read_regular(root / bag.TOOL, _CLOCK_LIMIT), dict[str, Any])
    except (OSError, ValueError):
        return {}


def _clocks(contents: Contents) -> Iterator[dict[str, Any]]:
    for host in contents.plan.hosts if contents.plan else ():
        for moment in ("start", "end"):
            path = contents.root / "data" / bag.host_folder(host.name) / "host" / f"clock-{moment}.json"
            try:
                measured = codec.decode(read_regular(path, _CLOCK_LIMIT), Clocks)
            except (OSError, ValueError):
                continue
            yield {"host": host.name, "moment": moment, **msgspec.structs.asdict(measured)}


def _info(contents: Contents, payload: Mapping[str, Digests]) -> dict[str, str]:
    source = contents.run.started or contents.plan
    return {
        "Contact-Name": source.responder if source else "",
        "External-Identifier": source.case if source else "",
        "Bagging-Date": contents.now.astimezone(UTC).strftime("%Y-%m-%d"),
        "Bag-Software-Agent": contents.tool,
        "Payload-Oxum": f"{sum(one.size for one in payload.values())}.{len(payload)}",
        # A run and the run that takes it back belong together.
        "Bag-Group-Identifier": (source.undoes or source.run) if source else "",
        "Irkit-Format": bag.FORMAT,
        "Irkit-Encryption": "none",
        "Irkit-Log-Head": contents.log_head,
    }


def _write_manifests(root: Path, files: Mapping[str, Digests], name: Any) -> None:
    for algorithm in bag.ALGORITHMS:
        digests = {path: str(getattr(one, algorithm)) for path, one in files.items()}
        write_file(root / name(algorithm), bag.render_manifest(digests))


def _tag_files(root: Path) -> Iterator[tuple[str, Digests]]:
    for folder in (root, root / "metadata"):
        for path in sorted(folder.iterdir()):
            name = path.relative_to(root).as_posix()
            if path.is_dir() and not path.is_symlink() and name in ("data", "metadata"):
                continue
            if not bag.is_tag_name(name):
                raise StorageError(f"{safe(name)}: not a file of a bundle; move it out, then seal again")
            yield name, digest_bytes(read_regular(path, _METADATA_LIMIT))


def _files(folder: Path) -> Iterator[Path]:
    """All that is not a folder, at any depth."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        else:
            yield path


def _folders(root: Path) -> list[Path]:
    """The folder and those below it, innermost first."""
    below = [path for path in sorted(root.iterdir()) if path.is_dir() and not path.is_symlink()]
    return [found for folder in below for found in _folders(folder)] + [root]


def _drop_empty_folders(folder: Path) -> None:
    for path in _folders(folder)[:-1]:
        if not any(path.iterdir()):
            path.rmdir()
