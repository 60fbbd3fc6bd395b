"""The values of CEL expressions: `when`, `selects`, and `${{ }}` in the arguments of a step.

A value that comes out is data: it is never evaluated again. Whether an expression is well-formed is said by
`expression_syntax`; `expression_core` loads CEL where it is first needed.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, fields
from functools import lru_cache
from typing import Any, Final

import msgspec

from irkit.core.action import RunFacts, Scope
from irkit.core.container import Container
from irkit.core.host import Host
from irkit.core.text import safe
from irkit.engine.expression_core import load_cel
from irkit.engine.expression_syntax import MACROS, Call, ExpressionError, Name, Syntax, parse, tokens
from irkit.engine.wording import show, suggest

__all__ = [
    "ExpressionError",
    "check_expression",
    "context_of",
    "evaluate",
    "evaluate_condition",
    "expressions_in",
    "names_for",
    "render",
]

OPEN: Final = "${{"
CLOSE: Final = "}}"
MAX_LOOPS: Final = 2
MAX_MAPS: Final = 2
MAX_LOOPED: Final = 1_000
_FUNCTIONS: Final = frozenset(
    {"size", "string", "int", "uint", "double", "bytes", "duration", "timestamp", "type", "dyn", "has"}
)
_TIME_PARTS: Final = (
    *("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"),
    *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
)
_METHODS: Final = frozenset({"size", "contains", "startsWith", "endsWith", "matches", *_TIME_PARTS})
_FAILURES: Final = (LookupError, ArithmeticError, RuntimeError, TypeError, ValueError)
_REASONS: Final = (
    (IndexError, "the list has no such entry"),
    (ZeroDivisionError, "division by zero"),
    (ArithmeticError, "a number is too large"),
    (TypeError, "the types do not fit together (convert with int(), double() or string())"),
)

Names = Mapping[str, Collection[str] | None]
Context = Mapping[str, Any]


def names_for(parameters: Collection[str], scope: Scope = Scope.CONTAINER) -> Names:
    """The names an expression may use, each with its attributes; on a host there is no container."""
    names: dict[str, Collection[str] | None] = {
        "host": Host.__struct_fields__,
        "params": parameters,
        "run": [field.name for field in fields(RunFacts)],
    }
    return names if scope is Scope.HOST else {"container": Container.__struct_fields__, **names}


def context_of(container: Container | None, host: Host | None, params: Mapping[str, Any], run: RunFacts) -> Context:
    """The facts that expressions see, as plain values."""
    context: dict[str, Any] = {"params": dict(params), "run": asdict(run)}
    if container is not None:
        context["container"] = msgspec.to_builtins(container)
    if host is not None:
        context["host"] = msgspec.to_builtins(host)
    return context


def check_expression(source: str, *, names: Names) -> None:
    """Raise ExpressionError unless the expression is well-formed and uses known names and functions only."""
    syntax = parse(source)
    for call in syntax.calls:
        _check_call(call)
    for name in syntax.names:
        _check_name(name, names)
    _check_loops(syntax)
    _compile(source)


def _check_call(call: Call) -> None:
    known = _METHODS | MACROS if call.is_method else _FUNCTIONS
    if call.name not in known:
        raise ExpressionError(f"unknown function '{safe(call.name, 40)}'{suggest(call.name, known)}")


def _check_name(name: Name, names: Names) -> None:
    root, *attributes = name.parts
    if root not in names:
        raise ExpressionError(f"unknown name '{safe(root, 40)}'{suggest(root, names)}")
    known = names[root]
    if attributes and known is not None and attributes[0] not in known:
        what = f"{root}.{safe(attributes[0], 40)}"
        raise ExpressionError(f"unknown name '{what}'{suggest(what, [f'{root}.{one}' for one in known])}")


def _check_loops(syntax: Syntax) -> None:
    if syntax.loops > MAX_LOOPS:
        raise ExpressionError(f"macros such as all() and map() are nested more than {MAX_LOOPS} deep")
    if sum(call.name == "map" for call in syntax.calls) > MAX_MAPS:
        raise ExpressionError(f"map() is used more than {MAX_MAPS} times")


def evaluate(source: str, context: Context) -> Any:
    """The value of an expression: text, number, boolean, nothing, or lists and mappings of these."""
    syntax = parse(source)
    _check_loops(syntax)
    if syntax.loops > 1 and _largest(context) > MAX_LOOPED:
        raise ExpressionError(f"a macro inside another would go over more than {MAX_LOOPED} entries")
    try:
        value = _compile(source).execute(dict(context))
    except _FAILURES as error:
        raise ExpressionError(f"{_failure(error)} in: {safe(source, 100)}") from None
    _check_value(value, source)
    return value


def evaluate_condition(source: str, context: Context) -> bool:
    """The value of an expression that must be true or false."""
    value = evaluate(source, context)
    if not isinstance(value, bool):
        raise ExpressionError(f"it must give true or false, not {show(value)}, in: {safe(source, 100)}")
    return value


def _largest(value: Any) -> int:
    """How many entries the longest list or mapping in a value has."""
    if not isinstance(value, list | dict):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return max(len(value), max(map(_largest, inner), default=0))


@lru_cache(maxsize=512)
def _compile(source: str) -> Any:
    try:
        return load_cel().compile(source)
    except ValueError as error:
        first = str(error).partition("<input>:")[2].partition("\n")[0]
        reason = first.partition(" ")[2] or "it is not a CEL expression"
        raise ExpressionError(safe(reason.removeprefix("Syntax error: "), 100)) from None


def _failure(error: Exception) -> str:
    text = safe(str(error.args[0] if error.args else error).partition("\n")[0], 100)
    if isinstance(error, KeyError):
        return f"there is no '{text}'"
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    subject = [*text.split("'"), ""][1]
    if text.startswith("Undefined"):
        return f"'{subject}' is not known here, or does not take this type"
    if text.startswith("Function '"):
        return f"{subject}() cannot read what it is given"
    return f"it has no value ({text})"


def _check_value(value: Any, source: str) -> None:
    if isinstance(value, list):
        for one in value:
            _check_value(one, source)
    elif isinstance(value, dict):
        for key, one in value.items():
            _check_value(one, source)
            if not isinstance(key, str):
                raise ExpressionError(f"it gives a mapping with a key that is not text, in: {safe(source, 100)}")
    elif value is not None and not isinstance(value, str | int | float):
        kind = type(value).__name__
        raise ExpressionError(f"it gives a {kind}: make it text with string(), in: {safe(source, 100)}")


def expressions_in(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every expression within the arguments of a step, with the way to the value that holds it."""
    if isinstance(value, str):
        yield from ((path, source) for is_expression, source in _pieces(value) if is_expression)
    elif isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from expressions_in(one, (*path, key))


