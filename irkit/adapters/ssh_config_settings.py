"""What the values of OpenSSH's client configuration mean for irkit. Where they come from is for others.

Settings that would accept a host key unseen are not obeyed; `ssh_config_notes` says so.
"""

import ipaddress
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from irkit.adapters.ssh_config_notes import is_set_to, list_notes
from irkit.adapters.ssh_config_route import parse_hop
from irkit.adapters.ssh_config_values import Expansion, Options, Responder, parse_time
from irkit.core.errors import UsageError
from irkit.core.text import safe

_DEFAULT_KEYS: Final = ("rsa", "ecdsa", "ecdsa_sk", "ed25519", "ed25519_sk")
_DEFAULT_IDENTITIES: Final = tuple(f"~/.ssh/id_{kind}" for kind in _DEFAULT_KEYS)
_USER_KNOWN_HOSTS: Final = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
_GLOBAL_KNOWN_HOSTS: Final = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_METHODS: Final = {
    "publickey": ("pubkeyauthentication",),
    "password": ("passwordauthentication",),
    "keyboard-interactive": ("kbdinteractiveauthentication", "challengeresponseauthentication"),
}
_HIGHEST_PORT: Final = 65535


@dataclass(frozen=True, kw_only=True)
class SshSettings:
    """How a host is reached and known, as the responder configured it.

    Files of identities and certificates exist; an identity may be a public key whose private half an agent holds. An
    empty `identity_agent` means SSH_AUTH_SOCK, `none` that no agent is asked. `proxy_jump` are hops for `parse_hop`,
    `proxy_command` is as it was written; at most one of both is set. Files of known hosts need not exist, but where one
    of `revoked_host_keys` cannot be read, no key may be accepted. `connect_timeout` is in seconds, 0 for none.
    `host_key_algorithms` are empty where they are not known, `hash_known_hosts` is for keys that are recorded. `notes`
    are what could not be read, or is not obeyed.
    """

    alias: str
    host_name: str
    user: str
    port: int = 22
    identity_files: tuple[Path, ...] = ()
    certificate_files: tuple[Path, ...] = ()
    identities_only: bool = False
    identity_agent: str = ""
    proxy_jump: tuple[str, ...] = ()
    proxy_command: str = ""
    user_known_hosts: tuple[Path, ...] = ()
    global_known_hosts: tuple[Path, ...] = ()
    revoked_host_keys: tuple[Path, ...] = ()
    host_key_alias: str = ""
    host_key_algorithms: tuple[str, ...] = ()
    hash_known_hosts: bool = False
    connect_timeout: float = 0.0
    public_key: bool = True
    password: bool = True
    keyboard_interactive: bool = True
    home: Path = Path("/")
    notes: tuple[str, ...] = ()


def interpret(alias: str, options: Options, responder: Responder) -> SshSettings:
    """The settings of a host. Raises UsageError for values that make no sense."""
    host_name = _host_name(alias, options)
    user = _plain("User", options.one("user", responder.login))
    expansion = _expansion(alias, host_name, options, responder)
    identities, missing = _identities(options, expansion)
    jump, command = _route(options, expansion)
    methods = _methods(options)
    return SshSettings(
        alias=alias,
        host_name=host_name,
        user=user,
        port=_port(options),
        identity_files=tuple(filter(None, map(_usable, identities))),
        certificate_files=_certificates(options, expansion, identities),
        identities_only=is_set_to(options, "identitiesonly", "yes"),
        identity_agent=_agent(options, expansion),
        proxy_jump=jump,
        proxy_command=command,
        user_known_hosts=_user_known_hosts(options, expansion),
        global_known_hosts=_known_hosts(options.values.get("globalknownhostsfile", _GLOBAL_KNOWN_HOSTS), expansion),
        revoked_host_keys=_revoked(options, expansion),
        host_key_alias=_key_alias(options),
        host_key_algorithms=_algorithms(options),
        hash_known_hosts=is_set_to(options, "hashknownhosts", "yes"),
        connect_timeout=parse_time("ConnectTimeout", options.one("connecttimeout", "none")),
        public_key="publickey" in methods,
        password="password" in methods,
        keyboard_interactive="keyboard-interactive" in methods,
        home=responder.home,
        notes=tuple(dict.fromkeys((*options.notes, *list_notes(alias, host_name, options), *missing))),
    )


# Names -----------------------------------------------------------------------------------------------------------


def _host_name(alias: str, options: Options) -> str:
    name = options.one("hostname", alias)
    if not options.by_openssh:
        name = _canonical(Expansion(Path("/"), {"h": alias}).expand("HostName", name))
    if name.startswith("-") or not name or any(char.isspace() or char == "/" for char in name):
        raise UsageError(f"HostName {safe(name, 100)!r} of {safe(alias, 100)} is neither a name nor an address")
    return _plain("HostName", name)


