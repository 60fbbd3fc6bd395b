"""pytest fixtures: engines for the session, and a lab or hosts for each test. For conftest.py to import."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from .client_side import ClientSide
from .engine import Engine, LabError, start_engine
from .host_start import User, start_host
from .hosts import LabHost
from .setup import ensure_packages
from .suspects import Lab

OPT_OUT = "IRKIT_NO_ENGINE"
USERS = (User("root"), User("ana", groups=("docker",)), User("bob", sudo=True), User("eve"))
# The engine starts itself anew several times for each container. Looking for garbage is a quarter of what that takes.
SELDOM_COLLECTING = {"GOGC": "off", "GOMEMLIMIT": "150MiB"}


class ThreeHosts(NamedTuple):
    """Hosts with an engine each."""

    jump: LabHost
    other: LabHost
    inner: LabHost


def needed() -> None:
    """Skip where the caller said by name to go without an engine."""
    if os.environ.get(OPT_OUT) == "1":
        pytest.skip(f"needs a real engine, and {OPT_OUT}=1 says to go without")


def _session_engine() -> Iterator[Engine]:
    needed()
    try:
        ensure_packages()
        started = start_engine(variables=SELDOM_COLLECTING)
        found = started.__enter__()
    except LabError as error:
        reason = f"no engine for the tests ({OPT_OUT}=1 skips them): {error}"
        raise pytest.fail.Exception(reason, pytrace=False) from None
    try:
        yield found
    finally:
        started.__exit__(None, None, None)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A real engine. Where none can be had the tests fail, unless the caller said by name to go without."""
    yield from _session_engine()


@pytest.fixture(scope="session")
def second_engine() -> Iterator[Engine]:
    """Another engine, separate from the first."""
    yield from _session_engine()


@pytest.fixture(scope="session")
def third_engine() -> Iterator[Engine]:
    """One more."""
    yield from _session_engine()


@pytest.fixture
def lab(engine: Engine) -> Iterator[Lab]:
    """An empty lab, emptied again after the test."""
    with Lab(engine) as made:
        yield made


@pytest.fixture
def ssh_host(engine: Engine) -> Iterator[LabHost]:
    """A host with the session's engine and USERS."""
    with start_host(engine=engine, users=USERS) as host:
        yield host


@pytest.fixture
def client(tmp_path: Path) -> ClientSide:
    """A home with nothing in it but empty settings."""
    return ClientSide(tmp_path / "home")


@pytest.fixture
def three_hosts(engine: Engine, second_engine: Engine, third_engine: Engine) -> Iterator[ThreeHosts]:
    """Three hosts with an engine each; `inner` is reached through `jump` alone."""
    with (
        start_host(name="jump", engine=engine, users=USERS) as jump,
        start_host(name="other", engine=second_engine, users=USERS, port=2222) as other,
        start_host(name="inner", engine=third_engine, users=USERS, behind=jump) as inner,
    ):
        yield ThreeHosts(jump, other, inner)
