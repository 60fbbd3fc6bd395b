"""Playbooks, the shipped ones and the responder's own: which there are, and what is wrong with one."""

from __future__ import annotations  # see the imports for types only, below

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from irkit.app.setting import Setting
    from irkit.core.errors import PlaybookError
    from irkit.core.playbook import Playbook


def playbook_names(setting: Setting) -> list[str]:
    """The names of the playbooks there are."""
    from irkit.adapters.playbook_library import list_playbooks

    return [entry.name for entry in list_playbooks(setting.playbook_folders())]


def load(setting: Setting, name: str) -> tuple[Playbook, bytes]:
    """A playbook by name or path. Raises PlaybookError."""
    from irkit.actions import ACTIONS
    from irkit.adapters.playbook_file import load_playbook
    from irkit.adapters.playbook_library import find_playbook
    from irkit.engine.language import Language

    path = find_playbook(name, setting.playbook_folders())
    return load_playbook(path, path.name, Language(ACTIONS))


def describe_playbooks(setting: Setting) -> list[dict[str, str]]:
    """The playbooks there are: name, version, title, origin, path; one that is not valid says so as its title."""
    from irkit.adapters.playbook_library import list_playbooks
    from irkit.core.errors import PlaybookError

    found = []
    for entry in list_playbooks(setting.playbook_folders()):
        try:
            playbook, _ = load(setting, str(entry.path))
            version, title = str(playbook.version), playbook.title
        except PlaybookError as error:
            version, title = "-", f"NOT VALID: {error}"
        found.append(
            {"name": entry.name, "version": version, "title": title, "origin": "shipped" if entry.is_shipped else "own"}
        )
    return found


def problems_of(setting: Setting, name: str) -> Sequence[PlaybookError]:
    """Everything wrong with a playbook, as far as it can be told without a host."""
    from irkit.actions import ACTIONS
    from irkit.adapters.playbook_file import find_problems
    from irkit.adapters.playbook_library import find_playbook
    from irkit.engine.language import Language

    path = find_playbook(name, setting.playbook_folders())
    return find_problems(path, path.name, Language(ACTIONS))


def schema_of_playbooks() -> dict[str, object]:
    """The JSON Schema of playbooks."""
    from irkit.actions import ACTIONS
    from irkit.engine.schema import playbook_schema

    return playbook_schema(ACTIONS)
