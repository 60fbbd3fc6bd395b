"""Values to bytes and back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.core.codec import FIRST_PREVIOUS, canonical, decode, encode_record, line_digest, plain, pretty
from irkit.core.events import Note, Record

TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
PLAIN = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PLAIN, inner, max_size=4),
    max_leaves=10,
)


def note(text: str, prev: str = FIRST_PREVIOUS) -> Record:
    return Record(seq=1, at="2026-01-31T12:00:00.000000Z", prev=prev, event=Note(text=text))


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"b": 1, "a": [True, None]}, b'{"a":[true,null],"b":1}'),
        (
            {"\u20ac": 1, "\r": 2, "\U0001f600": 3, "\ufb33": 4},
            '{"\\r":2,"\u20ac":1,"\U0001f600":3,"\ufb33":4}'.encode(),
        ),
        ('\x00\x1f\x7f"\\/é\u2028', '"\\u0000\\u001f\x7f\\"\\\\/é\u2028"'.encode()),
        (1e21, b"1e+21"),
        (0.1, b"0.1"),
        (2**53 - 1, b"9007199254740991"),
    ],
)
def test_canonical_json_is_that_of_rfc_8785(value: object, line: bytes) -> None:
    assert canonical(value) == line


@given(JSON)
def test_what_is_canonical_reads_back_the_same_and_is_written_the_same_again(value: Any) -> None:
    line = canonical(value)
    assert json.loads(line) == value
    assert canonical(decode(line, object)) == line
    assert b"\n" not in line


@given(TEXT)
def test_any_text_can_be_written_whatever_is_wrong_with_it(text: str) -> None:
    record = note(text)
    line = encode_record(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    again = decode(line, Record)
    assert encode_record(again) == line
    assert pretty({text: text})
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert again == record


def test_half_a_surrogate_pair_becomes_the_replacement_character() -> None:
    assert plain(["a\ud800b\udfff", {"\udcff": 1}]) == ["a\ufffdb\ufffd", {"\ufffd": 1}]


@pytest.mark.parametrize("value", [2**53, -(2**53), float("nan"), float("inf")])
def test_a_number_that_json_cannot_hold_is_an_error_and_not_another_number(value: float) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical([value])


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{}", b"[]", b"null", b"{", b"\xff", b'{"seq":1,"at":"","prev":"","event":{"event":"unheard-of"}}',
        b'{"seq":"1","at":"","prev":"","event":{"event":"note","text":""}}',
        b'{"seq":1,"at":"","prev":"","event":{"event":"note","text":""},"more":1}',
        b'{"seq":1,"at":"","prev":"","event":{"event":"note","text":"","more":1}}',
        b'{"seq":1,"at":"","prev":"","event":{"event":"note","text":"\\ud800"}}',
    ],
)  # fmt: skip
def test_what_is_no_record_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(line, Record)


def test_the_digest_of_a_line_is_what_sha256sum_says_of_it() -> None:
    assert line_digest(b"abc\n") == "edeaaff3f1774ad2888673770c6d64097e391bc362d7d6fb34982ddf0efd18cb"


def test_json_for_people_is_sorted_indented_and_ends_its_line() -> None:
    assert pretty({"b": 1, "a": "é"}) == '{\n  "a": "é",\n  "b": 1\n}\n'.encode()
