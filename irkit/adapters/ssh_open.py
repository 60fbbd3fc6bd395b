"""Opening channels of an SSH connection: to a unix socket, to a port, to a command, or to a subsystem of the host.

Each wait is bounded by a deadline, and what is not waited for any more is closed. What a command may be is left to
`ssh_command`.
"""

from collections.abc import Callable
from typing import Any, Final, cast

import paramiko
from paramiko.common import cMSG_CHANNEL_OPEN, cMSG_CHANNEL_REQUEST

from irkit.adapters.ssh_channel import SshChannel
from irkit.adapters.ssh_deadline import rest
from irkit.adapters.ssh_refused import ChannelRefusedError
from irkit.adapters.ssh_transport import FAR_WINDOW, PACKET, STEP, SshTransport
from irkit.core.errors import TargetError
from irkit.core.ports import Deadline

_UNIX: Final = "direct-streamlocal@openssh.com"
_TCP: Final = "direct-tcpip"


def open_unix(transport: SshTransport, path: str, window: int, deadline: Deadline) -> SshChannel:
    """A channel to a unix socket of the host. Raises ChannelRefusedError, TargetError."""
    request = paramiko.Message()
    request.add_string(path)
    request.add_string("")
    request.add_int(0)
    return _open(transport, _UNIX, request.asbytes(), window, deadline)


def open_port(transport: SshTransport, host: str, port: int, deadline: Deadline) -> SshChannel:
    """A channel to a port that the host reaches. Raises ChannelRefusedError, TargetError."""
    request = paramiko.Message()
    request.add_string(host)
    request.add_int(port)
    request.add_string("127.0.0.1")
    request.add_int(0)
    return _open(transport, _TCP, request.asbytes(), FAR_WINDOW, deadline)


def open_exec(transport: SshTransport, command: str, window: int, deadline: Deadline) -> SshChannel:
    """A channel that a command runs on. Raises ChannelRefusedError, TargetError."""
    return _open_session(transport, "exec", command, window, deadline)


def open_subsystem(transport: SshTransport, name: str, window: int, deadline: Deadline) -> SshChannel:
    """A channel that a subsystem runs on. Raises ChannelRefusedError, TargetError."""
    return _open_session(transport, "subsystem", name, window, deadline)


def _open_session(transport: SshTransport, kind: str, text: str, window: int, deadline: Deadline) -> SshChannel:
    """A session with something that runs on it; where the host has no room for one, as soon as it has."""
    sessions = transport.sessions
    while True:
        sessions.take(deadline)
        try:
            channel = _open(transport, "session", b"", window, deadline, sessions.give_back)
        except ChannelRefusedError:
            pause = sessions.was_refused()
            if pause is None:
                raise
            rest(pause, deadline)
            continue
        sessions.was_granted()
        _request(transport, channel, kind, text, deadline)
        return channel


def _open(
    transport: SshTransport,
    kind: str,
    request: bytes,
    window: int,
    deadline: Deadline,
    when_closed: Callable[[], None] = lambda: None,
) -> SshChannel:
    transport.check_active()
    channel, answered = transport.add_channel(2 * window, window, when_closed)
    message = paramiko.Message()
    message.add_byte(cMSG_CHANNEL_OPEN)
    message.add_string(kind)
    message.add_int(channel.chanid)
    message.add_int(window)
    message.add_int(PACKET)
    message.add_bytes(request)
    try:
        transport.send(message)
        while not answered.wait(min(STEP, deadline.remaining())):
            transport.check_active()
        transport.check_active()
    except TargetError:
        transport.abandon(channel)
        raise
    if refusal := transport.take_refusal(channel):
        raise refusal
    return channel


def _request(transport: SshTransport, channel: SshChannel, kind: str, text: str, deadline: Deadline) -> None:
    """Ask for what is to run on a session."""
    inner = cast("Any", channel)
    message = paramiko.Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string(kind)
    message.add_boolean(True)
    message.add_string(text)
    inner._event_pending()
    try:
        transport.send(message)
        while not channel.event.wait(min(STEP, deadline.remaining())):
            transport.check_active()
        transport.check_active()
    except TargetError:
        channel.let_go()
        raise
    if not channel.event_ready:
        channel.let_go()
        raise ChannelRefusedError(0)
