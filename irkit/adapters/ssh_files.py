"""A channel that SFTP is spoken on: the subsystem of that name, or the server started as a command, as root by sudo.

The server is started read-only (`-R`) where irkit starts it. What is said over the channel is `sftp_files`' subject.
"""

import time
from collections.abc import Iterator
from typing import Final

from irkit.adapters.ssh_channel import ChannelWire, SshChannel
from irkit.adapters.ssh_command import CommandError, last_words, open_command
from irkit.adapters.ssh_link import Link
from irkit.adapters.ssh_open import open_subsystem
from irkit.adapters.ssh_refused import ChannelRefusedError
from irkit.adapters.ssh_transport import STEP
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline

SERVERS: Final = (
    "/usr/lib/openssh/sftp-server",  # Debian, Ubuntu
    "/usr/libexec/openssh/sftp-server",  # Fedora, Red Hat
    "/usr/lib/ssh/sftp-server",  # Arch, SUSE
    "/usr/libexec/sftp-server",  # Alpine, the BSDs
)
_WINDOW: Final = 8 << 20
_GRACE: Final = 0.3
"""Seconds in which a command that cannot work has ended, beside the time that a word takes to the host and back."""

_LAST_WORDS, _LOOK = 1.0, 0.01
"""Seconds that are waited for what a command says as it ends, and between two looks."""
_NOT_FOUND: Final = 127
"""What a shell ends with that did not find a command."""


def open_sftp(link: Link, deadline: Deadline, *, sudo: bool, round_trip: float = 0.0) -> ChannelWire:
    """A channel with an SFTP server at its end. Raises TargetError that says why there is none."""
    reasons: list[str] = []
    if not sudo:
        try:
            wire = ChannelWire(open_subsystem(link.transport, "sftp", _WINDOW, deadline))
            link.tally.command(("sftp subsystem of sshd",))
            return wire
        except ChannelRefusedError as error:
            if error.code:
                raise _without_server(["the host opens no session for it"]) from error
            reasons.append("the host has no sftp subsystem")
    for argv in _servers(sudo=sudo):
        try:
            return _opened(link, argv, deadline, _GRACE + 2 * round_trip)
        except ChannelRefusedError:
            reasons.append("it runs no commands")
            break
        except CommandError as error:
            reasons.append(error.said or "it runs no commands")
            break
        except TargetError as error:
            if error.kind not in (Refusal.ABSENT, Refusal.REFUSED):
                raise
            reasons.append(error.reason)
            if error.kind is Refusal.REFUSED:
                break
    raise _without_server(reasons)


def _without_server(reasons: list[str]) -> TargetError:
    text = "; ".join(dict.fromkeys(reasons))
    return TargetError(f"files of the host cannot be read: {text}", Refusal.UNSUPPORTED)


def _servers(*, sudo: bool) -> Iterator[tuple[str, ...]]:
    for path in SERVERS:
        yield ("sudo", "-n", path, "-R") if sudo else (path, "-R")


def _opened(link: Link, argv: tuple[str, ...], deadline: Deadline, grace: float) -> ChannelWire:
    """The server started as a command. It says nothing before it is asked: that it is there, only its silence tells."""
    wire = open_command(link, argv, _WINDOW, deadline)
    channel, end = wire.channel, time.monotonic() + grace
    try:
        while (left := end - time.monotonic()) > 0:
            if channel.status_event.wait(min(STEP, left, deadline.remaining())) or channel.eof_received:
                _wait_for_last_words(channel)
                link.transport.check_active()
                said = last_words(channel)
                missing = "not found" in said or "No such file" in said or channel.exit_status == _NOT_FOUND
                kind = Refusal.ABSENT if missing else Refusal.REFUSED
                raise TargetError("there is no SFTP server" if missing else said or f"{argv[-2]} ended at once", kind)
    except TargetError:
        wire.close()
        raise
    return wire


def _wait_for_last_words(channel: SshChannel) -> None:
    """What a command said may come after the word that it has ended."""
    end = time.monotonic() + _LAST_WORDS
    while not channel.closed and time.monotonic() < end:
        time.sleep(_LOOK)
