"""SSH public keys as they are sent and written: the types there are, what a blob of each holds, its fingerprint.

After RFC 4253 (6.6), RFC 5656, RFC 8709 and OpenSSH's PROTOCOL.u2f. Every length is bounded, and of the encodings of
a key only the one the RFCs allow is taken, so that equal keys are equal bytes. Whether the numbers make a key that can
be used is left to `ssh_signature`.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

BLOB_LIMIT: Final = 64 * 1024
"""Bytes that a key, certificate or signature may have."""
HOST_KEY_ALGORITHMS: Final = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""How a host may prove who it is with a plain key, best first."""
CERTIFICATE: Final = "-cert-v01@openssh.com"
"""What the algorithms and types of certificates end in."""
_OPENSSH: Final = "@openssh.com"
_NUMBER_LIMIT: Final = 16384 // 8 + 1
_NAME_LIMIT: Final = 64
_NAME: Final = re.compile(rb"[!-~]+")
_NEGATIVE: Final = 0x80


class KeyFormatError(Exception):
    """Bytes that are no key, certificate or signature: in one line, what is wrong with them."""


class Fields:
    """The fields of a blob, read first to last. Each raises KeyFormatError where there is no such field."""

    def __init__(self, data: bytes) -> None:
        if len(data) > BLOB_LIMIT:
            raise KeyFormatError(f"it is longer than {BLOB_LIMIT} bytes")
        self.data = data
        self.position = 0

    @property
    def left(self) -> int:
        """How many bytes were not read yet."""
        return len(self.data) - self.position

    def take(self, count: int) -> bytes:
        """So many bytes."""
        start = self.position
        self.position = end = start + count
        if end > len(self.data):
            raise KeyFormatError("it is cut short")
        return self.data[start:end]

    def whole(self, size: int) -> int:
        """A whole number of so many bytes."""
        return int.from_bytes(self.take(size), "big")

    def string(self, limit: int = BLOB_LIMIT) -> bytes:
        """A string of at most so many bytes."""
        size = self.whole(4)
        if size > limit:
            raise KeyFormatError("a field is too long")
        return self.take(size)

    def string_of(self, size: int) -> bytes:
        """A string of just so many bytes."""
        found = self.string(size)
        if len(found) != size:
            raise KeyFormatError("a field is too short")
        return found

    def name(self) -> str:
        """The name of a type, an algorithm or a curve."""
        found = self.string(_NAME_LIMIT)
        if not _NAME.fullmatch(found):
            raise KeyFormatError("it does not begin with the name of a type")
        return found.decode("ascii")

    def number(self) -> bytes:
        """A positive number in as few bytes as it needs."""
        found = self.string(_NUMBER_LIMIT)
        if not found or found[0] >= _NEGATIVE:
            raise KeyFormatError("a number is not positive")
        if not found[0] and (len(found) == 1 or found[1] < _NEGATIVE):
            raise KeyFormatError("a number has needless zeros")
        return found

    def end(self) -> None:
        """Nothing more."""
        if self.left:
            raise KeyFormatError(f"{self.left} bytes follow its end")


_Field = Callable[[Fields], bytes]


def _curve(name: str, fields: Fields) -> bytes:
    if fields.string(_NAME_LIMIT) != name.encode():
        raise KeyFormatError("its curve is not that of its type")
    return name.encode()


def _point(size: int, fields: Fields) -> bytes:
    found = fields.string_of(1 + 2 * size)
    if found[0] != 4:  # noqa: PLR2004 - both coordinates in full, the only form SSH has
        raise KeyFormatError("its point is not written in full")
    return found


def _on_curve(name: str, size: int) -> tuple[_Field, _Field]:
    return partial(_curve, name), partial(_point, size)


_ED25519: Final[_Field] = partial(Fields.string_of, size=32)
_APPLICATION: Final[_Field] = partial(Fields.string, limit=1024)
_TYPES: Final[dict[str, tuple[_Field, ...]]] = {
    "ssh-ed25519": (_ED25519,),
    "ecdsa-sha2-nistp256": _on_curve("nistp256", 32),
    "ecdsa-sha2-nistp384": _on_curve("nistp384", 48),
    "ecdsa-sha2-nistp521": _on_curve("nistp521", 66),
    "ssh-rsa": (Fields.number,) * 2,
    "ssh-dss": (Fields.number,) * 4,
    "sk-ssh-ed25519@openssh.com": (_ED25519, _APPLICATION),
    "sk-ecdsa-sha2-nistp256@openssh.com": (*_on_curve("nistp256", 32), _APPLICATION),
}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A plain public key: its type, what it is made of, and the bytes it was read from."""

    type: str
    fields: tuple[bytes, ...]
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it."""
        digest = hashlib.sha256(self.blob).digest()
        return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")


def read_key(key_type: str, fields: Fields) -> PublicKey:
    """The key of that type which the next fields make, as it would be sent by itself. Raises KeyFormatError."""
    wanted = _TYPES.get(key_type)
    if wanted is None:
        raise KeyFormatError("its type is not known")
    start = fields.position
    values = tuple(read(fields) for read in wanted)
    name = key_type.encode("ascii")
    blob = len(name).to_bytes(4, "big") + name + fields.data[start : fields.position]
    return PublicKey(key_type, values, blob)


def parse_public_key(blob: bytes) -> PublicKey:
    """The plain public key that is just these bytes. Raises KeyFormatError."""
    fields = Fields(blob)
    key = read_key(fields.name(), fields)
    fields.end()
    return key


def certificate_type(key_type: str) -> str:
    """The type of a certificate of a key of that type; for algorithms alike."""
    return key_type.removesuffix(_OPENSSH) + CERTIFICATE


CERTIFIED_TYPES: Final = {certificate_type(key_type): key_type for key_type in _TYPES}
"""The types of certificates, each with the type of the key inside."""


def type_of_algorithm(algorithm: str) -> str:
    """The type of the blob that goes with a host key algorithm: RSA keys are one type with several algorithms."""
    for rsa in ("rsa-sha2-512", "rsa-sha2-256"):
        if algorithm in (rsa, certificate_type(rsa)):
            return algorithm.replace(rsa, "ssh-rsa")
    return algorithm
