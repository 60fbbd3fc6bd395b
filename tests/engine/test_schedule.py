"""Which task may run next."""

import random
import threading
import time

import pytest

from irkit.core.operations import Commit, Export, Inspect
from irkit.core.plan import Task
from irkit.engine.schedule import Schedule
from tests.engine.guard import within
from tests.engine.world import PATIENCE


def task(index: int, *, order: int = 0, after: tuple[int, ...] = (), bulk: bool = False, key: str = "h/a") -> Task:
    operations = (Export("a") if bulk else Inspect("a"),)
    return Task(
        index=index, step=f"s{index}", order=order or index, action="x", host="h", containers=(key,), after=after,
        operations=operations,
    )  # fmt: skip


def take(schedule: Schedule) -> Task:
    found = within(PATIENCE, schedule.take)
    assert found is not None
    return found


def test_earlier_steps_of_all_containers_come_before_later_steps_of_any() -> None:
    schedule = Schedule([task(0, order=1), task(1, order=2), task(2, order=1)], parallel=8, bulk=1)
    assert [take(schedule).index for _ in range(3)] == [0, 2, 1]


@pytest.mark.parametrize("bulk_first", [True, False])
def test_a_download_of_an_earlier_step_comes_before_what_is_quick_and_later(bulk_first: bool) -> None:
    schedule = Schedule([task(1, bulk=bulk_first), task(2, bulk=not bulk_first)], parallel=8, bulk=1)
    assert [take(schedule).index for _ in range(2)] == [1, 2]


def test_a_task_waits_for_those_it_comes_after() -> None:
    schedule = Schedule([task(0, order=1), task(1, order=2, after=(0,)), task(2, order=3)], parallel=8, bulk=1)
    first = take(schedule)
    assert take(schedule).index == 2
    schedule.finish(first)
    assert take(schedule).index == 1


def test_a_worker_that_waits_is_woken_when_a_task_comes_free() -> None:
    schedule = Schedule([task(0), task(1, after=(0,))], parallel=8, bulk=1)
    first = take(schedule)
    threading.Timer(0.05, schedule.finish, [first]).start()
    assert take(schedule).index == 1


def test_only_so_many_bulk_tasks_run_at_a_time_and_others_pass_them() -> None:
    schedule = Schedule([task(0, bulk=True), task(1, bulk=True), task(2, bulk=True), task(3)], parallel=8, bulk=2)
    downloads = [take(schedule), take(schedule)]
    assert [one.index for one in downloads] == [0, 1]
    assert take(schedule).index == 3
    schedule.finish(downloads[0])
    assert take(schedule).index == 2


def test_a_commit_counts_as_bulk_as_it_copies_a_whole_layer() -> None:
    commit = Task(index=0, step="s", order=1, action="x", host="h", operations=(Commit("a", "x:1"),))
    assert commit.is_bulk


def test_a_task_does_not_wait_for_one_that_is_not_in_the_plan() -> None:
    assert take(Schedule([task(5, after=(1, 2, 3))], parallel=8, bulk=1)).index == 5


def test_when_all_is_taken_workers_are_sent_home() -> None:
    schedule = Schedule([task(0)], parallel=8, bulk=1)
    take(schedule)
    assert within(PATIENCE, schedule.take) is None


def test_tasks_that_wait_for_one_another_are_an_error_and_not_a_silence() -> None:
    schedule = Schedule([task(0), task(1, after=(2,)), task(2, after=(1,))], parallel=8, bulk=1)
    schedule.finish(take(schedule))
    with pytest.raises(ValueError, match=r"wait for one another: \[1, 2\]"):
        within(PATIENCE, schedule.take)
    assert within(PATIENCE, schedule.take) is None


def test_a_stop_holds_for_the_containers_of_the_task_and_no_others() -> None:
    schedule = Schedule([task(0, key="h/a"), task(1, key="h/a"), task(2, key="h/b")], parallel=8, bulk=1)
    schedule.finish(take(schedule), stop="it failed")
    assert schedule.stopped(task(1, key="h/a")) == "it failed"
    assert schedule.stopped(task(2, key="h/b")) == ""


def test_a_task_of_several_containers_is_stopped_only_when_all_of_them_are() -> None:
    shared = Task(index=9, step="s", order=9, action="x", host="h", containers=("h/a", "h/b"))
    schedule = Schedule([task(0, key="h/a"), task(1, key="h/b")], parallel=8, bulk=1)
    schedule.finish(take(schedule), stop="a failed")
    assert schedule.stopped(shared) == ""
    schedule.finish(take(schedule), stop="b failed")
    assert schedule.stopped(shared) == "a failed"


def test_a_task_of_the_host_alone_is_never_stopped() -> None:
    alone = Task(index=9, step="host", order=0, action="", host="h")
    assert Schedule([], parallel=8, bulk=1).stopped(alone) == ""


@pytest.mark.parametrize("seed", range(20))
def test_with_many_workers_every_task_is_done_once_in_order_and_in_bounds(seed: int) -> None:
    chance = random.Random(seed)
    tasks: list[Task] = []
    for index in range(60):
        before = [one.index for one in tasks if chance.random() < 0.05]
        tasks.append(task(index, order=chance.randrange(1, 6), after=tuple(before), bulk=chance.random() < 0.4))
    schedule = Schedule(chance.sample(tasks, len(tasks)), parallel=8, bulk=2)
    lock, bulk = threading.Lock(), [0, 0]
    done: list[int] = []

    def work() -> None:
        while (one := schedule.take()) is not None:
            with lock:
                assert set(one.after) <= set(done)
                bulk[0] += one.is_bulk
                bulk[1] = max(bulk)
            time.sleep(chance.random() / 2000)
            with lock:
                bulk[0] -= one.is_bulk
                done.append(one.index)
            schedule.finish(one)

    workers = [threading.Thread(target=work, daemon=True) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        within(PATIENCE, worker.join)
    assert sorted(done) == list(range(60))
    assert bulk[1] <= 2
