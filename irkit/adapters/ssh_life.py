"""Whether the other end of an SSH connection is there: it is asked for signs of life, and lost where none comes."""

import time
from collections.abc import Callable

import paramiko
from paramiko.common import cMSG_GLOBAL_REQUEST

from irkit.adapters.ssh_packets import Packets

KEEP_ALIVE = 5.0
"""Seconds of silence after which the host is asked for a sign of life."""
DEAD = 20.0
"""Seconds without any sign of life after which a connection counts as lost."""


class Life:
    """The signs of life of one connection. `send` sends a message and waits for nothing; `end` ends the connection."""

    def __init__(self, packets: Packets, send: Callable[[paramiko.Message], None], end: Callable[[], None]) -> None:
        self._packets, self._send, self._end = packets, send, end
        self._asked_at = 0.0

    def look(self) -> None:
        """On the connection's own thread, several times a second while nothing comes."""
        if self.is_silent:
            self._end()
        elif self.silence > KEEP_ALIVE and self._asked_at <= self._packets.heard_at:
            self.ask()

    def ask(self) -> None:
        """Ask for a sign of life, which any host answers, if only with no."""
        message = paramiko.Message()
        message.add_byte(cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)
        if self._asked_at <= self._packets.heard_at:
            self._asked_at = time.monotonic()
        try:
            self._send(message)
        except (OSError, EOFError, paramiko.SSHException):
            self._end()

    @property
    def silence(self) -> float:
        """Seconds since anything came."""
        return time.monotonic() - self._packets.heard_at

    @property
    def is_silent(self) -> bool:
        """Whether the host counts as lost: it was asked long ago, and nothing came for longer.

        That it was asked matters where this process stood still meanwhile.
        """
        return self.silence > DEAD and self._packets.heard_at < self._asked_at < time.monotonic() - DEAD / 2

    @property
    def is_dead(self) -> bool:
        """Whether sending is in vain: it is silent, or has taken nothing for as long."""
        return self.is_silent or self._packets.stuck > DEAD
