"""The part of docs/engines.md that is made from docs/engines.json: all of it in tables, then each engine by itself."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from .kinds import KINDS
from .probing import Found, State
from .record import FILE, Record, Tried, read, tidy

PAGE: Final = FILE.with_suffix(".md")
BLOCK: Final = re.compile(r"(<!-- tried -->\n).*?(<!-- end -->\n)", re.DOTALL)
WORDS: Final[dict[State, str]] = {"works": "yes", "differs": "differs", "refused": "no", "absent": "-"}
"""What a cell of the great table says."""
_LONGER: Final[dict[State, str]] = {"differs": "differs", "refused": "no", "absent": "not to be had there"}


def write_page() -> None:
    """Put the record into the page."""
    tidy()
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8"), read()), encoding="utf-8")


def renewed(page: str, record: Record) -> str:
    """The page with the record in the place that is marked for it."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{''.join(made(record))}\n{found[2]}", page, count=1)


def made(record: Record) -> Iterator[str]:
    """What the page says of the record."""
    yield "### In short\n\n"
    heads = ["engine", "API", "`contain-and-preserve`", "works", "differs", "no", "tests of what an engine must do"]
    yield _table(heads, [_in_short(one) for one in record.engines])
    yield "\n### What works where\n\n"
    yield _table(["", *(one.title for one in record.engines)], list(_everywhere(record)))
    for one in record.engines:
        yield from _engine(one, record)
    if record.untried:
        yield "\n### Could not be tried\n\n"
        yield _table(["engine", "why"], [[f"`{name}`", _cell(why)] for name, why in record.untried.items()])


def _in_short(one: Tried) -> Sequence[str]:
    count = Counter(found.state for found in one.probes.values())
    counted = [str(count[state]) for state in ("works", "differs", "refused")]
    tests = f"{one.contract.passed} of {one.contract.tests}"
    return [one.title, one.api_spoken, _job(one), *counted, tests]


def _job(one: Tried) -> str:
    if one.job.wrong:
        return "wrong, see below"
    failed = _steps(dict.fromkeys(failure.partition(":")[0] for failure in one.job.failures))
    left_out = f", {_steps(one.job.skipped)} left out" if one.job.skipped else ""
    return f"{failed} failed{left_out}" if failed else "whole"


def _steps(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _everywhere(record: Record) -> Iterator[Sequence[str]]:
    for name, title in record.titles.items():
        found = (one.probes.get(name) for one in record.engines)
        yield [title, *(WORDS[one.state] if one else "" for one in found)]


def _engine(one: Tried, record: Record) -> Iterator[str]:
    yield f"\n### {one.title}\n\n"
    note = f"{one.note[0].upper()}{one.note[1:]}. " if one.note else ""
    offers = f"offers API {one.api_oldest} to {one.api_newest}, of which irkit speaks {one.api_spoken}"
    suite = next((kind.suite for kind in KINDS if kind.name == one.name), "")
    yield f"{note}Version {one.version} of Debian's {suite}, tried {one.on}; {offers}; "
    yield f"storage {one.storage}, control groups version {one.cgroup}.\n\n"
    rows = list(_not_simply(one, record))
    yield _table(["what", "", "how, or why"], rows) if rows else "All of it works.\n"
    yield from _points("`contain-and-preserve` ends with status 1. What fails", one.job.failures)
    if one.job.skipped:
        yield f"\nAfter that it leaves out {_steps(one.job.skipped)}. What was done holds, and undo takes it back.\n"
    yield from _points("What must not happen, and does", one.job.wrong)
    yield from _points("`irkit hosts check` says", one.cannot)
    yield from _points("Where it differs from what the tests of every engine ask", one.contract.differs)
    yield from _points("Tests that fail, and nobody knows why", one.contract.faults)


def _not_simply(one: Tried, record: Record) -> Iterator[Sequence[str]]:
    """What does not simply work: a row for each reason."""
    told: dict[Found, list[str]] = {}
    for name, found in one.probes.items():
        if found.state != "works":
            told.setdefault(found, []).append(record.titles[name])
    for found, titles in told.items():
        yield "; ".join(titles), _LONGER[found.state], _cell(found.how)


def _points(title: str, points: Sequence[str]) -> Iterator[str]:
    if points:
        yield f"\n{title}:\n\n" + "".join(f"- {_cell(point)}\n" for point in points)


def _cell(text: str) -> str:
    """What an engine said, with nothing in it that Markdown heeds."""
    return text.replace("<", "&lt;").replace("|", "/")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "".join("| " + " | ".join(row) + " |\n" for row in (heads, ["---"] * len(heads), *rows))
