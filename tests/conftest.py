"""Fixtures for all tests: the real engine and the lab come from tests.lab."""

import gc
import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.lab.fixtures import client, engine, lab, second_engine, ssh_host, third_engine, three_hosts  # noqa: F401
from tests.soak import often

# A run of CI can be repeated to the example; everywhere else each run tries others.
# Properties are not timed: what is slow on a busy machine is not wrong.
UNTIMED = settings(max_examples=often(100, 40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("usual", UNTIMED)
settings.register_profile("ci", UNTIMED, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "usual")


def pytest_configure() -> None:
    """What starts the tests in the background may have them ignore interrupts, which some of them are about."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Nine thousand tests are a million objects that stay to the end. Each worker would look through them for garbage
    again and again, in the collection and ever after. What tests make from here on is found as before, though less
    often: a tenth of all that the workers did was to look for it.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000)
        gc.enable()


# A file stays with one worker: one that takes minutes shall not begin when the others have nothing left to do.
LONG = (
    *(
        "test_ssh_faults.py",
        "test_killed.py",
        "test_three_hosts.py",
        "test_hostile_screens.py",
        "test_engine_firewall.py",
    ),
    *("test_quarantine.py", "test_ending.py", "test_snapshots.py", "test_keys.py", "test_storm.py"),
)
QUICK = {"actions", "app", "checks", "cli", "core", "engine", "hostile", "tui"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, those without an engine last; otherwise as they were."""

    def turn(item: pytest.Item) -> tuple[bool, int]:
        if item.path.name in LONG:
            return False, LONG.index(item.path.name)
        return item.path.parent.name in QUICK, len(LONG)

    items.sort(key=turn)
