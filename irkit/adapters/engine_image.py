"""An image as its engine saves it, taken apart as it comes: each layer an item named by its digest, once a bundle.

Docker up to 24 saves a folder for each layer, later ones and Podman an OCI layout; `manifest.json` is in both. What is
stored beside the layers makes the engine's answer whole again: `save.rest` is the answer without the parts, and
`save.jsonl` says which part goes where.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from irkit.adapters import layer_index
from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.engine_streams import pump
from irkit.adapters.image_digests import ImageDigests
from irkit.adapters.layer_index import LayerIndex, kind_of
from irkit.adapters.tar_index import IndexSummary, TarIndex
from irkit.adapters.tar_member import Member
from irkit.core.codec import pretty
from irkit.core.errors import Refusal, TargetError
from irkit.core.evidence import Evidence
from irkit.core.operations import ReadImage
from irkit.core.ports import Deadline, EvidenceFile, Intake, Outcome

_BLOBS: Final = "images/blobs"
_PART: Final = re.compile(r"(?:[0-9a-f]{64}/layer\.tar|blobs/sha256/[0-9a-f]{64}|[a-z0-9.-]+\.json)")
_BLOB: Final = "blobs/sha256/"
_TEXT_LIMIT, _TEXTS_LIMIT = 4 << 20, 32 << 20
_MOST_PARTS: Final = 2_000
"""Items that one answer is taken apart into; what else it holds stays in the rest."""
_PACKED: Final = (layer_index.TAR, layer_index.GZIP, layer_index.ZSTD)


class Stored(msgspec.Struct, kw_only=True):
    """One part of a saved image: what it was called there, and where it lies below the host's folder."""

    member: str
    at: int
    bytes: int
    sha256: str
    path: str
    kept: bool
    files: int = 0
    diff_id: str = ""
    wrong: str = ""


class _ManifestEntry(msgspec.Struct, rename="pascal"):
    config: str = ""
    repo_tags: list[str] | None = None
    layers: list[str] | None = None


class _Layers(msgspec.Struct):
    diff_ids: list[str] = []


class _Config(msgspec.Struct):
    rootfs: _Layers = msgspec.field(default_factory=_Layers)


class _PartItem:
    """One part on its way into the bundle. What it is, its first bytes tell; what it is called, its last."""

    def __init__(self, saving: "_Saving", member: Member) -> None:
        self._saving, self._member = saving, member
        self._start = bytearray()
        self._out: EvidenceFile | None = None
        self._lines: EvidenceFile | None = None
        self._index: LayerIndex | None = None
        self._kind = ""
        self.text = bytearray()

    def write(self, data: memoryview, /) -> None:
        """Take in the next bytes."""
        if self._out is None:
            self._start += data
            if len(self._start) < layer_index.ENOUGH:
                return
            self._pass(self._open())
        else:
            self._pass(data)

    def _open(self) -> bytes:
        """Open what it goes to; what came so far."""
        saving, start = self._saving, bytes(self._start)
        self._kind = kind_of(start)
        name = f"{saving.folder}/unfinished"
        packed = self._kind in (layer_index.GZIP, layer_index.ZSTD)
        self._out = saving.intake.open(f"{name}.{self._kind}", source=saving.source, compress=not packed)
        if self._kind in _PACKED:
            made = f"made from {self._member.path} of {saving.source}"
            self._lines = saving.intake.open(f"{name}.index.jsonl", source=made, compress=True)
            self._index = LayerIndex(self._kind, self._lines.write)
        return start

    def _pass(self, data: bytes | memoryview) -> None:
        if self._out is None:
            return
        self._out.write(data)
        if self._index is not None:
            self._index.feed(data)
        if self._kind == layer_index.JSON:
            self.text += data[: _TEXT_LIMIT - len(self.text)]

    def end(self) -> None:
        """All of it has come: it is named by what it holds, or dropped where the bundle has that."""
        if self._out is None:
            self._pass(self._open())
        out, self._out = self._out, None
        if out is not None:
            evidence = out.finish()
            path = f"{_BLOBS}/{evidence.source_sha256}.{self._kind}"
            named = self._saving.intake.name(evidence, path)
            self._saving.take(self._stored(evidence, path, kept=named is not None), self)

    def _stored(self, evidence: Evidence, path: str, *, kept: bool) -> Stored:
        stored = Stored(
            member=self._member.path,
            at=self._member.data,
            bytes=evidence.source_size,
            sha256=evidence.source_sha256,
            path=path + (".zst" if evidence.compression else ""),
            kept=kept,
        )
        claimed = self._member.path.removeprefix(_BLOB)
        if claimed not in (self._member.path, stored.sha256):
            stored.wrong = f"{self._member.path} holds something else: {stored.sha256}"
        if self._index is not None and self._lines is not None:
            self._finish_index(self._index, self._lines, stored)
        return stored

    def _finish_index(self, index: LayerIndex, lines: EvidenceFile, stored: Stored) -> None:
        stored.files, problem = index.close()
        stored.diff_id = index.diff_id or (stored.sha256 if self._kind == layer_index.TAR else "")
        if problem:
            lines.warn(f"not all files are listed: {problem}")
        listed = lines.finish(problem and f"the layer {stored.sha256[:12]}: {problem}")
        if not stored.kept:
            self._saving.intake.drop(listed)
            return
        self._saving.intake.name(listed, f"{_BLOBS}/{stored.sha256}.index.jsonl")
        self._saving.digests.add(self._saving.run, stored.path, index.contents)


