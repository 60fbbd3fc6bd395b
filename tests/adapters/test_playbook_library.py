"""Playbooks are found by name or path; one's own come before the shipped ones."""

from pathlib import Path

import pytest

from irkit.adapters import playbook_library
from irkit.adapters.playbook_library import find_playbook, list_playbooks, shipped_folder
from irkit.core.errors import PlaybookError

NAMES = "acquire-everything, contain-and-preserve, freeze, isolate, preserve-disk, triage"


def test_shipped_playbooks_are_listed_by_name() -> None:
    found = list_playbooks()
    assert [one.name for one in found] == [
        "acquire-everything",
        "contain-and-preserve",
        "freeze",
        "isolate",
        "preserve-disk",
        "triage",
    ]
    assert all(one.is_shipped and one.path.is_file() for one in found)


def test_ones_own_come_before_the_shipped(tmp_path: Path) -> None:
    for name in ("triage.yaml", "mine.yml", "notes.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / "folder.yaml").mkdir()
    found = {one.name: one for one in list_playbooks([tmp_path, tmp_path / "missing"])}
    assert found["triage"].path == tmp_path / "triage.yaml"
    assert not found["triage"].is_shipped
    assert found["mine"].path == tmp_path / "mine.yml"
    assert found["isolate"].is_shipped
    assert "notes" not in found
    assert "folder" not in found


def test_a_playbook_is_found_by_name_or_path(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("x")
    assert find_playbook("triage") == shipped_folder() / "triage.yaml"
    assert find_playbook("mine", [tmp_path]) == tmp_path / "mine.yaml"
    assert find_playbook("mine.yaml", [tmp_path]) == Path("mine.yaml")
    assert find_playbook("./mine") == Path("mine")
    assert find_playbook("some/other.txt") == Path("some/other.txt")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("triag", "there is no playbook 'triag': did you mean triage?"),
        ("zzz", f"there is no playbook 'zzz': there are {NAMES}"),
        ("", f"there is no playbook '': there are {NAMES}"),
        ("\x1b", "there is no playbook '␛': there are"),
    ],
)
def test_an_unknown_name_is_refused_with_what_may_be_meant(name: str, reason: str) -> None:
    with pytest.raises(PlaybookError) as caught:
        find_playbook(name)
    assert str(caught.value).startswith(reason)


def test_in_an_installed_irkit_they_are_within_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "irkit"
    (package / "playbooks").mkdir(parents=True)
    monkeypatch.setattr(playbook_library, "files", lambda _: package)
    assert shipped_folder() == package / "playbooks"


def test_a_stranger_beside_an_installed_irkit_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "irkit").mkdir()
    (tmp_path / "playbooks").mkdir()
    monkeypatch.setattr(playbook_library, "files", lambda _: tmp_path / "irkit")
    assert shipped_folder() == tmp_path / "irkit" / "playbooks"
    assert list_playbooks() == []
