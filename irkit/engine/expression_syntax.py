"""The shape of a CEL expression: what it names, calls and how deep it goes, or where it is wrong.

The `cel` package parses recursively in native code, and its recovery from errors deepens that recursion, so nothing
but a well-formed, bounded expression may reach it. What the names mean is left to `expressions`.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, NoReturn

from irkit.core.errors import PlaybookError
from irkit.core.text import safe

MAX_LENGTH: Final = 1_000
MAX_NESTING: Final = 30
MACROS: Final = frozenset({"map", "filter", "all", "exists", "exists_one", "existsOne"})

_ESCAPE: Final = r"\\(?:[abfnrtv\"'\\`?]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})"
_TOKEN: Final = re.compile(
    r"(?P<space>[ \t\r\n\f]+)"
    r"|(?P<text>[bB]?[rR](?:\"\"\"(?s:.*?)\"\"\"|'''(?s:.*?)'''|\"[^\"\r\n]*\"|'[^'\r\n]*')"
    rf"|[bB]?(?:\"\"\"(?s:{_ESCAPE}|[^\\])*?\"\"\"|'''(?s:{_ESCAPE}|[^\\])*?'''"
    rf"|\"(?:{_ESCAPE}|[^\"\\\r\n])*\"|'(?:{_ESCAPE}|[^'\\\r\n])*'))"
    r"|(?P<number>0x[0-9a-fA-F]+u?|[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|[0-9]+[uU]?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]{}])"
)
_BINARY: Final = frozenset({"&&", "||", "==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%"})
_CONSTANTS: Final = frozenset({"true", "false", "null"})
_MEANT: Final = {"=": "==", "&": "&&", "|": "||", "and": "&&", "or": "||", "not": "!"}


class ExpressionError(PlaybookError):
    """An expression that cannot be used, or has no value here; the reason is one line."""


class Token(NamedTuple):
    """One word, number, text or sign; `kind` is empty at the end."""

    kind: str
    text: str
    at: int


class Name(NamedTuple):
    """A free name with the attributes taken from it one after the other: `container.state` is two parts."""

    parts: tuple[str, ...]


class Call(NamedTuple):
    """A function, or a method of a value, that is called."""

    name: str
    is_method: bool


class Syntax(NamedTuple):
    """What there is in an expression. `loops` is how deep its macros are nested."""

    names: tuple[Name, ...]
    calls: tuple[Call, ...]
    loops: int


def parse(source: str) -> Syntax:
    """What an expression names and calls. Raises ExpressionError where it is not well-formed or too large."""
    if len(source) > MAX_LENGTH:
        raise ExpressionError(f"the expression has {len(source)} characters: at most {MAX_LENGTH} are allowed")
    if not source.strip():
        raise ExpressionError("the expression is empty")
    parser = _Parser([*tokens(source), Token("", "", len(source))])
    parser.parse_all()
    return Syntax(tuple(parser.names), tuple(parser.calls), parser.loops)


def tokens(source: str, start: int = 0) -> Iterator[Token]:
    """The tokens of an expression, first to last, without spaces."""
    at = start
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            _refuse_character(source, at)
        if match.lastgroup != "space":
            yield Token(str(match.lastgroup), match.group(), at)
        at = match.end()


def _refuse_character(source: str, at: int) -> NoReturn:
    char = source[at]
    if source.startswith("${{", at):
        raise ExpressionError("this is an expression already: write it without ${{ }}")
    if char in "\"'":
        raise ExpressionError(f"the text that begins at character {at + 1} has no end, or an unknown escape in it")
    hint = f": did you mean {_MEANT[char]}?" if char in _MEANT else ""
    raise ExpressionError(f"unexpected {safe(char)!r} at character {at + 1}{hint}")


class _Parser:
    """One pass over the tokens, by recursive descent; operators need no precedence here."""

    def __init__(self, all_tokens: list[Token]) -> None:
        self._tokens = all_tokens
        self._next = 0
        self._depth = 0
        self._bound: list[str] = []
        self.names: list[Name] = []
        self.calls: list[Call] = []
        self.loops = 0

    def parse_all(self) -> None:
        self._expression()
        if self._here.kind:
            self._unexpected()

    @property
    def _here(self) -> Token:
        return self._tokens[self._next]

    @property
    def _after(self) -> Token:
        return self._tokens[min(self._next + 1, len(self._tokens) - 1)]

    def _is(self, sign: str) -> bool:
        return self._here.kind == "sign" and self._here.text == sign

    def _take(self) -> Token:
        token = self._here
        self._next += 1
        return token

    def _skip(self, sign: str) -> bool:
        if self._is(sign):
            self._next += 1
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._skip(sign):
            self._unexpected(sign)

    def _unexpected(self, wanted: str = "") -> NoReturn:
        token = self._here
        if not token.kind:
            raise ExpressionError("it ends too early" + (f": {wanted} is missing" if wanted else ""))
        hint = f": did you mean {_MEANT[token.text]}?" if token.text in _MEANT else ""
        if wanted and not hint:
            hint = f" where {wanted} should be"
        raise ExpressionError(f"unexpected {safe(token.text, 40)} at character {token.at + 1}{hint}")

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise ExpressionError(f"the expression is nested more than {MAX_NESTING} deep")

    def _expression(self) -> None:
        self._deeper()
        self._operations()
        if self._skip("?"):
            self._operations()
            self._expect(":")
            self._expression()
        self._depth -= 1

    def _operations(self) -> None:
        self._operand()
        while self._here.kind in ("sign", "word") and self._here.text in _BINARY:
            self._next += 1
            self._operand()

    def _operand(self) -> None:
        sign = self._here.text
        if self._is("!") or self._is("-"):
            while self._skip(sign):
                pass
        self._primary()
        while True:
            if self._skip("["):
                self._expression()
                self._expect("]")
            elif self._skip("."):
                self._selection()
            else:
                return

    def _primary(self) -> None:
        token = self._here
        if token.kind in ("text", "number") or (token.kind == "word" and token.text in _CONSTANTS):
            self._next += 1
        elif token.kind == "word" and token.text not in _BINARY:
            self._next += 1
            self._word(token)
        elif self._skip("("):
            self._expression()
            self._expect(")")
        elif self._skip("["):
            self._list("]")
        elif self._skip("{"):
            self._mapping()
        else:
            self._unexpected()

    def _word(self, token: Token) -> None:
        if token.text in _MEANT:
            self._next -= 1
            self._unexpected()
        if self._skip("("):
            self.calls.append(Call(token.text, is_method=False))
            self._list(")")
        elif token.text not in self._bound:
            self.names.append(Name((token.text, *self._attributes())))

    def _attributes(self) -> Iterator[str]:
        """The attributes that follow a name, as far as they are written out; nothing is taken."""
        at = self._next
        while True:
            one, two, three = (*self._tokens[at : at + 3], *[self._tokens[-1]] * 3)[:3]
            if one.text == "." and two.kind == "word" and three.text != "(":
                yield two.text
                at += 2
            elif one.text == "[" and three.text == "]" and re.fullmatch(r"(['\"])\w+\1", two.text):
                yield two.text[1:-1]
                at += 3
            else:
                return

    def _selection(self) -> None:
        token = self._here
        if token.kind != "word" or token.text in _CONSTANTS | {"in"}:
            self._unexpected("a name")
        self._next += 1
        if not self._skip("("):
            return
        self.calls.append(Call(token.text, is_method=True))
        if token.text in MACROS:
            self._macro(token.text)
        else:
            self._list(")")

    def _macro(self, name: str) -> None:
        named = self._here.kind == "word" and self._here.text not in _CONSTANTS | _BINARY
        if not named or self._after.text != ",":
            raise ExpressionError(f"{name}() takes a name and an expression, as in {name}(one, one.network == 'web')")
        self._bound.append(self._take().text)
        self.loops = max(self.loops, len(self._bound))
        self._expect(",")
        self._expression()
        if self._skip(","):
            self._expression()
        self._expect(")")
        self._bound.pop()

    def _list(self, end: str) -> None:
        if self._skip(end):
            return
        self._expression()
        while self._skip(","):
            self._expression()
        self._expect(end)

    def _mapping(self) -> None:
        if self._skip("}"):
            return
        while True:
            self._expression()
            self._expect(":")
            self._expression()
            if not self._skip(","):
                break
        self._expect("}")
