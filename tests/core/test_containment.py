"""What a run did to contain each container, as its log tells it."""

from typing import Any

import pytest

from irkit.core.container import Attachment, RestartPolicy
from irkit.core.containment import Containment, containments
from irkit.core.events import (
    OperationFailed,
    OperationFinished,
    OperationSkipped,
    OperationStarted,
    Record,
    RunStarted,
)
from irkit.core.operations import Connect, Diff, Disconnect, MakeNetwork, Operation, Pause, SetRestartPolicy
from irkit.core.proof import ProofLevel
from irkit.core.run import replay

ID = "ab" * 32
KEY = f"local/{ID}"
CUT = Disconnect(ID, "front", ())
HOLD = Connect(ID, Attachment(network="q"), alone=True)
POLICY = SetRestartPolicy(ID, RestartPolicy())


def log(*events: Any, undoes: str = "") -> list[Containment]:
    """The containments of a run with these events."""
    begun = RunStarted(
        run="1", case="", responder="", tool="", playbook="p", playbook_version=1, playbook_digest="", plan_digest="",
        hosts=("local",), targets=(KEY,), names={KEY: "web"}, parameters={}, undoes=undoes,
    )  # fmt: skip
    at, prev = "2026-11-21T10:15:30.000000Z", "0" * 64
    return containments(
        replay(Record(seq=seq, at=at, prev=prev, event=event) for seq, event in enumerate((begun, *events), start=1))
    )


def place(number: int, container: str = ID, attempt: int = 1) -> dict[str, Any]:
    return {"task": 1, "number": number, "step": "s", "host": "local", "container": container, "attempt": attempt}


def done(number: int, operation: Operation, proof: str = "", because: str = "", container: str = ID) -> list[Any]:
    where = place(number, container)
    return [
        OperationStarted(**where, operation=operation),  # type: ignore[arg-type]
        OperationFinished(**where, milliseconds=1, proof=proof, because=because),
    ]


def failed(number: int, operation: Operation, reason: str, attempt: int = 1, *, final: bool = True) -> list[Any]:
    where = place(number, attempt=attempt)
    return [
        OperationStarted(**where, operation=operation),  # type: ignore[arg-type]
        OperationFailed(**where, milliseconds=1, reason=reason, kind="refused", took_hold="no", final=final),
    ]


def test_each_container_is_told_once_with_all_that_was_done() -> None:
    other = "cd" * 32
    found = log(
        *done(0, Diff(ID)),
        *done(1, CUT, "proven", "nothing is left"),
        *done(2, Pause(other), "asserted by the engine only", container=other),
        *done(3, Pause(ID), "proven", "it is frozen"),
    )
    assert [(one.key, [(each.text, each.proof) for each in one.measures]) for one in found] == [
        (KEY, [("disconnect from network front", "proven"), ("pause", "proven")]),
        (f"local/{other}", [("pause", "asserted by the engine only")]),
    ]
    assert [one.proof for one in found] == [ProofLevel.PROVEN, ProofLevel.ASSERTED]
    assert found[0].measures[0].because == "nothing is left"


def test_a_container_is_as_sure_as_the_least_sure_thing_done_to_it() -> None:
    (found,) = log(*done(1, CUT, "proven"), *done(2, POLICY, "asserted by the engine only"))
    assert found.proof is ProofLevel.ASSERTED


def test_what_only_prepares_or_reads_is_no_containment() -> None:
    assert log(*done(1, MakeNetwork(ID, "q", "irk"), "asserted by the engine only"), *done(2, Diff(ID))) == []


def test_what_is_done_twice_counts_once_as_it_was_last() -> None:
    (found,) = log(*done(1, CUT, "asserted by the engine only"), *done(2, CUT, "proven"))
    assert [one.proof for one in found.measures] == ["proven"]


@pytest.mark.parametrize("operation", [CUT, HOLD])
def test_a_wrong_proof_is_not_isolated(operation: Operation) -> None:
    (found,) = log(*failed(1, operation, "NOT isolated: it still has 10.0.0.5"))
    assert (found.measures, found.not_isolated) == ((), "it still has 10.0.0.5")
    assert found.proof is ProofLevel.WRONG


def test_an_isolation_that_was_refused_is_not_isolated_either() -> None:
    (found,) = log(*done(1, Disconnect(ID, "back"), "proven"), *failed(2, CUT, "the engine says: no"))
    assert found.not_isolated == "disconnect from network front: the engine says: no"
    assert [one.text for one in found.measures] == ["disconnect from network back"]
    assert found.proof is ProofLevel.WRONG


def test_an_isolation_that_no_word_came_of_may_not_be_one() -> None:
    (found,) = log(done(1, CUT)[0])
    assert found.not_isolated == "disconnect from network front: no word came whether it took hold"


def test_an_isolation_that_was_left_out_is_none() -> None:
    skip = OperationSkipped(**place(2), operation=CUT, reason="not begun: the run was ending")
    (found,) = log(*failed(1, MakeNetwork(ID, "q", "irk"), "no pool"), skip)
    assert found.not_isolated == "disconnect from network front: not begun: the run was ending"


def test_what_was_so_already_or_worked_the_second_time_is_no_failure() -> None:
    assert log(OperationSkipped(**place(1), operation=CUT, reason="it is not attached", not_needed=True)) == []
    again = done(1, CUT, "proven")
    again[0], again[1] = (
        OperationStarted(**place(1, attempt=2), operation=CUT),
        OperationFinished(**place(1, attempt=2), milliseconds=1, proof="proven"),
    )
    (found,) = log(*failed(1, CUT, "busy", final=False), *again)
    assert (found.proof, found.not_isolated) == (ProofLevel.PROVEN, "")


def test_a_pause_that_failed_leaves_the_isolation_as_it_is() -> None:
    (found,) = log(*done(1, CUT, "proven"), *failed(2, Pause(ID), "it is not frozen"))
    assert (found.not_isolated, found.proof) == ("", ProofLevel.PROVEN)


def test_an_undo_contains_nothing() -> None:
    assert log(*done(1, Disconnect(ID, "q"), "proven"), *failed(2, CUT, "NOT isolated: x"), undoes="1") == []
