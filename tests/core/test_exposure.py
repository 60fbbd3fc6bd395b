"""Findings in short."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from irkit.core.exposure import PLACES, flags_of, gravest_first, risk_of
from irkit.core.finding import Finding, Severity

LETTERS = {f"c.{letter}": letter for letter in PLACES}


def finding(check: str, severity: Severity = Severity.LOW) -> Finding:
    return Finding(check=check, severity=severity, summary="s")


def test_each_letter_stands_at_its_place() -> None:
    assert flags_of([], LETTERS) == "......"
    assert flags_of([finding("c.U"), finding("c.N"), finding("c.U")], LETTERS) == ".N...U"
    assert flags_of([finding(check) for check in LETTERS], LETTERS) == "PNDWCU"


def test_a_check_without_a_letter_has_no_place() -> None:
    assert flags_of([finding("c.other")], {**LETTERS, "c.other": ""}) == "......"
    assert flags_of([finding("unheard of")], LETTERS) == "......"


def test_the_risk_is_the_gravest() -> None:
    assert risk_of([]) is None
    assert risk_of([finding("a", Severity.MEDIUM), finding("b", Severity.CRITICAL), finding("c", Severity.HIGH)]) is (
        Severity.CRITICAL
    )


def test_severities_rise_from_info_to_critical() -> None:
    order = [Severity.INFO, Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL]
    assert sorted(Severity, key=lambda one: one.rank) == order


@given(st.lists(st.sampled_from(Severity)))
def test_the_gravest_come_first_and_equals_stay_as_they_came(severities: list[Severity]) -> None:
    found = gravest_first(finding(f"c{number}", one) for number, one in enumerate(severities))
    assert len(found) == len(severities)
    for one, after in pairwise(found):
        assert one.severity.rank > after.severity.rank or (
            one.severity is after.severity and int(one.check[1:]) < int(after.check[1:])
        )
