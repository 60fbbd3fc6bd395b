"""The folder of certificates: what is missing is gone without, what is wrong is named, and no key lies open."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .tls_engine import CA, HERE, TlsEngine, ask, reached, refusal, serving


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Certificates of the responder: the CA, and one of their own."""
    CA.sign("responder", client=True).write(tmp_path / "mine")
    return CA.write(tmp_path / "mine")


def spoil_key_mode(folder: Path) -> None:
    (folder / "key.pem").chmod(0o644)


def spoil_key(folder: Path) -> None:
    (folder / "key.pem").write_bytes(CA.sign("x").key_pem())


def encrypt_key(folder: Path) -> None:
    (folder / "key.pem").write_bytes(CA.sign("x").key_pem(b"secret"))


def remove_key(folder: Path) -> None:
    (folder / "key.pem").unlink()


def remove_certificate(folder: Path) -> None:
    (folder / "cert.pem").unlink()


def spoil_certificate(folder: Path) -> None:
    (folder / "cert.pem").write_bytes(b"\xff" * 100)


def spoil_ca(folder: Path) -> None:
    (folder / "ca.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")


def empty_ca(folder: Path) -> None:
    (folder / "ca.pem").write_bytes(b"\xff none")


def large_ca(folder: Path) -> None:
    (folder / "ca.pem").write_bytes(b"x" * (1 << 20) + b"x")


def pipe_ca(folder: Path) -> None:
    (folder / "ca.pem").unlink()
    os.mkfifo(folder / "ca.pem")


def pipe_key(folder: Path) -> None:
    (folder / "key.pem").unlink()
    os.mkfifo(folder / "key.pem", 0o600)


def folder_for_ca(folder: Path) -> None:
    (folder / "ca.pem").unlink()
    (folder / "ca.pem").mkdir()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_key_mode, "key.pem: everybody on this machine can read it: chmod 600"),
        (spoil_key, "key.pem: it is not the key of the cert.pem beside it"),
        (encrypt_key, "key.pem: it is encrypted"),
        (remove_key, "cert.pem: key.pem is not beside it"),
        (remove_certificate, "key.pem: cert.pem is not beside it"),
        (spoil_certificate, "they must be in PEM form"),
        (spoil_ca, "ca.pem: it holds no certificate"),
        (empty_ca, "ca.pem: it holds no certificate"),
        (large_ca, "ca.pem: it is no file of certificates"),
        (pipe_ca, "ca.pem: it is no file of certificates"),
        (pipe_key, "key.pem: it is no file of certificates"),
        (folder_for_ca, "ca.pem: it cannot be read"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_file_that_cannot_be_used_is_named(folder: Path, spoil: Callable[[Path], None], words: str) -> None:
    spoil(folder)
    with TlsEngine(None) as server:
        error = refusal(reached(server.port, folder))
        assert words in str(error)
        assert server.requests == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "there is no such folder of certificates" in str(refusal(reached(1, tmp_path / "none")))


def test_certificates_behind_links_are_read(tmp_path: Path, folder: Path) -> None:
    linked = tmp_path / "linked"
    linked.mkdir()
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (linked / name).symlink_to(folder / name)
    with serving(tmp_path, CA.sign(HERE), clients=CA) as port:
        assert b"SystemTime" in ask(reached(port, linked))
