"""Items as lines to read: JSON laid out by its own signs, nothing of it lost; text as it stands."""

import io
import json
import tracemalloc
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.app.evidence_look import PREVIEW
from irkit.app.json_text import is_json, json_lines, readable_lines, text_lines

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=10), inner, max_size=6),
    max_leaves=40,
)


@given(st.binary(max_size=300))
def test_text_lines_are_made_of_any_bytes_and_none_is_lost(data: bytes) -> None:
    lines = list(text_lines(data))
    assert len(lines) == data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
    assert not any("\n" in line for line in lines)


def test_lines_of_a_text_are_made_as_they_are_asked_for() -> None:
    assert list(islice(text_lines(b"\n" * PREVIEW), 3)) == ["", "", ""]


@given(st.dictionaries(st.text(max_size=10), VALUES, max_size=8) | st.lists(VALUES, max_size=8))
def test_json_laid_out_is_the_same_json(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        lines = list(json_lines(text))
        assert json.loads("\n".join(lines)) == value
        assert "".join("".join(lines).split()) == "".join(text.split())


def test_names_come_line_by_line_indented_and_what_is_short_stays_together() -> None:
    value = {"Id": "a" * 64, "Args": ["-c", "x"], "Empty": {}, "Mounts": [{"Source": "/" + "s" * 60, "RW": True}]}
    assert list(json_lines(json.dumps(value, separators=(",", ":")))) == [
        "{",
        f'  "Id": "{"a" * 64}",',
        '  "Args": ["-c", "x"],',
        '  "Empty": {},',
        '  "Mounts": [',
        "    {",
        f'      "Source": "/{"s" * 60}",',
        '      "RW": true',
        "    }",
        "  ]",
        "}",
    ]


def test_numbers_escapes_and_names_told_twice_stay_as_they_stand() -> None:
    text = r'{"n":1.50000000000000000001e400,"a":"\u001b[2J\"{","a":"' + "x" * 80 + '"}'
    lines = list(json_lines(text))
    assert lines[1:3] == ['  "n": 1.50000000000000000001e400,', r'  "a": "\u001b[2J\"{",']
    assert sum('"a": ' in line for line in lines) == 2


def test_json_that_is_cut_is_laid_out_as_far_as_it_goes() -> None:
    text = json.dumps({"Id": "a" * 64, "Labels": {"x": "y" * 90}})
    for cut in range(1, len(text)):
        assert is_json(text[:cut].encode())
        assert "".join("".join(json_lines(text[:cut])).split()) == "".join(text[:cut].split())


@pytest.mark.parametrize(
    "data", [b"", b"7", b'"text"', b"{no json}", b'{"a":1} {"b":2}', b"[1,2]]", b"\xff\xfe", b"[" * 100_000, b'{"a" 1}']
)
def test_what_is_no_list_or_object_is_shown_as_it_stands(data: bytes) -> None:
    assert not is_json(data)
    assert list(readable_lines("data/x.json", data)) == list(text_lines(data))


def test_only_what_is_called_json_is_laid_out() -> None:
    data = json.dumps({"log": "x" * 200}).encode()
    assert list(readable_lines("data/x-json.log", data)) == [data.decode()]
    assert len(list(readable_lines("data/x.json", data))) == 3


def test_of_many_records_the_long_ones_are_laid_out_and_the_short_ones_stay_a_line_each() -> None:
    short, long = '{"pid":1,"name":"sh"}', json.dumps({"pid": 2, "arguments": ["x" * 150]})
    lines = list(readable_lines("data/processes.jsonl", f"{short}\n{long}\nno json {'y' * 200}\n{short}\n".encode()))
    assert lines[0] == lines[-1] == short
    assert lines[1:3] == ["{", '  "pid": 2,'] and lines[-2].startswith("no json")


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 900 + b"1," * 500_000,
        b'{"a":' * 900 + b"[" + b"7," * 400_000,
        b'["' + b"\\n" * 500_000,
        b'["' + b"x" * (1 << 20),
        b"[" + b'{"Kind":0},' * 90_000,
    ],
    ids=["deep-list", "deep-object", "many-escapes", "one-string", "many-records"],
)
def test_a_megabyte_of_json_takes_little_memory_however_it_is_made(data: bytes) -> None:
    tracemalloc.start()
    try:
        longest = max(len(line) for line in islice(readable_lines("x.json", data[:PREVIEW]), 20_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20 and longest <= PREVIEW + 100


def test_lines_of_binary_data_are_made_of_it_all() -> None:
    assert len(list(readable_lines("x.jsonl", bytes(range(256)) * 4))) == len(list(io.BytesIO(bytes(range(256)) * 4)))
