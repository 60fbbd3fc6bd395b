"""The hosts of an inventory that a list does not show: counted, named, and not connected to."""

import time
from pathlib import Path

import pytest

from irkit.app import Setting
from irkit.app.not_shown import NotShown, inventory_names

TEXT = "hosts:\n  - {name: web1, address: 10.0.0.5}\n  - {name: db1}\n"


def setting_of(folder: Path, text: str | None = TEXT) -> Setting:
    file = folder / "hosts.yml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    return Setting(environment={}, evidence=folder, inventory=file if text is not None else None)


def read(setting: Setting) -> NotShown:
    found = NotShown(setting)
    end = time.monotonic() + 60
    while not found._look.is_over:
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


def test_the_hosts_beside_those_shown_are_named_in_their_order_and_counted(tmp_path: Path) -> None:
    found = read(setting_of(tmp_path))
    assert found.beside({"local"}) == ["web1", "db1"] and found.beside({"local", "web1"}) == ["db1"]
    assert found.line({"local"}) == "2 hosts of hosts.yml are not shown: --host all, or add them among Hosts"
    assert found.line({"web1"}) == "1 host of hosts.yml is not shown: --host all, or add them among Hosts"
    assert found.line({"web1", "db1"}) == ""


def test_one_that_the_inventory_leaves_out_is_among_them(tmp_path: Path) -> None:
    setting = setting_of(tmp_path, None)
    setting.inventory = tmp_path / "inventory.ini"
    setting.inventory.write_text("[web]\nweb1\nweb2 ansible_connection=winrm\n", encoding="utf-8")
    assert inventory_names(setting) == ["web1", "web2"]


def test_an_inventory_that_cannot_be_read_is_told_as_such(tmp_path: Path) -> None:
    found = read(setting_of(tmp_path, "hosts: 3\n"))
    assert found.beside(()) == []
    assert found.line(()).startswith("hosts of hosts.yml are not shown: ") and "hosts.yml" in found.line(())[40:]


def test_where_there_is_no_inventory_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    setting = setting_of(tmp_path, None)
    assert inventory_names(setting) == [] and read(setting).line(()) == ""
