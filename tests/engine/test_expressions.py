"""Names are checked before, values are plain and typed, mistakes are one line, and values are never evaluated again."""

from collections.abc import Callable
from typing import Any

import pytest

from irkit.core.action import RunFacts, Scope
from irkit.core.container import Attachment, Container
from irkit.core.host import Host
from irkit.engine.expressions import (
    Context,
    ExpressionError,
    check_expression,
    context_of,
    evaluate,
    evaluate_condition,
    expressions_in,
    names_for,
    render,
)

CONTAINER = Container(
    id="c" * 64,
    name="web",
    host="alpha",
    image="shop",
    attachments=(Attachment(network="front"), Attachment(network="back")),
    labels={"team": "shop", "odd": "${{ params.secret }}"},
)
PARAMS = {"since": "24h", "count": 3, "on": True, "nets": ["front"], "secret": "s3cret"}
CONTEXT = context_of(CONTAINER, Host(name="alpha"), PARAMS, RunFacts("r1", "case-7", "kim"))
NAMES = names_for(PARAMS)


def reason_of(call: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    with pytest.raises(ExpressionError) as caught:
        call(*arguments, **named)
    assert "\n" not in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ('container.state == "running"', True),
        ("container.attachments.map(one, one.network)", ["front", "back"]),
        ('container.attachments.exists(one, one.network == "back")', True),
        ('has(container.labels.team) && container.labels["team"].startsWith("s")', True),
        ("has(container.labels.nope)", False),
        ("params.count + 1", 4),
        ('run.case + "/" + run.id + "@" + host.name', "case-7/r1@alpha"),
        ("container.pid", 0),
        ("container.privileged ? 1 : 2", 2),
        ("params.count > 2.5", True),
        ('{"a": [1, null]}', {"a": [1, None]}),
        ('duration("90m") > duration("1h")', True),
        ('timestamp("2026-01-31T10:00:00Z").getFullYear()', 2026),
    ],
)
def test_an_expression_has_a_plain_value(source: str, value: object) -> None:
    check_expression(source, names=NAMES)
    result = evaluate(source, CONTEXT)
    assert (type(result), result) == (type(value), value)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("contianer.state", "unknown name 'contianer': did you mean container?"),
        ("container.sate", "unknown name 'container.sate': did you mean container.state?"),
        ('container["sate"]', "unknown name 'container.sate': did you mean container.state?"),
        ("has(params.sicne)", "unknown name 'params.sicne': did you mean params.since?"),
        ("run.cse", "unknown name 'run.cse': did you mean run.case?"),
        ("host.adress", "unknown name 'host.adress': did you mean host.address?"),
        ("zebra", "unknown name 'zebra': there are container, host, params, run"),
        ("container.mounts.all(m, n.writable)", "unknown name 'n': there are container, host, params, run"),
        ("sizee(container.name)", "unknown function 'sizee': did you mean size?"),
        ("container.name.startswith('a')", "unknown function 'startswith': did you mean startsWith?"),
        ("container.mounts.al(m, m.writable)", "unknown function 'al': did you mean all?"),
        ("has(params)", "invalid argument to has() macro"),
        ("9223372036854775808", "invalid int literal"),
    ],
)
def test_what_is_not_known_is_found_without_evaluating(source: str, reason: str) -> None:
    assert reason_of(check_expression, source, names=NAMES) == reason


def test_names_within_text_are_text() -> None:
    check_expression("container.name == 'contianer.sate' || container.name == \"foo(bar)\"", names=NAMES)


def test_a_macro_may_bind_any_name() -> None:
    check_expression("container.mounts.filter(m, m.writable).all(params, params.anything)", names=NAMES)


def test_on_a_host_there_is_no_container() -> None:
    names = names_for([], Scope.HOST)
    check_expression("host.name == run.case", names=names)
    assert reason_of(check_expression, "container.name == 'a'", names=names).startswith("unknown name 'container'")


def test_attributes_may_be_left_open() -> None:
    check_expression("params.whatever", names={"params": None})


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("container.labels.nope", "there is no 'nope' in: container.labels.nope"),
        ("container.nets[5]", "there is no 'nets' in: container.nets[5]"),
        ("params.nets[5]", "the list has no such entry in: params.nets[5]"),
        ("nothing", "'nothing' is not known here, or does not take this type in: nothing"),
        ("string(true)", "'string' is not known here, or does not take this type in: string(true)"),
        ("params.count / 0", "division by zero in: params.count / 0"),
        ("9223372036854775807 + 1", "a number is too large in: 9223372036854775807 + 1"),
        ('int("x")', 'int() cannot read what it is given in: int("x")'),
        ('"a".matches("(")', 'matches() cannot read what it is given in: "a".matches("(")'),
        (
            'timestamp("2026-01-31T10:00:00Z")',
            'it gives a datetime: make it text with string(), in: timestamp("2026-01',
        ),
        ("[b'x']", "it gives a bytes: make it text with string(), in: [b'x']"),
        ("{1: 2}", "it gives a mapping with a key that is not text, in: {1: 2}"),
    ],
)
def test_what_has_no_value_is_said_in_one_line(source: str, reason: str) -> None:
    assert reason_of(evaluate, source, CONTEXT).startswith(reason)


