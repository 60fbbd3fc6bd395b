"""Counting what a process holds: what tests of leaks rest on."""

import os
import socket
import threading
from pathlib import Path

from tests.lab.counting import Held, count_descriptors, count_threads, thread_names, wait_released, wait_until


def test_descriptors_are_counted_by_kind(tmp_path: Path) -> None:
    before = Held()
    event, folder = os.eventfd(0), os.open(tmp_path, os.O_RDONLY)
    pipe = os.pipe()
    with (tmp_path / "file").open("wb"), socket.socket(socket.AF_UNIX):
        wanted = {"eventfd": 1, "folder": 1, "pipe": 2, "file": 1, "socket": 1}
        assert Held().more(before) == wanted
        assert wait_released(before, timeout=0.1) == wanted
    for descriptor in (event, folder, *pipe):
        os.close(descriptor)
    assert wait_released(before) == {}
    assert count_descriptors() == before.descriptors


def test_threads_are_counted_and_named() -> None:
    before, held = Held(), threading.Event()
    thread = threading.Thread(target=held.wait, name="waits")
    thread.start()
    assert Held().more(before) == {"thread": 1}
    assert count_threads() == before.threads + 1
    assert "waits" in thread_names()
    held.set()
    thread.join()
    assert wait_released(before) == {}


def test_waiting_ends_with_what_is_waited_for_or_with_the_time() -> None:
    moments = iter([False, False, True])
    assert wait_until(lambda: next(moments))
    assert not wait_until(lambda: False, timeout=0.05)
