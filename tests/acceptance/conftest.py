"""irkit at the lab's engine, with an evidence folder of its own for each test."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.command import Irkit, connect
from tests.lab.engine import Engine
from tests.lab.suspects import Lab


@pytest.fixture
def irkit(engine: Engine, tmp_path: Path) -> Irkit:
    return connect(engine, tmp_path / "evidence")


@pytest.fixture(scope="module")
def shared(engine: Engine) -> Iterator[Lab]:
    """A lab for all tests of a module: for suspects that none of them changes."""
    with Lab(engine) as made:
        yield made


@pytest.fixture
def socket_path() -> Iterator[Path]:
    """A place for a socket, short as its path must be."""
    with tempfile.TemporaryDirectory(prefix="irkit-fake-") as folder:
        yield Path(folder) / "sock"
