"""The engine's own list of what differs from the image: which names were added, changed and deleted."""

from typing import Final

import msgspec

from irkit.adapters.engine_answer import decoded
from irkit.adapters.engine_http import EngineApi, part
from irkit.core.ports import Deadline

CHANGED, ADDED, DELETED = 0, 1, 2
WORDS: Final = {CHANGED: "changed", ADDED: "added", DELETED: "deleted"}


class _Change(msgspec.Struct, rename="pascal"):
    path: str = ""
    kind: int = -1


def read_kinds(api: EngineApi, container: str, deadline: Deadline) -> dict[str, int]:
    """The kind of change of each path. Raises TargetError."""
    return kinds_of(api.read(f"/containers/{part(container)}/changes", deadline))


def kinds_of(body: bytes) -> dict[str, int]:
    """The kind of change of each path, without its first slash, in the text of `as_told`. Raises TargetError.

    Podman from 5 on writes bytes that are no UTF-8 as they are, which is no JSON: they are told as others tell them.
    """
    found = decoded(as_told(body).encode(), list[_Change] | None) or []  # type: ignore[arg-type]
    return {one.path.lstrip("/"): one.kind for one in found if one.kind in WORDS and one.path.strip("/")}


def as_told(path: bytes) -> str:
    """A path as the engine's JSON has it: U+FFFD for each byte that is not UTF-8."""
    try:
        return path.decode()
    except UnicodeDecodeError:
        text = path.decode("utf-8", "surrogateescape")
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
