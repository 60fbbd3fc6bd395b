"""Lines as wide as the window: nothing of a long one is lost, and paths keep their end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from irkit.core.text import safe
from irkit.tui.line_view import Line
from irkit.tui.wrapping import SIGN, piece_of, shortened, whole_lines, whole_safe, wrapped

TEXTS = st.text(max_size=400) | st.text(alphabet="ab 漢字é\u0301", max_size=400)


@given(TEXTS, st.integers(20, 200))
def test_the_parts_of_a_line_are_all_of_it_and_none_is_wider(text: str, width: int) -> None:
    line = Line(whole_safe(text), "bold")
    parts = list(wrapped(line, width))
    assert "".join(part.text[part.lead :] for part in parts) == line.text
    assert all(cell_len(part.text) <= width for part in parts)
    assert parts[0].lead == 0 and all(part.text.startswith(SIGN) and part.lead == len(SIGN) for part in parts[1:])
    assert {part.style for part in parts} == {"bold"}
    assert len(parts) == 1 or all(part.value == line.text for part in parts)


def test_a_line_that_fits_stays_as_it_is_and_what_is_copied_stays_the_whole() -> None:
    line = Line(safe("x" * 80), value=safe("named"))
    assert list(wrapped(line, 80)) == [line]
    assert [part.value for part in wrapped(line, 60)] == ["named", "named"]


@given(TEXTS)
def test_making_all_of_a_line_safe_cuts_nothing_off(text: str) -> None:
    assert whole_safe(text) == safe(text, 10 * len(text) + 10)


def test_a_line_of_a_megabyte_is_made_safe_whole() -> None:
    assert whole_safe("\x9b" * 300_000) == "\\x9b" * 300_000


def test_ids_in_a_path_are_cut_before_its_beginning_is_and_its_end_stays() -> None:
    path = f"data/prod-2/api-gw-eb1a537c/daemon/{'e' * 64}/{'e' * 64}-json.log"
    assert shortened(path, len(path)) == path
    assert shortened(path, 90) == "data/prod-2/api-gw-eb1a537c/daemon/eeeeeeeeeeee…/eeeeeeeeeeee…-json.log"
    assert shortened(path, 20) == "…eeeeeeeee…-json.log"


@given(st.text(max_size=200), st.integers(2, 100))
def test_a_path_is_never_longer_than_it_may_be(path: str, width: int) -> None:
    short = shortened(path, width)
    assert len(short) <= width and (len(path) > width or short == path)


@pytest.mark.parametrize(("number", "count", "first"), [(0, 1, 0), (1, 2, 1), (2, 2, 1), (3, 2, 1), (4, 3, 4)])
def test_a_place_among_parts_is_found_again_by_whole_lines(number: int, count: int, first: int) -> None:
    lines = [Line(safe("a")), *wrapped(Line(safe("b" * 50)), 20), Line(safe("c"))]
    assert len(lines) == 5
    assert whole_lines(lines, number) == count and piece_of(lines, count) == first


def test_without_lines_the_place_is_the_first() -> None:
    assert whole_lines([], 0) == 0 and piece_of([], 0) == 0
