"""Which engine is meant, as docker's own users expect: DOCKER_HOST, then DOCKER_CONTEXT, then the current context.

Read here and not by the docker SDK, which is slow to import and raises bare exceptions for a broken file. What an
address looks like is `host_address`'s, what is in a folder of certificates `engine_tls`'s.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from irkit.adapters.host_address import parse_address, refuse_open_tcp, tcp_endpoint
from irkit.core.errors import UsageError
from irkit.core.host import Host
from irkit.core.text import safe

DEFAULT_SOCKET: Final = "/var/run/docker.sock"
LOCAL: Final = "local"
CONTEXT: Final = "context:"
"""What the name of a docker context's host begins with, so that it is never taken for another's."""
TLS_FILES: Final = ("ca.pem", "cert.pem", "key.pem")
_CONFIG_LIMIT: Final = 4 * 1024 * 1024
_MOST_CONTEXTS: Final = 1000
_DEFAULT: Final = ("", "default")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")


class _Named(NamedTuple):
    """An engine's address, who names it, and the folder of certificates to be used with it if any."""

    address: str
    source: str
    tls: str = ""


def local_engine(environment: Mapping[str, str], home: Path) -> Host:
    """The engine that docker's own rules name, as the host `local`, whatever its reach. Raises UsageError."""
    if environment.get("DOCKER_HOST"):
        return _host(LOCAL, _by_variable(environment, home))
    name = environment.get("DOCKER_CONTEXT", "") or _current_context(environment, home)
    return _host(LOCAL, _context(name, environment, home))


def context_host(name: str, environment: Mapping[str, str], home: Path) -> Host:
    """The engine of a docker context, as the host `context:NAME`. Raises UsageError.

    Docker's context `default` is what DOCKER_HOST names, else the usual socket.
    """
    if name and not _NAME.fullmatch(name):
        raise UsageError(f"{safe(name, 100)!r} is not a name that docker contexts have")
    is_variable = name in _DEFAULT and environment.get("DOCKER_HOST")
    named = _by_variable(environment, home) if is_variable else _context(name, environment, home)
    return _host(f"{CONTEXT}{name or 'default'}", named)


def context_names(environment: Mapping[str, str], home: Path) -> list[str]:
    """The names of the docker contexts there are, besides docker's own `default`."""
    return sorted(_stored_names(_config_folder(environment, home)))


def list_contexts(environment: Mapping[str, str], home: Path) -> list[Host]:
    """The docker contexts that irkit can use; why it can't use another one is what `context_host` raises."""
    found = []
    for name in context_names(environment, home):
        try:
            found.append(context_host(name, environment, home))
        except UsageError:
            continue
    return found


def engine_socket(environment: Mapping[str, str], home: Path) -> str:
    """The path of the engine's unix socket. Raises UsageError where the engine meant is not on this machine."""
    host = local_engine(environment, home)
    if host.reach != "local":
        raise UsageError(
            f"the engine meant is at {safe(host.address, 100)}, and this needs one of this machine:"
            " set DOCKER_HOST=unix:///path/to/socket"
        )
    return host.socket


def _by_variable(environment: Mapping[str, str], home: Path) -> _Named:
    is_tls = environment.get("DOCKER_TLS_VERIFY") or environment.get("DOCKER_TLS")
    folder = environment.get("DOCKER_CERT_PATH") or str(_config_folder(environment, home))
    return _Named(environment["DOCKER_HOST"].strip(), "DOCKER_HOST", folder if is_tls else "")


def _host(name: str, named: _Named) -> Host:
    """Raises UsageError, with what named the engine in front; the address may hold a password and is not shown."""
    scheme, separator, rest = named.address.partition("://")
    try:
        match scheme.lower() if separator else "":
            case "unix":
                return Host(name=name, reach="local", socket=rest or DEFAULT_SOCKET)
            case "tcp":
                found = tcp_endpoint(rest, named.tls)
                refuse_open_tcp(found.host, named.tls)
                return Host(name=name, address=found.host, reach="tcp", port=found.port, tls=named.tls)
            case "":
                raise UsageError("an engine's address begins with unix://, ssh:// or tcp://")
            case _:
                return msgspec.structs.replace(parse_address(named.address), name=name)
    except UsageError as error:
        raise UsageError(f"{named.source}: {error}") from None


def _config_folder(environment: Mapping[str, str], home: Path) -> Path:
    return Path(environment["DOCKER_CONFIG"]) if environment.get("DOCKER_CONFIG") else home / ".docker"


def _current_context(environment: Mapping[str, str], home: Path) -> str:
    try:
        found = _read_json(_config_folder(environment, home) / "config.json")
    except (OSError, ValueError):
        return ""  # docker itself goes on without it
    name = found.get("currentContext", "") if isinstance(found, dict) else ""
    return name if isinstance(name, str) else ""


def _context(name: str, environment: Mapping[str, str], home: Path) -> _Named:
    """What a context names. Raises UsageError: going on without it would look at the wrong machine."""
    if name in _DEFAULT:
        return _Named(f"unix://{DEFAULT_SOCKET}", "the default")
    folder, source = _config_folder(environment, home), f"docker context {safe(name, 100)!r}"
    key = _key(name)
    try:
        found = _read_json(folder / "contexts" / "meta" / key / "meta.json")
    except FileNotFoundError:
        raise UsageError(f"there is no {source}") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{source} cannot be read: {safe(error, 200)}") from error
    return _Named(_endpoint(found, source), source, _context_tls(folder, key))


def _endpoint(found: Any, source: str) -> str:
    """The address in what a context's file holds. Raises UsageError."""
    try:
        endpoint = found["Endpoints"]["docker"]
        address, is_unchecked = endpoint["Host"], endpoint.get("SkipTLSVerify", False)
    except (KeyError, TypeError, AttributeError):
        address, is_unchecked = None, False
    if not isinstance(address, str):
        raise UsageError(f"{source} names no engine")
    if is_unchecked and address.lower().startswith("tcp:"):
        raise UsageError(
            f"{source} says not to check whom it talks to (SkipTLSVerify), which irkit does not do:"
            " give it the engine's ca.pem (docker context update)"
        )
    return address


def _key(name: str) -> str:
    """What the folders of a context are called."""
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()


def _context_tls(folder: Path, key: str) -> str:
    tls = folder / "contexts" / "tls" / key / "docker"
    return str(tls) if any((tls / name).exists() for name in TLS_FILES) else ""


def _stored_names(folder: Path) -> Iterator[str]:
    """The names that stand in the contexts' own files; one whose folder is that of another name is none."""
    try:
        places = list(islice((folder / "contexts" / "meta").iterdir(), _MOST_CONTEXTS))
    except OSError:
        return
    for place in places:
        try:
            name = _read_json(place / "meta.json")["Name"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if isinstance(name, str) and _NAME.fullmatch(name) and _key(name) == place.name:
            yield name


def _read_json(path: Path) -> Any:
    """What a file holds. Raises OSError, ValueError."""
    with path.open("rb") as file:
        content = file.read(_CONFIG_LIMIT)
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
