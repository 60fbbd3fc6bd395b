"""A look: over at once when it is given up, whatever holds it up, and never a traceback."""

import threading

from irkit.adapters.log_stream import LogRecord
from irkit.app.one_look import GIVEN_UP, PENDING, LogLook, Look
from irkit.app.seen import LONGEST_LINE
from irkit.core.errors import Refusal, TargetError


def test_what_was_seen_is_there_with_its_time() -> None:
    look = Look(lambda look: 42)
    assert look.wait(60)
    assert (look.value, look.error) == (42, "")
    assert look.as_of is not None and look.is_begun


def test_a_failure_is_a_line() -> None:
    def work(look: Look[int]) -> int:
        raise TargetError("the engine is not there", Refusal.UNREACHABLE)

    look = Look(work)
    assert look.wait(60)
    assert (look.value, look.error) == (None, "the engine is not there")


def test_a_bug_is_a_line_that_holds_no_value() -> None:
    def work(look: Look[int]) -> int:
        raise KeyError("secret")

    look = Look(work)
    assert look.wait(60)
    assert look.value is None
    assert "KeyError" in look.error and "secret" not in look.error


def test_a_look_that_is_given_up_is_over_at_once_though_its_thread_is_held_up() -> None:
    begun, go, ended = threading.Event(), threading.Event(), threading.Event()

    def work(look: Look[int]) -> int:
        begun.set()
        go.wait(120)
        ended.set()
        return 1

    look = Look(work)
    assert begun.wait(60)
    look.cancel()
    assert look.is_over and look.error == GIVEN_UP
    go.set()
    assert ended.wait(60)
    assert look.value is None and look.error == GIVEN_UP


def test_a_look_given_up_closes_what_it_waits_on() -> None:
    closed, waits = threading.Event(), threading.Event()

    def work(look: Look[int]) -> int:
        look.cancel_switch.register(closed.set)
        waits.set()
        assert closed.wait(60)
        raise TargetError("the connection ended", Refusal.LOST)

    look = Look(work)
    assert waits.wait(60)
    look.cancel()
    assert closed.wait(60)
    assert look.error == GIVEN_UP


def test_a_look_that_is_over_stays_what_it_was_when_it_is_given_up() -> None:
    look = Look(lambda look: 42)
    assert look.wait(60)
    look.cancel()
    assert (look.value, look.error) == (42, "")


def test_a_look_that_waits_in_turn_says_so_and_is_taken_out_when_given_up() -> None:
    taken_out = []

    def begin(work: object) -> object:
        return lambda: taken_out.append(work)

    look: Look[int] = Look(lambda look: 1, begin)  # type: ignore[arg-type]
    assert not look.is_begun
    look.cancel()
    assert len(taken_out) == 1 and look.is_over


def record(content: bytes) -> LogRecord:
    return LogRecord("stdout", "2026-01-31T14:02:11.000000000Z", 0, content)


def log_of(*batches: list[LogRecord]) -> LogLook:
    def work(look: LogLook) -> None:
        for batch in batches:
            look.keep(batch)

    look = LogLook(work)
    assert look.wait(60)
    return look


def test_lines_come_in_order_and_once() -> None:
    look = log_of([record(b"one\n"), record(b"two\n")], [record(b"three\n")])
    lines, left_out = look.take()
    assert [one.text for one in lines] == ["one", "two", "three"] and left_out == 0
    assert look.take() == ([], 0)
    assert look.lines == 3


def test_of_more_than_a_screen_can_take_the_newest_are_shown_and_the_others_counted() -> None:
    look = log_of([record(b"%d\n" % number) for number in range(PENDING + 7)], [record(b"last\n")])
    lines, left_out = look.take(100)
    assert len(lines) == 100 and lines[-1].text == "last"
    assert left_out == PENDING + 8 - 100


def test_of_a_long_line_no_more_is_kept_than_is_shown() -> None:
    look = log_of([record(b"x" * (1 << 20))])
    assert max(len(one.content) for one in look._waiting) == LONGEST_LINE + 1
    (line,), _ = look.take()
    assert line.is_cut and len(line.text) == LONGEST_LINE
