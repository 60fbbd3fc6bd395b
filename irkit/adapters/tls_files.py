"""A folder of certificates as docker keeps them (ca.pem, cert.pem, key.pem), made into what TLS needs.

Every file may be missing but not half: without ca.pem the system's own CAs count, without cert.pem and key.pem no
client certificate is shown. What is wrong with one is a line that names it.
"""

import os
import ssl
import stat
from pathlib import Path
from typing import Final

from irkit.core.errors import HostState, UnreachableError
from irkit.core.text import safe

_MOST_BYTES: Final = 1 << 20
_OTHERS: Final = stat.S_IROTH | stat.S_IWOTH


def client_context(folder: Path) -> tuple[ssl.SSLContext, bool]:
    """How to speak TLS (1.2 or later) to an engine whose identity is checked, and whether a certificate is shown.

    Raises UnreachableError.
    """
    if not folder.is_dir():
        raise _unusable(folder, "there is no such folder of certificates")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    authority = _read(folder / "ca.pem")
    if authority is None:
        context.load_default_certs()
    else:
        _trust(context, folder / "ca.pem", authority)
    return context, _add_certificate(context, folder / "cert.pem", folder / "key.pem")


def _trust(context: ssl.SSLContext, path: Path, content: bytes) -> None:
    try:
        context.load_verify_locations(cadata=content.decode("ascii", "ignore"))
    except (ssl.SSLError, ValueError) as error:
        raise _unusable(path, "it holds no certificate in PEM form") from error
    if not context.cert_store_stats()["x509"]:
        raise _unusable(path, "it holds no certificate in PEM form")


def _add_certificate(context: ssl.SSLContext, certificate: Path, key: Path) -> bool:
    has_certificate, has_key = _read(certificate) is not None, _read(key, is_secret=True) is not None
    if has_certificate != has_key:
        there, missing = (certificate, key) if has_certificate else (key, certificate)
        raise _unusable(there, f"{missing.name} is not beside it")
    if not has_key:
        return False
    was_asked: list[bool] = []

    def refuse() -> str:  # else OpenSSL would ask on the terminal itself
        was_asked.append(True)
        return ""

    try:
        context.load_cert_chain(certificate, key, refuse)
    except (OSError, ValueError) as error:
        raise _unusable(key, _why_no_key(error, encrypted=bool(was_asked))) from error
    return True


def _why_no_key(error: OSError | ValueError, *, encrypted: bool) -> str:
    if encrypted:
        return "it is encrypted: irkit, like docker, needs it without a passphrase"
    if "MISMATCH" in str(getattr(error, "reason", None) or ""):
        return "it is not the key of the cert.pem beside it"
    return "it and the cert.pem beside it cannot be used: they must be in PEM form"


def _read(path: Path, *, is_secret: bool = False) -> bytes | None:
    """The content; None where there is no such file. Raises UnreachableError."""
    try:
        # Not to wait for a pipe that nobody writes to.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_MOST_BYTES + 1) if stat.S_ISREG(mode) else None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, f"it cannot be read: {error.strerror}") from error
    if content is None or len(content) > _MOST_BYTES:
        raise _unusable(path, "it is no file of certificates")
    if is_secret and mode & _OTHERS:
        raise _unusable(path, "everybody on this machine can read it: chmod 600 it, and think about a new one")
    return content


def _unusable(path: Path, why: str) -> UnreachableError:
    return UnreachableError(f"{safe(path, 200)}: {why}", HostState.AUTH)
