"""Removing what killed labs left behind: hosts first, since they live in the engines' namespaces."""

import contextlib
import fcntl
import os
from collections.abc import Iterator

from .host_leftovers import sweep_hosts
from .leftovers import sweep_engines
from .records import STATE


def sweep() -> list[str]:
    """Take down labs whose owner is dead; returns the names of those removed. Who is swept for already is left."""
    if os.geteuid() != 0:
        return []
    with swept_by_one(wait=False) as is_mine:
        return sweep_now() if is_mine else []


def sweep_now() -> list[str]:
    """The same, whoever else is at it."""
    return [*sweep_hosts(), *sweep_engines()]


@contextlib.contextmanager
def swept_by_one(*, wait: bool = True) -> Iterator[bool]:
    """No other process sweeps while the block runs; False, without `wait`, where one does."""
    STATE.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(STATE / "sweep.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            is_mine = True
        except BlockingIOError:
            is_mine = False
        yield is_mine
    finally:
        os.close(descriptor)
