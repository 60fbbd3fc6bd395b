"""The lines of an OpenSSH client configuration file: keyword, words, quotes, comments. What they mean is for others."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from irkit.adapters.storage import read_regular
from irkit.core.errors import UsageError
from irkit.core.text import safe

MAX_BYTES: Final = 1 << 20
_LINE: Final = re.compile(r"(\w+)(?:[ \t]*=[ \t]*|[ \t]+|\Z)(.*)", re.DOTALL)
_PART: Final = re.compile(
    r"""(?P<space>[ \t]+)|"""
    r"""(?P<quote>["'])(?P<quoted>(?:\\["'\\]|\\(?!["'\\])|(?!(?P=quote))[^\\])*)(?P=quote)|"""
    r"""(?P<plain>(?:\\["'\\ ]|\\(?!["'\\ ])|[^ \t"'\\])+)""",
    re.DOTALL,
)


@dataclass(frozen=True)
class ConfigLine:
    """A line that says something: where it stands (`file:line`), its keyword in small letters, and the rest."""

    place: str
    keyword: str
    rest: str

    def whole(self) -> str:
        """The rest as it stands, quotes and all. Raises UsageError where there is none."""
        if not self.rest:
            raise UsageError(f"{self.place}: {self.keyword} has no value")
        return self.rest

    def words(self) -> list[str]:
        """The words of the rest, without quotes, as far as a comment. Raises UsageError where there is none."""
        words: list[str] = []
        at, goes_on = 0, False
        while at < len(self.rest) and (goes_on or self.rest[at] != "#"):
            found = _PART.match(self.rest, at)
            if not found:
                raise UsageError(f"{self.place}: {self.keyword}: a quote is not closed")
            at = found.end()
            if found["space"] is None:
                word = _bare(found)
                words = [*words[:-1], words[-1] + word] if goes_on else [*words, word]
            goes_on = found["space"] is None
        if not words or not all(words):
            raise UsageError(f"{self.place}: {self.keyword} has no value")
        return words

    def word(self) -> str:
        """The only word. Raises UsageError where there are more, or none."""
        first, *others = self.words()
        if others:
            raise UsageError(f"{self.place}: {self.keyword} takes one value")
        return first


def _bare(found: re.Match[str]) -> str:
    if found["plain"] is not None:
        return re.sub(r"""\\(["'\\ ])""", r"\1", found["plain"])
    return re.sub(r"""\\(["'\\])""", r"\1", found["quoted"])


def read_lines(path: Path) -> list[ConfigLine]:
    """The lines of a file, without comments. Raises OSError; UsageError for what is not a configuration."""
    content = read_regular(Path(os.path.realpath(path)), MAX_BYTES)  # often a link, into where its owner keeps such
    shown = safe(path, 200)
    if b"\0" in content:
        raise UsageError(f"{shown} is not an ssh configuration: it is not text")
    lines: list[ConfigLine] = []
    for number, raw in enumerate(os.fsdecode(content).split("\n"), 1):
        text = raw.strip(" \t\r\f")
        if not text or text.startswith("#"):
            continue
        found = _LINE.match(text)
        if not found:
            raise UsageError(f"{shown}:{number}: {safe(text, 60)!r} is not a line of an ssh configuration")
        lines.append(ConfigLine(f"{shown}:{number}", found[1].lower(), found[2]))
    return lines
