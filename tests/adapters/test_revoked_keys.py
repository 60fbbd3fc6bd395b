"""Keys that the responder's configuration revokes: lists of both forms as ssh-keygen makes them."""

from pathlib import Path

import pytest

from irkit.adapters.revoked_keys import why_revoked
from tests.adapters.made_keys import blob_of, have_openssh, keygen


@pytest.fixture(scope="module", autouse=True)
def openssh() -> None:
    have_openssh()


def make_key(folder: Path, name: str) -> Path:
    done = keygen("-q", "-t", "ed25519", "-N", "", "-f", folder / name)
    assert done.returncode == 0, done.stderr
    return folder / f"{name}.pub"


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return make_key(tmp_path, "good"), make_key(tmp_path, "bad")


def test_a_key_in_a_list_of_public_keys_is_revoked_and_the_line_is_named(
    keys: tuple[Path, Path], tmp_path: Path
) -> None:
    good, bad = keys
    listed = tmp_path / "revoked"
    listed.write_text("# stolen in June\n\n" + bad.read_text())
    assert why_revoked([listed], blob_of(bad)) == f"it is revoked by RevokedHostKeys {listed}:3"
    assert why_revoked([listed], blob_of(good)) == ""


def test_a_key_in_a_binary_list_is_revoked(keys: tuple[Path, Path], tmp_path: Path) -> None:
    good, bad = keys
    listed = tmp_path / "revoked.krl"
    assert keygen("-q", "-k", "-f", listed, bad).returncode == 0
    assert "revoked" in why_revoked([listed], blob_of(bad))
    assert why_revoked([listed], blob_of(good)) == ""


def test_a_certificate_is_revoked_by_its_key_its_serial_and_its_authority(
    keys: tuple[Path, Path], tmp_path: Path
) -> None:
    key, _ = keys
    authority = make_key(tmp_path, "authority")
    done = keygen("-q", "-s", authority.with_suffix(""), "-I", "web", "-h", "-n", "web", "-z", "7", key)
    assert done.returncode == 0, done.stderr
    certificate = blob_of(key.with_name("good-cert.pub"))
    serials, by_serial = tmp_path / "serials", tmp_path / "serial.krl"
    serials.write_text("serial: 7\n")
    assert keygen("-q", "-k", "-f", by_serial, "-s", authority, serials).returncode == 0
    assert "revoked" in why_revoked([by_serial], certificate)
    assert why_revoked([by_serial], blob_of(key)) == ""
    for named in (key, authority):
        listed = tmp_path / "listed"
        listed.write_text(named.read_text())
        assert "revoked" in why_revoked([listed], certificate)


def test_a_list_that_cannot_be_read_revokes_every_key(keys: tuple[Path, Path], tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert "no key is accepted" in why_revoked([missing], blob_of(keys[0]))


def test_a_list_too_long_to_be_read_to_its_end_revokes_every_key(keys: tuple[Path, Path], tmp_path: Path) -> None:
    good, bad = keys
    listed = tmp_path / "revoked"
    listed.write_bytes(b"#" * (16 * 1024 * 1024 - 1) + b"\n" + bad.read_bytes())
    assert "no key is accepted" in why_revoked([listed], blob_of(bad))
    assert "more than 16777216 bytes" in why_revoked([listed], blob_of(good))


def test_a_broken_binary_list_revokes_every_key(keys: tuple[Path, Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.krl"
    broken.write_bytes(b"SSHKRL\n\x00garbage")
    assert "revoked" in why_revoked([broken], blob_of(keys[0]))


def test_a_binary_list_without_ssh_keygen_revokes_every_key(
    keys: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = tmp_path / "revoked.krl"
    assert keygen("-q", "-k", "-f", listed, keys[1]).returncode == 0
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no key is accepted" in why_revoked([listed], blob_of(keys[0]))


def test_what_is_no_key_is_left_to_others(tmp_path: Path) -> None:
    assert why_revoked([tmp_path / "missing"], b"no key") == ""
