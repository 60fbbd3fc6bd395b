"""Keys and certificates for tests: made by ssh-keygen, or by hand where ssh-keygen would not."""

import base64
import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from irkit.core.text import safe
from tests.lab.setup import ensure_packages
from tests.lab.tools import clean_environment, find_tool, tool

TYPES = {
    "ed25519": ("ed25519", "ssh-ed25519", "ssh-ed25519"),
    "ecdsa256": ("ecdsa -b 256", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"),
    "ecdsa384": ("ecdsa -b 384", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
    "ecdsa521": ("ecdsa -b 521", "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"),
    "rsa": ("rsa -b 2048", "ssh-rsa", "rsa-sha2-512"),
}
"""Each kind of key with how ssh-keygen is asked for it, its type, and the algorithm it is used with."""


def have_openssh() -> None:
    """OpenSSH, installed where it is missing."""
    if any(find_tool(name) is None for name in ("ssh", "ssh-keygen", "sshd")):
        ensure_packages()


def keygen(*arguments: object) -> subprocess.CompletedProcess[str]:
    """What ssh-keygen answers, whatever its exit status."""
    return subprocess.run(
        [tool("ssh-keygen"), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        env=clean_environment({"TZ": "UTC", "LC_ALL": "C"}),
        check=False,
    )


def blob_of(public: Path) -> bytes:
    """The blob in a `.pub` file."""
    return base64.b64decode(public.read_text().split()[1])


@dataclass(frozen=True)
class Keys:
    """Key pairs in a folder: two of each kind for hosts, one of each kind for an authority."""

    root: Path

    def file(self, name: str) -> Path:
        """The private key of that name, made where it is not there."""
        path = self.root / name
        if not path.exists():
            kind = TYPES[name.rpartition("_")[2]][0]
            assert keygen("-q", "-t", *kind.split(), "-N", "", "-C", name, "-f", path).returncode == 0
        return path

    def public(self, name: str) -> Path:
        return Path(f"{self.file(name)}.pub")

    def blob(self, name: str) -> bytes:
        return blob_of(self.public(name))

    def text(self, name: str) -> str:
        """Type and key as a line of known_hosts holds them."""
        return " ".join(self.public(name).read_text().split()[:2])

    def sign(self, name: str, authority: str, *options: str, key_id: str = "lab", place: str = "") -> Path:
        """A certificate of the key `name`; `options` are ssh-keygen's. In `place` where it shall stay."""
        copy = self.root / f"{place or 'signed'}.pub"
        copy.write_text(self.public(name).read_text())
        made = keygen("-q", "-s", self.file(authority), "-I", key_id, *options, copy)
        assert made.returncode == 0, made.stderr
        return self.root / f"{place or 'signed'}-cert.pub"


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    have_openssh()
    yield Keys(tmp_path_factory.mktemp("keys"))


# Certificates by hand ------------------------------------------------------------------------------------------------

AUTHORITY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
HOST_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64))).public_key().public_bytes_raw()
APPLICATION = b"ssh:"


def string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def strings(*parts: bytes) -> bytes:
    return b"".join(map(string, parts))


def authority_blob(key_type: bytes = b"ssh-ed25519") -> bytes:
    application = string(APPLICATION) if key_type.startswith(b"sk-") else b""
    return strings(key_type, AUTHORITY.public_key().public_bytes_raw()) + application


def hand_made(
    *,
    certificate_type: bytes = b"ssh-ed25519-cert-v01@openssh.com",
    key: bytes = string(HOST_KEY),
    kind: int = 2,
    principals: bytes = strings(b"web"),
    valid: tuple[int, int] = (0, 2**64 - 1),
    critical: bytes = b"",
    extensions: bytes = b"",
    authority: bytes = authority_blob(),
    tail: bytes = b"",
) -> bytes:
    """A certificate signed by AUTHORITY, by way of a hardware token's format where the authority's type says so."""
    signed = strings(certificate_type, b"n" * 32) + key + (7).to_bytes(8, "big") + kind.to_bytes(4, "big")
    signed += strings(b"id", principals) + b"".join(time.to_bytes(8, "big") for time in valid)
    signed += strings(critical, extensions, b"", authority)
    name_size = int.from_bytes(authority[:4], "big")
    return signed + string(sign_by_hand(authority[4 : 4 + name_size], signed)) + tail


def sign_by_hand(key_type: bytes, data: bytes) -> bytes:
    if not key_type.startswith(b"sk-"):
        return strings(key_type, AUTHORITY.sign(data))
    state = b"\x01" + (5).to_bytes(4, "big")
    message = hashlib.sha256(APPLICATION).digest() + state + hashlib.sha256(data).digest()
    return strings(key_type, AUTHORITY.sign(message)) + state


def openssh_reads(certificate: bytes, certificate_type: str, folder: Path) -> bool:
    """Whether ssh-keygen takes that for a certificate with a right signature."""
    file = folder / "asked-cert.pub"
    file.write_text(f"{certificate_type} {base64.b64encode(certificate).decode()} x\n")
    return keygen("-L", "-f", file).returncode == 0


def is_safe(text: object) -> bool:
    """Whether a message may go to a terminal as it is, in one line."""
    return safe(text, 10_000) == str(text)


def flip(data: bytes, position: int, bits: int = 1) -> bytes:
    return data[:position] + bytes([data[position] ^ bits]) + data[position + 1 :]
