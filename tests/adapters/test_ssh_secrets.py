"""Secrets: asked one at a time and once, kept out of sight, and never waited for beyond the time there is."""

import pickle
import threading
import time

import pytest

from irkit.adapters.ssh_secrets import Secrets
from irkit.core.errors import Refusal, TargetError
from irkit.engine.deadline import Cancel
from tests.adapters.ssh_side import Asked, Doing, deadline
from tests.lab.counting import LONG


def test_the_same_is_asked_once_by_whoever_comes_first() -> None:
    asked = Asked(one="a", two="b")
    secrets = Secrets(asked)
    answers = [secrets.ask_for(name, f"{name}: ", deadline()) for name in ("one", "two", "one", "one", "two")]
    assert answers == ["a", "b", "a", "a", "b"]
    assert asked.prompts == ["one: ", "two: "]


def test_many_hosts_at_once_are_one_question() -> None:
    prompts: list[str] = []

    def slowly(prompt: str) -> str | None:
        prompts.append(prompt)
        time.sleep(0.2)
        return "it"

    secrets = Secrets(slowly)
    asking = [Doing(secrets.ask_for, "key", "key: ", deadline()) for _ in range(10)]
    assert all(one.ended() for one in asking)
    assert [one.result for one in asking] == ["it"] * 10
    assert len(prompts) == 1


def test_two_questions_are_never_on_the_terminal_at_once() -> None:
    inside, most = [0], [0]

    def count(prompt: str) -> str:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.02)
        inside[0] -= 1
        return prompt

    secrets = Secrets(count)
    asking = [Doing(secrets.ask_for, str(number), str(number), deadline()) for number in range(6)]
    asking += [Doing(secrets.ask, "otp", deadline()) for _ in range(3)]
    assert all(one.ended() for one in asking)
    assert most == [1]


def test_what_is_known_is_told_while_somebody_else_is_being_asked() -> None:
    going_on, answer = threading.Event(), threading.Event()

    def ask(prompt: str) -> str:
        if prompt == "slow":
            going_on.set()
            answer.wait(LONG)
        return prompt

    secrets = Secrets(ask)
    assert secrets.ask_for("known", "known", deadline()) == "known"
    slow = Doing(secrets.ask_for, "slow", "slow", deadline())
    assert going_on.wait(LONG)
    quick = Doing(secrets.ask_for, "known", "known", deadline())
    assert quick.ended()
    assert quick.result == "known"
    answer.set()
    assert slow.ended()


def test_a_wrong_answer_is_asked_for_again_in_other_words() -> None:
    asked = Asked(key=["wrong", "right"])
    secrets = Secrets(asked)
    assert secrets.ask_for("key", "key: ", deadline()) == "wrong"
    assert secrets.ask_for("key", "key: ", deadline(), wrong="wrong") == "right"
    assert secrets.ask_for("key", "key: ", deadline(), wrong="wrong") == "right"  # another host's turn
    assert asked.prompts == ["key: ", "That was wrong. key: "]


def test_who_declines_is_not_asked_the_same_again() -> None:
    asked = Asked()
    secrets = Secrets(asked)
    assert [secrets.ask_for("key", "key: ", deadline()) for _ in range(3)] == [None] * 3
    assert len(asked.prompts) == 1


def test_who_declined_is_asked_once_more_where_they_say_so() -> None:
    answers = iter([None, "now"])
    secrets = Secrets(lambda prompt: next(answers))
    assert secrets.ask_for("a", "a: ", deadline()) is None
    secrets.ask_again()
    assert secrets.ask_for("a", "a: ", deadline()) == "now" == secrets.ask_for("a", "a: ", deadline())


def test_where_nobody_can_be_asked_nothing_is_known() -> None:
    secrets = Secrets()
    assert not secrets.can_ask
    assert secrets.ask_for("key", "key: ", deadline()) is None
    assert secrets.ask("key: ", deadline()) is None


def test_what_was_told_is_shared_with_those_who_ask_nobody() -> None:
    asked = Asked(key="it")
    secrets = Secrets(asked)
    quiet = secrets.told()
    assert quiet.ask_for("key", "key: ", deadline()) is None
    assert not quiet.knows("key")
    secrets.ask_for("key", "key: ", deadline())
    assert quiet.ask_for("key", "key: ", deadline()) == "it"
    assert quiet.ask_for("key", "key: ", deadline(), wrong="it") is None
    assert (quiet.knows("key"), quiet.knows("key", but="it"), quiet.can_ask) == (True, False, False)
    assert len(asked.prompts) == 1


def test_a_prompt_is_safe_whatever_a_host_makes_of_it() -> None:
    asked = Asked()
    Secrets(asked).ask("\x1b]0;owned\x07" + "x" * 9999, deadline())
    assert asked.prompts[0].isprintable()
    assert len(asked.prompts[0]) < 400


def test_who_waits_for_a_turn_gives_up_when_time_is_up_or_the_run_is_stopped() -> None:
    going_on, answer, cancel = threading.Event(), threading.Event(), Cancel()

    def ask(prompt: str) -> str | None:
        going_on.set()
        return prompt if answer.wait(LONG) else None

    secrets = Secrets(ask)
    busy = Doing(secrets.ask, "first", deadline())
    assert going_on.wait(LONG)
    with pytest.raises(TargetError) as caught:
        secrets.ask_for("second", "second", deadline(0.2))
    assert caught.value.kind is Refusal.TIMEOUT
    stopped = Doing(secrets.ask_for, "second", "second", deadline(60, cancel))
    time.sleep(0.05)
    cancel.set()
    assert stopped.ended()
    assert stopped.error is not None
    assert stopped.error.kind is Refusal.CANCELLED
    answer.set()
    assert busy.ended()


def test_an_interrupted_question_leaves_the_turn_to_others() -> None:
    calls = []

    def ask(prompt: str) -> str:
        calls.append(prompt)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return "it"

    secrets = Secrets(ask)
    with pytest.raises(KeyboardInterrupt):
        secrets.ask_for("key", "key", deadline())
    assert secrets.ask_for("key", "key", deadline()) == "it"


def test_a_secret_is_in_no_description_of_what_holds_it() -> None:
    secrets = Secrets(Asked(key="hunter2-secret"))
    secrets.ask_for("key", "key", deadline())
    assert "hunter2" not in f"{secrets} {secrets!r} {secrets.told()!r}"
    with pytest.raises((TypeError, AttributeError)):
        pickle.dumps(secrets)
