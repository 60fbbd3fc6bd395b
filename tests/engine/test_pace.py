"""How often something is done again: at once at first, then after growing pauses, at once again after a quiet while."""

from irkit.engine.pace import MOST, WITHIN, Pace


def taken(pace: Pace, *times: float) -> list[bool]:
    return [pace.take(time) for time in times]


def test_the_first_ones_need_not_wait_and_one_too_many_is_told_once() -> None:
    pace = Pace()
    assert taken(pace, *(float(number) for number in range(MOST + 1))) == [*[False] * (MOST - 1), True, False]


def test_after_that_pauses_grow_up_to_a_minute() -> None:
    pace = Pace()
    now, waits = 100.0, []
    for _ in range(MOST + 8):
        pace.take(now)
        waits.append(pace.wait(now))
        now += waits[-1]
    assert waits[: MOST - 1] == [0.0] * (MOST - 1)
    assert waits[MOST - 1 :] == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0]


def test_what_is_done_now_and_then_is_never_too_often() -> None:
    pace = Pace()
    assert not any(taken(pace, *(number * WITHIN / 10 for number in range(100))))


def test_a_quiet_while_takes_the_pauses_back() -> None:
    pace = Pace()
    taken(pace, *[0.0] * MOST)
    assert pace.wait(1.0) == 1.0
    assert pace.wait(WITHIN + 3.0) == 0.0
    pace.take(WITHIN + 3.0)
    assert pace.wait(WITHIN + 3.0) == 0.0
