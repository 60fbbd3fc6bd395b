"""The ways from an SSH connection to the engine of its host: straight to its socket, or through a command there.

The socket itself is best: nothing runs on the host, and sshd does not count such channels as sessions. Where forwarding
is off, or only root may use the socket, a command of the host joins the channel to it. Which way works is found out by
asking the engine for a sign of life; keeping the connection up is left to `ssh_target`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from irkit.adapters.engine_http import EngineApi
from irkit.adapters.engine_wire import Channel
from irkit.adapters.ssh_channel import ChannelWire
from irkit.adapters.ssh_command import CommandError, last_words, open_command
from irkit.adapters.ssh_deadline import Part
from irkit.adapters.ssh_link import Link
from irkit.adapters.ssh_open import open_unix
from irkit.adapters.ssh_refused import CONNECT_FAILED, PROHIBITED, UNKNOWN_KIND, ChannelRefusedError
from irkit.core.errors import HostState, Refusal, TargetError, UnreachableError, UsageError
from irkit.core.host import Host
from irkit.core.ports import Deadline
from irkit.core.text import safe

SOCKETS: Final = ("/var/run/docker.sock", "/run/podman/podman.sock")
"""Where engines listen as a rule, the usual one first."""
PROBE = 10.0
"""Seconds in which an engine shows a sign of life, or the way to it is none."""
_PLAIN_PATH: Final = re.compile(r"/[A-Za-z0-9/_.@+-]{1,100}")
_PROBE_WINDOW: Final = 1 << 20
_REASON, _REASONS = 120, 250
"""Characters of one reason, and of all."""
_ABSENT: Final = "not there"
_CODES: Final = {
    PROHIBITED: "forwarding to sockets is off",
    CONNECT_FAILED: "not there, not for {user}, or forwarding to sockets is off",
    UNKNOWN_KIND: "the host cannot forward to sockets",
}
_ADVICE: Final = "it takes an engine that runs, and an account that may use its socket or sudo without a password"
_KNOWN: Final = (
    ("a password is required", "sudo wants a password"),
    ("not allowed to", "sudo does not allow it"),
    ("not in the sudoers", "sudo does not allow it"),
    ("ermission denied", "{user} may not use the socket"),
    ("o such file", "there is no such socket"),
    ("not found", _ABSENT),
    ("unknown command", _ABSENT),
)
"""What commands say, and what it means; the first that fits."""


class Route(Protocol):
    """A way to an engine, once there is a connection."""

    @property
    def label(self) -> str:
        """The way as a responder reads it."""
        ...

    @property
    def name(self) -> str:
        """The way in a word or two."""
        ...

    @property
    def path(self) -> str:
        """The engine's socket."""
        ...

    def open(self, link: Link, window: int, deadline: Deadline) -> ChannelWire:
        """A stream to the engine. Raises ChannelRefusedError, TargetError."""
        ...


@dataclass(frozen=True)
class SocketRoute:
    """Straight to a unix socket of the host."""

    path: str

    @property
    def label(self) -> str:
        """The way as a responder reads it."""
        return f"socket {self.path}"

    @property
    def name(self) -> str:
        """The way in a word or two."""
        return self.label

    def open(self, link: Link, window: int, deadline: Deadline) -> ChannelWire:
        """A stream to the socket."""
        return ChannelWire(open_unix(link.transport, self.path, window, deadline))


@dataclass(frozen=True)
class CommandRoute:
    """Through a command of the host that joins its input and output to the engine's socket."""

    path: str
    argv: tuple[str, ...]

    @property
    def label(self) -> str:
        """The way as a responder reads it."""
        return " ".join(word for word in self.argv if not word.startswith(("-", "unix:", "UNIX-")))

    @property
    def name(self) -> str:
        """The way in a word or two."""
        return f"sudo {self.argv[2]}" if self.is_root else self.argv[0]

    @property
    def is_root(self) -> bool:
        """Whether it takes root by sudo."""
        return self.argv[0] == "sudo"

    def open(self, link: Link, window: int, deadline: Deadline) -> ChannelWire:
        """A stream to the command's input and output."""
        return open_command(link, self.argv, window, deadline)


def check_path(path: str) -> str:
    """A socket's path that may be part of a command. Raises UsageError."""
    if not _PLAIN_PATH.fullmatch(path):
        raise UsageError(f"{safe(path, 120)!r} is no plain path of a socket: letters, digits and /_.@+- only")
    return path


def routes(host: Host, user: str) -> Iterator[Route]:
    """The ways to try, best first. Raises UsageError for a socket that is no plain path."""
    sockets = (check_path(host.socket),) if host.socket else SOCKETS
    yield from (SocketRoute(path) for path in sockets)
    commands = [CommandRoute(path, argv) for path in sockets for argv in _commands(path, is_root=user == "root")]
    yield from sorted(commands, key=lambda route: host.sudo and not route.is_root)


