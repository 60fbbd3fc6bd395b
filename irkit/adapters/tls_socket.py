"""A TLS connection that can be ended from another thread, and whose every end is told from a cut.

The standard library's socket drops its encryption when it is shut down: whoever reads at that moment would be given
ciphertext as if it were the engine's answer. It also takes a cut connection for a finished one.
"""

import contextlib
import socket
import ssl
import time
from typing import Any, Final

from irkit.core.errors import HostState, UnreachableError

_PIECE: Final = 256 * 1024
_LAST_WORDS: Final = 1.0
_SHORTEST: Final = 0.001
_ABOUT_US: Final = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "DECRYPT_ERROR")


def client_refused(error: BaseException, place: str, *, shown: bool) -> UnreachableError | None:
    """What an alert says where it is about our own certificate; `shown` is whether there was one to show."""
    reason = str(getattr(error, "reason", None) or "") if isinstance(error, ssl.SSLError) else ""
    if "ALERT" not in reason:
        return None
    is_about_us = any(word in reason for word in _ABOUT_US)
    if not is_about_us and (shown or "HANDSHAKE_FAILURE" not in reason):
        return None
    if not shown:
        text = f"{place} wants a client certificate: put cert.pem and key.pem into the folder of ca.pem"
    else:
        text = f"{place} does not accept the client certificate: is cert.pem from the engine's own CA, and not expired?"
    return UnreachableError(text, HostState.AUTH)


class TlsSocket(ssl.SSLSocket):
    """A connected TLS socket; `place` and `shows_certificate` are for messages and set once it is made."""

    place: str = "the engine"
    shows_certificate: bool = False
    _has_read: bool = False

    def shutdown(self, how: int) -> None:
        """End the connection for whoever waits on it, without dropping the encryption."""
        socket.socket.shutdown(self, how)

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """As a socket's. With TLS 1.3 the engine's refusal of our certificate comes with the first read.

        Raises UnreachableError, OSError.
        """
        try:
            count = super().recv_into(buffer, nbytes, flags)
        except ssl.SSLError as error:
            self._tell_refusal(error)
            raise
        self._has_read = True
        return count

    def sendall(self, data: Any, flags: int = 0) -> None:
        """As a socket's, all of it within one timeout. Raises UnreachableError, OSError."""
        del flags  # TLS has none
        seconds = self.gettimeout()
        end = time.monotonic() + seconds if seconds is not None else None
        with memoryview(data).cast("B") as view:
            sent = 0
            while sent < len(view):
                if end is not None:
                    self.settimeout(max(end - time.monotonic(), _SHORTEST))
                sent += self._send(view[sent : sent + _PIECE])

    def _send(self, piece: memoryview) -> int:
        try:
            return self.send(piece)
        except TimeoutError:
            raise
        except OSError:
            self._read_last_words()
            raise

    def _read_last_words(self) -> None:
        """An engine that refuses us may have ended the connection before we sent: what it said is still there."""
        if self._has_read:
            return
        with contextlib.suppress(OSError):
            self.settimeout(_LAST_WORDS)
            self.recv_into(bytearray(1))

    def _tell_refusal(self, error: ssl.SSLError) -> None:
        refused = None if self._has_read else client_refused(error, self.place, shown=self.shows_certificate)
        if refused is not None:
            raise refused from error
