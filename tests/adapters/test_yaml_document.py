"""Which YAML becomes which value, and where it is said to stand. What is refused is in tests/hostile."""

import pytest
import yaml

from irkit.adapters import yaml_document
from irkit.adapters.yaml_document import path_text, read_document


def value_of(text: str) -> object:
    document = read_document(text.encode(), "x")
    assert document.problems == []
    return document.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-0", 0),
        ("+7", 7),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("y", "y"),
        ("24:00", "24:00"),
        ("2026-01-31", "2026-01-31"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        (".inf", ".inf"),
        ("=", "="),
        ("'5'", "5"),
        ('"true"', "true"),
        ("'010'", "010"),
        ('""', ""),
        ("|\n 5\n", "5\n"),
        (">-\n a\n b\n", "a b"),
        ("'<<'", "<<"),
        ("[1, [a, {b: c}]]", [1, ["a", {"b": "c"}]]),
        ("on: off\n'1': x\n", {"on": "off", "1": "x"}),
        ("\ufeffa: b", {"a": "b"}),
    ],
)
def test_a_value_is_what_it_looks_like(text: str, value: object) -> None:
    result = value_of(text)
    assert (type(result), result) == (type(value), value)


def test_the_parser_written_in_python_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: [yes, 5, '5', 24:00]\nb: {c: ~}\n"
    with_c = value_of(text)
    monkeypatch.setattr(yaml_document, "_LOADER", yaml.SafeLoader)
    assert value_of(text) == with_c == {"a": ["yes", 5, "5", "24:00"], "b": {"c": None}}


def test_every_value_and_key_has_its_place() -> None:
    document = read_document(b"a: 1\nb:\n  - {c:  x}\n", "file.yaml")
    assert document.place(("a",)) == "file.yaml:1:4"
    assert document.place(("b", 0, "c")) == "file.yaml:3:10"
    assert document.place(("b", 0, "c"), of_key=True) == "file.yaml:3:6"
    assert document.place(("b", 0, "missing")) == "file.yaml:3:5"
    assert document.place(()) == "file.yaml:1:1"


def test_of_a_key_that_is_there_twice_the_first_value_counts_and_the_second_is_a_problem() -> None:
    document = read_document(b"a: 1\na: 2\n", "x")
    assert document.value == {"a": 1}
    assert [str(problem) for _, problem in document.problems] == ["x:2:1: a: the key is there twice: first in line 1"]


def test_a_path_is_written_as_people_do() -> None:
    assert path_text(("steps", 2, "with", "since")) == "steps[2].with.since"
    assert path_text(()) == ""
    assert path_text(("a\x1b",)) == "a␛"


def test_the_name_of_the_file_reaches_no_terminal_raw() -> None:
    assert read_document(b"a: b", "x\x1b.yaml").place(()) == "x␛.yaml:1:1"
