"""The state of a run is a fold over its records."""

from typing import Any

import pytest

from irkit.adapters.memory_store import MemoryStore
from irkit.core.container import Container
from irkit.core.errors import VerificationError
from irkit.core.events import (
    AnyEvent,
    FindingRaised,
    Note,
    OperationFailed,
    OperationFinished,
    OperationSkipped,
    OperationStarted,
    RunFinished,
    RunStarted,
    StepSkipped,
    TargetJoined,
    TargetRefused,
)
from irkit.core.evidence import Evidence
from irkit.core.finding import Finding, Hold, Severity
from irkit.core.operations import AnyOperation, Commit, Pause, ReadLogs, Unpause
from irkit.core.run import IN_DOUBT, Run, replay

ID = "ab" * 32
ITEM = Evidence(
    path="data/x", kind="x", sha256="", sha512="", size=1, source_sha256="", source_size=1, started_at="", ended_at=""
)
BEGUN = RunStarted(
    run="r", case="", responder="", tool="", playbook="", playbook_version=1, playbook_digest="", plan_digest="",
    hosts=("local",), targets=(f"local/{ID}",), names={}, parameters={},
)  # fmt: skip
DONE = RunFinished(outcome="done")


def at(number: int = 0, attempt: int = 1) -> dict[str, Any]:
    return {"task": 0, "number": number, "step": "s", "host": "local", "container": ID, "attempt": attempt}


def started(operation: AnyOperation, *undo: AnyOperation, number: int = 0, attempt: int = 1) -> OperationStarted:
    return OperationStarted(**at(number, attempt), operation=operation, undo=undo)


def finished(number: int = 0, attempt: int = 1, **more: Any) -> OperationFinished:
    return OperationFinished(**at(number, attempt), milliseconds=1, **more)


def failed(
    took_hold: str, number: int = 0, attempt: int = 1, *, final: bool = True, reason: str = "no"
) -> OperationFailed:
    return OperationFailed(
        **at(number, attempt), milliseconds=1, reason=reason, kind="lost", took_hold=took_hold, final=final
    )


def skipped(*, not_needed: bool, number: int = 0, attempt: int = 1) -> OperationSkipped:
    return OperationSkipped(**at(number, attempt), reason="so", operation=Pause(ID), not_needed=not_needed)


def fold(*events: AnyEvent) -> Run:
    store = MemoryStore()
    for event in events:
        store.append(event)
    return replay(store.records)


PAUSE = started(Pause(ID), Unpause(ID))
READ = started(ReadLogs(ID))


def test_an_empty_log_is_a_run_that_did_nothing() -> None:
    run = fold()
    assert (run.started, run.finished, run.records) == (None, None, 0)
    assert not run.is_clean


def test_what_every_event_says_is_kept() -> None:
    finding = Finding(check="c", severity=Severity.LOW, summary="s")
    refused = TargetRefused(container="local/x", step="s", reason="no")
    step = StepSkipped(step="s", host="local", reason="when")
    run = fold(
        BEGUN, FindingRaised(finding=finding), refused, step, READ, finished(evidence=(ITEM,)), Note(text="n"), DONE
    )
    assert (run.started, run.finished, run.findings, run.refused, run.skipped) == (
        BEGUN,
        DONE,
        [finding],
        [refused],
        [step],
    )
    assert run.evidence == [ITEM]
    assert run.records == 8
    assert run.started_at < run.finished_at


def test_a_change_that_finished_is_a_change() -> None:
    run = fold(BEGUN, PAUSE, finished(proof="seen", detail="d"), DONE)
    (change,) = run.changes
    assert (change.state, change.took_hold, change.proof, change.detail) == ("finished", "yes", "seen", "d")
    assert run.undo_operations() == [("local", ID, Unpause(ID))]
    assert run.is_clean


def test_what_was_begun_and_of_which_no_word_came_is_in_doubt_and_a_failure() -> None:
    run = fold(BEGUN, PAUSE)
    assert [one.state for one in run.failures] == [IN_DOUBT]
    assert run.undo_operations() == [("local", ID, Unpause(ID))]


@pytest.mark.parametrize(("took_hold", "changes"), [("no", 0), ("yes", 1), (IN_DOUBT, 1)])
def test_a_change_that_failed_counts_unless_it_certainly_did_nothing(took_hold: str, changes: int) -> None:
    run = fold(BEGUN, PAUSE, failed(took_hold), DONE)
    assert len(run.changes) == len(run.undo_operations()) == changes
    assert len(run.failures) == 1
    assert not run.is_clean


def test_a_read_is_no_change_whatever_became_of_it() -> None:
    assert fold(BEGUN, READ).changes == fold(BEGUN, READ, failed(IN_DOUBT)).changes == []


