"""How the terminal interface is opened: the command line before the responder's file."""

from pathlib import Path

import pytest

from irkit.app import Setting
from irkit.app.configuration import configured
from irkit.app.opened import Opened
from irkit.core.errors import UsageError

FILE = "theme: nord\nhosts: [a, b]\ncase: IR-1\nresponder: ann@desk\nread_only: true\nplaybooks: {collect: mine}\n"


def setting(folder: Path, text: str | None) -> Setting:
    path = folder / "config.yml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    return Setting(environment={"IRKIT_CONFIG": str(path)})


def test_the_file_says_what_the_command_line_does_not(tmp_path: Path) -> None:
    found = configured(setting(tmp_path, FILE), Opened())
    assert (found.theme, found.hosts, found.case, found.responder) == ("nord", ("a", "b"), "IR-1", "ann@desk")
    assert found.read_only and found.playbooks == {"collect": "mine"}
    assert found.places["theme"].endswith("config.yml:1:8")


def test_the_command_line_wins(tmp_path: Path) -> None:
    asked = Opened(hosts=("c",), case="IR-2", responder="bob@desk", theme="dracula", no_color=True)
    found = configured(setting(tmp_path, FILE), asked)
    assert (found.theme, found.hosts, found.case, found.responder) == ("dracula", ("c",), "IR-2", "bob@desk")
    assert found.no_color and found.read_only, "what nothing on the command line can take back stays"
    assert "theme" not in found.places, "a theme of the command line has no line in the file"


def test_nobody_needs_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert configured(Setting(environment={}), Opened(case="IR-3")) == Opened(case="IR-3")


def test_the_file_is_in_the_configuration_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "irkit").mkdir()
    (tmp_path / "irkit" / "config.yml").write_text("case: IR-4\n", encoding="utf-8")
    assert configured(Setting(environment={}), Opened()).case == "IR-4"


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        configured(setting(tmp_path, None), Opened())
