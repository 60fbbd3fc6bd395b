"""Which hosts a responder means: the local engine, docker's contexts, the inventory, addresses, ssh's own names."""

from __future__ import annotations  # see the imports for types only, below

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from irkit.core.errors import NoTargetError, UsageError
from irkit.core.text import safe

if TYPE_CHECKING:
    from pathlib import Path

    from irkit.adapters.inventory import Inventory
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

    def choose(self, selectors: Sequence[str]) -> list[Host]:
        """The hosts meant, each once, in the order given; the local engine where no selector is.

        A selector may hold several, with commas between. It is `local`, `context:NAME`, a name or glob of the
        inventory, `group:NAME`, `label:KEY[=GLOB]`, `all`, an address (`ssh://user@host:port`, `user@host`), or else a
        name that the responder's ssh knows. Raises UsageError, NoTargetError.
        """
        if not selectors:
            return [self.local]
        texts = [part.strip() for text in selectors for part in text.split(",")]
        if not all(texts):
            raise UsageError("--host names no host: leave it out for the engine of this machine")
        found: dict[str, Host] = {}
        for text in texts:
            for host in self._meant(text):
                found.setdefault(host.name, host)
        return list(found.values())

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
        if not _is_pattern(selector):
            from irkit.adapters.host_address import parse_address

            return [parse_address(selector)]
        if self.inventory is None:
            path = safe(self._setting.inventory_file, 200)
            raise NoTargetError(f"{safe(selector, 100)!r} means hosts of an inventory, and there is none at {path}")
        from irkit.engine.host_selection import select_hosts

        return select_hosts(self.inventory.hosts, [selector])


def _is_pattern(selector: str) -> bool:
    """Whether it selects among the hosts of an inventory; an IPv6 address has brackets and is no glob."""
    is_address = "@" in selector or "://" in selector
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
