"""One SSH connection to a host: the way there, over hops where it takes some, the host's identity, and the login.

Whether a host key is accepted is `ssh_host_key`'s subject, how the responder logs in `ssh_auth`'s. What goes over the
connection is left to others.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import paramiko

from irkit.adapters.known_hosts import fingerprint
from irkit.adapters.ssh_auth import Login, LoginEndedError
from irkit.adapters.ssh_config import SshSettings, proxy_argv
from irkit.adapters.ssh_cut import CutError, is_end, why_cut
from irkit.adapters.ssh_deadline import Part
from irkit.adapters.ssh_host_key import PORT, Identity, place_of
from irkit.adapters.ssh_open import open_port
from irkit.adapters.ssh_packets import Stream
from irkit.adapters.ssh_refused import PROHIBITED, ChannelRefusedError
from irkit.adapters.ssh_stream import CommandStream, open_tcp
from irkit.adapters.ssh_transport import STEP, CheckKey, HostKeyRefusedError, SshTransport
from irkit.adapters.ssh_way import Ways, settings_of
from irkit.adapters.tally import Tally
from irkit.core.errors import HostState, Refusal, TargetError, UnreachableError
from irkit.core.host import Host
from irkit.core.ports import Deadline
from irkit.core.text import safe

__all__ = ["Link", "Ways", "connect", "connect_hops", "open_transport", "place_of", "settings_of", "stream_to"]

CONNECT_TIME = 15.0
"""Seconds that one hop may take to answer, and to exchange keys, where the responder's configuration does not say."""
_NEVER: Final = 3600.0


class NoCommonKeyError(UnreachableError):
    """The host has no key of the types that were asked for."""


class EarlyEndError(CutError):
    """The host took the connection and ended it before it said who it is, as it does where it has too many."""


@dataclass
class Link:
    """A connection that the responder is logged in on, with the hops that it goes over."""

    settings: SshSettings
    transport: SshTransport
    hops: list[SshTransport]
    notes: tuple[str, ...] = ()
    keys: Mapping[str, bytes] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)

    @property
    def host_key(self) -> bytes:
        """The host's key as it was sent: a certificate where it showed one."""
        return self.transport.host_key_blob

    @property
    def fingerprint(self) -> str:
        """The host's key as people compare it."""
        return fingerprint(self.host_key)

    @property
    def is_well(self) -> bool:
        """Whether it is worth using."""
        return all(one.is_alive_and_well for one in (*self.hops, self.transport))

    @property
    def refusal(self) -> UnreachableError | None:
        """Why a key was refused that was shown later on, at the host or at a hop."""
        return next(filter(None, (one.refusal for one in (*self.hops, self.transport))), None)

    def end(self) -> None:
        """Close it and its hops, waiting for nobody."""
        _end((*self.hops, self.transport))


def connect(host: Host, ways: Ways, deadline: Deadline, pinned: Mapping[str, bytes] | None = None) -> Link:
    """A connection to a host. `pinned` are keys by place that must not have changed.

    Raises UnreachableError, TargetError, UsageError.
    """
    way = settings_of(host, ways)
    try:
        return _connect(host, way, ways, deadline, pinned or {})
    except LoginEndedError as error:
        if not error.after_asking:
            raise
    # The host waits for a login for two minutes as a rule; by now what was asked for is known.
    return _connect(host, way, ways, deadline, pinned or {})


def _connect(
    host: Host, way: Sequence[SshSettings], ways: Ways, deadline: Deadline, pinned: Mapping[str, bytes]
) -> Link:
    made: list[SshTransport] = []
    notes: list[str] = [note for settings in way for note in settings.notes]
    with _ended_on_failure(made):
        for settings in way:
            is_hop = settings is not way[-1]
            with _told_apart(host, settings, is_hop=is_hop):
                notes += _log_in(settings, made, ways, deadline, pinned, host, is_hop=is_hop)
    keys = {place_of(settings): one.host_key_blob for settings, one in zip(way, made, strict=True)}
    return Link(way[-1], made[-1], made[:-1], tuple(dict.fromkeys(notes)), keys)


def connect_hops(
    host: Host, way: Sequence[SshSettings], ways: Ways, deadline: Deadline
) -> tuple[list[SshTransport], SshSettings]:
    """Connections to the hops before a host, as far as their keys are known, and the place that comes after them.

    That is the first hop with an unknown key, else the host. Raises UnreachableError, TargetError, UsageError.
    """
    made: list[SshTransport] = []
    with _ended_on_failure(made):
        for settings in way[:-1]:
            try:
                with _told_apart(host, settings, is_hop=True):
                    _log_in(settings, made, ways, deadline, {}, host, is_hop=True)
            except UnreachableError as error:
                if error.state is not HostState.KEY_UNKNOWN:
                    raise
                return made, settings
    return made, way[-1]


def _log_in(
    settings: SshSettings,
    made: list[SshTransport],
    ways: Ways,
    deadline: Deadline,
    pinned: Mapping[str, bytes],
    host: Host,
    *,
    is_hop: bool,
) -> Sequence[str]:
    """One connection more, over those made before it; it joins them as soon as it is one. What is to be noted."""
    place = place_of(settings)
    identity = Identity.of(settings, pinned.get(place, b""), host.name)
    name = settings.alias if is_hop else host.name
    stream = stream_to(settings, made, ways, deadline)
    transport = open_transport(stream, settings, identity.order, identity.refusal, deadline)
    made.append(transport)
    where, over = f"{settings.user}@{place}", " ".join(one.host_key_blob.hex() for one in made[:-1])
    login = Login(transport, settings, ways.secrets, ways.environment, where, deadline, name, over)
    login.run()
    transport.watch()
    return (*identity.known.notes, *login.notes)


