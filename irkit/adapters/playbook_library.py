"""Where playbooks are found: those that come with irkit, and the responder's own. Reading one is `playbook_file`'s."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from irkit.core.errors import PlaybookError
from irkit.core.text import safe

_SUFFIXES: Final = (".yaml", ".yml")


@dataclass(frozen=True)
class Found:
    """A playbook that a name leads to."""

    name: str
    path: Path
    is_shipped: bool


def list_playbooks(folders: Sequence[Path] = ()) -> list[Found]:
    """The playbooks in the responder's folders and the shipped ones, by name; one's own comes before a shipped one."""
    found: dict[str, Found] = {}
    for folder, is_shipped in [*((folder, False) for folder in folders), (shipped_folder(), True)]:
        for path in _files_of(folder):
            found.setdefault(path.stem, Found(path.stem, path, is_shipped))
    return sorted(found.values(), key=lambda one: one.name)


def find_playbook(name_or_path: str, folders: Sequence[Path] = ()) -> Path:
    """The file of a playbook: by its path where it has a `/` or ends as YAML files do, else by its name."""
    if "/" in name_or_path or name_or_path.endswith(_SUFFIXES):
        return Path(name_or_path)
    known = {one.name: one.path for one in list_playbooks(folders)}
    if name_or_path in known:
        return known[name_or_path]
    close = difflib.get_close_matches(name_or_path, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known) or 'none'}"
    raise PlaybookError(f"there is no playbook '{safe(name_or_path, 60)}': {hint}")


def shipped_folder() -> Path:
    """Where the shipped playbooks are: in an installed irkit within the package, in a checkout beside it."""
    package = Path(str(files("irkit")))
    beside = package.parent
    if not (package / "playbooks").is_dir() and (beside / "pyproject.toml").is_file():
        return beside / "playbooks"
    return package / "playbooks"


def _files_of(folder: Path) -> Iterator[Path]:
    """The playbook files of a folder; none where it is not there or cannot be read."""
    try:
        names = sorted(folder.iterdir())
    except OSError:
        return
    yield from (path for path in names if path.suffix in _SUFFIXES and path.is_file())
