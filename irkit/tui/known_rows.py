"""The rows that the triage screen knows, and the order that they are in. Leaves filters, marks and painting to others.

Most of what changes is what a status says ("Up 5 minutes"), of rows that nobody sees: such a row is put aside, and
looked at when it is asked for. So a list costs what there is of other changes in it, and not what it has rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from irkit.tui.triage_rows import ORDERS, Known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from irkit.app.live import Changed, LiveRow
    from irkit.tui.row_filter import Facets


class KnownRows:
    """Rows by key, for one thread. `newest` is a row as it is now, which may be told of as changed or gone later."""

    def __init__(self, newest: Callable[[str], LiveRow | None]) -> None:
        self._newest = newest
        self._known: dict[str, Known] = {}
        self._aside: set[str] = set()
        """Keys of rows whose status was another already when they were told of last."""
        self._order = next(iter(ORDERS))
        self._places: list[tuple[Any, ...]] = []
        """Of rows, sorted; the last part of each is the row's key."""
        self._unplaced: set[str] = set()
        """Keys whose rows are new, gone, or not to be found where they were."""

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def __getitem__(self, key: str) -> Known:
        one = self._known[key]
        if key in self._aside:
            self._aside.discard(key)
            row = self._newest(key)
            # What is otherwise another of it is told of with all else that moves rows: until then it is as it was.
            later = one.restated(row) if row is not None else None
            self._known[key] = one = later or one
        return one

    def get(self, key: str) -> Known | None:
        """What is known of a row; None where it is not there."""
        return self[key] if key in self._known else None

    def facets(self, keys: Iterable[str]) -> dict[str, Facets]:
        """What a filter asks of rows, which no other status changes."""
        return {key: self._known[key].facets for key in keys}

    def take(self, changed: Changed) -> bool:
        """Take in what changed; whether filters and orders may find the rows otherwise than before."""
        for row in changed.rows.values():
            self._learn(row)
        self._aside.difference_update(changed.rows, changed.gone)
        self._aside.update(changed.restated)
        for key in changed.gone:
            self._known.pop(key, None)
        self._unplaced |= changed.gone
        return bool(self._unplaced)

    def take_all(self, rows: Mapping[str, LiveRow]) -> set[str]:
        """Take these rows, and no others; the keys of those that are no more."""
        gone = self._known.keys() - rows.keys()
        for key in gone:
            del self._known[key]
        self._aside.clear()
        for key, row in rows.items():
            if (one := self._known.get(key)) is None or one.row is not row:
                self._learn(row)
        self._unplaced |= gone
        return gone

    def in_order(self, order: str) -> list[str]:
        """All keys in an order. What is in order but for a few rows costs a fraction of what it costs to sort all."""
        if order != self._order:
            self._order, self._places, self._unplaced = order, [], set(self._known)
        if self._unplaced:
            self._places = [place for place in self._places if place[-1] not in self._unplaced]
            self._places += [self._known[key].place(order) for key in self._unplaced & self._known.keys()]
            self._places.sort()
            self._unplaced = set()
        return [place[-1] for place in self._places]

    def _learn(self, row: LiveRow) -> None:
        before = self._known.get(row.key)
        self._known[row.key] = one = Known(row, before)
        if before is None or one.gist is not before.gist:
            self._unplaced.add(row.key)
