"""Which containers a responder means: ids, prefixes, names, `label:`, `image:`, `name:` with globs, and `all`."""

from collections.abc import Sequence

from irkit.core.container import SHORT_ID, Summary, is_match
from irkit.core.errors import NoTargetError, UsageError
from irkit.core.text import safe

_KINDS = ("name:", "image:", "label:")
_FULL_ID = 64


def select(listed: Sequence[Summary], selectors: Sequence[str]) -> tuple[list[Summary], frozenset[str]]:
    """The containers meant, in the order given, and the keys of those that more than one selector means.

    Raises NoTargetError where a selector means none, UsageError with the candidates where a name or prefix means
    several: under stress nobody should be given the wrong one, least of all one that an attacker named so.
    """
    chosen: dict[str, Summary] = {}
    twice: set[str] = set()
    for selector in selectors:
        for one in _matches(listed, selector):
            key = f"{one.host}/{one.id}"
            if key in chosen:
                twice.add(key)
            chosen[key] = one
    return list(chosen.values()), frozenset(twice)


def _matches(listed: Sequence[Summary], selector: str) -> list[Summary]:
    if selector == "all" or selector.startswith(_KINDS):
        found = [one for one in listed if is_match(selector, one)]
        if not found:
            raise NoTargetError(f"no container matches {safe(selector, 200)!r} ({_known(listed)})")
        return found
    return [_one(listed, selector)]


def _one(listed: Sequence[Summary], text: str) -> Summary:
    name = text.removeprefix("/")
    found = [one for one in listed if text and (one.id.startswith(text) or one.name == name)]
    if len(text) == _FULL_ID:
        found = [one for one in found if one.id == text] or found
    if not found:
        raise NoTargetError(f"no container has the id or name {safe(text, 200)!r} ({_known(listed)})")
    if len(found) > 1:
        candidates = ", ".join(f"{one.id[:SHORT_ID]} ({safe(one.name, 60)})" for one in found[:10])
        more = f" and {len(found) - 10} more" if len(found) > 10 else ""  # noqa: PLR2004 - as many as listed
        raise UsageError(
            f"{safe(text, 200)!r} may mean {len(found)} containers: {candidates}{more}:"
            " give more of the id, or name:NAME"
        )
    return found[0]


def _known(listed: Sequence[Summary]) -> str:
    return f"the host has {len(listed)}: irkit ls lists them" if listed else "the host has no containers"
