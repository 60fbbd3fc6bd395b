"""Host keys before a responder: what is recorded, and what never is."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from irkit.adapters.known_hosts import KnownHosts, append_host_key, fingerprint
from irkit.adapters.ssh_offered import Offered
from irkit.app import HostKeys, Setting, keys_of
from irkit.core.errors import IrkitError, UsageError
from irkit.core.host import Host
from tests.adapters.made_keys import blob_of, have_openssh, keygen


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Public keys by a name of ours."""
    have_openssh()
    folder = tmp_path_factory.mktemp("keys")
    kinds = {"new": "ed25519", "other": "ed25519", "rsa": "rsa"}
    for name, kind in kinds.items():
        keygen("-q", "-t", kind, "-N", "", "-f", folder / name)
    return {name: blob_of(folder / f"{name}.pub") for name in kinds}


KINDS = {"new": "ssh-ed25519", "other": "ssh-ed25519", "rsa": "ssh-rsa"}
WEB = Host(name="web", address="10.0.0.1", reach="ssh")


def shows(file: Path, keys: dict[str, bytes], *names: str) -> HostKeys:
    """What a host shows that has these keys, with what a known_hosts file says of them."""
    known = KnownHosts.read([file])
    now = datetime.now(UTC)
    verdicts = {name: known.check("10.0.0.1", 22, KINDS[name], keys[name], now) for name in names}
    return HostKeys(WEB, [Offered(KINDS[name], keys[name], verdicts[name], "10.0.0.1", 22, file) for name in names])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ssh" / "known_hosts"


def know(file: Path, keys: dict[str, bytes], name: str) -> None:
    append_host_key(file, "10.0.0.1", 22, KINDS[name], keys[name])


def test_new_keys_are_recorded_and_ssh_finds_them(file: Path, keys: dict[str, bytes]) -> None:
    recorded = shows(file, keys, "new", "rsa").record()
    assert [key.fingerprint for key in recorded] == [fingerprint(keys["new"]), fingerprint(keys["rsa"])]
    found = keygen("-F", "10.0.0.1", "-f", file).stdout
    assert "ssh-ed25519" in found and "ssh-rsa" in found
    again = shows(file, keys, "new", "rsa")
    assert [key.state for key in again.shown] == ["trusted", "trusted"] and again.record() == []
    assert file.read_text().count("\n") == 2


def test_with_a_fingerprint_only_that_key_is_recorded(file: Path, keys: dict[str, bytes]) -> None:
    wanted = fingerprint(keys["rsa"])
    assert [key.fingerprint for key in shows(file, keys, "new", "rsa").record(wanted)] == [wanted]
    assert file.read_text().count("\n") == 1


def test_a_fingerprint_that_no_key_has_records_nothing(file: Path, keys: dict[str, bytes]) -> None:
    for wrong in (fingerprint(keys["other"]), "SHA256:", "x"):
        with pytest.raises(UsageError, match="shows no key with that fingerprint, but SHA256:"):
            shows(file, keys, "new").record(wrong)
    assert not file.exists()


def test_a_changed_key_is_never_recorded_and_the_line_is_named(file: Path, keys: dict[str, bytes]) -> None:
    know(file, keys, "other")
    before = file.read_bytes()
    shown = shows(file, keys, "new")
    assert [key.state for key in shown.shown] == ["changed"]
    for only in ("", fingerprint(keys["new"])):
        with pytest.raises(IrkitError, match=rf"nothing is recorded .*look at {file}:1 and remove that line by hand"):
            shown.record(only)
    assert file.read_bytes() == before


def test_a_revoked_key_is_never_recorded(file: Path, keys: dict[str, bytes]) -> None:
    know(file, keys, "new")
    file.write_text("@revoked " + file.read_text())
    before = file.read_bytes()
    with pytest.raises(IrkitError, match="revoked"):
        shows(file, keys, "new").record(fingerprint(keys["new"]))
    assert file.read_bytes() == before


def test_one_revoked_key_among_others_condemns_the_host(file: Path, keys: dict[str, bytes]) -> None:
    know(file, keys, "rsa")
    file.write_text("@revoked " + file.read_text())
    with pytest.raises(IrkitError, match="revoked"):
        shows(file, keys, "new", "rsa").record()


def test_beside_a_known_key_one_of_another_type_is_left_out(file: Path, keys: dict[str, bytes]) -> None:
    know(file, keys, "new")
    shown = shows(file, keys, "new", "rsa")
    assert [key.state for key in shown.trusted] == ["trusted"]
    shown.check()
    assert shown.record() == [] and file.read_text().count("\n") == 1


def test_a_key_that_is_not_recorded_beside_a_known_one_is_refused_by_its_fingerprint(
    file: Path, keys: dict[str, bytes]
) -> None:
    know(file, keys, "new")
    with pytest.raises(UsageError, match=rf"type that is not recorded .* nothing is recorded .*look at {file}:1 and"):
        shows(file, keys, "new", "rsa").record(fingerprint(keys["rsa"]))
    assert shows(file, keys, "new", "rsa").record(fingerprint(keys["new"])) == []
    assert file.read_text().count("\n") == 1


def test_names_are_hashed_where_the_responder_has_it_so(file: Path, keys: dict[str, bytes]) -> None:
    verdict = KnownHosts.read([file]).check("10.0.0.1", 22, "ssh-ed25519", keys["new"], datetime.now(UTC))
    offered = Offered("ssh-ed25519", keys["new"], verdict, "10.0.0.1", 22, file, hashed=True)
    HostKeys(WEB, [offered]).record()
    assert "10.0.0.1" not in file.read_text() and file.read_text().startswith("|1|")
    assert keygen("-F", "10.0.0.1", "-f", file).returncode == 0


def test_only_hosts_that_are_reached_by_ssh_have_a_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="host local is not reached by SSH"):
        keys_of(Setting(environment={}), "local")


def test_a_host_that_shows_a_certificate_is_not_one_whose_key_can_be_recorded(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("hosts: [{name: far, reach: tcp, address: 10.0.0.9, tls: /certs}]\n")
    with pytest.raises(UsageError, match=r"host far is reached by TCP: .* by its certificate, .*ca\.pem"):
        keys_of(Setting(environment={}, inventory=inventory), "far")


def test_keys_are_compared_for_one_host_at_a_time(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("hosts:\n  - {name: a}\n  - {name: b}\n")
    with pytest.raises(UsageError, match="means 2 hosts"):
        keys_of(Setting(environment={}, inventory=inventory), "all")
