"""Columns and what is fitted into them: always exactly as wide as the column, whatever the text."""

import unicodedata
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from irkit.tui.table_columns import GAP, Column, fit, place_columns

columns = st.lists(
    st.builds(
        Column,
        st.just("c"),
        st.just("C"),
        width=st.integers(1, 30),
        min_width=st.sampled_from([0, 60, 100]),
        grow=st.integers(0, 3),
        max_width=st.sampled_from([0, 30, 40]),
    ),
    max_size=8,
)


def test_a_text_is_cut_with_an_ellipsis_or_filled_on_its_side() -> None:
    assert fit("api-gateway", 6) == "api-g…"
    assert fit("api", 6) == "api   "
    assert fit("3d", 4, True) == "  3d"
    assert fit("漢字", 3) == "漢…"
    assert fit("漢字", 4) == "漢字"
    assert fit("漢字", 5, True) == " 漢字"


def test_what_the_boundary_forgot_is_made_visible() -> None:
    assert fit("a\x1b[2J", 10) == "a␛[2J     "


def test_marks_that_take_no_room_do_not_pile_up_without_end() -> None:
    assert len(fit("e" + "\u0301" * 1000, 4)) <= 16 + 4


@given(st.text(max_size=40), st.integers(1, 30), st.booleans())
def test_a_text_fills_its_column_exactly_and_holds_no_control(text: str, width: int, is_right: bool) -> None:
    fitted = fit(text, width, is_right)
    assert cell_len(fitted) == width
    assert not [char for char in fitted if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")]


@given(columns, st.integers(0, 200))
def test_columns_that_are_shown_stand_apart_and_within_the_room(every: Sequence[Column], room: int) -> None:
    places = place_columns(every, room + 3, room)
    end = -GAP
    for place in places:
        assert every[place.column].min_width <= room + 3
        assert place.width > 0
        assert place.start == end + GAP
        end = place.start + place.width
    assert end <= room


@given(columns, st.integers(0, 200))
def test_room_that_is_left_goes_to_the_columns_that_grow(every: Sequence[Column], room: int) -> None:
    places = place_columns(every, room + 3, room)
    end = places[-1].start + places[-1].width if places else room
    are_all_shown = len(places) == sum(one.min_width <= room + 3 for one in every)
    for place in places:
        column = every[place.column]
        if column.grow and not column.max_width and are_all_shown:
            assert end == room
        if not column.grow:
            assert place.width <= column.width
