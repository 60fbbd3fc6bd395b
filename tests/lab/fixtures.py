"""pytest fixtures: one engine for the session, and a lab in it for each test. For conftest.py to import."""

import os
from collections.abc import Iterator

import pytest

from .engine import Engine, LabError, start_engine
from .setup import ensure_packages
from .suspects import Lab

OPT_OUT = "IRKIT_NO_ENGINE"


def needed() -> None:
    """Skip where the caller said by name to go without an engine."""
    if os.environ.get(OPT_OUT) == "1":
        pytest.skip(f"needs a real engine, and {OPT_OUT}=1 says to go without")


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A real engine. Where none can be had the tests fail, unless the caller said by name to go without."""
    needed()
    try:
        ensure_packages()
        started = start_engine()
        found = started.__enter__()
    except LabError as error:
        reason = f"no engine for the tests ({OPT_OUT}=1 skips them): {error}"
        raise pytest.fail.Exception(reason, pytrace=False) from None
    try:
        yield found
    finally:
        started.__exit__(None, None, None)


@pytest.fixture
def lab(engine: Engine) -> Iterator[Lab]:
    """An empty lab, emptied again after the test."""
    with Lab(engine) as made:
        yield made
