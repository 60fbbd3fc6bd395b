"""What of an inventory was not taken over, and which hosts are left out: as data, to be told where it matters."""

import hashlib
import re
from collections.abc import Collection, Iterator
from typing import Final

import msgspec

from irkit.adapters.host_address import KEPT_NAMES
from irkit.adapters.inventory_schema import NAME_PATTERN
from irkit.core.host import Host
from irkit.core.text import safe

_SHOWN: Final = 60
_MOST_LEFT_OUT: Final = 50


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A host that only its inventory's own tool could reach, and why: what is known of it is its name and groups.

    `called` is its name in the inventory, of any characters.
    """

    host: Host
    called: str
    reason: str


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said: of hosts that are left out, of hosts by text (the same thing once for all), of the whole."""

    left_out: tuple[LeftOut, ...] = ()
    of_hosts: dict[str, tuple[str, ...]] = {}
    of_all: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """All of it, a line each, what was left out first."""
        return (*self._left_out_lines(), *_lines(self.of_hosts), *self.of_all)

    def about(self, names: Collection[str]) -> list[str]:
        """What is to be said where hosts of these names are meant; that some are left out is not among it."""
        some = {text: tuple(one for one in hosts if one in names) for text, hosts in self.of_hosts.items()}
        return [*_lines({text: hosts for text, hosts in some.items() if hosts}), *self.of_all]

    def _left_out_lines(self) -> Iterator[str]:
        for one in self.left_out[:_MOST_LEFT_OUT]:
            yield f"{safe(one.called, _SHOWN)} is left out: {one.reason}"
        if len(self.left_out) > _MOST_LEFT_OUT:
            yield f"and {len(self.left_out) - _MOST_LEFT_OUT} more hosts are left out"


def _lines(of_hosts: dict[str, tuple[str, ...]]) -> Iterator[str]:
    for text, hosts in of_hosts.items():
        more = f" and {len(hosts) - 1} more" if len(hosts) > 1 else ""
        yield f"{safe(hosts[0], _SHOWN)}{more}: {text}"


def leave_out(name: str, groups: tuple[str, ...], reason: str, kept: tuple[str, ...] = ()) -> LeftOut:
    """A host that is left out. Where irkit takes no such name, or it begins with one of `kept`, it gets another."""
    taken = name
    if not re.fullmatch(NAME_PATTERN, name) or name in KEPT_NAMES or name.startswith(kept):
        clean = re.sub("[^A-Za-z0-9]+", "-", name)[:_SHOWN].strip("-") or "host"
        taken = f"{clean}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    return LeftOut(host=Host(name=taken, reach="", groups=groups), called=name, reason=reason)