def test_a_commit_is_a_change_without_a_way_back() -> None:
    run = fold(BEGUN, started(Commit(ID, "x:1")), finished(), DONE)
    assert len(run.changes) == 1
    assert run.undo_operations() == []


def test_the_last_change_is_taken_back_first() -> None:
    second = started(Unpause(ID), Pause(ID), number=1)
    run = fold(BEGUN, PAUSE, finished(), second, finished(1), DONE)
    assert [operation for _, _, operation in run.undo_operations()] == [Pause(ID), Unpause(ID)]


def test_a_failure_that_was_made_good_is_none() -> None:
    again = started(ReadLogs(ID), attempt=2)
    run = fold(BEGUN, READ, failed("no", final=False), again, finished(attempt=2), DONE)
    assert run.failures == []
    assert run.is_clean


def test_a_failure_that_was_found_not_to_apply_any_more_is_none() -> None:
    run = fold(BEGUN, PAUSE, failed("no", final=False), skipped(not_needed=True, attempt=2), DONE)
    assert run.failures == []
    assert run.is_clean


def test_a_failure_stands_when_the_next_attempt_never_came() -> None:
    run = fold(BEGUN, READ, failed("no", final=False), skipped(not_needed=False, attempt=2), DONE)
    assert len(run.failures) == 1
    assert len(fold(BEGUN, READ, failed("no", final=False)).failures) == 1


def test_a_failure_whose_engine_says_that_it_was_tried_again_is_still_one() -> None:
    assert len(fold(BEGUN, READ, failed("no", reason="tried again"), DONE).failures) == 1


@pytest.mark.parametrize(
    "events",
    [
        (PAUSE, finished()),
        (PAUSE, finished(), RunFinished(outcome="interrupted")),
        (PAUSE, finished(), RunFinished(outcome="failed")),
        (PAUSE, DONE),
        (TargetRefused(container="x", step="s", reason="no"), DONE),
        (skipped(not_needed=False), DONE),
    ],
)
def test_a_run_that_left_something_undone_is_not_clean(events: tuple[AnyEvent, ...]) -> None:
    assert not fold(BEGUN, *events).is_clean


def test_what_was_so_already_leaves_a_run_clean() -> None:
    run = fold(BEGUN, skipped(not_needed=True), StepSkipped(step="s", host="local", reason="when"), DONE)
    assert run.is_clean
    assert len(run.inapplicable) == 1


@pytest.mark.parametrize("event", [finished(), failed("no"), finished(attempt=2)])
def test_a_log_that_ends_what_it_never_began_is_not_what_it_claims_to_be(event: AnyEvent) -> None:
    with pytest.raises(VerificationError, match="record 2 of the run log ends an operation that was not begun"):
        fold(BEGUN, event)


def noticed(check: str, container: str = f"local/{ID}", host: str = "local") -> FindingRaised:
    return FindingRaised(
        finding=Finding(check=check, severity=Severity.HIGH, summary="s", host=host, container=container)
    )


@pytest.mark.parametrize(
    ("checks", "holds"),
    [
        ((), True),
        ((Hold.BROKEN,), False),
        ((Hold.BROKEN, Hold.AGAIN), True),
        ((Hold.BROKEN, Hold.AGAIN, Hold.BROKEN), False),
        ((Hold.BROKEN, Hold.TOUCHED), True),
        ((Hold.REPLACED,), False),
        ((Hold.TOUCHED, Hold.CONTEST), True),
        (("plan.loss",), True),
    ],
)
def test_what_does_not_hold_at_the_end_leaves_a_run_unclean(checks: tuple[str, ...], holds: bool) -> None:
    run = fold(BEGUN, *(noticed(check) for check in checks), DONE)
    assert run.is_clean is holds
    assert len(run.findings) == len(checks)
    assert list(run.unheld) == ([] if holds else [f"local/{ID}"])


def test_a_host_that_is_not_seen_is_not_made_good_by_what_is_seen_of_its_containers() -> None:
    run = fold(BEGUN, noticed(Hold.UNSEEN, ""), noticed(Hold.AGAIN), DONE)
    assert list(run.unheld) == ["local"]
    assert fold(BEGUN, noticed(Hold.UNSEEN, ""), noticed(Hold.SEEN, ""), DONE).is_clean


def test_a_container_that_was_removed_by_somebody_is_no_longer_one_that_is_not_held() -> None:
    assert fold(BEGUN, noticed(Hold.BROKEN), noticed(Hold.TOUCHED), DONE).is_clean


def test_what_joins_a_run_has_a_name_as_its_targets_have() -> None:
    new = Container(id="cd" * 32, name="web-2", host="local", image="app")
    run = fold(BEGUN, TargetJoined(container=new, replaces=f"local/{ID}", reason="it runs the same service"))
    assert run.names == {new.key: "web-2"}
    assert run.joined[new.key].container == new
