"""An address that a responder gave, as a host: `ssh://`, `user@host:port`, an ssh alias, `unix://`, `tcp://`.

It says where, and nothing of keys, hops and configuration: those are `ssh_config`'s. What is refused is never taken
apart further, and a password is never shown, not even one in an address that makes no sense otherwise.
"""

import hashlib
import ipaddress
import re
from typing import Final, NamedTuple

from irkit.core.errors import UsageError
from irkit.core.host import Host
from irkit.core.text import safe

# Plain enough for a command line, a configuration file and a log: an address may come from somebody else's inventory.
HOST_PATTERN: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}"
USER_PATTERN: Final = r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}"
SOCKET_PATTERN: Final = r"/[A-Za-z0-9/_.@+-]{1,100}"
KEPT_NAMES: Final = ("all", "local")
"""Names that mean something else than a host of that name."""
PLAIN_PORT: Final = 2375
TLS_PORT: Final = 2376
_LONGEST: Final = 500
_HIGHEST_PORT: Final = 65535
_MANY_COLONS: Final = 2
_ZONE: Final = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_BRACKETED: Final = re.compile(r"\[([^\[\]]*)\](?::(.*))?", re.DOTALL)
_TCP_NAME: Final = re.compile(r"tcp:(.*:.*)", re.DOTALL)
_INJECTIVE: Final = re.compile(r"(?:/[A-Za-z0-9.-]+)+")
_SHOWN: Final = 80
_LIKE_DIGEST: Final = re.compile(r".*-[0-9a-f]{8}")


class Endpoint(NamedTuple):
    """Somebody at some port of some machine; empty and 0 where it is not said."""

    user: str
    host: str
    port: int

    @property
    def text(self) -> str:
        """As people write it: `root@10.0.0.5:2222`, `[::1]:22`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (f"{self.user}@" if self.user else "") + host + (f":{self.port}" if self.port else "")


def parse_address(text: str) -> Host:
    """The host at an address. Raises UsageError.

    Its name is what is left of the address once the scheme and a socket's path are taken off; from the name of a host
    reached by SSH or TCP, `parse_address` makes the same host again, less the socket.
    """
    found = _SCHEME.fullmatch(text)
    scheme, rest = (found[1].lower(), found[2]) if found else ("", text)
    if scheme != "unix":
        _refuse_password(rest)
    if not text or len(text) > _LONGEST or not re.fullmatch("[!-~]+", text) or text.startswith("-"):
        raise UsageError(f"{safe(text, 100)!r} is not an address: {_why_unfit(text)}")
    match scheme:
        case "ssh":
            place, _, path = rest.partition("/")
            return _ssh_host(place, f"/{path}" if path else "")
        case "unix":
            return _unix_host(rest)
        case "tcp":
            return _tcp_host(rest)
        case "":
            named = _TCP_NAME.fullmatch(text)
            return _tcp_host(named[1]) if named else _ssh_host(rest, "")
        case "npipe":
            raise UsageError(f"{safe(text, 100)!r} is a pipe of Windows: irkit reaches engines by unix, ssh and tcp")
        case _:
            raise UsageError(f"{safe(scheme, 30)}:// is not a way to a host: use ssh://, unix:// or tcp://")


def parse_endpoint(text: str) -> Endpoint:
    """`[user@]host[:port]`, with IPv6 addresses in brackets where a port follows. Raises UsageError."""
    _refuse_password(text)
    user, at, place = text.rpartition("@")
    if at and not is_user(user):
        raise UsageError(f"{safe(text, 100)!r}: {safe(user, 60)!r} is not a user's name")
    host, port = _split_place(place)
    if not is_host(host):
        raise UsageError(
            f"{safe(text, 100)!r} is not an address: {safe(host, 60)!r} is neither a name nor an IP address"
        )
    return Endpoint(user, host, _port(port, text))


def is_bracketed(text: str) -> bool:
    """Whether it is an IPv6 address in brackets, perhaps with a port or `tcp:`: as a glob, it would mean others."""
    found = _BRACKETED.fullmatch(text.removeprefix("tcp:"))
    return bool(found and _is_ipv6(found[1]))


def is_host(text: str) -> bool:
    """Whether it is a machine's name, an ssh alias or an IP address (without brackets)."""
    return bool(re.fullmatch(HOST_PATTERN, text)) or _is_ipv6(text)


def is_user(text: str) -> bool:
    """Whether it is a user's name as irkit takes them."""
    return bool(re.fullmatch(USER_PATTERN, text))