def _canonical(name: str) -> str:
    """A name in small letters, an address in its usual form, as ssh -G prints them."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower()


def _plain(keyword: str, text: str) -> str:
    """The text. Raises UsageError where not all of it can be seen."""
    if not text or not text.isprintable():
        raise UsageError(f"{keyword} {safe(text, 100)!r} holds characters that no {keyword} has")
    return text


def _port(options: Options) -> int:
    text = options.one("port", "22")
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:6]) <= _HIGHEST_PORT:
        raise UsageError(f"Port {safe(text, 60)!r} is not a number from 1 to {_HIGHEST_PORT}")
    return int(text)


def _key_alias(options: Options) -> str:
    return options.one("hostkeyalias").lower()


def _expansion(alias: str, host_name: str, options: Options, responder: Responder) -> Expansion:
    machine = socket.gethostname()
    tokens = {
        "d": str(responder.home), "h": host_name, "i": str(os.getuid()), "j": options.one("proxyjump"),
        "k": _key_alias(options) or alias, "L": machine.partition(".")[0], "l": machine, "n": alias,
        "p": str(_port(options)), "r": options.one("user", responder.login), "u": responder.login,
    }  # fmt: skip
    if options.connection_hash:
        tokens["C"] = options.connection_hash
    return Expansion(responder.home, tokens, responder.environment)


# Identities ------------------------------------------------------------------------------------------------------


def _identities(options: Options, expansion: Expansion) -> tuple[list[Path], list[str]]:
    """The identities that are configured, there or not, and notes on those that were asked for and are not there."""
    texts = options.values.get("identityfile", _DEFAULT_IDENTITIES)
    paths = [expansion.path("IdentityFile", text) for text in texts if text.lower() != "none"]
    is_default = {"~/.ssh/id_ecdsa", "~/.ssh/id_ed25519"} <= set(texts)
    missing = [] if is_default else [path for path in paths if not _usable(path)]
    return paths, [f"IdentityFile {safe(path, 200)} is not there" for path in missing]


def _usable(path: Path) -> Path | None:
    """The identity's file; else that of its public key, by which an agent finds the private one."""
    public = path.with_name(f"{path.name}.pub") if path.name else path
    return next((one for one in (path, public) if _is_file(one)), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _certificates(options: Options, expansion: Expansion, identities: list[Path]) -> tuple[Path, ...]:
    """The certificates that are there: those configured, else those that lie beside the identities."""
    texts = options.values.get("certificatefile", ())
    paths = [expansion.path("CertificateFile", text) for text in texts]
    if not texts:
        paths = [path.with_name(f"{path.name}-cert.pub") for path in identities if path.name]
    return tuple(path for path in dict.fromkeys(paths) if _is_file(path))


def _agent(options: Options, expansion: Expansion) -> str:
    text = options.one("identityagent")
    if text in ("", "SSH_AUTH_SOCK"):
        return ""
    if text.lower() == "none":
        return "none"
    if text.startswith("$") and not text.startswith("${"):
        return expansion.environment.get(text[1:]) or "none"
    return str(expansion.path("IdentityAgent", text))


def _methods(options: Options) -> set[str]:
    """The ways to log in that are allowed."""
    allowed = {name for name, keys in _METHODS.items() if not any(is_set_to(options, key, "no") for key in keys)}
    if is_set_to(options, "batchmode", "yes"):
        allowed &= {"publickey"}
    preferred = options.one("preferredauthentications")
    return allowed & set(preferred.split(",")) if preferred else allowed


# Host keys and the way -------------------------------------------------------------------------------------------


def _user_known_hosts(options: Options, expansion: Expansion) -> tuple[Path, ...]:
    texts = options.values.get("userknownhostsfile", _USER_KNOWN_HOSTS)
    if options.by_openssh or texts == ("none",):
        return _known_hosts(texts, expansion)
    return tuple(expansion.path("UserKnownHostsFile", text) for text in texts)


def _known_hosts(texts: tuple[str, ...], expansion: Expansion) -> tuple[Path, ...]:
    if [text.lower() for text in texts] == ["none"]:
        return ()
    return tuple(Path(expansion.from_home("known hosts file", text)) for text in texts)


def _revoked(options: Options, expansion: Expansion) -> tuple[Path, ...]:
    texts = options.values.get("revokedhostkeys", ())
    return tuple(expansion.path("RevokedHostKeys", text) for text in texts if text.lower() != "none")


def _algorithms(options: Options) -> tuple[str, ...]:
    text = options.one("hostkeyalgorithms")
    return tuple(text.split(",")) if text and text[0] not in "+-^" else ()


def _route(options: Options, expansion: Expansion) -> tuple[tuple[str, ...], str]:
    """The hops, and the ProxyCommand: one of them, or neither."""
    jump, command = options.one("proxyjump", "none"), options.one("proxycommand", "none")
    if jump.lower() != "none":
        hops = tuple(expansion.expand("ProxyJump", hop.strip()) for hop in jump.split(","))
        for hop in hops:
            parse_hop(hop)
        return hops, ""
    if command.lower() == "none":
        return (), ""
    if is_set_to(options, "proxyusefdpass", "yes"):
        raise UsageError("ProxyUseFdpass cannot be done by irkit: give this host a ProxyCommand without it")
    return (), command
