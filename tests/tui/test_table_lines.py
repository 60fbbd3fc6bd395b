"""The lines of a live table: whatever rows do, the cursor holds the row it held, or none."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from irkit.tui.table_lines import Lines, merge

KEYS = [f"host/{letter}" for letter in "abcdefghijklmnop"]
orders = st.lists(st.sampled_from(KEYS), unique=True, max_size=len(KEYS))


def lines_of(letters: str, height: int = 5) -> Lines:
    lines = Lines()
    lines.resize(height)
    lines.want(list(letters))
    lines.settle()
    return lines


def shown(lines: Lines) -> str:
    return "".join(lines.keys)


def at_rest(lines: Lines, letters: str) -> None:
    lines.want(list(letters))
    lines.settle()


def test_the_cursor_holds_nothing_until_it_is_moved_and_takes_hold_where_it_is() -> None:
    lines = lines_of("abc")
    held = [lines.held]
    for _ in range(2):
        lines.step(1)
        held.append(lines.held)
    assert held == [None, "a", "b"]


def test_a_cursor_that_holds_nothing_leaves_the_list_to_its_order_and_stays_on_top() -> None:
    lines = lines_of("abc")
    at_rest(lines, "zcab")
    assert (shown(lines), lines.top, lines.held) == ("zcab", 0, None)


def test_rows_above_come_and_go_and_the_held_row_keeps_its_line() -> None:
    lines = lines_of("abcdefghij", 4)
    lines.hold("e")
    line = lines.cursor - lines.top
    for order in ("xyabcdefghij", "bcdefghij", "xbcdezfghij"):
        at_rest(lines, order)
        assert shown(lines) == order
        assert (lines.held, lines.cursor - lines.top) == ("e", line)


def test_an_order_that_keeps_the_held_row_on_its_line_is_taken() -> None:
    lines = lines_of("abcdefghij", 4)
    lines.hold("e")
    line = lines.cursor - lines.top
    at_rest(lines, "jihgfedcba")
    assert shown(lines) == "jihgfedcba"
    assert (lines.held, lines.cursor - lines.top) == ("e", line)


def test_an_order_that_would_move_the_held_row_waits_and_rows_come_and_go_all_the_same() -> None:
    lines = lines_of("abcd")
    lines.hold("c")
    at_rest(lines, "dcxa")
    assert shown(lines) == "acxd"
    assert lines.is_waiting
    assert (lines.held, lines.keys[lines.cursor]) == ("c", "c")
    lines.release()
    lines.settle()
    assert shown(lines) == "dcxa"


def test_an_order_the_responder_asks_for_is_taken_at_once() -> None:
    lines = lines_of("abcd")
    lines.hold("c")
    lines.want(list("dcba"))
    lines.settle(at_once=True)
    assert (shown(lines), lines.held, lines.cursor) == ("dcba", "c", 1)


def test_while_keys_are_pressed_no_line_moves_and_one_that_is_gone_cannot_be_held() -> None:
    lines = lines_of("abcd")
    lines.hold("b")
    assert lines.want(list("xdcb")) is None
    assert (shown(lines), lines.held) == ("abcd", "b")
    assert lines.is_gone("a")
    lines.step(-1)
    assert lines.held == "b"
    assert not lines.hold("a")
    assert not lines.hold("x")


def test_where_the_held_row_vanishes_nothing_is_held_until_the_responder_moves() -> None:
    lines = lines_of("abcd")
    lines.hold("b")
    assert lines.want(list("acd")) == "b"
    assert lines.held is None
    lines.settle()
    assert (lines.cursor, lines.held) == (1, None)
    at_rest(lines, "adc")
    assert not lines.held
    lines.step(1)
    assert lines.held == "d"


def test_the_very_row_that_vanished_is_held_again_when_it_is_back() -> None:
    lines = lines_of("abcd")
    lines.hold("b")
    at_rest(lines, "acd")
    at_rest(lines, "acdb")
    assert (lines.held, lines.keys[lines.cursor]) == ("b", "b")


def test_a_row_that_is_back_after_the_responder_moved_is_not_held() -> None:
    lines = lines_of("abcd")
    lines.hold("b")
    at_rest(lines, "acd")
    lines.move_to(2)
    at_rest(lines, "abcd")
    assert lines.held == "d"


def test_scrolling_takes_the_cursor_along_and_one_that_holds_nothing_takes_no_hold() -> None:
    lines = lines_of("abcdefghij", 3)
    lines.scroll(4)
    assert (lines.held, lines.cursor) == (None, 4)
    lines.hold("e")
    lines.scroll(6)
    assert (lines.held, lines.top) == ("g", 6)
    lines.scroll(0)
    assert (lines.held, lines.top) == ("c", 0)


def test_an_empty_table_has_nothing_to_hold() -> None:
    lines = lines_of("")
    lines.step(1)
    lines.move_to(9)
    lines.scroll(3)
    assert (lines.held, lines.cursor, lines.top) == (None, 0, 0)


def is_in_order(keys: Sequence[str], order: Sequence[str]) -> bool:
    return [key for key in order if key in keys] == [key for key in keys if key in order]


@given(orders, orders)
def test_merged_lines_are_all_that_is_wanted_and_what_stayed_is_in_its_old_order(
    old: list[str], wanted: list[str]
) -> None:
    merged = merge(old, wanted, frozenset(wanted))
    assert sorted(merged) == sorted(wanted)
    assert is_in_order(merged, [key for key in old if key in wanted])
    if is_in_order(old, wanted):
        assert merged == wanted


class Storm(RuleBasedStateMachine):
    """Rows come, go and are sorted, the responder moves and resizes: the cursor never slides to another row."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = Lines()
        self.wanted: list[str] = []

    @initialize(height=st.integers(1, 8), wanted=orders)
    def begin(self, height: int, wanted: list[str]) -> None:
        self.lines.resize(height)
        self.changes(wanted)
        self.rests()

    @rule(wanted=orders)
    def changes(self, wanted: list[str]) -> None:
        held, lost, before = self.lines.held, self.lines.lost, list(self.lines.keys)
        told = self.lines.want(wanted)
        self.wanted = wanted
        assert self.lines.keys == before
        assert told == (held if held is not None and held not in wanted else None)
        self._is_the_same_row(held, lost)

    @rule()
    def rests(self) -> None:
        lines = self.lines
        held, lost, line, before = lines.held, lines.lost, lines.cursor - lines.top, list(lines.keys)
        lines.settle()
        assert sorted(lines.keys) == sorted(self.wanted)
        self._is_the_same_row(held, lost)
        if held is None:
            assert lines.keys == self.wanted
        elif not is_in_order(before, lines.keys):
            assert lines.cursor - lines.top == line

    @rule()
    def asks_for_the_order(self) -> None:
        held, lost = self.lines.held, self.lines.lost
        self.lines.settle(at_once=True)
        assert self.lines.keys == self.wanted
        self._is_the_same_row(held, lost)

    def _is_the_same_row(self, held: str | None, lost: str | None) -> None:
        if held is not None:
            assert self.lines.held == (held if held in self.wanted else None)
        else:
            assert self.lines.held in (None, lost)

    @rule(lines=st.sampled_from([-3, -1, 1, 4]))
    def steps(self, lines: int) -> None:
        self.lines.step(lines)

    @rule(index=st.integers(-2, 20))
    def goes(self, index: int) -> None:
        self.lines.move_to(index)

    @rule(top=st.integers(-2, 20))
    def scrolls(self, top: int) -> None:
        self.lines.scroll(top)

    @rule(height=st.integers(0, 8))
    def resizes(self, height: int) -> None:
        held = self.lines.held
        self.lines.resize(height)
        assert self.lines.held == held

    @rule()
    def releases(self) -> None:
        self.lines.release()
        assert self.lines.held is None

    @invariant()
    def the_cursor_is_seen_and_is_on_what_it_holds(self) -> None:
        lines = self.lines
        assert 0 <= lines.top <= lines.max_top
        assert lines.top <= lines.cursor < lines.top + lines.height
        if lines.held is not None:
            assert lines.keys[lines.cursor] == lines.held
            assert lines.held in self.wanted
            assert not lines.is_gone(lines.held)


TestStorm = Storm.TestCase
