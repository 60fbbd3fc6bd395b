"""What is asked while the screens are up: one question at a time, remembered where the answer is good for longer."""

from collections.abc import Callable
from typing import Any, cast

from irkit.tui.app import IrkitApp
from irkit.tui.asking import SuspendedAsk


class Aside:
    """An app that puts its screens aside for every question."""

    is_headless = False

    def __init__(self) -> None:
        self.asked: list[str] = []

    def call_from_thread(self, work: Callable[..., Any], *given: Any) -> Any:
        return work(*given)

    def ask_aside(self, ask: Callable[[str], str | None], prompt: str) -> str | None:
        self.asked.append(prompt)
        return ask(prompt)


def asking(answers: list[str | None]) -> tuple[SuspendedAsk, Aside]:
    ask, aside = SuspendedAsk(lambda prompt: answers.pop(0)), Aside()
    ask.attach(cast(IrkitApp, aside))
    return ask, aside


def test_a_password_is_asked_for_once() -> None:
    ask, aside = asking(["first"])
    assert [ask("Password of ann@web: ") for _ in range(3)] == ["first"] * 3
    assert aside.asked == ["Password of ann@web: "]


def test_one_that_was_wrong_is_asked_for_again_and_then_the_new_one_is_known() -> None:
    ask, aside = asking(["first", "second"])
    ask("Password of ann@web: ")
    assert ask("That was wrong. Password of ann@web: ") == "second" == ask("Password of ann@web: ")
    assert len(aside.asked) == 2


def test_nothing_typed_is_no_answer_and_is_asked_for_again() -> None:
    ask, _ = asking([None, "first"])
    assert [ask("Password of ann@web: ") for _ in range(2)] == [None, "first"]


def test_a_code_that_a_host_asks_for_is_asked_for_each_time() -> None:
    ask, _ = asking(["111", "222"])
    prompt = "ann@web asks 'Code:'; what you type goes to that host: "
    assert [ask(prompt) for _ in range(2)] == ["111", "222"]


def test_nobody_is_asked_once_the_screens_are_gone() -> None:
    ask, aside = asking(["first"])
    ask.detach()
    assert ask("Password of ann@web: ") is None and aside.asked == []
