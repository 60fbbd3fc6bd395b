"""Key files as OpenSSH writes them: read with the right passphrase, and named in one line where they cannot be."""

import os
from pathlib import Path

import pytest

from irkit.adapters.ssh_key_file import EncryptedKeyError, read_key, read_public
from irkit.core.errors import StorageError
from tests.adapters import made_keys
from tests.adapters.made_keys import TYPES, Keys, blob_of, have_openssh, keygen

keys = made_keys.keys


def made(folder: Path, *options: str, phrase: str = "", name: str = "key") -> Path:
    have_openssh()
    path = folder / name
    done = keygen("-q", *options, "-N", phrase, "-C", "lab", "-f", path)
    assert done.returncode == 0, done.stderr
    return path


def why_not(path: Path, phrase: str | None = None) -> str:
    with pytest.raises(StorageError) as caught:
        read_key(path, phrase)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", TYPES)
def test_keys_of_each_type_are_read(keys: Keys, kind: str) -> None:
    name = f"reader_{kind}"
    assert read_key(keys.file(name), None).asbytes() == keys.blob(name)
    assert read_public(keys.file(name)) == read_public(keys.public(name)) == keys.blob(name)


@pytest.mark.parametrize(
    "options",
    [("ed25519",), ("rsa", "-b", "2048"), ("ecdsa",), ("rsa", "-b", "2048", "-m", "PEM"), ("ecdsa", "-m", "PKCS8")],
    ids=["ed25519", "rsa", "ecdsa", "pem", "pkcs8"],
)
def test_an_encrypted_key_takes_its_passphrase(tmp_path: Path, options: tuple[str, ...]) -> None:
    path = made(tmp_path, "-t", *options, phrase="right phrase ü")
    for wrong in (None, "wrong", "", "right phrase"):
        with pytest.raises(EncryptedKeyError):
            read_key(path, wrong)
    assert read_key(path, "right phrase ü").asbytes() == blob_of(path.with_suffix(".pub"))


def test_a_passphrase_that_is_not_needed_or_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    path = made(tmp_path, "-t", "ed25519", phrase="x" * 20)
    with pytest.raises(EncryptedKeyError):
        read_key(path, "\udcff\udcfe")


def test_the_public_half_is_known_without_the_passphrase(tmp_path: Path) -> None:
    path = made(tmp_path, "-t", "ed25519", phrase="a phrase")
    beside = path.with_suffix(".pub")
    wanted = blob_of(beside)
    beside.unlink()
    assert read_public(path) == wanted
    pem = made(tmp_path, "-t", "ecdsa", "-m", "PEM", phrase="a phrase", name="old")
    pem.with_suffix(".pub").unlink()
    assert read_public(pem) == b""


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    path = made(tmp_path, "-t", "ed25519")
    path.chmod(0o640)
    assert "chmod 600" in why_not(path)
    os.chown(path, 12345, -1)  # as with OpenSSH, that of somebody else is their own concern
    assert read_key(path, None).get_name() == "ssh-ed25519"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\n",
        bytes(range(256)) * 10,
        b"\xff\xfe" * 100_000,
    ],
)
def test_a_file_that_holds_no_key_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    assert "no private key" in why_not(path)
    assert read_public(path) == b""


def test_a_file_that_is_not_there_or_a_folder_is_named(tmp_path: Path) -> None:
    assert "No such file" in why_not(tmp_path / "none")
    assert "directory" in why_not(tmp_path)
    assert read_public(tmp_path / "none") == read_public(tmp_path) == b""


def test_a_key_of_a_kind_that_is_not_supported_is_left_to_an_agent(tmp_path: Path) -> None:
    path = made(tmp_path, "-t", "ed25519")
    lines = keygen("-yf", path).stdout
    path.with_suffix(".pub").write_text(lines)
    path.write_text(path.with_suffix(".pub").read_text())  # as IdentityFile may name a public key
    path.chmod(0o600)
    assert "an agent may hold it" in why_not(path)


@pytest.mark.parametrize(
    "text", ["ssh-ed25519", "ssh-ed25519 AAAA", "ssh-rsa {}", "ssh-ed25519 !!!!", "", "\x00" * 100]
)
def test_what_is_no_public_key_is_none(tmp_path: Path, text: str) -> None:
    path = made(tmp_path, "-t", "ed25519")
    encoded = path.with_suffix(".pub").read_text().split()[1]
    wrong = tmp_path / "wrong.pub"
    wrong.write_text(text.format(encoded))
    assert read_public(wrong) == b""
