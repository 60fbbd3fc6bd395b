"""Which hosts a responder means: the local engine, docker's contexts, the inventory, addresses, ssh's own names."""

from __future__ import annotations  # see the imports for types only, below

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from irkit.core.errors import NoTargetError, UsageError
from irkit.core.text import safe

if TYPE_CHECKING:
    from pathlib import Path

    from irkit.adapters.inventory import Inventory
    from irkit.adapters.inventory_notes import LeftOut
    from irkit.app.setting import Setting
    from irkit.core.host import Host

LOCAL = "local"
CONTEXT = "context:"
_KINDS = ("group:", "label:")
_GLOB = frozenset("*?[")


class Hosts:
    """The hosts that a setting knows, each kind of them looked up when it is asked for."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    @property
    def local(self) -> Host:
        """The engine that docker's own rules name on this machine. Raises UsageError."""
        from irkit.adapters.engine_address import local_engine

        return local_engine(self._setting.environment, self._setting.home)

    @cached_property
    def inventory(self) -> Inventory | None:
        """The inventory, if there is one. Raises UsageError."""
        if not self._setting.has_inventory:
            return None
        from irkit.adapters.inventory import load_inventory

        return load_inventory(self._setting.inventory_file)

    @property
    def contexts(self) -> list[Host]:
        """The engines of docker's contexts."""
        from irkit.adapters.engine_address import list_contexts

        return list_contexts(self._setting.environment, self._setting.home)

    def choose(self, selectors: Sequence[str | Host]) -> list[Host]:
        """The hosts meant, each once, in the order given; the local engine where no selector is.

        A host that was chosen before is meant as it is: of an address, its name does not tell all.

        A selector may hold several, with commas between. It is `local`, `context:NAME`, a name or glob of the
        inventory, `group:NAME`, `label:KEY[=GLOB]`, `all`, an address (`ssh://user@host:port`, `user@host`), or else a
        name that the responder's ssh knows. `left_out` tells those that cannot be reached. Raises UsageError,
        NoTargetError.
        """
        if not selectors:
            return [self.local]
        found: dict[str, Host] = {}
        for one in _apart(selectors):
            for host in self._meant(one) if isinstance(one, str) else [one]:
                if found.setdefault(host.name, host) != host:
                    raise UsageError(
                        f"--host means two hosts called {safe(host.name, 100)!r}, and one would be taken for the "
                        "other: put one of them into hosts.yml under a name of its own"
                    )
        return list(found.values())

    def left_out(self, chosen: Sequence[Host]) -> dict[str, str]:
        """Those of the hosts, by name, that cannot be reached by what the inventory says of them, and why."""
        unreached = [host.name for host in chosen if not host.reach]
        if not unreached or self.inventory is None:
            return {}
        return self.why_left_out(unreached)

    def why_left_out(self, names: Iterable[str]) -> dict[str, str]:
        """Why the inventory leaves hosts out, for those of the names for which it does."""
        known = self._left_out
        return {
            name: f"the inventory leaves host {safe(one.called, 100)} out: {one.reason}"
            for name in names
            if (one := known.get(name))
        }

    def tell_notes(self, names: Iterable[str]) -> None:
        """Tell the responder what of the inventory is not used, as far as it is about hosts of these names."""
        tell, inventory = self._setting.tell, self._read
        mine = {host.name for host in inventory.hosts} & set(names) if tell and inventory else ()
        if tell and inventory and mine:
            for note in inventory.told.about(mine):
                tell(f"note: {note}")

    @property
    def _read(self) -> Inventory | None:
        """The inventory, where something was looked for in it."""
        return self.inventory if "inventory" in vars(self) else None

    @property
    def _left_out(self) -> dict[str, LeftOut]:
        return {one.host.name: one for one in self._read.told.left_out} if self._read else {}

    def named(self, name: str) -> Host | None:
        """The host that is known by exactly that name: `local`, a docker context, a host of the inventory, or None.

        Raises UsageError.
        """
        if name == LOCAL:
            return self.local
        if name.startswith(CONTEXT):
            from irkit.adapters.engine_address import context_host

            return context_host(name.removeprefix(CONTEXT), self._setting.environment, self._setting.home)
        return next((host for host in self.inventory.hosts if host.name == name), None) if self.inventory else None

    def _meant(self, selector: str) -> Sequence[Host]:
        if host := self.named(selector):
            return [host]
        if found := self._left_out.get(selector):
            return [found.host]
        if not _is_pattern(selector):
            from irkit.adapters.host_address import parse_address

            return [parse_address(selector)]
        if self.inventory is None:
            path = safe(self._setting.inventory_file, 200)
            raise NoTargetError(f"{safe(selector, 100)!r} means hosts of an inventory, and there is none at {path}")
        from irkit.engine.host_selection import select_hosts

        return select_hosts([*self.inventory.hosts, *(one.host for one in self._left_out.values())], [selector])


def _apart(selectors: Sequence[str | Host]) -> Iterator[str | Host]:
    """Each selector by itself. Raises UsageError."""
    for one in selectors:
        if not isinstance(one, str):
            yield one
            continue
        for part in one.split(","):
            if not part.strip():
                raise UsageError("--host names no host: leave it out for the engine of this machine")
            yield part.strip()


def _is_pattern(selector: str) -> bool:
    """Whether it selects among the hosts of an inventory; an IPv6 address has brackets and is no glob."""
    from irkit.adapters.host_address import is_bracketed

    is_address = "@" in selector or "://" in selector or is_bracketed(selector)
    return selector == "all" or selector.startswith(_KINDS) or (bool(_GLOB & set(selector)) and not is_address)


def host_words(setting: Setting) -> list[str]:
    """What may be given as a host, as far as it is written down somewhere: for completion. Raises UsageError."""
    hosts = Hosts(setting)
    known = hosts.inventory.hosts if hosts.inventory else ()
    groups = dict.fromkeys(group for host in known for group in host.groups)
    contexts = [host.name for host in hosts.contexts]
    return [
        LOCAL,
        *(["all"] if known else []),
        *(host.name for host in known),
        *map("group:{}".format, groups),
        *contexts,
    ]


def new_host(name: str, address: str, **facts: Any) -> Host:
    """A host by that name at an address, or else one that the responder's ssh knows by it. Raises UsageError.

    `facts` are fields of the host; empty ones leave what the address says.
    """
    from msgspec.structs import replace

    from irkit.adapters.host_address import parse_address

    told = {field: value for field, value in facts.items() if value}
    return replace(parse_address(address or name), name=name, **told)


def add_host(setting: Setting, host: Host) -> Path:
    """Add a host to the inventory, made where there is none; where that is. Raises UsageError, StorageError."""
    from irkit.adapters.inventory import add_host as add

    add(setting.inventory_file, host)
    return setting.inventory_file
