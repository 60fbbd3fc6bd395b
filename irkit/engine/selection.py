"""Which containers a responder means: ids, prefixes, names, `label:`, `image:`, `name:` with globs, and `all`.

Each may follow a host's name and a slash, and then means containers of that host alone.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from irkit.core.container import SHORT_ID, Summary, is_match
from irkit.core.errors import NoTargetError, UsageError
from irkit.core.text import safe

_KINDS = ("name:", "image:", "label:")
_FULL_ID = re.compile("[0-9a-f]{64}")
_MOST_NAMED = 10


def select(
    listed: Sequence[Summary], selectors: Sequence[str], hosts: Sequence[str] = (), lost: Collection[str] = ()
) -> tuple[list[Summary], frozenset[str]]:
    """The containers meant, in the order given, and the keys of those that more than one selector means.

    `hosts` are the names of the hosts that were listed (those of `listed` where none is given), `lost` of those that
    could not be: a selector for one of these means nothing, and is no error.

    Raises NoTargetError where a selector means none, UsageError with the candidates where a name or prefix means
    several: under stress nobody should be given the wrong one, least of all one that an attacker named so.
    """
    chosen: dict[str, Summary] = {}
    twice: set[str] = set()
    lists = _Lists(listed, tuple(hosts or dict.fromkeys(one.host for one in listed)), tuple(lost))
    for selector in selectors:
        for one in _matches(lists, selector):
            key = f"{one.host}/{one.id}"
            if key in chosen:
                twice.add(key)
            chosen[key] = one
    return list(chosen.values()), frozenset(twice)


def concerned(hosts: Sequence[str], selectors: Sequence[str]) -> list[str]:
    """Those of the hosts that the selectors may mean containers of: all, unless each selector names its host."""
    named = [_split(selector)[0] for selector in selectors]
    return [host for host in hosts if not all(named) or host in named] or list(hosts)


@dataclass(frozen=True)
class _Lists:
    """What was listed: the containers, the hosts they are on, and those of which nothing is known."""

    containers: Sequence[Summary]
    hosts: tuple[str, ...]
    lost: tuple[str, ...]

    @property
    def are_many(self) -> bool:
        return len(self.hosts) + len(self.lost) > 1

    def of(self, host: str) -> "_Lists":
        """Those of one host. Raises UsageError where it was not asked."""
        if host in self.hosts:
            return _Lists([one for one in self.containers if one.host == host], (host,), ())
        chosen = ", ".join(safe(name, 60) for name in self.hosts[:_MOST_NAMED])
        raise UsageError(f"host {safe(host, 100)!r} is not among those chosen ({chosen}): --host chooses it")

    @property
    def text(self) -> str:
        """What there is, for whoever asked for something that is not."""
        who, has = ("the hosts", "have") if self.are_many else ("the host", "has")
        there = f"{who} {has} {len(self.containers)}: irkit ls lists them" if self.containers else ""
        missing = f"; not reached: {', '.join(safe(name, 60) for name in self.lost[:_MOST_NAMED])}" if self.lost else ""
        return (there or f"{who} {has} no containers") + missing


def _matches(lists: _Lists, selector: str) -> list[Summary]:
    host, rest = _split(selector)
    if not host:
        return _of_kind(lists, selector)
    return [] if host in lists.lost else _of_kind(lists.of(host), rest)


def _split(selector: str) -> tuple[str, str]:
    """The host that a selector names, or empty, and the rest."""
    host, slash, rest = selector.partition("/")
    return (host, rest) if slash and not selector.startswith(_KINDS) else ("", selector)


def _of_kind(lists: _Lists, selector: str) -> list[Summary]:
    if selector == "all" or selector.startswith(_KINDS):
        found = [one for one in lists.containers if is_match(selector, one)]
        if not found:
            raise NoTargetError(f"no container matches {safe(selector, 200)!r} ({lists.text})")
        return found
    return [_one(lists, selector)]


def _one(lists: _Lists, text: str) -> Summary:
    name = text.removeprefix("/")
    found = [one for one in lists.containers if text and (one.id.startswith(text) or one.name == name)]
    if _FULL_ID.fullmatch(text):  # never a name: when it is gone, another may have been named like it
        found = [one for one in found if one.id == text]
    if not found:
        raise NoTargetError(f"no container has the id or name {safe(text, 200)!r} ({lists.text})")
    if len(found) > 1:
        raise UsageError(_candidates(text, found))
    return found[0]


def _candidates(text: str, found: Sequence[Summary]) -> str:
    """What a name or prefix may mean, and how to say which."""
    are_apart = len({one.host for one in found}) > 1
    if are_apart:
        named = [f"{safe(one.host, 60)}/{safe(one.name, 60)} ({one.id[:SHORT_ID]})" for one in found]
    else:
        named = [f"{one.id[:SHORT_ID]} ({safe(one.name, 60)})" for one in found]
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    advice = "HOST/NAME" if are_apart else "more of the id"
    return (
        f"{safe(text, 200)!r} may mean {len(found)} containers: {', '.join(named[:_MOST_NAMED])}{more}:"
        f" give {advice}, or name:NAME"
    )