def is_loopback(host: str) -> bool:
    """Whether an address cannot lead away from this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_open_tcp(host: str, tls: str) -> None:
    """Raise UsageError for an engine on the network that nothing proves to be the one that is meant."""
    if not tls and not is_loopback(host):
        raise UsageError(
            f"tcp to {safe(host, 100)} without TLS is refused: anyone between could answer in the engine's place"
            " (give the folder of ca.pem: tls in hosts.yml, or DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH; or use ssh://)"
        )


def tcp_endpoint(rest: str, tls: str) -> Endpoint:
    """What follows `tcp://`, with docker's own defaults: this machine, and port 2375, or 2376 with TLS.

    Raises UsageError.
    """
    place = rest.removesuffix("/")
    if not place or place.startswith(":"):
        place = f"localhost{place}"
    found = parse_endpoint(place)
    if found.user:
        raise UsageError(f"tcp://{safe(place, 100)} names a user: an engine knows none (ssh:// does)")
    return found._replace(port=found.port or (TLS_PORT if tls else PLAIN_PORT))


def _ssh_host(place: str, socket: str) -> Host:
    if socket and not re.fullmatch(SOCKET_PATTERN, socket):
        raise UsageError(f"{safe(socket, 100)!r} is not a socket's path: letters, digits and /_.@+- only")
    endpoint = parse_endpoint(place)
    if endpoint.text in KEPT_NAMES:
        raise UsageError(f"{endpoint.text!r} has a meaning of its own: give the ssh alias another name")
    return Host(
        name=endpoint.text,
        address=endpoint.host,
        reach="ssh",
        user=endpoint.user,
        port=endpoint.port,
        socket=socket,
    )


def _tcp_host(rest: str) -> Host:
    endpoint = tcp_endpoint(rest, "")
    refuse_open_tcp(endpoint.host, "")
    return Host(name=f"tcp:{endpoint.text}", address=endpoint.host, reach="tcp", port=endpoint.port)


def _unix_host(path: str) -> Host:
    if not path.startswith("/") or not path.strip("/"):
        raise UsageError(f"unix://{safe(path, 100)} names no socket: write unix:///path/to/socket")
    return Host(name=f"unix:{_socket_name(path)}", reach="local", socket=path)


def _socket_name(path: str) -> str:
    """A socket's path as part of a name, without slashes; no two paths get the same one."""
    plain = path[1:].replace("/", "_")
    if _INJECTIVE.fullmatch(path) and len(plain) <= _SHOWN and not _LIKE_DIGEST.fullmatch(plain):
        return plain
    clean = re.sub(r"[^A-Za-z0-9._-]", "-", plain)[:_SHOWN]
    return f"{clean}-{hashlib.sha256(path.encode()).hexdigest()[:8]}"


def _refuse_password(text: str) -> None:
    """Refuse what has a colon before an at sign, without a word of what it is."""
    if ":" in text.rpartition("@")[0]:
        raise UsageError("an address must hold no password (user:password@host): leave it out, irkit asks for it")


def _split_place(place: str) -> tuple[str, str | None]:
    """Host and port; None where none is given."""
    if found := _BRACKETED.fullmatch(place):
        if not _is_ipv6(found[1]):
            raise UsageError(f"{safe(place, 100)!r} is not an address: brackets are for IPv6 addresses")
        return found[1], found[2]
    if place.count(":") >= _MANY_COLONS:
        if not _is_ipv6(place):
            raise UsageError(f"{safe(place, 100)!r} is not an address: write [IPv6 address]:port")
        return place, None
    host, colon, port = place.partition(":")
    return host, port if colon else None


def _port(text: str | None, whole: str) -> int:
    if text is None:
        return 0
    if not re.fullmatch("[1-9][0-9]{0,4}", text) or int(text) > _HIGHEST_PORT:
        raise UsageError(f"{safe(whole, 100)!r}: the port must be a number from 1 to {_HIGHEST_PORT}")
    return int(text)


def _is_ipv6(text: str) -> bool:
    address, percent, zone = text.partition("%")
    if percent and not _ZONE.fullmatch(zone):
        return False
    try:
        return bool(ipaddress.IPv6Address(address))
    except ValueError:
        return False


def _why_unfit(text: str) -> str:
    if not text:
        return "it is empty"
    if text.startswith("-"):
        return "it begins with a hyphen"
    return "it is too long" if len(text) > _LONGEST else "it holds white space, or characters that addresses have not"
