"""What OpenSSH's client writes short in its configuration: `~`, `%h` and the like, `${VARIABLE}`, times, file lists.

The rules are those of ssh_config(5), TOKENS and ENVIRONMENT VARIABLES. What each keyword means is `ssh_config`'s.
"""

import pwd
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from irkit.core.errors import UsageError
from irkit.core.text import safe

_SHORT: Final = re.compile(r"%(?P<letter>.?)|\$\{(?P<variable>[^}]*)(?P<end>\}?)", re.DOTALL)
_USER: Final = re.compile(r"~([^/]*)")
_TIME: Final = re.compile(r"(?:[0-9]+[smhdwSMHDW]?)+")
_TIME_PART: Final = re.compile(r"([0-9]+)([smhdw]?)")
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True)
class Responder:
    """Who runs this: the name and home folder that count, and the environment."""

    login: str
    home: Path
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Options:
    """What was configured for a host: by keyword, in small letters, the values that count, as they were written.

    `connection_hash` is what `%C` stands for, where that is known. With `by_openssh`, known_hosts files and the host's
    name are expanded already, and keywords that were not configured have their default values.
    """

    values: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()
    connection_hash: str = ""
    by_openssh: bool = False

    def one(self, keyword: str, default: str = "") -> str:
        """The value of a keyword that has one."""
        return self.values.get(keyword, (default,))[0]


@dataclass(frozen=True)
class Expansion:
    """What stands for what: tokens by letter, variables by name, and the home folder that `~` is."""

    home: Path
    tokens: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def expand(self, keyword: str, text: str) -> str:
        """The text with its tokens and variables. Raises UsageError for one that stands for nothing."""

        def value(found: re.Match[str]) -> str:
            if found["letter"] is not None:
                known = "%" if found["letter"] == "%" else self.tokens.get(found["letter"])
            else:
                known = self.environment.get(found["variable"]) if found["end"] else None
            if known is None:
                raise UsageError(f"{keyword} {safe(text, 200)!r}: {safe(found[0], 60)} stands for nothing here")
            return known

        return _SHORT.sub(value, text)

    def path(self, keyword: str, text: str) -> Path:
        """The file that a text names. Raises UsageError."""
        return Path(self.expand(keyword, self.from_home(keyword, text)))

    def from_home(self, keyword: str, text: str) -> str:
        """The text with what `~` or `~user` at its start stands for. Raises UsageError for a user there is not."""
        found = _USER.match(text)
        if not found:
            return text
        try:
            home = pwd.getpwnam(found[1]).pw_dir if found[1] else str(self.home)
        except KeyError:
            raise UsageError(f"{keyword} {safe(text, 200)!r}: there is no user {safe(found[1], 60)!r}") from None
        return home + text[found.end() :]


def parse_time(keyword: str, text: str) -> float:
    """Seconds of a time as OpenSSH writes it: `90`, `1m30s`; 0 for `none`. Raises UsageError."""
    if text.lower() == "none":
        return 0.0
    if not _TIME.fullmatch(text):
        raise UsageError(f"{keyword} {safe(text, 60)!r} is not a time: write seconds, or such as 1m30s")
    return float(sum(int(number) * _SECONDS[unit] for number, unit in _TIME_PART.findall(text.lower())))


def split_file_names(text: str) -> tuple[tuple[str, ...], bool]:
    """The files of a list that `ssh -G` printed, and whether that is a guess.

    It separates them by spaces and quotes none, so that what begins with neither `/` nor `~` can only be the end of a
    name with a space in it, or a relative path, which nobody writes there.
    """
    names: list[str] = []
    for word in text.split(" "):
        if names and not word.startswith(("/", "~")):
            names[-1] += f" {word}"
        else:
            names.append(word)
    return tuple(names), len(names) != len(text.split(" "))
