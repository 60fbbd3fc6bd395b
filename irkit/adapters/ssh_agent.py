"""The responder's SSH agent: the keys that it holds, which sign without leaving it."""

import contextlib
import socket
import struct
from typing import Any, Final, cast

import paramiko
from paramiko.agent import AgentKey, AgentSSH
from paramiko.pkey import PublicBlob

from irkit.core.errors import StorageError
from irkit.core.text import safe

_SECONDS: Final = 60.0
"""Seconds an agent may take to sign: it may ask its owner first."""
_KEYS: Final = 256
_LIST, _LISTED = b"\x0b", 12
_CERTIFICATE: Final = b"-cert-v01@openssh.com"
_FAILED: Final = (OSError, ValueError, TypeError, IndexError, struct.error, paramiko.SSHException)


class Agent(AgentSSH):
    """An agent at a socket; paramiko's knows the one of the environment only. Raises StorageError where none answers.

    `keys` are those that it holds, but for such as cannot be made sense of.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.keys: list[AgentKey] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(_SECONDS)
            self._socket.connect(path)
            self._conn = cast("Any", self._socket)
            self._list()
        except _FAILED as error:
            self._socket.close()
            raise StorageError(f"no agent answers at {safe(path, 200)}") from error

    def _list(self) -> None:
        kind, answer = cast("Any", self)._send_message(_LIST)
        if kind != _LISTED:
            raise paramiko.SSHException("it lists no keys")
        for _ in range(min(answer.get_int(), _KEYS)):
            blob, comment = answer.get_binary(), answer.get_binary().decode("utf-8", "replace")
            with contextlib.suppress(*_FAILED):
                key = AgentKey(cast("Any", self), blob, comment)
                # paramiko would offer the key in a certificate under the certificate's name.
                self.keys.append(with_blob(key, blob) if _CERTIFICATE in blob[:64] else key)

    def close(self) -> None:
        """Let go of it, also where another thread waits for it to sign."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def with_blob(key: AgentKey, blob: bytes) -> AgentKey:
    """The same key, shown with a certificate."""
    shown = AgentKey(key.agent, key.blob, key.comment)
    cast("Any", shown).public_blob = PublicBlob(paramiko.Message(blob).get_text(), blob)
    return shown
