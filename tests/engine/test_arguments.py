"""Parameters from text, actions from values; each mistake named in plain words."""

from typing import Any

import pytest

from irkit.core.action import Action
from irkit.core.errors import PlaybookError, UsageError
from irkit.core.playbook import Parameter, Playbook
from irkit.engine.arguments import build_action, conflict, resolve_parameters, wrong_value
from tests.engine.actions import Fetch, Look


def playbook(**parameters: Parameter) -> Playbook:
    return Playbook(name="made", version=1, parameters=parameters, steps=())


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "a, b", "a, b"),
        ("string", "", ""),
        ("string", "true", "true"),
        ("integer", "-12", -12),
        ("integer", "007", 7),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("duration", "1h30m", "1h30m"),
        ("size", "10MiB", "10MiB"),
        ("when", "7d", "7d"),
        ("when", "2026-01-31T10:00:00+02:00", "2026-01-31T10:00:00+02:00"),
        ("list", "a, b,c", ["a", "b", "c"]),
        ("list", "", []),
    ],
)
def test_text_becomes_the_type_of_the_parameter(kind: Any, text: str, value: object) -> None:
    result = resolve_parameters(playbook(x=Parameter(type=kind)), {"x": text})["x"]
    assert (type(result), result) == (type(value), value)


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        ("integer", "five", "parameter x must be a whole number, not 'five'"),
        ("integer", "1.5", "parameter x must be a whole number, not '1.5'"),
        ("integer", "٣", "parameter x must be a whole number, not '٣'"),
        ("integer", "9" * 30, "parameter x must be a whole number, not '999999999999999999999999999999'"),
        ("boolean", "yes", "parameter x must be true or false, not 'yes': write true"),
        ("boolean", "", "parameter x must be true or false, not empty text"),
        ("duration", "soon", "parameter x must be text such as 90s, 10m, 24h, 7d, not 'soon'"),
        ("duration", "24h\n", "parameter x must be text such as 90s, 10m, 24h, 7d, not '24h␊'"),
        ("size", "10", "parameter x must be text such as 64KiB, 10MiB, 2GB, not '10'"),
        ("size", "5B\n", "parameter x must be text such as 64KiB, 10MiB, 2GB, not '5B␊'"),
        ("when", "2026-01-31", "parameter x must be text such as 24h, 2026-01-31T10:00:00Z, not '2026-01-31'"),
        (
            "when",
            "2026-13-31T10:00:00Z",
            "parameter x must be text such as 24h, 2026-01-31T10:00:00Z, not '2026-13-31T10",
        ),
        ("when", "999999999d", "parameter x must be text such as 24h, 2026-01-31T10:00:00Z, not '999999999d'"),
    ],
)
def test_text_of_another_type_is_refused(kind: Any, text: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_parameters(playbook(x=Parameter(type=kind)), {"x": text})
    assert str(caught.value).startswith(reason)


def test_what_is_not_given_is_the_default_or_missing() -> None:
    parameters = playbook(a=Parameter(type="string", default=""), b=Parameter(type="list", default=[]))
    assert resolve_parameters(parameters, {}) == {"a": "", "b": []}
    needed = playbook(a=Parameter(type="string", description="What for"))
    with pytest.raises(UsageError, match=r"playbook made needs parameter a \(What for\): give it as --param a=VALUE"):
        resolve_parameters(needed, {})


def test_an_unknown_parameter_is_refused_with_what_may_be_meant() -> None:
    with pytest.raises(UsageError, match="playbook made has no parameter 'log_sinse': did you mean log_since"):
        resolve_parameters(playbook(log_since=Parameter(type="duration")), {"log_sinse": "24h"})
    with pytest.raises(UsageError, match="playbook made has no parameter 'x': there are none"):
        resolve_parameters(playbook(), {"x": "1"})


@pytest.mark.parametrize(("kind", "good", "bad"), [("string", "a", "c"), ("integer", "1", "3"), ("list", "a,b", "a,c")])
def test_only_choices_are_taken(kind: Any, good: str, bad: str) -> None:
    parameters = playbook(x=Parameter(type=kind, choices=("a", "b", "1")))
    resolve_parameters(parameters, {"x": good})
    with pytest.raises(UsageError, match=f"parameter x must be one of a, b, 1, not .*{bad[-1]}"):
        resolve_parameters(parameters, {"x": bad})


def test_a_boolean_is_no_number() -> None:
    assert wrong_value(Parameter(type="integer"), True)
    assert wrong_value(Parameter(type="boolean"), 1)
    assert not wrong_value(Parameter(type="integer"), 1)


def test_an_action_is_built_from_values() -> None:
    action = build_action(Fetch, {"paths": ["/a", "/b"], "level": 5})
    assert action == Fetch(paths=("/a", "/b"), level=5)
    assert build_action(Look, {}) == Look()


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (Look, {"x": 1}, "with: made.look has no parameter 'x': there are none"),
        (Fetch, {"pathes": ["/a"]}, "with: made.fetch has no parameter 'pathes': did you mean paths?"),
        (Fetch, {}, "with: made.fetch needs parameter paths"),
        (Fetch, {"paths": "/a"}, "with.paths: must be a list of at least 1 entries of text that matches ^/, not '/a'"),
        (
            Fetch,
            {"paths": []},
            "with.paths: must be a list of at least 1 entries of text that matches ^/, not a list of 0",
        ),
        (Fetch, {"paths": ["/a", "b"]}, "with.paths[1]: must be text that matches ^/, not 'b'"),
        (Fetch, {"paths": ["/a", 2]}, "with.paths[1]: must be text that matches ^/, not the number 2"),
        (
            Fetch,
            {"paths": ["/a"], "level": "5"},
            "with.level: must be a whole number of at least 1 and at most 19, not '5'",
        ),
        (
            Fetch,
            {"paths": ["/a"], "level": True},
            "with.level: must be a whole number of at least 1 and at most 19, not true",
        ),
        (Fetch, {"paths": ["/a"], "quick": "no"}, "with.quick: must be true or false, not 'no': write false"),
        (Fetch, {"paths": ["/a"], "mode": "x"}, "with.mode: must be one of always, no, not 'x'"),
        (Fetch, {"paths": ["/a"], "mode": False}, "with.mode: must be one of always, no, not false"),
        (
            Fetch,
            {"paths": ["/a"], "since": "x\x1b[2J"},
            "with.since: must be text such as 24h, 2026-01-31T10:00:00Z, not 'x␛",
        ),
        (Fetch, {"paths": ["/a"], "limit": None}, "with.limit: must be text such as 64KiB, 10MiB, 2GB, not nothing"),
        (Fetch, {"paths": ["/a"], "limit": "5B\n"}, "with.limit: must be text such as 64KiB, 10MiB, 2GB, not '5B␊'"),
        (Fetch, {"paths": ["/a"], "quick": True, "mode": "always"}, "with: quick and always do not go together"),
    ],
)
def test_wrong_arguments_are_named_in_plain_words(kind: type[Action], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(PlaybookError) as caught:
        build_action(kind, arguments)
    assert str(caught.value).startswith(message)
    assert str(caught.value).isprintable()


def test_a_conflict_is_told_from_a_single_wrong_value() -> None:
    assert conflict(Fetch, {"paths": ["/a"], "quick": True, "mode": "always"}) == "quick and always do not go together"
    assert conflict(Fetch, {"paths": ["/a"], "level": "x"}) == ""
    assert conflict(Fetch, {}) == ""
    assert conflict(Fetch, {"paths": ["/a"]}) == ""
