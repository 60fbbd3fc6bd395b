"""The language that filters the list: `api state:running risk>=M !host:dev-* age<1h`. Pure; compiled once.

    word            in the name, the image, the id, a label (`key=value`) or the host
    state:  host:  image:  label:  name:  id:      a text in it, or a pattern for all of it where it has * or ?
    risk>=M         C, H, M, L or I, or the word; also > <= < =
    flag:PD         every one of these exposures
    age<1h          s, m, h, d or w; also > <= >=
    restarts>=3     how often the engine started it again; also > <= < =
    !term           what the term does not match
    "two words"     one word, nothing in it is read as a sign; also label:"two words"

All terms must match, whatever the case of letters. What is searched is what is shown, so that `\\u200b` finds a hidden
character. What is not known of a row (a risk, an exposure, an age, restarts) hides it from nobody: it passes such
terms, inverted ones too.
"""

import fnmatch
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from irkit.core.errors import UsageError
from irkit.core.finding import Severity
from irkit.core.text import safe

LONGEST: Final = 1000
FLAGS: Final = "PNDWCU"
_LETTERS: Final = {one.value[0]: one for one in Severity}
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_ORDER: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, ":": operator.eq,
}  # fmt: skip
_TERM: Final = re.compile(r"(state|host|image|label|name|id|flag|risk|age|restarts)(<=|>=|[<>=:])", re.IGNORECASE)
_COUNT: Final = re.compile(r"\d{1,9}", re.ASCII)
_AGE: Final = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([smhdw])", re.ASCII)


class FilterError(UsageError):
    """A filter that means nothing. `at` is where: the index of the term's first character."""

    def __init__(self, reason: str, at: int) -> None:
        self.at = at
        super().__init__(f"{reason}, at {at + 1}")


class Filterable(Protocol):
    """What a filter asks of a row. Texts are made safe and in small letters: `searched` and `facets` make them so.

    `texts` are the columns by their names (`state`, `host`, `image`, `label`, `name`, `id`), a label a line; `searched`
    all that a word looks at. `risk` is None where nothing was found. Where `is_examined` is false, risk and flags are
    not known. `created` is in POSIX seconds; it and `restarts` are None where not known.
    """

    @property
    def texts(self) -> Mapping[str, str]: ...
    @property
    def searched(self) -> str: ...
    @property
    def is_examined(self) -> bool: ...
    @property
    def risk(self) -> Severity | None: ...
    @property
    def flags(self) -> str: ...
    @property
    def created(self) -> float | None: ...
    @property
    def restarts(self) -> int | None: ...


class Facets(NamedTuple):
    """A Filterable, to be made once for a row as long as the row stays what it is."""

    texts: Mapping[str, str]
    searched: str
    is_examined: bool
    risk: Severity | None
    flags: str
    created: float | None
    restarts: int | None


def facets(
    *,
    name: str,
    image: str,
    id: str,
    host: str,
    state: str,
    labels: Mapping[str, str],
    is_examined: bool = True,
    risk: Severity | None = None,
    flags: str = "",
    created: float | None = None,
    restarts: int | None = None,
) -> Facets:
    """What a filter asks of a row, out of texts as they came."""
    told = {"name": name, "image": image, "id": id, "host": host, "state": state}
    texts = {key: safe(text).lower() for key, text in told.items()}
    texts["label"] = "\n".join(safe(f"{key}={value}").lower() for key, value in labels.items())
    searched = "\n".join(texts[key] for key in ("name", "image", "id", "host", "label"))
    return Facets(texts, searched, is_examined, risk, flags, created, restarts)


_Test = Callable[[Filterable, float], bool]


class RowFilter(NamedTuple):
    """A filter as it was typed, and the tests that a row has to pass."""

    text: str
    tests: tuple[_Test, ...] = ()

    def keeps(self, row: Filterable, now: float) -> bool:
        """Whether the filter lets a row through at a moment in POSIX seconds."""
        return all(test(row, now) for test in self.tests)

    def select(self, rows: Mapping[str, Filterable], now: float) -> list[str]:
        """The keys of the rows it lets through, in their order."""
        kept = list(rows.items())
        for test in self.tests:
            kept = [pair for pair in kept if test(pair[1], now)]
        return [key for key, _ in kept]


class _Word(NamedTuple):
    """A term: its text without quotes, how much of it came before the first quote, and where it began."""

    text: str
    open: int
    at: int
    is_inverted: bool


def compile_filter(text: str) -> RowFilter:
    """The filter that a line means; one that is empty lets every row through.

    Raises FilterError with a one-line reason and where.
    """
    if len(text) > LONGEST:
        raise FilterError(f"a filter has at most {LONGEST} characters", LONGEST)
    return RowFilter(text, tuple(_test(word) for word in _words(text)))


