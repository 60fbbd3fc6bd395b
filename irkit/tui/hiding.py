"""What may be a secret in what an engine tells of a container, and a word in its place.

Secrets are told by their look and by the names that they go by: what is not hidden may be one all the same. Rather too
much is hidden than too little, as a key shows it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

HIDDEN: Final = "******** (hidden: it can be revealed, and the log says so)"
MARK: Final = "********"
_NAMES: Final = r"pass|pwd|secret|token|key|cred|auth|private|session|cookie|dsn|connection|signature|salt|bearer|jwt"
_NAME: Final = re.compile(_NAMES, re.IGNORECASE)
_HARMLESS: Final = frozenset({"", "true", "false", "none", "null", "0"})
_ASSIGNED: Final = re.compile(
    rf"""(?<![^\s=:?&'"{{}},])([^\s=:?&'"{{}},]{{0,60}}(?:{_NAMES})[^\s=:?&'"{{}},]{{0,60}}['"]?\s{{0,3}}(?:=|:(?!//))\s{{0,3}})(?:"[^"]*"|'[^']*'|(?:bearer|basic)\s+\S+|[^\s&"',;]+)""",
    re.IGNORECASE,
)
_OPTION: Final = re.compile(
    rf"(?<!\S)(--?[\w.-]{{0,60}}(?:{_NAMES})[\w.-]{{0,60}})(\s{{1,9}})(\"[^\"]*\"|'[^']*'|\S+)", re.IGNORECASE
)
_SHORT: Final = re.compile(r"(?<!\S)(-p)(?=\S)(?!\w*[.-]?(?:[rR]oot|id|pid)\b)\S+")
_SHORT_APART: Final = re.compile(r"(?<!\S)(-p\s+)(?!\d{1,5}(?:[:/\s]|$))(\S+)")
_USER: Final = re.compile(r"(?<!\S)(-u\s*|--user[= ])([^\s:]+):(\S+)")
_URL: Final = re.compile(r"://[^\s:@/\"']{0,100}:[^\s\"']{0,400}@")
_URL_TOKEN: Final = re.compile(r"://[^\s:@/\"']{16,400}@")
_KNOWN: Final = re.compile(
    r"(?:AKIA|ASIA)[A-Z0-9]{12,}|gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{8,}"
    r"|eyJ[\w-]{8,}\.[\w.-]{8,}|sk-[\w-]{16,}|-----BEGIN[^-]*PRIVATE KEY-----[\s\S]*",
)
_RANDOM: Final = re.compile(r"(?<![\w+/.-])[A-Za-z0-9+/_-]{24,}={0,2}")
_LONGEST: Final = 8000
"""Characters that are gone through: twice of what is shown, so that what is cut here is not shown without its end."""
_SLASHES: Final = 16
_DASHES: Final = 3


def is_secret_name(name: str) -> bool:
    """Whether what goes by this name sounds like a secret."""
    return not name.isdigit() and bool(_NAME.search(name))


def hide(name: str, text: str, *, before: str = "", is_below: bool = False) -> str:
    """The value with what may be a secret in it hidden.

    `name` is what it goes by, `before` what stands before it in a list, as the option that it is the argument of does;
    `is_below` that it is part of something whose name sounds like a secret.
    """
    if text.casefold() in _HARMLESS:
        return text
    is_argument = before.startswith("-") and "=" not in before and is_secret_name(before)
    if is_below or is_secret_name(name) or (is_argument and not text.startswith("-")):
        return HIDDEN
    variable, has_value, value = text.partition("=")
    if has_value and value and not re.search(r"[\s:/]", variable) and is_secret_name(variable):
        return f"{variable}={HIDDEN}"
    if before in ("-p", "-u") and not re.fullmatch(r"\d{1,5}([:/].*)?|[^:]*", text):
        return HIDDEN
    return hide_within(text)


def hide_within(text: str) -> str:
    """The text, cut at what can be shown of it, with what in it looks like a secret hidden, whatever it goes by."""
    text = text[:_LONGEST]
    text = _KNOWN.sub(MARK, text)
    text = _URL_TOKEN.sub(f"://{MARK}@", _URL.sub(f"://{MARK}@", text))
    text = _ASSIGNED.sub(lambda found: f"{found[1]}{MARK}", text)
    text = _OPTION.sub(lambda found: found[0] if found[3].startswith("-") else f"{found[1]}{found[2]}{MARK}", text)
    text = _SHORT_APART.sub(rf"\1{MARK}", _SHORT.sub(rf"\1{MARK}", text))
    text = _USER.sub(rf"\1\2:{MARK}", text)
    return _RANDOM.sub(lambda found: MARK if _looks_random(found[0]) else found[0], text)


def _looks_random(text: str) -> bool:
    """Whether it may be a key in base64: capitals, small letters and digits, and neither a path nor words."""
    kinds = (any(map(str.isupper, text)), any(map(str.islower, text)), any(map(str.isdigit, text)))
    is_path = text.startswith("/") or text.count("/") > len(text) / _SLASHES + 1
    return all(kinds) and not is_path and text.count("-") <= _DASHES


def befores(items: Sequence[object]) -> list[str]:
    """For each item of a list the text before it, as far as it is text."""
    texts = [one if isinstance(one, str) else "" for one in items]
    return ["", *texts[:-1]] if texts else []
