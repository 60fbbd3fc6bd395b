"""The groups and hosts of an Ansible inventory, and which value of a variable counts for a host.

Only variables that have to do with reaching a host are kept, and none is ever evaluated. How an inventory is written is
left to its readers, what irkit makes of the variables to `ansible_inventory`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from irkit.core.errors import UsageError
from irkit.core.text import safe

MAX_HOSTS: Final = 10_000
_MAX_GROUPS: Final = 5_000
_MAX_LINKS: Final = 200_000
_MAX_MEMBERSHIPS: Final = 1_000_000
_ALL: Final = "all"
_UNGROUPED: Final = "ungrouped"
PRIORITY: Final = "ansible_group_priority"

USED: Final = {
    "host": ("ansible_host", "ansible_ssh_host"),
    "port": ("ansible_port", "ansible_ssh_port"),
    "user": ("ansible_user", "ansible_ssh_user"),
    "connection": ("ansible_connection",),
    "become": ("ansible_become",),
    "become_user": ("ansible_become_user",),
    "become_method": ("ansible_become_method",),
    "arguments": ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"),
}
"""The variables that count, by what they say; of several that say the same the last one counts, as in Ansible."""
SAID: Final = (
    "ansible_ssh_private_key_file",
    "ansible_private_key_file",
    "ansible_password",
    "ansible_ssh_pass",
    "ansible_ssh_password",
    "ansible_become_password",
    "ansible_become_pass",
    "ansible_host_key_checking",
    "ansible_ssh_host_key_checking",
)
"""The variables that have to do with reaching a host and are not used, which is said."""
_KEPT: Final = frozenset(name for names in USED.values() for name in names) | set(SAID) | {PRIORITY}


class Hidden(Enum):
    """A value that is not text: what there is in its place."""

    VAULT = "is encrypted with ansible-vault"
    OTHER = "is not text"


Value = str | Hidden


@dataclass
class _Group:
    name: str
    variables: dict[str, Value] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)


@dataclass
class Tree:
    """An inventory as it is read: groups, hosts, and what is to be said of them."""

    notes: dict[str, None] = field(default_factory=dict)
    _groups: dict[str, _Group] = field(default_factory=lambda: {_ALL: _Group(_ALL), _UNGROUPED: _Group(_UNGROUPED)})
    _hosts: dict[str, dict[str, Value]] = field(default_factory=dict)
    _groups_of: dict[str, dict[str, None]] = field(default_factory=dict)
    _links: int = 0

    @property
    def hosts(self) -> Iterable[str]:
        """The names of the hosts, in the order they were first named in."""
        return self._hosts

    def add_group(self, name: str) -> None:
        """A group, unless it is there. Raises UsageError."""
        if len(self._groups) >= _MAX_GROUPS and name not in self._groups:
            raise UsageError(f"more than {_MAX_GROUPS} groups")
        self._groups.setdefault(name, _Group(name))

    def add_child(self, group: str, child: str) -> None:
        """Put a group below another one. Raises UsageError."""
        if child == _ALL:
            raise UsageError(f"the group all cannot be a child of {safe(group, 60)!r}")
        self._count_link()
        self.add_group(group)
        self.add_group(child)
        self._groups[group].children[child] = None

    def add_host(self, name: str, group: str, port: int, variables: Mapping[str, Value]) -> None:
        """A host in a group, with its own variables added to those it has. Raises UsageError."""
        self._count_link()
        self.add_group(group)
        if name not in self._hosts:
            if len(self._hosts) >= MAX_HOSTS:
                raise UsageError(f"more than {MAX_HOSTS} hosts")
            self._hosts[name] = {"ansible_port": str(port)} if port else {}
            self._groups_of[name] = {}
        self._groups_of[name][group] = None
        self._hosts[name].update(_kept(variables))

    def set_variables(self, group: str, variables: Mapping[str, Value]) -> None:
        """Variables of a group, those that are kept. Raises UsageError."""
        self.add_group(group)
        self._groups[group].variables.update(_kept(variables))

    def _count_link(self) -> None:
        self._links += 1
        if self._links > _MAX_LINKS:
            raise UsageError(f"groups have more than {_MAX_LINKS} members in all")

    def resolve(self) -> "Resolved":
        """What holds for each host. Raises UsageError where groups go in circles."""
        return Resolved(self._groups, self._hosts, self._groups_of)


def _kept(variables: Mapping[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in variables.items() if name in _KEPT}


class Resolved:
    """Groups and variables of each host of a whole inventory.

    A set of groups is a whole number with a bit for each: inventories have thousands of hosts in hundreds of groups.
    """

    def __init__(
        self,
        groups: Mapping[str, _Group],
        hosts: Mapping[str, Mapping[str, Value]],
        groups_of: Mapping[str, Iterable[str]],
    ) -> None:
        self._hosts, self._groups_of = hosts, groups_of
        self._order = _in_order(groups)
        self._bits = {name: 1 << number for number, name in enumerate(self._order)}
        self._above, depths = self._look_up_the_tree(groups)
        self._ranked = sorted(
            (group for group in groups.values() if group.variables),
            key=lambda group: (depths[group.name], _priority(group), group.name),
        )
        self._known: dict[int, dict[str, Value]] = {}
        self._named: dict[int, tuple[str, ...]] = {}
        self._memberships = 0

    def _look_up_the_tree(self, groups: Mapping[str, _Group]) -> tuple[dict[str, int], dict[str, int]]:
        """The groups above each with itself, and how deep each is at most."""
        above, depths = dict(self._bits), dict.fromkeys(self._order, 1)
        depths[_ALL] = 0
        for name in self._order:
            above[name] |= self._bits[_ALL]
            for child in groups[name].children:
                above[child] |= above[name]
                depths[child] = max(depths[child], depths[name] + 1)
        return above, depths

    def variables_of(self, host: str) -> dict[str, Value]:
        """The variables that count: the host's own over those of a group, those of a group over its parents'."""
        found = self._mask(host)
        if found not in self._known:
            merged: dict[str, Value] = {}
            for group in self._ranked:
                if found & self._bits[group.name]:
                    merged.update(group.variables)
            self._known[found] = merged
        return {**self._known[found], **self._hosts[host]}

    def groups_of(self, host: str) -> tuple[str, ...]:
        """The groups that a host is in, also through others, in a stable order; not `all` and `ungrouped`."""
        found = self._mask(host)
        if found not in self._named:
            self._memberships += found.bit_count()
            if self._memberships > _MAX_MEMBERSHIPS:
                raise UsageError(f"hosts are in more than {_MAX_MEMBERSHIPS} groups in all")
            kept = (name for name in self._order if name not in (_ALL, _UNGROUPED))
            self._named[found] = tuple(sorted(name for name in kept if found & self._bits[name]))
        return self._named[found]

    def _mask(self, host: str) -> int:
        found = self._bits[_ALL]
        for group in self._groups_of[host]:
            found |= self._above[group]
        return found


def _in_order(groups: Mapping[str, _Group]) -> list[str]:
    """The groups, parents before children. Raises UsageError where there is no such order."""
    parents = dict.fromkeys(groups, 0)
    for group in groups.values():
        for child in group.children:
            parents[child] += 1
    ready = [name for name, count in parents.items() if not count]
    order: list[str] = []
    while ready:
        name = ready.pop()
        order.append(name)
        for child in groups[name].children:
            parents[child] -= 1
            if not parents[child]:
                ready.append(child)
    if len(order) < len(groups):
        circle = sorted(name for name, count in parents.items() if count)
        raise UsageError(f"groups are children of one another: {safe(', '.join(circle[:5]), 200)}")
    return order


def _priority(group: _Group) -> int:
    """Which of two groups at the same depth counts: the one with the higher number, 1 where it is not said."""
    text = group.variables.get(PRIORITY, "1")
    return int(text) if isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) < 10 else 1  # noqa: PLR2004
