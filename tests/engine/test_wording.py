"""Suggestions and values in messages are short, helpful and harmless."""

from irkit.engine.wording import expected, show, suggest


def test_a_suggestion_is_what_is_near_or_what_there_is() -> None:
    assert suggest("acton", ["action", "id"]) == ": did you mean action?"
    assert suggest("zzz", ["b", "a"]) == ": there are a, b"
    assert suggest("zzz", []) == ": there are none"
    assert suggest("zzz", [f"name{n}" for n in range(50)]) == ""


def test_neither_values_nor_suggestions_reach_a_terminal_raw() -> None:
    assert show("\x1b[2J") == "'␛[2J'"
    assert suggest("since", ["sin\u202ece"]) == ": did you mean sin\\u202ece?"
    assert len(show("x" * 10_000)) < 100


def test_values_are_named_by_their_kind() -> None:
    values: list[object] = [True, 5, 1.5, None, "", [], {}, [1, 2]]
    shown = [show(value) for value in values]
    assert shown == [
        "true",
        "the number 5",
        "the number 1.5",
        "nothing",
        "empty text",
        "a list of 0",
        "a mapping",
        "a list of 2",
    ]


def test_a_schema_is_put_in_words() -> None:
    assert expected({"type": "integer", "minimum": 1}) == "a whole number of at least 1"
    assert expected({"anyOf": [{"type": "boolean"}, {"type": "null"}]}) == "true or false"
    assert expected({"enum": ["a", "b"]}) == "one of a, b"
    assert expected({"type": "object"}) == "a mapping"
    assert expected({}) == "something else"
