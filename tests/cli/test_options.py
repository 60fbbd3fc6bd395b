"""Parameters and approval: what is asked, of whom, and what counts as an answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
import pytest
from click.testing import CliRunner

from irkit.cli import options
from irkit.cli.execution import _status
from irkit.core.container import Container
from irkit.core.errors import UsageError
from irkit.core.events import Record, RunFinished, TargetRefused
from irkit.core.operations import AnyOperation, Inspect, Kill, Pause
from irkit.core.plan import Plan, Task
from irkit.core.run import Run, replay

IDS = ("ab" * 32, "cd" * 32)


def plan(*operations: AnyOperation, names: tuple[str, ...] = ("victim",)) -> Plan:
    targets = tuple(
        Container(id=one, name=name, host="local", image="x") for one, name in zip(IDS, names, strict=False)
    )
    task = Task(index=0, step="a", order=1, action="x", host="local", operations=operations)
    return Plan(
        run="r", case="", responder="", playbook="p", playbook_version=1, playbook_digest="", made_at="",
        targets=targets, tasks=(task,),
    )  # fmt: skip


READ, CHANGE, DESTROY = plan(Inspect(IDS[0])), plan(Inspect(IDS[0]), Pause(IDS[0])), plan(Pause(IDS[0]), Kill(IDS[0]))


@pytest.mark.parametrize(
    ("of", "approved", "refused"),
    [
        (READ, None, ""),
        (READ, "change", ""),
        (CHANGE, "change", ""),
        (CHANGE, "destroy", ""),
        (DESTROY, "destroy", ""),
        (CHANGE, None, "give --approve change"),
        (DESTROY, None, "give --approve destroy"),
        (DESTROY, "change", "goes beyond --approve change: it needs --approve destroy"),
    ],
)
def test_without_a_terminal_what_goes_beyond_reading_needs_the_option(
    of: Plan, approved: str | None, refused: str
) -> None:
    def check() -> None:
        assert not options.check_approval(of, approved)

    with no_terminal():
        if not refused:
            check()
            return
        with pytest.raises(UsageError, match=refused):
            check()


@contextmanager
def no_terminal(is_there: bool = False) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.isatty", lambda descriptor: is_there)
        yield


def test_on_a_terminal_it_is_asked_unless_approved() -> None:
    with no_terminal(is_there=True):
        assert options.check_approval(CHANGE, None) and options.check_approval(DESTROY, None)
        assert not options.check_approval(CHANGE, "change") and not options.check_approval(READ, None)
        with pytest.raises(UsageError, match="goes beyond"):
            options.check_approval(DESTROY, "change")


def ask(of: Plan, typed: str) -> tuple[object, str]:
    """What came of it, and what was shown."""

    @click.command()
    def command() -> None:
        options.ask_approval(of)

    result = CliRunner().invoke(command, input=typed)
    return result.exception, result.output + result.stderr


@pytest.mark.parametrize(
    ("of", "question", "answer"),
    [
        (CHANGE, "This will change 1 container(s). Type victim to go on", "victim"),
        (DESTROY, "This will DESTROY 1 container(s). Type victim to go on", "victim"),
        (plan(Pause(IDS[0]), names=("a", "b")), "Type change 2 to go on", "change 2"),
        (plan(Kill(IDS[0]), names=("a", "b")), "Type destroy 2 to go on", "destroy 2"),
        (plan(Kill(IDS[0]), names=("\x1b[2J\n",)), "Type ␛[2J␊ to go on", "␛[2J␊"),
    ],
)
def test_only_the_words_asked_for_approve(of: Plan, question: str, answer: str) -> None:
    failed, shown = ask(of, answer + "\n")
    assert failed is None and question in shown and "\x1b" not in shown
    for wrong in ("y", "yes", answer.upper() + "x", answer[:-1]):
        failed, _ = ask(of, wrong + "\n")
        assert isinstance(failed, UsageError) and "nothing was done" in str(failed)


def test_an_end_of_input_is_no_approval() -> None:
    failed, _ = ask(CHANGE, "")
    assert isinstance(failed, SystemExit) and failed.code == 1, "click's own word for an abort"


def test_parameters_are_names_and_values() -> None:
    assert options.parse_parameters(("a=1", "b=x=y", "c=")) == {"a": "1", "b": "x=y", "c": ""}
    for wrong in (("a",), ("=1",), ("a=1", "a=2"), ("",)):
        with pytest.raises(UsageError):
            options.parse_parameters(wrong)


def finished(outcome: str, *more: object) -> Run:
    events = [*more, RunFinished(outcome=outcome)]
    return replay(
        Record(seq=seq, at="", prev="", event=event)  # type: ignore[arg-type]
        for seq, event in enumerate(events, start=1)
    )


REFUSED = TargetRefused(container="x", step="a", reason="no")
CASES: list[tuple[Callable[[], Run], int]] = [
    (lambda: finished("done"), 0),
    (lambda: finished("done", REFUSED), 1),
    (lambda: finished("failed"), 1),
    (lambda: finished("interrupted"), 130),
    (lambda: finished("interrupted", REFUSED), 130),
    (lambda: replay([]), 1),
]


@pytest.mark.parametrize(("run", "status"), CASES, ids=range(6))
def test_exit_statuses_of_a_run_are_as_documented(run: Callable[[], Run], status: int) -> None:
    assert _status(run()) == status
