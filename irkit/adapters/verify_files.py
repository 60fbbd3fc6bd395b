"""Whether the files of a bundle are those its manifests list, with both digests, and nothing else is there.

What the files say is `verify_records`' concern.
"""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from irkit.adapters import bag
from irkit.adapters.digests import Digests, FileHasher
from irkit.adapters.report import Check
from irkit.adapters.storage import open_regular

_LINE_LIMIT: Final = 4096
_MOST_FILES: Final = 2_000_000


class Entry(msgspec.Struct):
    """What one manifest says of a file, and in which line."""

    digest: str
    line: int


Listing = dict[str, Entry]


class Listed(msgspec.Struct):
    """A pair of manifests, one for each algorithm; None for one that can't be read."""

    names: tuple[str, ...]
    listings: list[Listing | None]

    @property
    def paths(self) -> list[str]:
        """All files that either lists."""
        return sorted(set().union(*(listing or {} for listing in self.listings)))


def find_files(check: Check) -> dict[str, int]:
    """Size of every file by path; whatever is neither file nor folder, or empty, is wrong. Links are not followed."""
    files: dict[str, int] = {}
    pending = [""]
    while pending and len(files) < _MOST_FILES:
        folder = pending.pop()
        try:
            with os.scandir(check.root / folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            check.wrong(folder or ".", f"cannot be read: {error.strerror}")
            continue
        if not found:
            check.wrong(folder or ".", "an empty folder, which no bundle has")
        for entry in found:
            path = f"{folder}/{entry.name}" if folder else entry.name
            _sort_out(check, entry, path, files, pending)
    if pending:
        check.wrong(".", f"more than {_MOST_FILES} files")
    return files


def _sort_out(check: Check, entry: os.DirEntry[str], path: str, files: dict[str, int], pending: list[str]) -> None:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        check.wrong(path, f"cannot be read: {error.strerror}")
        return
    if stat.S_ISDIR(status.st_mode):
        pending.append(path)
    elif stat.S_ISREG(status.st_mode):
        files[path] = status.st_size
    else:
        check.wrong(path, "a link or special file, which no bundle has")


def check_manifests(check: Check, files: dict[str, int], counted: Callable[[int], None] | None) -> dict[str, Digests]:
    """The digests of all files, compared with the manifests."""
    listed = [
        _read_pair(check, names, files, tags) for names, tags in ((bag.MANIFESTS, False), (bag.TAG_MANIFESTS, True))
    ]
    for path in (*sorted(bag.TOP_FILES), *bag.TAG_MANIFESTS, *bag.REQUIRED_METADATA, bag.LOG):
        if path not in files and path not in check.doubtful:
            check.wrong(path, "missing")
    for pair in listed:
        _compare_lists(check, pair, files)
    known = set().union(*(pair.paths for pair in listed), bag.TAG_MANIFESTS)
    for path in sorted(files.keys() - known):
        check.wrong(path, "not listed in any manifest")
    return _compare_digests(check, listed, files, counted)


def _read_pair(check: Check, names: tuple[str, ...], files: dict[str, int], tags: bool) -> Listed:
    listings = [
        _read_manifest(check, name, algorithm, tags) if name in files else None
        for name, algorithm in zip(names, bag.ALGORITHMS, strict=True)
    ]
    return Listed(names, listings)


def _read_manifest(check: Check, name: str, algorithm: str, tags: bool) -> Listing | None:
    listing: Listing = {}
    last = ""
    try:
        for number, line in _lines(check.root / name):
            try:
                path, digest = bag.parse_manifest_line(line, algorithm, tags=tags)
            except ValueError as error:
                check.wrong(name, str(error), number)
                continue
            if path <= last:
                check.wrong(name, f"{path} is listed twice or out of order", number)
            last = path
            listing[path] = Entry(digest, number)
    except OSError as error:
        check.wrong(name, f"cannot be read: {error.strerror}")
        return None
    return listing


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    number = 0
    with os.fdopen(open_regular(path), "rb") as file:
        while line := file.readline(_LINE_LIMIT):
            number += 1
            yield number, line


def _compare_lists(check: Check, pair: Listed, files: dict[str, int]) -> None:
    """Both manifests of a pair list the same files. The one that agrees with the folder is believed."""
    for path in pair.paths:
        entries = [listing.get(path) if listing is not None else None for listing in pair.listings]
        for name, listing, entry, other in zip(pair.names, pair.listings, entries, reversed(entries), strict=True):
            if path in files and entry is None and listing is not None:
                check.wrong(name, f"does not list {path}", about=path)
            if path not in files and entry is not None and other is None:
                check.wrong(name, f"lists {path}, which is not there", entry.line)
        if path not in files and all(entries) and path not in check.doubtful:
            check.wrong(path, "missing")


def _compare_digests(
    check: Check, listed: list[Listed], files: dict[str, int], counted: Callable[[int], None] | None
) -> dict[str, Digests]:
    found: dict[str, Digests] = {}
    hasher = FileHasher(counted)
    try:
        for pair in listed:
            for path in pair.paths:
                if path not in files:
                    continue
                try:
                    found[path] = hasher.digest(check.root / path)
                except OSError as error:
                    check.wrong(path, f"cannot be read: {error.strerror}")
                    continue
                _compare(check, pair, path, found[path])
    finally:
        hasher.close()
    return found


def _compare(check: Check, pair: Listed, path: str, digests: Digests) -> None:
    """Where one manifest of two agrees with the file it is the other that was altered, else the file."""
    entries = [listing.get(path) if listing is not None else None for listing in pair.listings]
    agrees = [
        entry.digest == getattr(digests, algorithm) if entry is not None else None
        for entry, algorithm in zip(entries, bag.ALGORITHMS, strict=True)
    ]
    if False not in agrees:
        return
    if True not in agrees:
        check.wrong(path, "its content was altered: its digests are others than the manifests'")
        return
    at = agrees.index(False)
    entry = entries[at]
    line = entry.line if entry is not None else None
    check.wrong(pair.names[at], f"the digest of {path} was altered: the other manifest's is right", line, about=path)
