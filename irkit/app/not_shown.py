"""The hosts of the inventory that a list does not show: told and offered, and connected to by nobody unasked.

Opening irkit must not leave logins on each host that somebody once wrote down.
"""

from __future__ import annotations  # see the imports for types only, below

from typing import TYPE_CHECKING

from irkit.app.hosts import Hosts
from irkit.app.one_look import Look
from irkit.core.text import Safe, safe

if TYPE_CHECKING:
    from collections.abc import Collection

    from irkit.app.setting import Setting


def inventory_names(setting: Setting) -> list[str]:
    """The names of all hosts of the inventory, those with it that it leaves out. Raises UsageError."""
    inventory = Hosts(setting).inventory
    if inventory is None:
        return []
    return [host.name for host in (*inventory.hosts, *(one.host for one in inventory.told.left_out))]


class NotShown:
    """What an inventory has beside a list; it is read once, on a thread."""

    def __init__(self, setting: Setting) -> None:
        self.file = safe(setting.inventory_file.name, 40)
        self._look: Look[list[str]] = Look(lambda _: inventory_names(setting))

    def beside(self, shown: Collection[str]) -> list[str]:
        """The hosts that are not among those shown, in the order of the inventory; none before it was read."""
        return [name for name in self._look.value or () if name not in shown]

    def line(self, shown: Collection[str]) -> Safe:
        """That there are more, and how they are had; empty where there are none, or none of its hosts are known yet."""
        if self._look.is_over and self._look.error:
            return safe(f"hosts of {self.file} are not shown: {self._look.error}", 400)
        count = len(self.beside(shown))
        if not count:
            return Safe("")
        what, are = ("1 host of", "is") if count == 1 else (f"{count} hosts of", "are")
        return Safe(f"{what} {self.file} {are} not shown: --host all, or add them among Hosts")
