"""Which version of the API is spoken with an engine: the newest that both know, or a plain word why there is none."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from irkit.adapters.clock import SystemClock
from irkit.adapters.engine_http import NEWEST_API, EngineApi
from irkit.adapters.engine_wire import dial_unix
from irkit.core.errors import Refusal, TargetError
from irkit.engine.deadline import Cancel, OperationDeadline
from tests.acceptance.fake_engine import FakeEngine, Reply, http

NEWEST = "1.48"
PODMAN = {"Libpod-Api-Version": "4.3.1", "Server": "Libpod/4.3.1 (linux)"}


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name: the path of a socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="irkit-fake-") as folder:
        yield Path(folder) / "sock"


def deadline() -> OperationDeadline:
    return OperationDeadline(SystemClock(), 60, 60, Cancel())


def number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


class Negotiator:
    """An engine that speaks `oldest` to `newest`, and greets as `said`. It answers as dockerd does."""

    def __init__(self, newest: str, oldest: str = "1.24", said: str | None = None, accepts: str = "") -> None:
        self.newest, self.oldest, self.accepts = newest, oldest, accepts or newest
        self.headers = {"Api-Version": newest if said is None else said}

    def __call__(self, method: str, path: str) -> Reply:
        if path == "/_ping":
            return http(b"OK", headers=self.headers)
        version = path.split("/")[1].removeprefix("v")
        if number(version) < number(self.oldest):
            return http({"message": self._reason(version, "old", "Minimum", self.oldest)}, "400 Bad Request")
        if number(version) > number(self.accepts):
            return http({"message": self._reason(version, "new", "Maximum", self.accepts)}, "400 Bad Request")
        return http(b"{}")

    @staticmethod
    def _reason(version: str, what: str, edge: str, limit: str) -> str:
        return f"client version {version} is too {what}. {edge} supported API version is {limit}"


@pytest.mark.parametrize(
    ("newest", "oldest", "spoken"),
    [
        ("1.41", "1.12", "1.41"),  # Docker 20.10, and Podman
        ("1.45", "1.24", "1.45"),  # Docker 26
        ("1.51", "1.24", NEWEST),  # Docker 28
        ("1.55", "1.44", NEWEST),  # Docker 29.0
        ("1.55", "1.40", NEWEST),  # Docker 29.3
        ("1.40", "1.12", "1.40"),  # the oldest that irkit speaks
        ("1.100", "1.44", NEWEST),  # which is newer than 1.48, and no decimal fraction
        ("2.0", "1.44", NEWEST),
    ],
)
def test_the_newest_version_that_both_know_is_spoken(place: Path, newest: str, oldest: str, spoken: str) -> None:
    with FakeEngine(place, Negotiator(newest, oldest)) as engine:
        assert EngineApi(dial_unix(str(place))).read("/info", deadline()) == b"{}"
    assert engine.requests == ["GET /_ping", f"GET /v{spoken}/info"]


def test_the_newest_version_of_the_tests_is_that_of_the_code() -> None:
    assert number(NEWEST) == NEWEST_API


def test_an_engine_is_greeted_once(place: Path) -> None:
    with FakeEngine(place, Negotiator("1.41")) as engine:
        api = EngineApi(dial_unix(str(place)))
        other = EngineApi(dial_unix(str(place)), like=api)
        for _ in range(2):
            api.read("/info", deadline())
            other.read("/info", deadline())
            assert not api.is_podman(deadline()) and not other.is_podman(deadline())
    assert engine.requests.count("GET /_ping") == 1


def refusal(place: Path, answers: Negotiator) -> TargetError:
    with FakeEngine(place, answers), pytest.raises(TargetError) as caught:
        EngineApi(dial_unix(str(place))).read("/info", deadline())
    return caught.value


@pytest.mark.parametrize("newest", ["1.24", "1.39", "1.4", "0.99"])
def test_an_engine_that_is_too_old_is_told_apart(place: Path, newest: str) -> None:
    error = refusal(place, Negotiator(newest, "0.1"))
    assert error.kind is Refusal.UNSUPPORTED
    assert error.reason == f"the engine is too old: it speaks API {newest}, irkit needs 1.40 or later"


@pytest.mark.parametrize(
    "said",
    [
        "",
        "1",
        "1.",
        ".41",
        "v1.41",
        "1.41.2",
        "1.-1",
        "one.two",
        "1.4\u00b2",
        "1." + "4" * 99,
        "latest",
        "1,41",
        "1 .41",
    ],
)
def test_a_version_that_is_none_is_garbage(place: Path, said: str) -> None:
    error = refusal(place, Negotiator("1.41", said=said.encode("utf-8").decode("latin-1")))
    assert error.kind is Refusal.GARBLED
    assert error.reason == "what answers is no container engine: it names no API version"


def test_an_engine_that_knows_only_newer_versions_says_so(place: Path) -> None:
    error = refusal(place, Negotiator("1.60", "1.50"))
    assert error.kind is Refusal.UNSUPPORTED
    assert "client version 1.48 is too old" in error.reason and "1.50" in error.reason


def test_an_engine_that_refuses_what_it_offered_says_so(place: Path) -> None:
    error = refusal(place, Negotiator("1.51", accepts="1.47"))
    assert error.kind is Refusal.UNSUPPORTED
    assert "client version 1.48 is too new" in error.reason and "1.47" in error.reason


@pytest.mark.parametrize("names", [("Libpod-Api-Version",), ("Server",), tuple(PODMAN)])
def test_podman_is_known_by_its_greeting(place: Path, names: tuple[str, ...]) -> None:
    answers = Negotiator("1.41")
    answers.headers |= {name: PODMAN[name] for name in names}
    with FakeEngine(place, answers):
        assert EngineApi(dial_unix(str(place))).is_podman(deadline())


@pytest.mark.parametrize("server", ["Docker/28.5.2 (linux)", "libpodder/1", "nginx, Libpod/4.3.1", ""])
def test_another_engine_is_not_podman(place: Path, server: str) -> None:
    answers = Negotiator("1.41")
    answers.headers["Server"] = server
    with FakeEngine(place, answers):
        assert not EngineApi(dial_unix(str(place))).is_podman(deadline())