def _words(text: str) -> list[_Word]:
    words = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        word, at = _word(text, at)
        words.append(word)
    return words


def _word(text: str, begun: int) -> tuple[_Word, int]:
    """The term that begins at a place, and the place after it."""
    at = begun
    while at < len(text) and text[at] == "!":
        at += 1
    is_inverted = (at - begun) % 2 == 1
    parts: list[str] = []
    quote, opened = "", -1
    while at < len(text) and (quote or not text[at].isspace()):
        char = text[at]
        if char == quote:
            quote = ""
        elif not quote and char in "\"'" and (opened >= 0 or _may_quote(parts)):
            quote, opened = char, opened if opened >= 0 else len(parts)
        else:
            parts.append(char)
        at += 1
    if quote:
        raise FilterError(f"a quote that is not closed: {safe(text[begun:], 40)}", begun)
    if not parts:
        raise FilterError(f"nothing is said after {safe(text[begun:at], 40)}", begun)
    return _Word("".join(parts), opened if opened >= 0 else len(parts), begun, is_inverted), at


def _may_quote(parts: Sequence[str]) -> bool:
    """A quote counts where a word or a value begins: an apostrophe within one is only a character."""
    return not parts or parts[-1] in ":=<>"


def _test(word: _Word) -> _Test:
    term = _TERM.match(word.text[: word.open])
    if term is None:
        return _search(word.text.lower(), word.is_inverted)
    key, sign, value = term[1].lower(), term[2], word.text[term.end() :]
    if not value:
        raise FilterError(f"nothing is said after {safe(term[0])}", word.at)
    if key == "risk":
        return _compare_risk(sign, value, word)
    if key == "age":
        return _compare_age(sign, value, word)
    if key == "restarts":
        return _compare_restarts(sign, value, word)
    if sign != ":":
        return _search(word.text.lower(), word.is_inverted)
    return _flagged(value, word) if key == "flag" else _within(key, value.lower(), word.is_inverted)


def _search(text: str, is_inverted: bool) -> _Test:
    if is_inverted:
        return lambda row, _: text not in row.searched
    return lambda row, _: text in row.searched


def _within(key: str, value: str, is_inverted: bool) -> _Test:
    """The text anywhere in it; a pattern for the whole of it, for labels of one label or its name."""
    if not {"*", "?"} & set(value):
        return lambda row, _: (value in row.texts[key]) is not is_inverted
    pattern = fnmatch.translate(value.replace("[", "[[]"))
    whole = re.compile(pattern).match
    if key != "label":
        return lambda row, _: (whole(row.texts[key]) is not None) is not is_inverted

    def one_of(row: Filterable, _: float) -> bool:
        labels = row.texts["label"].split("\n")
        return any(whole(one) or whole(one.partition("=")[0]) for one in labels) is not is_inverted

    return one_of


def _compare_risk(sign: str, value: str, word: _Word) -> _Test:
    wanted = _LETTERS.get(value.lower()[0])
    if wanted is None or (len(value) > 1 and value.lower() != wanted.value):
        raise FilterError(f"no risk {safe(value, 40)}: C, H, M, L or I", word.at)
    compare, rank, is_inverted = _ORDER[sign], wanted.rank, word.is_inverted

    def test(row: Filterable, _: float) -> bool:
        if not row.is_examined:
            return True
        return compare(-1 if row.risk is None else row.risk.rank, rank) is not is_inverted

    return test


def _compare_age(sign: str, value: str, word: _Word) -> _Test:
    age = _AGE.fullmatch(value.lower())
    if age is None or sign in ":=":
        raise FilterError(f"no age {safe(word.text, 40)}: age<1h or age>2d, with s, m, h, d or w", word.at)
    compare, seconds, is_inverted = _ORDER[sign], float(age[1]) * _SECONDS[age[2]], word.is_inverted
    return lambda row, now: row.created is None or compare(now - row.created, seconds) is not is_inverted


def _compare_restarts(sign: str, value: str, word: _Word) -> _Test:
    if not _COUNT.fullmatch(value):
        raise FilterError(f"no number of restarts {safe(value, 40)}: restarts>=3", word.at)
    compare, count, is_inverted = _ORDER[sign], int(value), word.is_inverted
    return lambda row, _: row.restarts is None or compare(row.restarts, count) is not is_inverted


def _flagged(value: str, word: _Word) -> _Test:
    letters = set(value.upper())
    if not letters <= set(FLAGS):
        raise FilterError(f"no flag {safe(value, 40)}: {', '.join(FLAGS)}", word.at)
    is_inverted = word.is_inverted
    return lambda row, _: not row.is_examined or (letters <= set(row.flags)) is not is_inverted
