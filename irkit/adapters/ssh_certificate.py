"""OpenSSH certificates, as OpenSSH's PROTOCOL.certkeys describes them, and what one says of a host.

Who may sign for which host is left to `known_hosts`.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from irkit.adapters.ssh_key_blob import (
    CERTIFIED_TYPES,
    HOST_KEY_ALGORITHMS,
    Fields,
    KeyFormatError,
    PublicKey,
    parse_public_key,
    read_key,
    type_of_algorithm,
)
from irkit.adapters.ssh_pattern import matches
from irkit.adapters.ssh_signature import check_signature
from irkit.core.text import safe

HOST: Final = 2
"""The kind of certificate that is for a host."""
_PRINCIPALS: Final = 256
_SHOWN: Final = 3
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOST_KEY_TYPES: Final = frozenset(map(type_of_algorithm, HOST_KEY_ALGORITHMS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a certificate holds, believed of nobody yet. Times are seconds since 1970."""

    type: str
    key: PublicKey
    serial: int
    kind: int
    key_id: bytes
    principals: tuple[bytes, ...]
    valid_after: int
    valid_before: int
    critical_options: tuple[bytes, ...]
    authority: PublicKey
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def check_signature(self) -> None:
        """Nothing, if its authority signed it. Raises KeyFormatError."""
        check_signature(self.authority, self.signature, self.signed)

    def refusal(self, name: str, now: datetime) -> str:
        """Why it does not show that a host has that name now, in one line; empty where it does.

        `*` and `?` in its principals are patterns, and one without principals is for no host: as in OpenSSH since
        10.3. Its signature and authority are left to others.
        """
        if self.key.type not in _HOST_KEY_TYPES:
            return f"it is for a key of type {self.key.type}, which is not accepted of hosts"
        if self.kind != HOST:
            return "it is not for a host but for logging in"
        if self.critical_options:
            return f"it has options that are not known here ({_shown(self.critical_options)})"
        wanted = name.encode("utf-8", "backslashreplace").lower()
        if not any(matches(wanted, principal) for principal in self.principals):
            return f"it is for {_shown(self.principals) or 'no host'}, not for {safe(name, 200)}"
        return self._refusal_of_time(now)

    def _refusal_of_time(self, now: datetime) -> str:
        seconds = (now - _EPOCH) // timedelta(seconds=1)
        if seconds < self.valid_after:
            return f"it is not valid before {_time(self.valid_after)}"
        if seconds >= self.valid_before:
            return f"it expired at {_time(self.valid_before)}"
        return ""


def _shown(names: tuple[bytes, ...]) -> str:
    some = ", ".join(safe(name.decode("utf-8", "replace"), 100) for name in names[:_SHOWN])
    left = len(names) - _SHOWN
    return f"{some} and {left} more" if left > 0 else some


def _time(seconds: int) -> str:
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"{seconds} seconds after 1970"


def parse_certificate(blob: bytes) -> Certificate:
    """The certificate that is just these bytes; its signature is not checked. Raises KeyFormatError."""
    fields = Fields(blob)
    certificate_type = fields.name()
    key_type = CERTIFIED_TYPES.get(certificate_type)
    if key_type is None:
        raise KeyFormatError("its type is not that of a certificate")
    fields.string()  # a nonce, that two certificates never be the same
    certificate = _read_rest(certificate_type, read_key(key_type, fields), fields)
    fields.end()
    return certificate


def _read_rest(certificate_type: str, key: PublicKey, fields: Fields) -> Certificate:
    serial, kind, key_id = fields.whole(8), fields.whole(4), fields.string()
    principals = _read_principals(fields.string())
    valid_after, valid_before = fields.whole(8), fields.whole(8)
    critical_options = _read_options(fields.string())
    _read_options(fields.string())  # extensions: for logging in
    fields.string()  # reserved
    authority = parse_public_key(fields.string())
    signed = fields.data[: fields.position]
    return Certificate(
        type=certificate_type,
        key=key,
        serial=serial,
        kind=kind,
        key_id=key_id,
        principals=principals,
        valid_after=valid_after,
        valid_before=valid_before,
        critical_options=critical_options,
        authority=authority,
        signed=signed,
        signature=fields.string(),
    )


def _read_principals(packed: bytes) -> tuple[bytes, ...]:
    fields = Fields(packed)
    found: list[bytes] = []
    while fields.left:
        name = fields.string()
        # A name that ends early for OpenSSH must not be another one here.
        if b"\0" in name or len(found) == _PRINCIPALS:
            raise KeyFormatError("its list of names is not one")
        found.append(name)
    return tuple(found)


def _read_options(packed: bytes) -> tuple[bytes, ...]:
    fields = Fields(packed)
    found: list[bytes] = []
    while fields.left:
        found.append(fields.string())
        fields.string()
    return tuple(found)


def parse_host_key(blob: bytes) -> tuple[PublicKey, Certificate | None]:
    """The plain key that a host showed, and the certificate it came in, if it did. Raises KeyFormatError."""
    if Fields(blob).name() in CERTIFIED_TYPES:
        certificate = parse_certificate(blob)
        return certificate.key, certificate
    return parse_public_key(blob), None
