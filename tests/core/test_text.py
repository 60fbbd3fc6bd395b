"""What foreign text becomes before it reaches a terminal or a path."""

import string
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from irkit.core.text import NAME_LIMIT, file_name, safe

ANY = st.text(st.characters(exclude_categories=()), max_size=300)
FORBIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
ZERO_WIDTH = "\u00ad\u034f\u115f\u180e\u200b\u200c\u200d\u2060\u2800\u3164\ufe0f\ufeff\uffa0\U000e0041\U000e0101"
SPACES = "\u00a0\u1680\u2003\u202f\u205f\u3000"
"""What cannot be told from a space, or from none, by looking at it."""
ALLOWED = set(string.ascii_lowercase + string.digits + "._-")


@given(ANY)
def test_nothing_that_a_terminal_obeys_or_hides_comes_out(text: str) -> None:
    shown = safe(text)
    assert not {char for char in shown.replace(" ", "") if unicodedata.category(char) in FORBIDDEN}
    assert shown.isprintable()
    assert not set(shown) & set(BIDI + ZERO_WIDTH)


@pytest.mark.parametrize(
    "char", [*"\x00\x07\x08\t\n\r\x1b\x7f\x80\x9b\x9d\u2028\u2029\ud800", *BIDI, *ZERO_WIDTH, *SPACES]
)
def test_each_of_these_becomes_visible(char: str) -> None:
    shown = safe(f"a{char}b")
    assert char not in shown
    assert len(shown) > 2
    assert shown.startswith("a")
    assert shown.endswith("b")


@given(ANY, st.integers(0, 200))
def test_what_comes_out_is_no_longer_than_the_limit_and_the_cut_is_said(text: str, limit: int) -> None:
    kept, cut, left = safe(text, limit).rpartition("… (")
    if not cut:
        assert len(left) <= limit
    else:
        assert len(kept) <= limit
        assert 0 < int(left.removesuffix(" more characters)")) <= len(text)


@given(st.text(string.ascii_letters + string.digits + " äöü…/()", max_size=100))
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


@given(ANY)
def test_what_is_safe_stays_safe(text: str) -> None:
    assert safe(safe(text), 10**6) == safe(text)


def test_what_was_cut_is_counted_in_characters_of_the_text() -> None:
    assert safe("\x80" * 100, 40) == "\\x80" * 10 + "… (90 more characters)"


def test_things_that_are_no_text_are_shown_as_their_text() -> None:
    assert safe(ValueError("a\nb")) == "a␊b"


@given(ANY, st.integers(9, 255))
def test_a_file_name_is_harmless_whatever_it_is_made_from(text: str, limit: int) -> None:
    name = file_name(text, limit)
    assert 0 < len(name) <= limit
    assert set(name) <= ALLOWED
    assert name[0] not in ".-"


@given(ANY, ANY)
def test_different_names_give_different_file_names(one: str, other: str) -> None:
    assert one == other or file_name(one) != file_name(other)


@given(ANY)
def test_no_name_can_be_chosen_to_meet_that_of_another(text: str) -> None:
    """The file name of one thing, used as the name of a second."""
    chosen = file_name(text)
    assume(len(chosen) > len("01234567"))  # nothing of the name was left: there is no such container, network or volume
    assert chosen == text or file_name(chosen) != chosen


ODD = ("", "-", "---", ".", "..", "../../etc/passwd", "Ä", "日本語", "a/b", "A", ".a", "-rf", "a b", "a\n", "\0")


@pytest.mark.parametrize("name", ["web", "db-1", "my_app.2", "a" * NAME_LIMIT, "0"])
def test_a_plain_name_stays_as_it_is(name: str) -> None:
    assert file_name(name) == name


@pytest.mark.parametrize("name", [*ODD, "a" * 300, "\ud800", "\u212a", "web-0123abcd"])
def test_every_other_name_gets_a_digest(name: str) -> None:
    made = file_name(name)
    assert made != name
    assert set(made[-8:]) <= set("0123456789abcdef")
    assert 8 <= len(made) <= NAME_LIMIT
