"""What a verification found: problems, each with the file and line at fault.

How they are found is for `verify` and its parts.
"""

from pathlib import Path
from typing import Final

import msgspec

from irkit.core.text import safe

_MOST_PROBLEMS: Final = 1000


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong: the file (relative to the bundle), its line where one can be told, and why."""

    path: str
    line: int | None = None
    reason: str

    @property
    def text(self) -> str:
        """File, line and reason in one line."""
        place = self.path if self.line is None else f"{self.path}, line {self.line}"
        return f"{place}: {self.reason}"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a verification. The bundle is what it was when it was sealed only if there are no problems."""

    bundle: str
    problems: tuple[Problem, ...]
    files: int = 0
    bytes: int = 0
    records: int = 0
    log_head: str = ""
    outcome: str = ""
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


class Check:
    """A verification under way: what is wrong so far, and which files are at fault already."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.doubtful: set[str] = set()

    def wrong(self, path: str, reason: str, line: int | None = None, *, about: str = "") -> None:
        """Note a problem; `about` is the file that it casts doubt on, where that is another one."""
        self.doubtful.update(filter(None, (path, about)))
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(Problem(path=safe(path), line=line, reason=safe(reason)))
        elif len(self.problems) == _MOST_PROBLEMS:
            self.problems.append(
                Problem(path=".", reason=f"more than {_MOST_PROBLEMS} problems: the rest is not listed")
            )