def render(value: Any, context: Context) -> Any:
    """A value with every `${{ }}` in it evaluated; text that is one expression and no more keeps its type."""
    if isinstance(value, dict):
        return {key: render(one, context) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [render(one, context) for one in value]
    if not isinstance(value, str) or OPEN not in value:
        return value
    pieces = list(_pieces(value))
    if len(pieces) == 1:
        return evaluate(pieces[0][1], context)
    return "".join(_as_text(text, context) if is_expression else text for is_expression, text in pieces)


def _as_text(source: str, context: Context) -> str:
    value = evaluate(source, context)
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int):
        raise ExpressionError(f"text can hold text and whole numbers, not {show(value)}: {safe(source, 100)}")
    return str(value)


def _pieces(text: str) -> Iterator[tuple[bool, str]]:
    """Text cut into what stands as it is (False) and expressions (True)."""
    rest = 0
    while (start := text.find(OPEN, rest)) >= 0:
        if start > rest:
            yield False, text[rest:start]
        end = _end_of(text, start + len(OPEN))
        yield True, text[start + len(OPEN) : end].strip()
        rest = end + len(CLOSE)
    if rest < len(text):
        yield False, text[rest:]


def _end_of(text: str, start: int) -> int:
    """Where the `}}` stands that closes an expression; one within text or a mapping does not."""
    depth = 0
    for token in tokens(text, start):
        if token.text == "{":
            depth += 1
        elif token.text == "}":
            if depth == 0 and text.startswith(CLOSE, token.at):
                return token.at
            depth -= 1
    raise ExpressionError(f"{OPEN} has no {CLOSE} after it")
