"""Turns: each once in a while, spread over that time, and not too many in a second."""

import pytest

from irkit.engine.rota import Rota


def turns(names: list[str], seconds: float, *, every: float = 5.0, tick: float = 0.01) -> list[tuple[float, str]]:
    """Who had a turn when, on a clock that is looked at once a tick."""
    rota, found = Rota(every), []
    for number in range(round(seconds / tick)):
        now = 100 + number * tick
        found += [(now, name) for name in rota.take(names, now)]
    return found


@pytest.mark.parametrize("count", [1, 2, 7, 50])
def test_each_has_its_turn_once_in_that_time(count: int) -> None:
    names = [str(number) for number in range(count)]
    found = [name for _, name in turns(names, 15.0)]
    assert all(found.count(name) in (3, 4) for name in names)


def test_fifty_are_spread_over_the_time_and_never_come_together() -> None:
    found = turns([str(number) for number in range(50)], 10.0)
    assert len({at for at, _ in found}) == len(found), "one at a time"
    seconds = [int(at) for at, _ in found]
    assert all(seconds.count(second) <= 11 for second in seconds)


def test_of_more_than_there_is_room_for_each_comes_later() -> None:
    found = turns([str(number) for number in range(200)], 40.0)
    assert len(found) <= 401 and {name for _, name in found} == {str(number) for number in range(200)}


def test_a_long_pause_is_not_made_up_for() -> None:
    rota = Rota(5.0)
    assert rota.take(["a", "b"], 100.0) == ["a"]
    assert rota.take(["a", "b"], 1000.0) == ["b", "a"]
    assert rota.take(["a", "b"], 1000.0) == [] and rota.next_at > 1000.0


def test_one_that_joins_has_its_turn_and_where_nobody_is_left_there_is_none() -> None:
    rota = Rota(1.0)
    rota.take(["a"], 10.0)
    assert "b" in rota.take(["a", "b"], 11.0) + rota.take(["a", "b"], 11.5)
    assert rota.take([], 20.0) == [] and rota.next_at > 20.0
