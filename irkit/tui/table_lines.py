"""Which keys the lines of a live table show, in what order, and where its cursor is; pure, without Textual.

The cursor holds a key, never a place. Where its row vanishes it stays in its place and holds nothing (`held` is None)
until the responder moves it, or until that very row is back: no key pressed at the wrong moment acts on what slid under
it. Nothing moves while the responder is at the keys: rows that went stay as lines that are `gone`, new ones wait.
After that rows come and go at once, and a new order of the rows that stay is taken only where the held row keeps its
line on the screen; until then `is_waiting` says that the lines are not what is wanted.
"""

from collections.abc import Iterable, Sequence


class Lines:
    """The lines of a table of which `height` are seen at a time, from `top` on; `cursor` is the index of a line."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.height = 1
        self.top = 0
        self.cursor = 0
        self.held: str | None = None
        self.lost: str | None = None
        self.wanted: list[str] = []
        self._present: frozenset[str] = frozenset()
        self._at: dict[str, int] = {}
        self._tried: tuple[object, ...] = ()  # for what the order wanted was weighed last: it is dear, and asked often

    @property
    def max_top(self) -> int:
        """The greatest index the first seen line may have."""
        return max(0, len(self.keys) - self.height)

    @property
    def is_waiting(self) -> bool:
        """Whether the lines are not yet those that were wanted last."""
        return self.keys != self.wanted

    def is_gone(self, key: str) -> bool:
        """Whether the row of a line is not there any more, or the filter does not let it through."""
        return key not in self._present

    def want(self, keys: Sequence[str]) -> str | None:
        """Take the order that is wanted from now on. Returns the key that the cursor lost by it.

        The lines stay as they are until `settle`.
        """
        if keys == self.wanted:
            return None
        self.wanted = list(dict.fromkeys(keys))
        self._present = frozenset(self.wanted)
        if self.held is not None and self.held not in self._present:
            self.lost, self.held = self.held, None
            return self.lost
        if self.held is None and self.lost in self._present:
            self._take_back()
        return None

    def _take_back(self) -> None:
        """The row that was lost is there again, and the responder has not moved: it is held again."""
        if self.lost is not None and (at := self._at.get(self.lost)) is not None:
            self.held, self.cursor, self.lost = self.lost, at, None
            self._show_cursor()

    def settle(self, *, at_once: bool = False) -> None:
        """Bring the lines to what is wanted, as far as the cursor allows; `at_once` because the responder asked."""
        line = self.cursor - self.top
        tried = (self.wanted, self.held, line, self.height)
        if self.is_waiting and (at_once or tried != self._tried):
            self._lay_out(self.wanted if at_once else self._allowed(line), line)
            self._tried = tried
        if self.held is None:
            self._take_back()

    def _allowed(self, line: int) -> list[str]:
        if self.held is None:
            return self.wanted
        top = self.wanted.index(self.held) - line
        if 0 <= top <= max(0, len(self.wanted) - self.height):
            return self.wanted
        return merge(self.keys, self.wanted, self._present)

    def _lay_out(self, keys: list[str], line: int) -> None:
        self.keys = list(keys)
        self._at = {key: index for index, key in enumerate(keys)}
        if self.held is not None:
            self.cursor = self._at[self.held]
            self.top = self.cursor - line
        self.top = min(max(0, self.top), self.max_top)
        self.cursor = min(max(0, self.cursor), max(0, len(keys) - 1))
        self._show_cursor()

    def resize(self, height: int) -> None:
        """So many lines are seen from now on: the one of the cursor is among them."""
        self.height = max(1, height)
        self.top = min(self.top, self.max_top)
        self._show_cursor()

    def _show_cursor(self) -> None:
        self.top = min(max(self.top, self.cursor - self.height + 1), self.cursor)

    def step(self, lines: int) -> None:
        """Move the cursor by so many lines; where it holds nothing, it takes hold of the line it is at, first."""
        self.move_to(self.cursor if self.held is None else self.cursor + lines, 1 if lines > 0 else -1)

    def move_to(self, index: int, onward: int = 1) -> None:
        """Hold the row of a line, or of the next one in that direction whose row is there."""
        at = min(max(0, index), len(self.keys) - 1)
        for direction in (onward, -onward):
            found = next((key for key in self._from(at, direction) if key in self._present), None)
            if found is not None:
                self.hold(found)
                return

    def _from(self, at: int, direction: int) -> Iterable[str]:
        return self.keys[at:] if direction > 0 else reversed(self.keys[: at + 1])

    def hold(self, key: str) -> bool:
        """Put the cursor on the line of a key. Whether there is one, and its row is there."""
        if key not in self._present or key not in self._at:
            return False
        self.held, self.lost, self.cursor = key, None, self._at[key]
        self._show_cursor()
        return True

    def release(self) -> None:
        """Hold nothing: the cursor is but a place, and every order is taken at once."""
        self.held = self.lost = None

    def scroll(self, top: int) -> None:
        """Show other lines; the cursor comes along where it would leave the screen."""
        self.top = min(max(0, top), self.max_top)
        seen = min(max(self.cursor, self.top), self.top + self.height - 1)
        if self.held is None:
            self.cursor = seen
        elif seen != self.cursor:
            self.move_to(seen, 1 if seen > self.cursor else -1)

    def between(self, one: str, other: str) -> list[str]:
        """The keys from one to another as the lines have them, of rows that are there."""
        first, last = sorted((self._at.get(one, 0), self._at.get(other, 0)))
        return [key for key in self.keys[first : last + 1] if key in self._present]

    @property
    def present(self) -> list[str]:
        """The keys of all lines whose rows are there."""
        return [key for key in self.keys if key in self._present]


def merge(old: Sequence[str], wanted: Sequence[str], present: frozenset[str]) -> list[str]:
    """The old order without what is gone; what is new comes after what it follows in the order wanted."""
    known = set(old)
    after: dict[str, list[str]] = {}
    before = ""
    for key in wanted:
        if key in known:
            before = key
        else:
            after.setdefault(before, []).append(key)
    merged = after.get("", [])
    for key in old:
        if key in present:
            merged += (key, *after.get(key, ()))
    return merged
