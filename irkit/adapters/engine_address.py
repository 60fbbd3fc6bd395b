"""Which engine is meant, as docker's own users expect: DOCKER_HOST, then DOCKER_CONTEXT, then the current context."""

import json
from collections.abc import Mapping
from pathlib import Path

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
        address, source = _context_address(name), f"docker context {safe(name, 100)!r}"
    if not address.startswith("unix://"):
        raise UsageError(f"{source} is {safe(address, 200)!r}: this version reaches engines by unix:// sockets only")
    return address.removeprefix("unix://") or DEFAULT_SOCKET


def _current_context(environment: Mapping[str, str], home: Path) -> str:
    folder = Path(environment["DOCKER_CONFIG"]) if environment.get("DOCKER_CONFIG") else home / ".docker"
    try:
        with (folder / "config.json").open("rb") as file:
            found = json.loads(file.read(_CONFIG_LIMIT))
    except (OSError, ValueError):
        return ""  # docker itself goes on without it
    return str(found.get("currentContext", "")) if isinstance(found, dict) else ""


def _context_address(name: str) -> str:
    """The docker SDK knows where contexts are kept; it is slow to import, so only for those who use them."""
    from docker.context import ContextAPI  # noqa: PLC0415
    from docker.errors import DockerException  # noqa: PLC0415

    try:
        context = ContextAPI.get_context(name)
    except DockerException as error:
        raise UsageError(f"docker context {safe(name, 100)!r} cannot be read: {safe(error, 200)}") from error
    if context is None:
        raise UsageError(f"there is no docker context {safe(name, 100)!r}")
    return str(context.Host)
