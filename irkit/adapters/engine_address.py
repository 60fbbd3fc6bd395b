"""Which engine is meant, as docker's own users expect: DOCKER_HOST, then DOCKER_CONTEXT, then the current context."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from irkit.core.errors import UsageError
from irkit.core.text import safe

DEFAULT_SOCKET = "/var/run/docker.sock"
_CONFIG_LIMIT = 4 * 1024 * 1024


def engine_socket(environment: Mapping[str, str], home: Path) -> str:
    """The path of the engine's unix socket. Raises UsageError for an address that is not one."""
    address = environment.get("DOCKER_HOST", "")
    source = "DOCKER_HOST"
    if not address:
        name = environment.get("DOCKER_CONTEXT", "") or _current_context(environment, home)
        if name in ("", "default"):
            return DEFAULT_SOCKET
        address, source = (
            _context_address(name, _config_folder(environment, home)),
            f"docker context {safe(name, 100)!r}",
        )
    if not address.startswith("unix://"):
        raise UsageError(f"{source} is {safe(address, 200)!r}: this version reaches engines by unix:// sockets only")
    return address.removeprefix("unix://") or DEFAULT_SOCKET


def _config_folder(environment: Mapping[str, str], home: Path) -> Path:
    return Path(environment["DOCKER_CONFIG"]) if environment.get("DOCKER_CONFIG") else home / ".docker"


def _current_context(environment: Mapping[str, str], home: Path) -> str:
    try:
        found = _read_json(_config_folder(environment, home) / "config.json")
    except (OSError, ValueError):
        return ""  # docker itself goes on without it
    name = found.get("currentContext", "") if isinstance(found, dict) else ""
    return name if isinstance(name, str) else ""


def _context_address(name: str, folder: Path) -> str:
    """Read here and not by the docker SDK, which is slow to import and raises bare exceptions for a broken file."""
    key = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
    try:
        found = _read_json(folder / "contexts" / "meta" / key / "meta.json")
    except FileNotFoundError:
        raise UsageError(f"there is no docker context {safe(name, 100)!r}") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"docker context {safe(name, 100)!r} cannot be read: {safe(error, 200)}") from error
    try:
        address = found["Endpoints"]["docker"]["Host"]
    except (KeyError, TypeError):
        address = None
    if not isinstance(address, str):
        raise UsageError(f"docker context {safe(name, 100)!r} names no engine")
    return address


def _read_json(path: Path) -> Any:
    """What a file holds. Raises OSError, ValueError."""
    with path.open("rb") as file:
        content = file.read(_CONFIG_LIMIT)
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
