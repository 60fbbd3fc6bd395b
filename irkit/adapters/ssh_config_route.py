"""The way to a host as it is configured: the hops of a ProxyJump, and a ProxyCommand as an argument list.

OpenSSH has the responder's shell run a ProxyCommand. Here quotes, `~/` and tokens are done without one; what needs a
shell is refused, as a wrong guess would run another command than ssh does. Values go into words that are split already,
so that a name never adds a word or an option.
"""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from irkit.adapters.host_address import parse_endpoint
from irkit.core.errors import UsageError
from irkit.core.text import safe

_SCHEME: Final = "ssh://"
_SHELL: Final = r"|&;<>()$`*?{}#\n"
_PART: Final = re.compile(
    rf"""(?P<space>[ \t]+)|'[^']*'|"(?:[^"\\$`]|\\[^$`])*"|\\[^\n]|(?P<plain>[^ \t'"\\{_SHELL}]+)""", re.DOTALL
)
_TOKEN: Final = re.compile(r"%(.?)", re.DOTALL)
_ADVICE: Final = "put the command into a script, and name that in ProxyCommand"


def parse_hop(text: str) -> tuple[str, str, int]:
    """Alias, user and port of a hop: `[user@]host[:port]` or `ssh://...`; empty and 0 where not said.

    Raises UsageError.
    """
    found = parse_endpoint(text.removeprefix(_SCHEME).removesuffix("/") if text.startswith(_SCHEME) else text)
    return found.host, found.user, found.port


def split_command(command: str, tokens: Mapping[str, str], home: Path) -> list[str]:
    """The words of a ProxyCommand. `tokens` are by letter. Raises UsageError for what only a shell could do."""
    shown = f"ProxyCommand {safe(command, 200)!r}"
    words = shlex.split(_checked(command, shown, home))
    if words[:1] == ["exec"]:
        words = words[1:]
    if not words or words == ["-"]:
        raise UsageError(f"{shown} names no command")
    if "=" in words[0]:
        raise UsageError(f"{shown} sets a variable, which takes a shell: {_ADVICE}")
    return [_fill(word, tokens, shown) for word in words]


def _checked(command: str, shown: str, home: Path) -> str:
    """The command with `~/` at the start of words made a path, once nothing in it is left to a shell."""
    at, parts, begins_word = 0, [], True
    while at < len(command):
        found = _PART.match(command, at)
        if not found:
            raise UsageError(f"{shown}: {_why(command, at)}: {_ADVICE}")
        text, at = found[0], found.end()
        # A tilde right before a quote stays one.
        if begins_word and text.startswith("~") and (text != "~" or command[at : at + 1] in ("", " ", "\t")):
            text = _from_home(text, shown, home)
        begins_word = found["space"] is not None
        parts.append(text)
    return "".join(parts)


def _why(command: str, at: int) -> str:
    char = command[at]
    if char in "'\"":
        inside = re.search(r"[$`]", command[at:]) if char == '"' else None
        return f"{inside[0]} takes a shell" if inside else "a quote is not closed"
    return f"{safe(char)} takes a shell" if char != "\\" else "it ends with a backslash"


def _from_home(text: str, shown: str, home: Path) -> str:
    if text != "~" and not text.startswith("~/"):
        raise UsageError(f"{shown}: {safe(text, 60)} takes a shell: write the path of that home")
    return shlex.quote(str(home)) + text[1:]


def _fill(word: str, tokens: Mapping[str, str], shown: str) -> str:
    def value(found: re.Match[str]) -> str:
        known = "%" if found[1] == "%" else tokens.get(found[1])
        if known is None:
            raise UsageError(f"{shown}: {safe(found[0])} stands for nothing here")
        return known

    filled = _TOKEN.sub(value, word)
    if filled.startswith("-") and not word.startswith("-"):
        raise UsageError(f"{shown}: {safe(filled, 60)!r} would be taken for an option")
    return filled
