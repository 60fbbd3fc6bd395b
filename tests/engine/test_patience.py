"""A call that never comes back is given up; any other gives what it gives."""

import threading

import pytest

from irkit.core.errors import Refusal, TargetError
from irkit.engine import patience
from irkit.engine.deadline import Cancel, OperationDeadline
from irkit.engine.patience import wait_for
from tests.engine.test_deadline import HandClock


def test_a_call_gives_what_it_gives_and_raises_what_it_raises() -> None:
    deadline = OperationDeadline(HandClock(), 10, 10, Cancel())
    assert wait_for(lambda: 7, deadline) == 7
    with pytest.raises(ZeroDivisionError):
        wait_for(lambda: 1 // 0, deadline)


@pytest.mark.parametrize(("seconds", "kind"), [(0, Refusal.TIMEOUT), (10, Refusal.CANCELLED)])
def test_one_that_never_comes_back_is_given_up(seconds: float, kind: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "GRACE", 0.1)
    cancel, never = Cancel(), threading.Event()
    deadline = OperationDeadline(HandClock(), seconds, 10, cancel)
    if seconds:
        cancel.set()
    with pytest.raises(TargetError, match="its thread was given up") as caught:
        wait_for(never.wait, deadline)
    assert caught.value.kind is kind
    never.set()
