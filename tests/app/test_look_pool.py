"""A few looks at a time on each host, in turn; one host that hangs holds up no other, and threads do not pile up."""

import threading

from irkit.app.look_pool import LookPool


class Blocked:
    """Work that waits until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go, self.done = threading.Semaphore(0), threading.Event(), threading.Semaphore(0)
        self.most = self._now = 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self.begun.release()
        assert self.go.wait(120)
        with self._lock:
            self._now -= 1
        self.done.release()


def look_threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("look at ")]


def test_no_more_than_so_many_go_on_at_a_time_and_all_are_done() -> None:
    pool, work = LookPool(3), Blocked()
    for _ in range(20):
        pool.begin("many", work)
    for _ in range(3):
        assert work.begun.acquire(timeout=60)
    assert len([one for one in look_threads() if one.name == "look at many"]) == 3
    work.go.set()
    for _ in range(20):
        assert work.done.acquire(timeout=60)
    assert work.most == 3


def test_a_host_on_which_all_hangs_holds_up_no_other() -> None:
    pool, hung, done = LookPool(2), Blocked(), threading.Event()
    for _ in range(4):
        pool.begin("hung", hung)
    pool.begin("well", done.set)
    assert done.wait(60)
    hung.go.set()
    for _ in range(4):
        assert hung.done.acquire(timeout=60)


def test_work_that_was_taken_out_is_not_begun() -> None:
    pool, hung, asked = LookPool(1), Blocked(), []
    pool.begin("a", hung)
    assert hung.begun.acquire(timeout=60)
    take_out = pool.begin("a", lambda: asked.append("taken out"))
    last = threading.Event()
    pool.begin("a", last.set)
    take_out()
    take_out()
    hung.go.set()
    assert last.wait(60)
    assert not asked


def test_threads_end_where_nothing_is_left_to_do() -> None:
    pool, done = LookPool(4), threading.Semaphore(0)
    for _ in range(10):
        pool.begin("end", done.release)
    for _ in range(10):
        assert done.acquire(timeout=60)
    for one in [one for one in look_threads() if one.name == "look at end"]:
        one.join(60)
    again = threading.Event()
    pool.begin("end", again.set)
    assert again.wait(60)
