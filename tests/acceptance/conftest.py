"""irkit at the lab's engine, with an evidence folder of its own for each test."""

from pathlib import Path

import pytest

from tests.acceptance.command import Irkit, connect
from tests.lab.engine import Engine


@pytest.fixture
def irkit(engine: Engine, tmp_path: Path) -> Irkit:
    return connect(engine, tmp_path / "evidence")
