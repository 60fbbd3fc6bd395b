"""What is known now of all containers and hosts, and what of it changed since it was last taken, for any thread."""

from __future__ import annotations  # see the imports for types only, below

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from irkit.app.live_state import Changed

if TYPE_CHECKING:
    from irkit.app.live_state import LiveHost, LiveRow


class Board:
    """Rows by key, and what to tell of them. However much happens, no more is kept than there are rows."""

    def __init__(self, hosts: Callable[[], dict[str, LiveHost]]) -> None:
        self._lock = threading.Lock()
        self._see_hosts = hosts
        self._rows: dict[str, LiveRow] = {}
        self._changed: set[str] = set()
        self._restated: set[str] = set()
        """Those that did not change but for what their status says."""
        self._told: set[str] = set()
        self._gone: set[str] = set()
        self._told_hosts: dict[str, LiveHost] = {}

    @property
    def rows(self) -> dict[str, LiveRow]:
        """All rows by key, as they are now."""
        with self._lock:
            return dict(self._rows)

    def row(self, key: str) -> LiveRow | None:
        """One row, as it is now."""
        with self._lock:
            return self._rows.get(key)

    def put(self, rows: Iterable[LiveRow]) -> None:
        """Take in rows that are new, or in the place of older ones."""
        with self._lock:
            for row in rows:
                before = self._rows.get(row.key)
                self._rows[row.key] = row
                if before is None or _differs(before, row):
                    self._changed.add(row.key)
                    self._restated.discard(row.key)
                    self._gone.discard(row.key)

    def restate(self, rows: Iterable[LiveRow]) -> None:
        """Take in rows of which nothing but the words of their status is another, in the place of older ones."""
        later = {row.key: row for row in rows}
        with self._lock:
            self._rows.update(later)
            self._restated.update(later.keys() - self._changed)

    def drop(self, keys: Iterable[str]) -> None:
        """Let go of rows. Of one that nobody was told of nothing is said."""
        with self._lock:
            for key in keys:
                self._rows.pop(key, None)
                self._changed.discard(key)
                self._restated.discard(key)
                if key in self._told:
                    self._gone.add(key)

    def take(self) -> Changed:
        """What changed since the last time."""
        hosts = self._see_hosts()
        with self._lock:
            restated = self._restated
            rows = {key: self._rows[key] for key in self._changed}
            gone, self._gone, self._changed, self._restated = self._gone, set(), set(), set()
            self._told.update(rows)
            self._told.difference_update(gone)
            changed = {name: host for name, host in hosts.items() if self._told_hosts.get(name) != host}
            self._told_hosts.update(changed)
        return Changed(rows, gone, changed, restated)


def _differs(before: LiveRow, row: LiveRow) -> bool:
    """Whether there is something new to show; that it was seen once more is not."""
    return (
        before.facts is not row.facts
        or before.problem != row.problem
        or before.findings != row.findings
        or before.summary != row.summary
    )
