"""What a bundle holds of the incident, read with nothing of irkit's own: JSON Lines, archives, digests."""

import base64
import contextlib
import io
import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from backports import zstd

from tests.acceptance.bundles import items

from .peers import Member, member_of, raw_name


@dataclass(frozen=True)
class Contents:
    """The items of a bundle, by the name of the container they are of."""

    bundle: Path
    _known: dict[tuple[str, ...], dict[bytes, Member]] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def items(self) -> list[dict[str, Any]]:
        """All that items.jsonl lists."""
        return items(self.bundle)

    def of(self, container: str, start: str = "", end: str = "") -> list[dict[str, Any]]:
        """The items of a container, or of the host where that is empty, whose path within its folder is so."""
        found = []
        for one in self.items:
            _, _, folder, *rest = one["path"].split("/")
            name = "/".join(rest).removesuffix(".zst")
            mine = folder.startswith(f"{container}-") if container else folder == "host"
            if mine and name.startswith(start) and name.endswith(end):
                found.append(one)
        return found

    @contextlib.contextmanager
    def open(self, item: dict[str, Any]) -> Iterator[BinaryIO]:
        """An item's source bytes."""
        with (self.bundle / item["path"]).open("rb") as file:
            if item["path"].endswith(".zst"):
                with zstd.ZstdFile(file) as unpacked, io.BufferedReader(unpacked) as buffered:
                    yield buffered
            else:
                yield file

    def read(self, item: dict[str, Any]) -> bytes:
        """The whole of an item."""
        with self.open(item) as file:
            return file.read()

    def lines(self, container: str, start: str, end: str = ".jsonl") -> list[dict[str, Any]]:
        """All lines of the JSON Lines of these names."""
        return [json.loads(line) for one in self.of(container, start, end) for line in self.read(one).splitlines()]

    def files(self, container: str, place: str) -> dict[bytes, Member]:
        """The files of the indexes in a folder whose content is there: in the archive beside, or in the image's."""
        if (container, place) in self._known:
            return self._known[container, place]
        stored = self.archive(container, place)
        found = self._known[container, place] = {}
        for line in self.lines(container, place):
            path = b"/" + name_of(line).strip(b"/")
            one = member_of_line(line)
            kept = stored.get(path)
            is_there = one.kind != "file" or line.get("in_image") or (kept and kept.sha256 in ("", one.sha256))
            if is_there and line.get("change") != "deleted":
                found[path] = one
        return found

    def archive(self, container: str, start: str, end: str = ".tar") -> dict[bytes, Member]:
        """The members of the archives of these names, by their paths in the container."""
        return dict(pair for one in self.of(container, start, end) for pair in self._members(one))

    def _members(self, item: dict[str, Any]) -> Iterator[tuple[bytes, Member]]:
        with (
            self.open(item) as file,
            tarfile.open(fileobj=file, mode="r|", errors="surrogateescape") as archive,
        ):
            for one in archive:
                yield raw_name(one.name), member_of(archive, one)

    def holds_at(self, container: str, start: str, path: bytes, size: int, at: int, wanted: bytes) -> bool:
        """Whether a file of that size in an archive has those bytes at that place, by the archive's own map of it."""
        for one in self.of(container, start, ".tar"):
            with tempfile.TemporaryFile() as whole:
                with self.open(one) as file:
                    shutil.copyfileobj(file, whole)
                whole.seek(0)
                with tarfile.open(fileobj=whole, errors="surrogateescape") as archive:
                    for member in archive:
                        if raw_name(member.name) == path and member.size == size:
                            content = archive.extractfile(member)
                            assert content is not None
                            content.seek(at)
                            return content.read(len(wanted)) == wanted
        return False

    def digests(self, container: str, start: str = "") -> set[str]:
        """Digests of the items of a container as they came."""
        return {one["source_sha256"] for one in self.of(container, start)}


def member_of_line(line: dict[str, Any]) -> Member:
    """A file as an index tells it."""
    major, minor = line.get("device") or (0, 0)
    values = line.get("xattr_values", {})
    return Member(
        kind=line["type"],
        mode=line.get("mode") or 0,
        size=line.get("size", 0),
        link=line.get("link", ""),
        sha256=line.get("sha256", ""),
        attributes={key: base64.b64decode(value) for key, value in values.items()},
        device=(major, minor),
    )


def name_of(line: dict[str, Any], name: str = "path") -> bytes:
    """A foreign name of a line of JSON, byte for byte, whichever way its bytes are given."""
    for suffix in ("_b64", "_b64"):
        if raw := line.get(f"{name}{suffix}"):
            return base64.b64decode(raw)
    return str(line.get(name, "")).encode()
