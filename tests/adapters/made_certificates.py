"""A certificate authority for a test, and what it signs: made in memory, written as docker keeps it."""

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self, passphrase: bytes = b"") -> bytes:
        lock = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)

    def write(self, folder: Path, mode: int = 0o600) -> Path:
        """As cert.pem and key.pem into a folder."""
        folder.mkdir(exist_ok=True)
        (folder / "cert.pem").write_bytes(self.certificate_pem)
        (folder / "key.pem").write_bytes(self.key_pem())
        (folder / "key.pem").chmod(mode)
        return folder


@dataclass(frozen=True)
class Authority:
    """Somebody who signs certificates."""

    name: str = "lab CA"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def certificate(self) -> x509.Certificate:
        builder = _builder(self.name, self.name, self.key, timedelta(0), 30 * DAY)
        usage = x509.KeyUsage(*(one in (5, 6) for one in range(9)))  # signs certificates, and lists of revoked ones
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        return builder.add_extension(usage, critical=True).sign(self.key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate().public_bytes(serialization.Encoding.PEM)

    def write(self, folder: Path) -> Path:
        """As ca.pem into a folder."""
        folder.mkdir(exist_ok=True)
        (folder / "ca.pem").write_bytes(self.pem)
        return folder

    def sign(
        self, *names: str, client: bool = False, begin: timedelta = timedelta(0), end: timedelta = 10 * DAY
    ) -> Made:
        """A certificate for these names and addresses, valid from `begin` to `end` as seen from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = _builder("lab", self.name, key, begin, end)
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(one) for one in names]), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return Made(builder.sign(self.key, hashes.SHA256()), key)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, begin: timedelta, end: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begin - timedelta(hours=1))
        .not_valid_after(now + end)
    )
