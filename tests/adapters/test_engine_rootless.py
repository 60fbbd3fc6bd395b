"""What a rootless engine without control groups does in silence, as it was seen, and what irkit makes of it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from irkit.adapters.clock import SystemClock
from irkit.adapters.docker_engine import DockerEngine
from irkit.adapters.engine_wire import dial_unix
from irkit.adapters.memory_store import MemoryStore
from irkit.core.errors import Refusal, TargetError
from irkit.core.host import Host
from irkit.core.operations import Commit
from irkit.engine.deadline import Cancel, OperationDeadline
from tests.acceptance.fake_engine import ID, INFO, FakeEngine, Reply, http, inspected

IMAGE = "irkit/evidence:1"


class Docker:
    """Docker with one container. Without control groups it commits and pauses nothing, and does not say so."""

    def __init__(self, driver: str, state: str) -> None:
        self.driver, self.state = driver, state

    def __call__(self, method: str, path: str) -> Reply | None:
        if path == "/_ping":
            return http(b"OK")
        what = path.split("/", 2)[2].partition("?")[0]
        if what == "info":
            return http({**INFO, "CgroupDriver": self.driver})
        if what == f"containers/{ID}/json":
            return http(inspected(State={"Status": self.state}))
        return http({"Id": "sha256:5e"}) if what == "commit" else None


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name: the path of a socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="irkit-fake-") as folder:
        yield Path(folder) / "sock"


def commit(place: Path, docker: Docker, *, pause: bool) -> tuple[TargetError | None, bool]:
    """What a commit was refused with, and whether it was asked for."""
    engine = DockerEngine(Host(name="local", socket=str(place)), dial_unix(str(place)), SystemClock())
    operation = Commit(ID, IMAGE, pause)
    intake = MemoryStore().intake(host="local", container=None, operation=operation, task=0)
    refused = None
    with FakeEngine(place, docker) as fake:
        try:
            engine.apply(operation, intake, OperationDeadline(SystemClock(), 60, 60, Cancel()))
        except TargetError as error:
            refused = error
    return refused, any(one.startswith("POST") and "/commit" in one for one in fake.requests)


def test_a_commit_that_would_not_pause_as_asked_is_refused(place: Path) -> None:
    error, asked = commit(place, Docker("none", "running"), pause=True)
    assert error is not None and error.kind is Refusal.UNSUPPORTED and error.is_final
    assert "pause: false" in error.reason
    assert not asked


@pytest.mark.parametrize(
    ("driver", "state", "pause"),
    [("none", "running", False), ("none", "exited", True), ("cgroupfs", "running", True), ("", "running", True)],
)
def test_another_commit_is_made(place: Path, driver: str, state: str, pause: bool) -> None:
    assert commit(place, Docker(driver, state), pause=pause) == (None, True)
