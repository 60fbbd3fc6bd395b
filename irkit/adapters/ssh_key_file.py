"""Files of keys: private ones, with a passphrase or without, and the public halves beside or inside them."""

import base64
import binascii
import io
import os
from pathlib import Path
from typing import Any, Final, cast

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from irkit.adapters.ssh_key_blob import Fields, KeyFormatError
from irkit.core.errors import StorageError

_KEY_BYTES: Final = 64 * 1024
_OTHERS: Final = 0o077
_MAGIC: Final = b"openssh-key-v1\x00"
_BEGIN, _END = "-----BEGIN OPENSSH PRIVATE KEY-----", "-----END OPENSSH PRIVATE KEY-----"
_UNREADABLE: Final = (ValueError, TypeError, UnsupportedAlgorithm, paramiko.SSHException)
_KINDS: Final[tuple[tuple[Any, Any], ...]] = (
    (Ed25519PrivateKey, paramiko.Ed25519Key),
    (RSAPrivateKey, paramiko.RSAKey),
    (EllipticCurvePrivateKey, paramiko.ECDSAKey),
)


class EncryptedKeyError(Exception):
    """A key file that needs a passphrase, or another one."""


def read_key(path: Path, passphrase: str | None) -> paramiko.PKey:
    """The private key in a file. Raises EncryptedKeyError, StorageError."""
    content = _read(path)
    loaded: Any = _load(path, content, passphrase)
    kind = next((made for known, made in _KINDS if isinstance(loaded, known)), None)
    if kind is None:
        raise StorageError(f"{path} is a key of a kind that is not supported here: an agent may hold it")
    plain = loaded.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    try:
        return cast("paramiko.PKey", kind.from_private_key(io.StringIO(plain.decode("ascii"))))
    except _UNREADABLE as error:
        raise StorageError(f"{path} is no private key that can be read") from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            content = file.read(_KEY_BYTES)
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    if found.st_uid == os.getuid() and found.st_mode & _OTHERS:
        raise StorageError(f"{path} can be read by others, so it is not used: chmod 600 {path}")
    return content


def _load(path: Path, content: bytes, passphrase: str | None) -> object:
    """What kind of key it is. Raises EncryptedKeyError, StorageError."""
    secret = None if passphrase is None else passphrase.encode("utf-8", "surrogateescape")
    for load in (serialization.load_ssh_private_key, serialization.load_pem_private_key):
        try:
            return load(content, secret)
        except TypeError as error:  # a passphrase that is missing
            if secret is None:
                raise EncryptedKeyError from error
        except (ValueError, UnsupportedAlgorithm):
            continue
    if secret is not None:
        raise EncryptedKeyError
    raise StorageError(f"{path} is no private key that can be read here: an agent may hold it")


def read_public(path: Path) -> bytes:
    """The public half of a key: in its own file, beside the private one or inside it; empty where there is none."""
    name = path.name
    places = (path,) if name.endswith(".pub") else (path.with_name(name + ".pub"), path)
    return next(filter(None, map(_public_in, places)), b"")


def _public_in(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(_KEY_BYTES).decode("ascii", "replace")
    except OSError:
        return b""
    try:
        if text.startswith(_BEGIN):
            return _inner(base64.b64decode(text.removeprefix(_BEGIN).partition(_END)[0]))
        kind, encoded = text.split()[:2]
        blob = base64.b64decode(encoded, validate=True)
        return blob if Fields(blob).string().decode() == kind else b""
    except (ValueError, binascii.Error, KeyFormatError):
        return b""


def _inner(content: bytes) -> bytes:
    """The public half that stands in front of the private one. Raises KeyFormatError."""
    fields = Fields(content)
    if fields.take(len(_MAGIC)) != _MAGIC:
        return b""
    for _ in ("the cipher", "the derivation of its key", "options of that"):
        fields.string()
    fields.take(4)  # how many keys there are: one
    return fields.string()
