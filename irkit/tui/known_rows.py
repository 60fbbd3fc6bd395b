"""The rows that the triage screen knows, and the order that they are in. Leaves filters, marks and painting to others.

Most of what changes is what a status says ("Up 5 minutes"), of rows that nobody sees: such a row is put aside, and
looked at when it is asked for. So a list costs what there is of other changes in it, and not what it has rows.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final

from irkit.tui.triage_rows import ORDERS, Known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from irkit.app.live import Changed, LiveRow
    from irkit.tui.row_filter import Facets

Place = tuple[Any, ...]
"""What a row sorts by; the last part is its key."""
_FEW: Final = 8
"""One row of so many may have another place before all are sorted anew."""


class KnownRows:
    """Rows by key, for one thread. `newest` is a row as it is now, which may be told of as changed or gone later."""

    def __init__(self, newest: Callable[[str], LiveRow | None]) -> None:
        self._newest = newest
        self._known: dict[str, Known] = {}
        self._aside: set[str] = set()
        """Keys of rows whose status was another already when they were told of last."""
        self._order = next(iter(ORDERS))
        self._places: list[Place] = []
        self._keys: list[str] = []
        """Of the rows as they were put in order last, sorted; and the keys of these."""
        self._unplaced: dict[str, Place | None] = {}
        """Keys whose rows are new, gone or changed since, and the places that they had."""

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
            self._drop(key)
        return bool(self._unplaced)

    def take_all(self, rows: Mapping[str, LiveRow]) -> set[str]:
        """Take these rows, and no others; the keys of those that are no more."""
        gone = self._known.keys() - rows.keys()
        for key in gone:
            self._drop(key)
        self._aside.clear()
        for key, row in rows.items():
            if (one := self._known.get(key)) is None or one.row is not row:
                self._learn(row)
        return gone

    def in_order(self, order: str) -> list[str]:
        """All keys in an order. Where few rows have another place, these are put there, and nothing is sorted."""
        if order != self._order or len(self._unplaced) * _FEW > len(self._known):
            self._order = order
            self._places = sorted(one.place(order) for one in self._known.values())
            self._keys = [place[-1] for place in self._places]
        else:
            for key, place in self._unplaced.items():
                self._move(key, place)
        self._unplaced = {}
        return [*self._keys]

    def _move(self, key: str, place: Place | None) -> None:
        """Take a row from the place that it had, to the one that it has now."""
        if place is not None:
            at = bisect_left(self._places, place)
            del self._places[at], self._keys[at]
        if key in self._known:
            place = self._known[key].place(self._order)
            at = bisect_left(self._places, place)
            self._places.insert(at, place)
            self._keys.insert(at, key)

    def _learn(self, row: LiveRow) -> None:
        before = self._known.get(row.key)
        self._known[row.key] = one = Known(row, before)
        if before is None or one.gist is not before.gist:
            self._unplace(row.key, before)

    def _drop(self, key: str) -> None:
        if (before := self._known.pop(key, None)) is not None:
            self._unplace(key, before)

    def _unplace(self, key: str, before: Known | None) -> None:
        """Its place is not what it was. Of several changes since the last order, the first knows where it was."""
        if key not in self._unplaced:
            self._unplaced[key] = before.place(self._order) if before is not None else None
