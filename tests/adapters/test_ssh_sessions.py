"""Places for sessions: a host that has few of them is asked for no more than it gives."""

import time

import pytest

from irkit.adapters import ssh_sessions
from irkit.adapters.ssh_sessions import Sessions
from irkit.core.errors import Refusal, TargetError
from irkit.engine.deadline import Cancel
from tests.adapters.ssh_side import Doing, deadline


def test_as_many_are_taken_as_are_wanted_until_one_is_refused() -> None:
    sessions = Sessions()
    for _ in range(30):
        sessions.take(deadline())
    assert sessions.was_refused() is not None  # wait for one of the others
    waiting = Doing(sessions.take, deadline())
    assert not waiting.ended(0.2)
    sessions.give_back()
    assert waiting.ended()


def test_a_host_that_never_gives_one_is_believed() -> None:
    sessions = Sessions()
    sessions.take(deadline())
    assert sessions.was_refused() is None


def test_a_host_that_has_not_noticed_an_end_yet_is_asked_again_ever_more_slowly() -> None:
    sessions, pauses = Sessions(), []
    sessions.take(deadline())
    sessions.was_granted()
    sessions.give_back()
    for _ in range(6):
        sessions.take(deadline())
        pauses.append(sessions.was_refused())
    assert None not in pauses
    assert pauses == sorted(pauses, key=lambda pause: pause or 0)


def test_a_host_that_gives_none_back_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_sessions, "_SETTLE", 0.05)
    sessions = Sessions()
    sessions.take(deadline())
    sessions.give_back()
    time.sleep(0.1)
    sessions.take(deadline())
    assert sessions.was_refused() is None


def test_waiting_for_a_place_ends_with_the_time_and_says_why() -> None:
    sessions = Sessions()
    for _ in range(3):
        sessions.take(deadline())
    sessions.was_refused()
    with pytest.raises(TargetError, match="2 commands run at once") as caught:
        sessions.take(deadline(0.1))
    assert caught.value.kind is Refusal.TIMEOUT


def test_waiting_for_a_place_ends_when_the_run_is_stopped() -> None:
    sessions, cancel = Sessions(), Cancel()
    for _ in range(2):
        sessions.take(deadline())
    sessions.was_refused()
    waiting = Doing(sessions.take, deadline(60, cancel))
    cancel.set()
    assert waiting.ended()
    assert waiting.error is not None
    assert waiting.error.kind is Refusal.CANCELLED
