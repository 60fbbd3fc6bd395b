"""Which hosts a responder means: names, globs, `group:NAME`, `label:KEY[=GLOB]`, and `all`.

Which hosts there are is the inventory's; the local engine and addresses are for the caller.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from irkit.core.errors import NoTargetError
from irkit.core.host import Host
from irkit.core.text import safe
from irkit.engine.wording import suggest

_GROUP: Final = "group:"
_LABEL: Final = "label:"
_SHOWN: Final = 100


def select_hosts(hosts: Sequence[Host], selectors: Sequence[str]) -> list[Host]:
    """The hosts that any of the selectors means, in the order of `hosts`, each once.

    A selector that is a host's name means that host and nothing else, whatever it would mean otherwise. Raises
    NoTargetError for the first that means none.
    """
    chosen: set[str] = set()
    for selector in selectors:
        found = {host.name for host in hosts if host.name == selector} or _matches(hosts, selector)
        if not found:
            raise NoTargetError(f"no host matches {safe(selector, _SHOWN)!r}{_near(hosts, selector)}")
        chosen |= found
    first: dict[str, Host] = {}
    for host in hosts:
        first.setdefault(host.name, host)
    return [host for name, host in first.items() if name in chosen]


def _matches(hosts: Sequence[Host], selector: str) -> set[str]:
    return {host.name for host in hosts if _is_meant(host, selector)}


def _is_meant(host: Host, selector: str) -> bool:
    if selector.startswith(_GROUP):
        pattern = selector.removeprefix(_GROUP)
        return any(fnmatchcase(group, pattern) for group in host.groups)
    if selector.startswith(_LABEL):
        key, equals, pattern = selector.removeprefix(_LABEL).partition("=")
        return key in host.labels and (not equals or fnmatchcase(host.labels[key], pattern))
    return selector == "all" or fnmatchcase(host.name, selector)


def _near(hosts: Sequence[Host], selector: str) -> str:
    """What may have been meant."""
    if selector.startswith(_GROUP):
        groups = {group for host in hosts for group in host.groups}
        return suggest(selector.removeprefix(_GROUP), groups) if groups else ": no host has a group"
    if selector.startswith(_LABEL):
        key, _, _ = selector.removeprefix(_LABEL).partition("=")
        labels = {f"{name}={value}" for host in hosts for name, value in host.labels.items() if name == key}
        labels = labels or {name for host in hosts for name in host.labels}
        return suggest(selector.removeprefix(_LABEL), labels) if labels else ": no host has a label"
    return suggest(selector, {host.name for host in hosts})