def _end(made: Sequence[SshTransport]) -> None:
    for one in reversed(made):
        one.end()


@contextmanager
def _ended_on_failure(made: Sequence[SshTransport]) -> Iterator[None]:
    done = False
    try:
        yield
        done = True
    finally:
        if not done:
            _end(made)


@contextmanager
def _told_apart(host: Host, settings: SshSettings, *, is_hop: bool) -> Iterator[None]:
    """Say of what fails at a hop that it is the hop that failed, and not the host; and name a host that was cut off."""
    try:
        yield
    except UnreachableError as error:
        name: str = safe(host.name, 100)
        if is_hop:
            name = f"the hop {safe(place_of(settings), 100)} on the way to {name}"
        if is_hop or (isinstance(error, CutError) and not error.reason.startswith((f"{name} ", f"{name}:"))):
            error.reason = f"{name}: {error.reason}"
            error.args = (error.reason,)
        raise


def _seconds(settings: SshSettings) -> float:
    """Seconds for a connection, and as many again for the key exchange on it."""
    return settings.connect_timeout or CONNECT_TIME


def stream_to(settings: SshSettings, before: Sequence[SshTransport], ways: Ways, deadline: Deadline) -> Stream:
    """What the connection is to run over: a channel of the hop before, a command, or a TCP connection.

    Raises UnreachableError, TargetError, UsageError.
    """
    if before:
        return _stream_over(before[-1], settings, Part(deadline, _seconds(settings)))
    if settings.proxy_command:
        return CommandStream(proxy_argv(settings), ways.environment)
    return open_tcp(settings.host_name, settings.port or PORT, _seconds(settings), deadline)


def _stream_over(hop: SshTransport, settings: SshSettings, part: Part) -> Stream:
    """A channel of a hop, which itself would wait for minutes for a host that does not answer."""
    try:
        return open_port(hop, settings.host_name, settings.port or PORT, part)
    except ChannelRefusedError as error:
        raise UnreachableError(_why_not_on(settings, error)) from error
    except TargetError as error:
        place = safe(place_of(settings), 100)
        if error.kind is Refusal.LOST:
            raise CutError(f"the connection to the hop before {place} was cut") from error
        if not part.is_over:
            raise
        raise UnreachableError(f"{place} does not answer the hop before it") from error


def open_transport(
    stream: Stream, settings: SshSettings, order: Sequence[str], check: CheckKey, deadline: Deadline
) -> SshTransport:
    """An SSH connection, nobody logged in yet. Raises UnreachableError, whatever the other side sends; TargetError."""
    place, part = safe(place_of(settings), 100), Part(deadline, _seconds(settings))
    transport, ready = SshTransport(stream, order, check), threading.Event()
    transport.banner_timeout = transport.handshake_timeout = _NEVER  # it is here that the time is kept
    with _ended_on_failure([transport]):
        transport.start_client(event=ready)
        try:
            while not ready.wait(min(STEP, part.remaining())) and transport.is_active():
                pass
        except TargetError as error:
            if not part.is_over:
                raise
            raise UnreachableError(f"{place} does not end the handshake within {part.seconds:g} s") from error
        if not transport.is_active() or not transport.initial_kex_done:
            raise _failure(transport, stream, place)
    return transport


def _failure(transport: SshTransport, stream: Stream, place: str) -> UnreachableError:
    """Why the handshake failed."""
    error = transport.get_exception()
    if isinstance(error, HostKeyRefusedError):
        return error.error
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        kind = NoCommonKeyError if "host key" in str(error) else UnreachableError
        return kind(f"{place} shares no algorithm with irkit: {safe(error, 200)}")
    said = safe(transport.packets.said, 150)
    if isinstance(stream, CommandStream):
        said = safe(stream.last_words(), 150) or said
    why = f": {said}" if said else ""
    if not transport.remote_version and is_end(error):
        return _early_end(place, why, is_command=isinstance(stream, CommandStream))
    if not transport.remote_version:
        return UnreachableError(f"{place} does not speak SSH{why}")
    if not transport.farewell and is_end(error):
        return CutError(f"the connection was cut during the key exchange: {why_cut(error)} ({place})")
    return UnreachableError(f"{place} does not speak SSH as it should: {safe(transport.farewell or error, 200)}")


def _early_end(place: str, why: str, *, is_command: bool) -> EarlyEndError:
    """What a connection means that ended before the host's greeting."""
    if is_command:
        return EarlyEndError(f"the ProxyCommand ended before any SSH server answered at {place}{why}")
    reason = f"{place} ended the connection before any SSH server answered{why}"
    if "MaxStartups" in why:
        return EarlyEndError(reason)
    # sshd 9.8 and later refuses an address for up to ten minutes.
    return EarlyEndError(f"{reason}; it may refuse this address for a while, after failed logins or too many at once")


def _why_not_on(settings: SshSettings, error: ChannelRefusedError) -> str:
    place = safe(place_of(settings), 100)
    if error.code == PROHIBITED:
        return f"the hop before {place} does not let connections go on (AllowTcpForwarding)"
    return f"the hop before {place} cannot reach it"
