"""Connections to an engine over TCP: with TLS and its certificate checked, or without and then to this machine only.

There is no way to leave the check out. Every wait ends with the deadline, and every failure is one line that says what
to do. The folder of certificates is `tls_files`', HTTP over the connection `engine_http`'s.
"""

import errno
import ipaddress
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

from irkit.adapters.engine_wire import Dial
from irkit.adapters.host_address import PLAIN_PORT, TLS_PORT, Endpoint, refuse_open_tcp
from irkit.adapters.name_lookup import look_up
from irkit.adapters.tls_files import client_context
from irkit.adapters.tls_socket import TlsSocket, client_refused
from irkit.core.errors import HostState, TargetError, UnreachableError, UsageError
from irkit.core.host import Host
from irkit.core.ports import Deadline
from irkit.core.text import safe

_NO_ISSUER: Final = "is not from the CA in ca.pem (or, where there is no such file, from none that this system knows)"
_OTHER_NAME: Final = "is for another name: use the name that it is for as the address"
_UNTRUSTED: Final[Mapping[int, str]] = {  # by OpenSSL's X509_V_ERR_...
    **dict.fromkeys((2, 18, 19, 20, 21), _NO_ISSUER),
    **dict.fromkeys((62, 64), _OTHER_NAME),
    9: "is not valid yet: is this machine's clock right?",
    10: "has expired: have it renewed",
    23: "was revoked",
    26: "is not one for servers",
}


def dial_tcp(host: Host) -> Dial:
    """How to connect to the engine of a host that is reached by TCP.

    A connection fails with UnreachableError where the certificate is not the one of that name, from that CA, and where
    there is to be no TLS and the address is not this machine.
    """
    address, port = host.address or host.name, host.port or (TLS_PORT if host.tls else PLAIN_PORT)
    contexts: list[tuple[ssl.SSLContext, bool]] = []

    def dial(deadline: Deadline) -> socket.socket:
        if not host.tls:
            return _connect(address, port, deadline, only_here=True)
        if not contexts:
            contexts.append(client_context(Path(host.tls)))
        context, shows_certificate = contexts[0]
        connected = _connect(address, port, deadline, only_here=False)
        return _secure(connected, context, Endpoint("", address, port), deadline, shown=shows_certificate)

    return dial


def _connect(host: str, port: int, deadline: Deadline, *, only_here: bool) -> socket.socket:
    """A TCP connection to the first address that takes one; `only_here` refuses those of other machines."""
    place = safe(Endpoint("", host, port).text, 100)
    reason = "has no address"
    for family, kind, protocol, _, address in look_up(host, port, deadline):
        if only_here and not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
            raise _open_tcp(host)
        wire = socket.socket(family, kind, protocol)
        try:
            with _ended_on_cancel(wire, deadline):
                wire.settimeout(deadline.remaining())
                wire.connect(address)
        except OSError as error:
            wire.close()
            deadline.remaining()  # says so where the whole time is up, or the run was told to stop
            reason = _why_not(error)
        except TargetError:
            wire.close()
            raise
        else:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return wire
    raise UnreachableError(f"{place} {reason}")


def _open_tcp(host: str) -> UnreachableError:
    try:
        refuse_open_tcp(host, "")
    except UsageError as error:
        return UnreachableError(str(error))
    return UnreachableError(f"{safe(host, 100)} is not this machine, and without TLS irkit talks to no other")


@contextmanager
def _ended_on_cancel(wire: socket.socket, deadline: Deadline) -> Iterator[None]:
    def end() -> None:
        try:
            socket.socket.shutdown(wire, socket.SHUT_RDWR)
        except OSError:
            return  # it had not begun, or had ended already

    forget = deadline.on_cancel(end)
    try:
        yield
    finally:
        forget()


def _why_not(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "does not answer"
    match error.errno:
        case errno.ECONNREFUSED:
            return "refuses the connection: no engine listens there"
        case errno.EHOSTUNREACH | errno.ENETUNREACH:
            return "cannot be reached: there is no way to it"
        case _:
            return f"cannot be reached: {safe(error.strerror or error, 100)}"


# TLS -------------------------------------------------------------------------------------------------------------


def _secure(
    connected: socket.socket, context: ssl.SSLContext, endpoint: Endpoint, deadline: Deadline, *, shown: bool
) -> socket.socket:
    """The same connection with TLS. Closes it where that fails. Raises UnreachableError, TargetError."""
    place = safe(endpoint.text, 100)
    wire = connected
    try:
        wire = secured = _wrap(connected, context, endpoint.host)
        secured.place, secured.shows_certificate = place, shown
        with _ended_on_cancel(secured, deadline):
            secured.settimeout(deadline.remaining())
            secured.do_handshake()
    except TargetError:
        wire.close()
        raise
    except (OSError, ValueError) as error:
        wire.close()
        deadline.remaining()
        raise client_refused(error, place, shown=shown) or _why_insecure(error, place) from error
    return secured


def _wrap(connected: socket.socket, context: ssl.SSLContext, name: str) -> TlsSocket:
    """TLS on top of it, the handshake still to be made. Raises OSError, ValueError."""
    context.sslsocket_class = TlsSocket
    wrapped = context.wrap_socket(
        connected, server_hostname=name, do_handshake_on_connect=False, suppress_ragged_eofs=False
    )
    return cast(TlsSocket, wrapped)


def _why_insecure(error: OSError | ValueError, place: str) -> UnreachableError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return UnreachableError(f"{place} {_why_untrusted(error)}", HostState.KEY_UNKNOWN)
    if isinstance(error, TimeoutError):
        return UnreachableError(f"{place} took the connection and does not answer: it may hang, or speak no TLS")
    reason = str(getattr(error, "reason", None) or "")
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return UnreachableError(
            f"{place} speaks no TLS (docker's port with TLS is {TLS_PORT} as a rule)", HostState.NO_ENGINE
        )
    if "PROTOCOL" in reason:
        return UnreachableError(f"{place} speaks no TLS as new as 1.2", HostState.NO_ENGINE)
    if isinstance(error, ssl.SSLEOFError | ConnectionError):
        return UnreachableError(f"{place} ended the connection before TLS was set up", HostState.NO_ENGINE)
    return UnreachableError(f"{place}: no TLS: {safe(reason or error, 100)}", HostState.NO_ENGINE)


def _why_untrusted(error: ssl.SSLCertVerificationError) -> str:
    known = _UNTRUSTED.get(error.verify_code)
    return f"shows a certificate that {known or f'cannot be trusted: {safe(error.verify_message, 100)}'}"
