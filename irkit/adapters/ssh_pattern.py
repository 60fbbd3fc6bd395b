"""OpenSSH's patterns (ssh_config(5), PATTERNS): `*` is any text, `?` any byte, `!` before one of a list denies."""

from typing import Final

_STAR, _QUESTION = b"*?"
WILD: Final = frozenset(b"*?!")
"""The bytes that make a pattern of a name."""


def matches(name: bytes, pattern: bytes) -> bool:
    """Whether the whole name fits one pattern. Takes at most len(name) * len(pattern) steps, whatever they are."""
    at = to = 0  # in the name, in the pattern
    star, retry = -1, 0  # where the last star stood, and what it may swallow next
    while at < len(name):
        wanted = pattern[to] if to < len(pattern) else None
        if wanted == _STAR:
            star, retry = to, at
            to += 1
        elif wanted == _QUESTION or wanted == name[at]:
            at, to = at + 1, to + 1
        elif star >= 0:
            retry += 1
            at, to = retry, star + 1
        else:
            return False
    return not pattern[to:].strip(b"*")


def matches_list(name: bytes, patterns: tuple[bytes, ...]) -> bool:
    """Whether the name fits one of the patterns, and none of those that deny."""
    found = False
    for pattern in patterns:
        if pattern[:1] == b"!":
            if matches(name, pattern[1:]):
                return False
        else:
            found = found or matches(name, pattern)
    return found
