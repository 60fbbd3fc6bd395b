"""Well-formed or not, what is named and called, and that nothing which is let through can break the native parser."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irkit.engine.expression_syntax import MAX_LENGTH, MAX_NESTING, Call, ExpressionError, Name, parse
from tests.soak import often


@pytest.mark.parametrize(
    "source",
    [
        'container.state == "running"',
        "!(a || b) && -1 < 2 ? [1, 2.5e3, 0x1F, 3u] : {'a': b, \"c\": null}",
        "a.b[0].c('x').d",
        r"'it\'s' + r'\d' + b'x' + " + '"""a "quoted" text"""',
        "[1].map(x, x > 0, x * 2).exists_one(y, y in [1])",
        "a ? b : c ? d : e",
        ".5 + 1e3",
    ],
)
def test_cel_is_well_formed(source: str) -> None:
    import cel

    parse(source)
    cel.compile(source)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", "the expression is empty"),
        ("1 +", "it ends too early"),
        ("(1", "it ends too early: ) is missing"),
        ("[1, 2", "it ends too early: ] is missing"),
        ("1)", "unexpected ) at character 2"),
        ("a b", "unexpected b at character 3"),
        ("a = b", "unexpected '=' at character 3: did you mean ==?"),
        ("a and b", "unexpected and at character 3: did you mean &&?"),
        ("not a", "unexpected not at character 1: did you mean !?"),
        ("a & b", "unexpected '&' at character 3: did you mean &&?"),
        ("a ? b", "it ends too early: : is missing"),
        ('"open', "the text that begins at character 1 has no end, or an unknown escape in it"),
        (r'"\q"', "the text that begins at character 1 has no end, or an unknown escape in it"),
        ("a // b", "unexpected / at character 4"),
        (".a", "unexpected . at character 1"),
        ("a{b: 1}", "unexpected { at character 2"),
        ("a.true", "unexpected true at character 3 where a name should be"),
        ("${{ a }}", "this is an expression already: write it without ${{ }}"),
        ("a.map(1, 2)", "map() takes a name and an expression, as in map(one, one.network == 'web')"),
        ("a\x00b", "unexpected '␀' at character 2"),
        ("é", "unexpected 'é' at character 1"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(source: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(source)
    assert caught.value.reason == reason


def test_names_are_found_with_their_attributes_and_text_is_not() -> None:
    syntax = parse("""container.labels.app == 'params.secret' && params["x"] > 1 || host['a b']""")
    assert syntax.names == (Name(("container", "labels", "app")), Name(("params", "x")), Name(("host",)))


def test_a_name_that_a_macro_binds_is_free_only_outside_of_it() -> None:
    syntax = parse("x.all(y, y.a && z) && y")
    assert syntax.names == (Name(("x",)), Name(("z",)), Name(("y",)))


def test_functions_and_methods_are_told_apart() -> None:
    syntax = parse("size(a.b) + a.b.size()")
    assert syntax.calls == (Call("size", is_method=False), Call("size", is_method=True))
    assert syntax.names == (Name(("a", "b")), Name(("a", "b")))


def test_macros_in_macros_are_counted_and_those_after_one_another_are_not() -> None:
    assert parse("a.map(x, x).map(y, y)").loops == 1
    assert parse("a.map(x, b.map(y, c.all(z, z)))").loops == 3


@pytest.mark.parametrize("opening", ["(", "[", "!(", "a[", "f(", "a.f(", "{1:", "true?1:", "a||("])
def test_nesting_is_bounded(opening: str) -> None:
    closing = {"(": ")", "[": "]", ":": "}"}[opening[-1]] if opening != "true?1:" else ""
    parse(opening * (MAX_NESTING - 1) + "1" + closing * (MAX_NESTING - 1))
    with pytest.raises(ExpressionError, match="nested more than 30 deep"):
        parse(opening * MAX_NESTING + "1" + closing * MAX_NESTING)


def test_length_is_bounded() -> None:
    parse("1" + "+1" * (MAX_LENGTH // 2 - 1))
    with pytest.raises(ExpressionError, match="1001 characters"):
        parse("1" + "+1" * (MAX_LENGTH // 2))


WORST = """
import sys, threading
import cel
def run():
    for source in sys.stdin.read().split("\\n"):
        try:
            cel.evaluate(source, {"a": {"a": 1}, "t": True})
        except Exception:
            pass
    print("survived")
threading.stack_size(512 * 1024)
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""


def test_the_largest_expressions_do_not_overflow_a_stack_of_half_a_mebibyte() -> None:
    deep = MAX_NESTING - 1
    pairs = (
        ("(", ")"),
        ("[", "]"),
        ("{1:", "}"),
        ("!(", ")"),
        ("-(", ")"),
        ("dyn(", ")"),
        ("a[", "]"),
        ("a.f(", ")"),
        ("t||(", ")"),
    )
    sources = [opening * deep + "1" + closing * deep for opening, closing in pairs]
    sources += [
        "t?1:" * deep + "1",
        "a" + ".a" * 499,
        "a" + "[0]" * 300,
        "1" + "+1" * 499,
        "!" * 999 + "t",
        "-" * 999 + "1",
    ]
    sources += [
        "t" + "||t" * 300,
        "(" * deep + "a" + ".a" * 450 + ")" * deep,
        "(" * deep + "1+" * 400 + "1" + ")" * deep,
    ]
    for source in sources:
        parse(source)
    done = subprocess.run(
        [sys.executable, "-c", WORST], check=False, input="\n".join(sources), text=True, capture_output=True
    )
    assert (done.returncode, done.stdout) == (0, "survived\n")


_PIECES = [
    "a",
    "b.c",
    "1",
    "'t'",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    "?",
    ".",
    "!",
    "-",
    "+",
    "&&",
    "==",
    " in ",
    " ",
]
_PIECES += [".map(x,", ".all(a,", "size(", "true", "null", "\\", '"', "$", "\n", "0x", "1e", "u", "é"]
_ONLY_CEL_KNOWS = ("must be a simple name", "has() macro", "invalid")


@settings(max_examples=often(300, 100), deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=25).map("".join))
def test_whatever_is_let_through_is_cel_and_the_rest_is_refused_without_it(source: str) -> None:
    import cel

    try:
        parse(source)
    except ExpressionError:
        return
    try:
        cel.compile(source)
    except ValueError as error:
        assert any(words in str(error) for words in _ONLY_CEL_KNOWS), source
