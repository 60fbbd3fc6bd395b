"""irkit at a fake engine with three containers."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Command, irkit_at


@pytest.fixture
def place() -> Iterator[Path]:
    """A home with a place for a socket, short as its path must be."""
    with tempfile.TemporaryDirectory(prefix="irkit-cli-") as folder:
        yield Path(folder) / "sock"


@pytest.fixture
def irkit(place: Path) -> Iterator[Command]:
    with irkit_at(place) as command:
        yield command
