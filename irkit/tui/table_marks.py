"""Which rows of a live table are marked: keys, kept whatever the filter shows."""

from collections.abc import Callable, Collection, Iterable


class Marks:
    """The keys that are marked, in the order of marking, and where a range that is being marked began."""

    def __init__(self) -> None:
        self._keys: dict[str, None] = {}
        self.range_from: str | None = None

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def keys(self) -> tuple[str, ...]:
        """All of them, hidden ones too."""
        return tuple(self._keys)

    def count(self, holds: Callable[[str], bool]) -> int:
        """For how many of them that holds."""
        return sum(holds(key) for key in self._keys)

    def toggle(self, key: str) -> None:
        """Mark a key, or take its mark away."""
        if key in self._keys:
            del self._keys[key]
        else:
            self._keys[key] = None

    def add(self, keys: Iterable[str]) -> None:
        """Mark those as well."""
        self._keys.update(dict.fromkeys(keys))

    def drop(self, keys: Collection[str]) -> tuple[str, ...]:
        """Take marks away from keys; which of them were marked, in the order of marking."""
        dropped = tuple(key for key in self._keys if key in keys)
        for key in dropped:
            del self._keys[key]
        return dropped

    def clear(self) -> None:
        """Take every mark away, and give up a range."""
        self._keys.clear()
        self.range_from = None
