"""Foreign bytes as JSON: UTF-8 as it is, and anything else with U+FFFD beside the very bytes in base64."""

import base64
from collections.abc import Sequence
from typing import Any


def put(into: dict[str, Any], key: str, raw: bytes) -> None:
    """The text as `key`, and where it is not UTF-8, the bytes as `key_b64`."""
    try:
        into[key] = raw.decode()
    except UnicodeDecodeError:
        into[key] = raw.decode("utf-8", "replace")
        into[f"{key}_b64"] = base64.b64encode(raw).decode("ascii")


def put_all(into: dict[str, Any], key: str, parts: Sequence[bytes], raw: bytes) -> None:
    """The texts of a list as `key`, and where one is not UTF-8, what they were split from as `key_b64`."""
    try:
        into[key] = [part.decode() for part in parts]
    except UnicodeDecodeError:
        into[key] = [part.decode("utf-8", "replace") for part in parts]
        into[f"{key}_b64"] = base64.b64encode(raw).decode("ascii")
