"""What a collection brings where nothing befalls it, and what another one of the same frozen container brought less."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from irkit import app
from tests.acceptance.bad_network import Ended
from tests.acceptance.bundles import events, items, unpacked

VARYING = ("info.json", "clock-start.json", "clock-end.json")
"""Items that hold the time, and other counts of the moment."""
CHANGES, LOG_FILES, INDEX = "changes.json", "files.json", "rootfs.index.jsonl.zst"
_PLACE = re.compile(rb'"item":[^,}]*')
_LISTED = re.compile(rb"\{[^}]*\}")


def plain_name(path: str) -> str:
    """An item's path without its host, and without the number that a further attempt gives it."""
    folder, _, name = path.split("/", 2)[2].rpartition("/")
    return f"{folder}/{re.sub(r'-[0-9]+(?=[.])', '', name)}"


@dataclass(frozen=True)
class Undisturbed:
    """The bundle of a collection that nothing befell."""

    bundle: Path

    def __post_init__(self) -> None:
        assert not any(one["partial"] for one in items(self.bundle))

    @cached_property
    def digests(self) -> dict[str, str]:
        """Of each item as it came."""
        return {plain_name(one["path"]): one["source_sha256"] for one in collected(self.bundle)}

    def content(self, name: str) -> bytes:
        """An item as it came."""
        (path,) = [one["path"] for one in collected(self.bundle) if plain_name(one["path"]) == name]
        return unpacked(self.bundle / path)

    def wrong_in(self, ended: Ended) -> Iterator[str]:
        """What must not be in another collection, whatever befell it."""
        if ended.bundle is None:
            return
        report = app.verify_bundle(app.Setting(), str(ended.bundle))
        yield from (f"{one.path}: {one.text}" for one in report.problems)
        for one in collected(ended.bundle):
            path = ended.bundle / one["path"]
            if wrong := (self._wrong_part(path, one) if one["partial"] else self._wrong_whole(path, one)):
                yield f"{one['path']}: {wrong}"
        partial = {one["path"] for one in collected(ended.bundle) if one["partial"]}
        if {one.path for one in ended.run.evidence if one.partial} != partial:
            yield "the log and the list of items differ on what is partial"
        for event in events(ended.bundle):
            if event["event"] == "operation-finished" and any(one["partial"] for one in event["evidence"]):
                yield f"{event['step']} was called finished, with a part of its evidence"
        yield from (f"{one.started.step} failed without a reason" for one in ended.run.failures if not one.reason)
        whole = {plain_name(one["path"]) for one in collected(ended.bundle) if not one["partial"]}
        if ended.status == 0 and whole != set(self.digests):
            yield f"called done, and there is no {set(self.digests) - whole}"

    def _wrong_whole(self, path: Path, item: dict[str, Any]) -> str:
        """An item called whole is as it was in the undisturbed run; the list of changes is in any order.

        That its bytes are of the digest that it claims was verified.
        """
        name = plain_name(item["path"])
        if name.endswith(VARYING):
            return "" if json.loads(unpacked(path)) else "it is empty"
        if name.endswith(CHANGES):
            content = unpacked(path)
            is_same = sorted(_LISTED.findall(content)) == sorted(_LISTED.findall(self.content(name)))
            return "" if is_same and json.loads(content) else "other changes"
        if name.endswith(LOG_FILES):
            # Each file's place in the bundle has the host's name in it, which is another for each way.
            told = [_PLACE.sub(b"", content) for content in (unpacked(path), self.content(name))]
            return "" if told[0] == told[1] else "other log files"
        return "" if item["source_sha256"] == self.digests[name] else "called whole, and other bytes"

    def _wrong_part(self, path: Path, item: dict[str, Any]) -> str:
        """A part is the beginning of the whole; the last line of an index may be of a file that was cut."""
        name, content = plain_name(item["path"]), unpacked(path)
        if name.endswith(VARYING):
            return ""
        whole = self.content(name)
        if name.endswith(CHANGES):
            return "" if set(_LISTED.findall(content)) <= set(_LISTED.findall(whole)) else "not of these changes"
        if name.endswith(INDEX) and content.endswith(b',"truncated":true}\n'):
            content = content[: content.rfind(b"\n", 0, -1) + 1]
        return "" if whole.startswith(content) else "not the beginning of the whole"


def collected(bundle: Path) -> list[dict[str, Any]]:
    """The items, less the log."""
    return [one for one in items(bundle) if one["path"] != "data/log/run.jsonl"]