def _commands(path: str, *, is_root: bool) -> Iterator[tuple[str, ...]]:
    # The socket is named: without it the command would follow the docker context of the account there.
    if "podman" in path:
        joins: Sequence[tuple[str, ...]] = (("podman", "--remote", "--url", f"unix:{path}", "system", "dial-stdio"),)
    else:
        joins = (("docker", "-H", f"unix://{path}", "system", "dial-stdio"),)
    joins = (*joins, ("socat", "-", f"UNIX-CONNECT:{path}"))
    yield from joins
    if not is_root:
        yield from (("sudo", "-n", *argv) for argv in joins)


def find_route(host: Host, link: Link, deadline: Deadline) -> Route:
    """The first way that an engine answers on.

    Raises UnreachableError that says why none does, TargetError where time is up.
    """
    reasons = _Reasons(link.settings.user)
    for route in routes(host, link.settings.user):
        if reasons.rule_out(route):
            continue
        opened: list[ChannelWire] = []
        try:
            EngineApi(partial(_opened, route, link, opened)).version(Part(deadline, PROBE))
        except ChannelRefusedError as error:
            reasons.add_refusal(route, error)
        except TargetError as error:
            if not link.is_well:
                raise TargetError("the SSH connection was lost", Refusal.LOST) from error
            reasons.add(route, error, opened)
            reasons.raise_if_over(deadline)
        else:
            return route
    raise reasons.error()


def _opened(route: Route, link: Link, opened: list[ChannelWire], deadline: Deadline) -> Channel:
    opened.append(route.open(link, _PROBE_WINDOW, deadline))
    return opened[-1]


class _Reasons:
    """Why the ways that were tried do not work, each told once."""

    def __init__(self, user: str) -> None:
        self._user = safe(user, 40)
        self._told: dict[str, list[Route]] = {}
        self._has_no_forwarding = self._has_no_commands = False
        self._hanging: set[str] = set()
        self._without_sudo: set[str] = set()

    def rule_out(self, route: Route) -> bool:
        """Whether it cannot work, by what is known already."""
        off = self._has_no_forwarding if isinstance(route, SocketRoute) else self._has_no_commands
        # Each refusal of sudo is in the host's log.
        is_refused = isinstance(route, CommandRoute) and route.is_root and route.path in self._without_sudo
        return off or is_refused or route.path in self._hanging

    def add_refusal(self, route: Route, error: ChannelRefusedError) -> None:
        """The host did not open a channel."""
        if isinstance(route, SocketRoute):
            self._has_no_forwarding = error.code in (PROHIBITED, UNKNOWN_KIND)
            self._tell(_CODES.get(error.code, "the host did not open a channel"), route)
        else:
            self._has_no_commands = True
            self._tell("the host runs no commands", route)

    def add(self, route: Route, error: TargetError, opened: list[ChannelWire]) -> None:
        """A channel was opened, and no engine answered on it."""
        if isinstance(error, CommandError):
            self._has_no_commands = True  # something else runs there, whatever is asked for
            return self._tell(error.reason, route)
        if error.kind is Refusal.TIMEOUT:
            return self._add_silence(route, is_open=bool(opened))
        said = last_words(opened[-1].channel) if opened else ""
        known = next((meaning for text, meaning in _KNOWN if text in said), "")
        if known.startswith("sudo "):
            self._without_sudo.add(route.path)
        return self._tell(known or said or error.reason, route)

    def _add_silence(self, route: Route, *, is_open: bool) -> None:
        if is_open or isinstance(route, SocketRoute):
            self._hanging.add(route.path)
            return self._tell(f"nothing answers within {PROBE:g} s", route)
        self._has_no_commands = True  # what is waited for comes before the command itself
        return self._tell(f"no command begins within {PROBE:g} s", route)

    def _tell(self, reason: str, route: Route) -> None:
        text = _cut(safe(reason.replace("{user}", self._user)), _REASON)
        self._told.setdefault(text, []).append(route)

    def raise_if_over(self, deadline: Deadline) -> None:
        """Raise TargetError where there is no time for another way."""
        try:
            deadline.remaining()
        except TargetError as error:
            raise (self.error() if error.kind is Refusal.TIMEOUT else error) from error

    def error(self) -> UnreachableError:
        """All of it in one line, what helps most first: as much as has room, in whole words."""
        parts, room = sorted(self._told.items(), key=_weight), _REASONS
        told: list[str] = []
        for reason, routes_ in parts:
            names = ", ".join(dict.fromkeys(route.name for route in routes_))
            text = f"{reason}: {names}" if reason == _ABSENT else f"{names}: {reason}"
            room -= len(text)
            if room < 0 and told:
                told.append(f"and {len(parts) - len(told)} more")
                break
            told.append(_cut(text, _REASONS))
        reason = f"{self._user} is logged in, and no engine answers: {'; '.join(told)}; {_ADVICE}"
        return UnreachableError(reason, HostState.NO_ENGINE)


def _weight(told: tuple[str, Sequence[Route]]) -> int:
    """What is missing on the host goes first; a command says more exactly than a socket why it does not work."""
    reason, routes_ = told
    return 0 if reason == _ABSENT else 1 if any(isinstance(route, CommandRoute) for route in routes_) else 2


def _cut(text: str, limit: int) -> str:
    """As many words of a text as have room, and a sign where there were more."""
    return text if len(text) <= limit else f"{text[:limit].rpartition(' ')[0] or text[:limit]}…"
