"""Whom a finding or a refusal of a plan is about: all of whom it is the same in one line, and not too many by name."""

from irkit.cli.plan_notes import plan_notes, plan_refusals
from irkit.core.finding import Finding, Severity
from irkit.core.host import Host
from irkit.core.plan import Plan, Refused
from tests.engine.world import container

REASON = "run 12ab holds it contained already: undo that run first"


def plan_of(count: int, hosts: int, *refusals: Refused, findings: tuple[Finding, ...] = ()) -> Plan:
    return Plan(
        run="r", case="", responder="", playbook="isolate", playbook_version=1, playbook_digest="", made_at="",
        hosts=tuple(Host(name=f"h{number}") for number in range(hosts)),
        targets=tuple(container(f"c{number}", host="h0") for number in range(count)),
        refusals=refusals, findings=findings,
    )  # fmt: skip


def refused(number: int, reason: str = REASON) -> Refused:
    return Refused(reason=reason, host="h0", container=container(f"c{number}", host="h0").key)


def test_those_who_are_refused_for_the_same_reason_are_named_in_one_line() -> None:
    plan = plan_of(4, 1, refused(0), refused(2), refused(3, "it is gone"), refused(0))
    assert list(plan_refusals(plan)) == [f"c0, c2: {REASON}", "c3: it is gone"]


def test_of_several_hosts_each_name_has_its_host_before_it() -> None:
    plan = plan_of(2, 2, refused(0), refused(1), Refused(reason="it does not answer", host="h1"), Refused(reason="all"))
    assert list(plan_refusals(plan)) == [f"h0/c0, h0/c1: {REASON}", "host h1: it does not answer", "all"]


def test_one_that_is_no_target_is_told_by_its_host_and_id() -> None:
    plan = plan_of(1, 1, Refused(reason="it is gone", container=f"h0/{'ab' * 32}"))
    assert list(plan_refusals(plan)) == ["h0/abababababab: it is gone"]


def test_of_very_many_ten_are_named() -> None:
    (line,) = plan_refusals(plan_of(30, 1, *map(refused, range(30))))
    assert "c8, c9 and 20 more: " in line and "c10" not in line


def test_findings_are_put_together_where_all_of_them_is_the_same() -> None:
    def found(number: int, severity: Severity, remedy: str = "") -> Finding:
        key = container(f"c{number}", host="h0").key
        return Finding(check="x", severity=severity, summary="it\nshares", container=key, remedy=remedy)

    low, high = Severity.LOW, Severity.HIGH
    plan = plan_of(4, 1, findings=(found(0, low), found(1, low), found(2, high), found(3, low, "end it")))
    told = [(note.severity, note.text, note.remedy) for note in plan_notes(plan)]
    assert told == [(low, "c0, c1: it␊shares", ""), (high, "c2: it␊shares", ""), (low, "c3: it␊shares", "end it")]
