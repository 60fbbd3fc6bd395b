"""Whether a signature was made with an SSH key, over which bytes.

Only what OpenSSH's CASignatureAlgorithms allows by default is accepted: no SHA-1, no DSA. Keys of hardware tokens sign
as OpenSSH's PROTOCOL.u2f says.
"""

import hashlib
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from irkit.adapters.ssh_key_blob import Fields, KeyFormatError, PublicKey

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "rsa-sha2-256": hashes.SHA256(),
    "rsa-sha2-512": hashes.SHA512(),
    "nistp256": hashes.SHA256(),
    "nistp384": hashes.SHA384(),
    "nistp521": hashes.SHA512(),
}
_CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "nistp256": ec.SECP256R1(),
    "nistp384": ec.SECP384R1(),
    "nistp521": ec.SECP521R1(),
}
_RSA_BITS: Final = range(1024, 16384 + 1)
_HARDWARE: Final = "sk-"


def check_signature(key: PublicKey, signature: bytes, data: bytes) -> None:
    """Nothing, if that is the key's signature of the data. Raises KeyFormatError."""
    fields = Fields(signature)
    algorithm = fields.name()
    _check_algorithm(key.type, algorithm)
    raw = fields.string()
    message = _message_of_token(key, fields, data) if key.type.startswith(_HARDWARE) else data
    fields.end()
    try:
        _verify(key, algorithm, raw, message)
    except InvalidSignature:
        raise KeyFormatError("its signature is wrong") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFormatError("it is signed with a key that cannot be used") from None


def _check_algorithm(key_type: str, algorithm: str) -> None:
    if algorithm in ("ssh-rsa", "ssh-dss"):
        raise KeyFormatError(f"it is signed with SHA-1 ({algorithm}), which can be forged")
    allowed = ("rsa-sha2-256", "rsa-sha2-512") if key_type == "ssh-rsa" else (key_type,)
    if algorithm not in allowed:
        raise KeyFormatError("its signature is of another type than the key it is said to be made with")


def _message_of_token(key: PublicKey, fields: Fields, data: bytes) -> bytes:
    """What a hardware token signs in place of the data: that too, with what is said of the token."""
    state = fields.take(1 + 4)  # flags, and how often the token signed
    application = key.fields[-1]
    return hashlib.sha256(application).digest() + state + hashlib.sha256(data).digest()


def _verify(key: PublicKey, algorithm: str, raw: bytes, message: bytes) -> None:
    """Raises InvalidSignature, and ValueError or UnsupportedAlgorithm where the numbers make no key."""
    if key.type == "ssh-rsa":
        _verify_rsa(key, raw, message, _HASHES[algorithm])
    elif "ed25519" in key.type:
        ed25519.Ed25519PublicKey.from_public_bytes(key.fields[0]).verify(raw, message)
    else:
        _verify_ecdsa(key, raw, message)


def _verify_rsa(key: PublicKey, raw: bytes, message: bytes, digest: hashes.HashAlgorithm) -> None:
    exponent, modulus = (int.from_bytes(field, "big") for field in key.fields)
    if modulus.bit_length() not in _RSA_BITS:
        raise ValueError("an RSA key that is too short or too long")
    public = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    # Some signers leave out leading zeros; OpenSSH puts them back too.
    padded = raw.rjust((public.key_size + 7) // 8, b"\0")
    public.verify(padded, message, padding.PKCS1v15(), digest)


def _verify_ecdsa(key: PublicKey, raw: bytes, message: bytes) -> None:
    curve = key.fields[0].decode("ascii")
    public = ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[curve], key.fields[1])
    numbers = Fields(raw)
    pair = int.from_bytes(numbers.number(), "big"), int.from_bytes(numbers.number(), "big")
    numbers.end()
    public.verify(utils.encode_dss_signature(*pair), message, ec.ECDSA(_HASHES[curve]))