class _Saving:
    """One answer of an engine, while it is taken apart."""

    def __init__(self, intake: Intake, operation: ReadImage, source: str, digests: ImageDigests) -> None:
        self.intake, self.source, self.digests = intake, source, digests
        self.folder, self.run = operation.file.rpartition("/")[0], operation.run
        self.parts: list[Stored] = []
        self.texts: dict[str, bytes] = {}
        self._rest = intake.open(f"{self.folder}/save.rest", source=f"{source}, without its parts", compress=True)
        self._tar = TarIndex(None, route=self._route, rest=self._rest.write)
        self._digest = hashlib.sha256()
        self.bytes = 0

    def write(self, data: memoryview, /) -> None:
        """Take in the next bytes of the answer."""
        self._digest.update(data)
        self.bytes += len(data)
        self._tar.feed(data)

    def _route(self, member: Member) -> _PartItem | None:
        is_part = len(self.parts) < _MOST_PARTS and not member.path_b64 and _PART.fullmatch(member.path)
        return _PartItem(self, member) if is_part else None

    def take(self, stored: Stored, item: _PartItem) -> None:
        """A part that is stored."""
        self.parts.append(stored)
        if item.text and sum(map(len, self.texts.values())) < _TEXTS_LIMIT:
            self.texts[stored.member] = bytes(item.text)

    def end(self) -> tuple[IndexSummary, str]:
        """The answer is over: how it went, and its digest."""
        summary = self._tar.close()
        for warning in summary.warnings:
            self._rest.warn(warning)
        self._rest.finish(summary.problem or ("" if summary.ended else "the archive ends before its end mark"))
        lines = b"".join(msgspec.json.encode(_placed(one)) + b"\n" for one in self.parts)
        self.intake.put(f"{self.folder}/save.jsonl", lines, source=f"made from {self.source}")
        return summary, self._digest.hexdigest()


def _placed(one: Stored) -> Mapping[str, Any]:
    return {"at": one.at, "bytes": one.bytes, "sha256": one.sha256, "path": one.path, "member": one.member}


class ReadsImages:
    """Reads images into bundles, and notes in `digests` what they hold."""

    def __init__(self, digests: ImageDigests) -> None:
        self._digests = digests

    def __call__(self, api: EngineApi, operation: ReadImage, intake: Intake, deadline: Deadline) -> Outcome:
        path = f"/images/{part(operation.image)}/get"
        api.read(
            f"/images/{part(operation.image)}/json", deadline
        )  # an absent one would be an error of the engine's own
        saving = _Saving(intake, operation, f"GET {path}", self._digests)
        with api.request("GET", path, deadline) as answer:
            pump(answer, saving)
        summary, digest = saving.end()
        if not summary.whole:
            told = summary.problem or "the archive ends before its end mark: the engine stopped in the middle"
            raise TargetError(
                f"the image did not come whole: {told}", Refusal.GARBLED if summary.problem else Refusal.LOST
            )
        return _describe(operation, saving, digest)


def _describe(operation: ReadImage, saving: _Saving, digest: str) -> Outcome:
    """Say in layers.json what the image is made of, and what is not as it says."""
    layers, more, wrong = _layers_of(saving)
    told = {
        "image": operation.image,
        **more,
        "stream": {"sha256": digest, "bytes": saving.bytes, "rest": "save.rest", "parts": "save.jsonl"},
        "layers": layers,
        "wrong": wrong,
    }
    out = saving.intake.open(f"{saving.folder}/layers.json", source=f"made from {saving.source}")
    out.write(pretty(told))
    for text in wrong:
        out.warn(text)
    out.finish()
    new = [one for one in saving.parts if one.kept]
    detail = f"{len(layers)} layers, {saving.bytes} bytes, of which {sum(one.bytes for one in new)} were not stored yet"
    return Outcome(detail=detail + (f"; NOT AS IT SAYS: {wrong[0]}" if wrong else ""))


def _layers_of(saving: _Saving) -> tuple[list[dict[str, Any]], dict[str, Any], list[str]]:
    """The layers in order, what else is to be told, and what is wrong."""
    wrong = [one.wrong for one in saving.parts if one.wrong]
    by_member = {one.member: one for one in saving.parts}
    by_diff = {one.diff_id: one for one in saving.parts if one.diff_id}
    entries = _decoded(saving.texts.get("manifest.json", b""), list[_ManifestEntry]) or []
    entry = entries[0] if entries else _ManifestEntry()
    config = _decoded(saving.texts.get(entry.config, b""), _Config) or _Config()
    if not entries or entry.config not in by_member:
        wrong.append("the engine's answer has no manifest that can be read")
    layers = []
    names, diffs = entry.layers or [], config.rootfs.diff_ids
    for number in range(max(len(names), len(diffs))):
        member = names[number] if number < len(names) else ""
        claimed = diffs[number].removeprefix("sha256:") if number < len(diffs) else ""
        # A layer that an image has twice is a link in the answer the second time.
        one = by_member.get(member) or by_diff.get(claimed)
        if one is None:
            wrong.append(f"layer {number + 1} is missing")
        elif claimed and one.diff_id and one.diff_id != claimed:
            wrong.append(f"layer {number + 1} is not what the image's settings say: {one.diff_id}")
        layers.append({"diff_id": claimed, **(msgspec.structs.asdict(one) if one else {"member": member})})
    tags = {"tags": entry.repo_tags or [], "config": by_member[entry.config].path if entry.config in by_member else ""}
    return [{key: value for key, value in one.items() if key not in ("at", "wrong")} for one in layers], tags, wrong


def _decoded(raw: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind) if raw else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