def test_types_that_do_not_fit_are_a_mistake() -> None:
    assert "the types do not fit together" in reason_of(evaluate, 'params.count + "1"', CONTEXT)


def test_a_condition_must_be_true_or_false() -> None:
    assert evaluate_condition("params.on", CONTEXT) is True
    assert reason_of(evaluate_condition, "params.since", CONTEXT) == (
        "it must give true or false, not '24h', in: params.since"
    )
    assert "the number 1" in reason_of(evaluate_condition, "1", CONTEXT)


def test_evaluation_that_could_run_away_is_refused() -> None:
    three = "[1].all(a, [1].all(b, [1].all(c, true)))"
    assert "nested more than 2 deep" in reason_of(check_expression, three, names=NAMES)
    assert "nested more than 2 deep" in reason_of(evaluate, three, CONTEXT)
    doubling = "[1]" + ".map(x, [x, x])" * 3
    assert "more than 2 times" in reason_of(evaluate, doubling, CONTEXT)


def test_macros_in_one_another_do_not_go_over_long_lists() -> None:
    context: Context = {"params": {"many": list(range(1001))}}
    assert evaluate("params.many.all(a, a >= 0)", context) is True
    reason = reason_of(evaluate, "params.many.all(a, params.many.all(b, a >= 0))", context)
    assert reason == "a macro inside another would go over more than 1000 entries"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("${{ params.count }}", 3),
        ("${{params.on}}", True),
        ("${{ params.nets }}", ["front"]),
        ("${{ params.since }}", "24h"),
        (" ${{ params.count }}", " 3"),
        ("a ${{ params.count }} b ${{ params.on }} c ${{ run.id }}", "a 3 b true c r1"),
        ("${{ run.id }}${{ run.case }}", "r1case-7"),
        ('${{ "}}" + {"a": {"b": "x"}}.a.b }}', "}}x"),
        ('${{ "${{" }} }}', "${{ }}"),
        ("{{ params.count }}", "{{ params.count }}"),
        ("", ""),
        (5, 5),
        (None, None),
    ],
)
def test_text_is_rendered_and_a_lone_expression_keeps_its_type(text: object, value: object) -> None:
    result = render(text, CONTEXT)
    assert (type(result), result) == (type(value), value)


def test_lists_and_mappings_are_rendered_within() -> None:
    arguments = {"keep": ["${{ params.nets[0] }}", "back"], "deep": {"n": "${{ params.count }}"}, "flag": False}
    assert render(arguments, CONTEXT) == {"keep": ["front", "back"], "deep": {"n": 3}, "flag": False}


def test_a_value_of_the_target_is_never_evaluated_again() -> None:
    assert render("${{ container.labels.odd }}", CONTEXT) == "${{ params.secret }}"
    assert render(["x ${{ container.labels.odd }}"], CONTEXT) == ["x ${{ params.secret }}"]


def test_only_text_and_whole_numbers_can_be_part_of_text() -> None:
    assert "not a list of 1" in reason_of(render, "nets: ${{ params.nets }}", CONTEXT)
    assert "not the number 1.5" in reason_of(render, "x${{ 1.5 }}", CONTEXT)
    assert "not nothing" in reason_of(render, "x${{ null }}", CONTEXT)


@pytest.mark.parametrize("text", ["${{ params.count", "${{", "${{ params.count }", 'x ${{ "}}" '])
def test_an_expression_must_end(text: str) -> None:
    assert reason_of(render, text, CONTEXT) == "${{ has no }} after it"


def test_expressions_are_found_wherever_they_stand() -> None:
    arguments = {"a": "${{ x }}-${{ y }}", "b": [1, {"c": "${{ z }}"}], "d": "none"}
    assert list(expressions_in(arguments)) == [(("a",), "x"), (("a",), "y"), (("b", 1, "c"), "z")]


def test_the_context_is_plain_and_leaves_out_what_there_is_not() -> None:
    assert CONTEXT["container"]["attachments"][0]["network"] == "front"
    assert CONTEXT["run"] == {"id": "r1", "case": "case-7", "responder": "kim"}
    assert set(context_of(None, None, {}, RunFacts("r", "", ""))) == {"params", "run"}
