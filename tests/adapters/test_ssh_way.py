"""The way to a host: ssh is asked once for its configuration of each host, and files are looked for each time."""

from pathlib import Path

import pytest

from irkit.adapters.ssh_way import Ways, settings_of
from irkit.core.errors import UsageError
from tests.adapters.ssh_configs import WAYS, environment, fake_ssh
from tests.adapters.ssh_side import host_of


def asked(folder: Path) -> list[str]:
    """The hosts that the fake ssh was asked for, in order."""
    told = folder / "asked"
    return told.read_text().split() if told.exists() else []


def counting(folder: Path, script: str = "") -> Ways:
    """Ways on which each question to ssh is written down."""
    return Ways(fake_ssh(folder, f'for last; do :; done; echo "$last" >> {folder}/asked; {script}'), folder)


def test_ssh_is_asked_once_for_each_host_and_hop_however_often_it_is_connected_to(tmp_path: Path) -> None:
    ways = counting(tmp_path)
    for _ in range(3):
        for name in ("web", "db"):
            assert [one.alias for one in settings_of(host_of(name, jump="gate"), ways)] == ["gate", name]
    assert [one.alias for one in settings_of(host_of("web"), ways.without_asking())] == ["web"]
    assert sorted(asked(tmp_path)) == ["db", "gate", "web"]
    settings_of(host_of("web", user="ana"), ways)
    assert sorted(asked(tmp_path)) == ["db", "gate", "web", "web"], "for another user it may be configured otherwise"


def test_what_ssh_refused_is_asked_again(tmp_path: Path) -> None:
    ways = counting(tmp_path, f"test -e {tmp_path}/mended || exit 255")
    with pytest.raises(UsageError):
        settings_of(host_of("web"), ways)
    (tmp_path / "mended").touch()
    assert settings_of(host_of("web"), ways)[0].host_name == "web"


@pytest.mark.parametrize("way", WAYS)
def test_a_key_file_that_comes_and_goes_is_seen_each_time(tmp_path: Path, way: str) -> None:
    config, key = tmp_path / "config", tmp_path / "key"
    config.write_text(f"Host web\n    IdentityFile {key}\n")
    config.chmod(0o600)
    ways = Ways(environment(way), tmp_path, config)
    (before,) = settings_of(host_of("web"), ways)
    config.write_text("Host web\n    IdentityFile none\n")  # which counts from the next verb on
    key.touch()
    (after,) = settings_of(host_of("web"), ways)
    key.unlink()
    (gone,) = settings_of(host_of("web"), ways)
    assert [one.identity_files for one in (before, after, gone)] == [(), (key,), ()]
    assert any("is not there" in note for note in before.notes) and not after.notes
