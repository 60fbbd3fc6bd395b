"""docs/engines.md tells the same as docs/engines.json, and that tells of every engine (tests/engines makes both)."""

import msgspec
import pytest

from tests.engines.kinds import KINDS
from tests.engines.page import PAGE, WORDS, renewed
from tests.engines.probing import PROBES, Found, State
from tests.engines.record import Record, read
from tests.test_docs import rows_of

RENEW = "run python -m tests.engines --page"


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def with_state(record: Record, probe: str, state: State) -> Record:
    """The record, had the last engine come out of that probe otherwise."""
    *others, last = record.engines
    changed = msgspec.structs.replace(last, probes={**last.probes, probe: Found(state, "as a test has it")})
    return msgspec.structs.replace(record, engines=[*others, changed])


def test_the_page_tells_the_same_as_the_record() -> None:
    assert renewed(page(), read()) == page(), RENEW


@pytest.mark.parametrize("state", ["works", "differs", "refused", "absent"])
def test_another_outcome_makes_another_page(state: State) -> None:
    record = read()
    probe = next(name for name, found in record.engines[-1].probes.items() if found.state != state)
    other = renewed(page(), with_state(record, probe, state))
    assert other != page()
    row = next(row for row in rows_of(other.partition("What works where")[2], "") if row[0] == PROBES[probe].title)
    assert row[-1] == WORDS[state]


def test_every_engine_is_tried_or_the_reason_is_told() -> None:
    record = read()
    assert {one.name for one in record.engines} | record.untried.keys() == {kind.name for kind in KINDS}
    assert all(record.untried.values())
    text = page()
    assert [one.title for one in record.engines if f"\n### {one.title}\n" not in text] == []
    assert [name for name in record.untried if f"| `{name}` |" not in text] == []


def test_every_probe_was_tried_on_every_engine() -> None:
    record = read()
    assert record.titles == {name: one.title for name, one in PROBES.items()}
    assert all(one.probes.keys() == PROBES.keys() for one in record.engines)


def test_what_differs_or_is_refused_has_a_reason() -> None:
    told = [(one.name, name) for one in read().engines for name, found in one.probes.items() if found.how]
    other = [(one.name, name) for one in read().engines for name, found in one.probes.items() if found.state != "works"]
    assert told == other


def test_nothing_that_must_not_happen_is_on_record() -> None:
    assert {one.name: (*one.job.wrong, *one.contract.faults) for one in read().engines} == {
        one.name: () for one in read().engines
    }
