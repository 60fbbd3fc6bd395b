"""Tables, plans, records and runs as text: whatever they hold, a terminal only shows it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.cli.options import ascii_json
from irkit.cli.record_text import RecordText
from irkit.cli.render import plan_text, run_text
from irkit.cli.table import Rows, age_text, columns, offset_text, size_text
from irkit.core.container import Container
from irkit.core.errors import Refusal
from irkit.core.events import (
    BugMet,
    FindingRaised,
    Note,
    OperationFailed,
    OperationFinished,
    OperationSkipped,
    OperationStarted,
    Record,
    RunFinished,
    RunStarted,
    StepSkipped,
    TargetJoined,
    TargetRefused,
)
from irkit.core.evidence import Evidence
from irkit.core.finding import Compared, Finding, Hold, Severity
from irkit.core.host import Host
from irkit.core.operations import CopyOut, Disconnect, Kill, Pause
from irkit.core.plan import Plan, Refused, Task
from irkit.core.run import replay
from tests.acceptance.terminal import obeyed

EVIL = "\x1b[2J\x9b31m\u202e\r\n[red]x[/red]"
ID = "ab" * 32
VICTIM = Container(id=ID, name=EVIL, host="local", image=EVIL)
ONE: Any = {"task": 0, "number": 0, "step": "cut", "host": "local", "container": ID}


def record(event: object, seq: int = 1) -> Record:
    return Record(seq=seq, at="2026-11-21T10:15:30.000000Z", prev="0" * 64, event=event)  # type: ignore[arg-type]


def begun() -> RunStarted:
    return RunStarted(
        run="0123456789abcdef", case=EVIL, responder=EVIL, tool="irkit", playbook=EVIL, playbook_version=1,
        playbook_digest="", plan_digest="", hosts=("local",), targets=(f"local/{ID}",), names={f"local/{ID}": EVIL},
        parameters={},
    )  # fmt: skip


EVENTS = [
    begun(),
    OperationStarted(**ONE, operation=Disconnect(ID, EVIL), undo=(Pause(ID),)),
    OperationFinished(**ONE, milliseconds=1, detail=EVIL, proof=EVIL),
    OperationStarted(**{**ONE, "number": 1}, operation=CopyOut(ID, EVIL, 1)),
    OperationFailed(**{**ONE, "number": 1}, milliseconds=1, reason=EVIL, kind=Refusal.LOST, took_hold="in doubt"),
    OperationStarted(**{**ONE, "number": 2}, operation=Kill(ID)),
    OperationSkipped(**{**ONE, "number": 3}, operation=Pause(ID), reason=EVIL),
    StepSkipped(step="cut", host="local", container=f"local/{ID}", reason=EVIL),
    TargetRefused(container=f"local/{ID}", step="cut", reason=EVIL),
    TargetJoined(container=Container(id="cd" * 32, name=EVIL, host=EVIL, image=EVIL), replaces=EVIL, reason=EVIL),
    FindingRaised(
        finding=Finding(check=Hold.BROKEN, severity=Severity.HIGH, summary=EVIL, container=f"{EVIL}/{'cd' * 32}")
    ),
    FindingRaised(
        finding=Finding(
            check=Compared.HIDDEN, severity=Severity.CRITICAL, summary=EVIL, because=(EVIL,), container=f"local/{ID}"
        )
    ),
    Note(text=EVIL, by=EVIL),
    BugMet(work=EVIL, host=EVIL, container=f"local/{ID}", error=EVIL, trace=(EVIL,)),
    RunFinished(outcome="done", reason=EVIL),
]


def test_every_record_is_one_harmless_line() -> None:
    text = RecordText()
    for event in EVENTS:
        line = text.line(record(event))
        assert obeyed(line) == set() and "\n" not in line
        assert line.startswith("10:15:30Z  ") or (line == "" and isinstance(event, OperationStarted))


def test_a_finding_about_processes_is_told_with_the_processes_and_one_that_is_grave_stands_out() -> None:
    told = [
        RecordText().line(
            record(FindingRaised(finding=Finding(check=check, severity=severity, summary="it", because=("9",))))
        )
        for check, severity in ((Compared.HIDDEN, Severity.CRITICAL), ("x", Severity.HIGH), ("x", Severity.MEDIUM))
    ]
    assert [line.partition("Z  ")[2] for line in told] == ["! it: 9", "! it", "note: it"]


def test_a_read_that_begins_needs_no_line() -> None:
    assert RecordText().line(record(OperationStarted(**ONE, operation=CopyOut(ID, "/x", 1)))) == ""


def test_a_run_in_a_few_lines_says_what_is_still_changed() -> None:
    run = replay(record(event, seq) for seq, event in enumerate(EVENTS, start=1))
    text = run_text(run, 1)
    assert obeyed(text) == set()
    assert "STILL CHANGED: 1 operation(s) to take back: irkit undo 0123456789ab" in text
    assert "kill: in doubt, took hold: in doubt" in text and "no word whether it took hold" in text
    assert (
        text.count("\nFAILED") == 2
        and text.count("\nREFUSED") == 1
        and text.count("\nNOT HELD") == 1
        and text.count("\nBUG") == 1
        and text.count("\nFOUND") == 1
    )
    assert run_text(replay([]), 0) == "an empty log: nothing was done"


def test_a_plan_says_what_each_operation_does_and_how_it_is_taken_back() -> None:
    tasks = (
        Task(index=0, step="files", order=1, action="collect.files", host="local", containers=(f"local/{ID}",),
             operations=(CopyOut(ID, EVIL, 1),)),
        Task(index=1, step="cut", order=2, action="contain.pause", host="local", containers=(f"local/{ID}",),
             operations=(Pause(ID), Kill(ID))),
        Task(index=2, step="late", order=3, action="x", host="local", containers=(f"local/{ID}",), skipped=EVIL),
    )  # fmt: skip
    plan = Plan(
        run="r", case=EVIL, responder="", playbook=EVIL, playbook_version=1, playbook_digest="", made_at="",
        hosts=(Host(name="local"),), targets=(VICTIM,), tasks=tasks,
        refusals=(Refused(reason=EVIL, container=f"local/{ID}"),),
    )  # fmt: skip
    text = plan_text(plan)
    assert obeyed(text) == set() and "DRY RUN" in text and "DRY RUN" not in plan_text(plan, is_dry=False)
    lines = text.splitlines()
    effects = [next(word for word in ("read", "CHANGE", "DESTROY") if f" {word} " in line)
               for line in lines if any(word in line for word in (" read ", " CHANGE ", " DESTROY "))]  # fmt: skip
    assert effects == ["read", "CHANGE", "DESTROY"]
    assert [line.split("undo: ")[1] for line in lines if "undo: " in line] == ["unpause", "start"]
    assert sum(line.startswith("REFUSED") for line in lines) == 1


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_a_table_has_a_line_for_each_row_whatever_is_in_it(rows: list[tuple[str, str]]) -> None:
    text = columns(("ONE", "TWO"), rows)
    assert len(text.split("\n")) == len(rows) + 1
    assert obeyed(text) == set()
    assert all(len(line) <= 2 * (60 + 30) + 2 for line in text.splitlines())


@given(st.recursive(st.text() | st.integers() | st.none(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)))
def test_json_is_ascii_of_one_line_and_says_the_same(value: object) -> None:
    text = ascii_json(value)
    assert text.isascii() and obeyed(text) == set() and "\n" not in text
    if "\ud800" not in repr(value):
        assert json.loads(text) == value


def test_lone_surrogates_become_what_can_be_written() -> None:
    assert ascii_json("a\ud800b") == '"a\\ufffdb"'


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (3.4e6, "3.4 MB"), (2e15, "2.0 PB")]
)
def test_sizes_are_in_powers_of_a_thousand(count: float, text: str) -> None:
    assert size_text(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(-5, "0s"), (45, "45s"), (3600, "1h"), (86399, "23h"), (9e9, "104166d")])
def test_ages_are_short(seconds: float, text: str) -> None:
    assert age_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "+0.0 ms"),
        (0.0013, "+1.3 ms"),
        (-0.25, "-250.0 ms"),
        (12, "+12.0 s"),
        (-599.9, "-599.9 s"),
        (600, "+0h 10m"),
        (3 * 3600 - 0.01, "+3h 00m"),
        (-26 * 3600 - 90, "-26h 02m"),
    ],
)
def test_differences_between_clocks_are_short(seconds: float, text: str) -> None:
    assert offset_text(int(seconds * 1e9)) == text


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_a_row_told_alone_is_one_harmless_line_and_its_cells_stand_below_the_head(rows: list[tuple[str, str]]) -> None:
    table = Rows(("ONE", "TWO"), (5, 1))
    assert table.head == "ONE    TWO"
    for row in rows:
        line = table.line(row)
        assert "\n" not in line and obeyed(line) == set() and len(line) <= 2 * (60 + 30) + 2
    assert table.line(("a", "b")) == "a      b" and table.line(("longer", "b")) == "longer  b"


def test_partial_evidence_is_counted_apart() -> None:
    whole = Evidence(path="data/a", kind="x", sha256="", sha512="", size=5, source_sha256="", source_size=9, started_at="", ended_at="")  # fmt: skip  # noqa: E501
    partial = Evidence(path="data/b", kind="x", sha256="", sha512="", size=1, source_sha256="", source_size=1, started_at="", ended_at="", partial="cut")  # fmt: skip  # noqa: E501
    start = OperationStarted(**ONE, operation=CopyOut(ID, "/x", 1))
    end = OperationFinished(**ONE, milliseconds=1, evidence=(whole, partial))
    run = replay([record(begun()), record(start, 2), record(end, 3)])
    assert "evidence  2 items, 6 B stored, 10 B read; 1 partial" in run_text(run, 0)
