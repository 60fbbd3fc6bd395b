"""The small reads of a host's engine: each answer is kept byte for byte."""

from datetime import UTC, datetime, timedelta

import msgspec

from irkit.adapters.engine_answer import decoded
from irkit.adapters.engine_http import EngineApi, part
from irkit.core.codec import pretty
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import (
    Inspect,
    InspectImage,
    InspectNetwork,
    InspectVolume,
    MeasureClock,
    ReadEngine,
    ReadEvents,
    ReadImageHistory,
    ReadStats,
    SeeIsolated,
)
from irkit.core.ports import Clock, Deadline, Intake, Outcome
from irkit.core.values import moment_of, utc_text

_CLOCK_SAMPLES, _CLOCK_TIME = 9, 5.0
"""Samples of a clock, and seconds after which no further one is taken: a host that is far away has to do with fewer."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_TIME = "0001-01-01"
_TO_COME = timedelta(seconds=2)


def _keep(api: EngineApi, path: str, file: str, intake: Intake, deadline: Deadline, **query: str) -> bytes:
    body = api.read(path, deadline, **query)
    intake.put(file, body, source=f"GET {path}")
    return body


def inspect(api: EngineApi, operation: Inspect, intake: Intake, deadline: Deadline) -> Outcome:
    """The answer to an inspect of the container."""
    _keep(api, f"/containers/{part(operation.container)}/json", operation.file, intake, deadline)
    return Outcome()


def inspect_image(api: EngineApi, operation: InspectImage, intake: Intake, deadline: Deadline) -> Outcome:
    """The answer to an inspect of the image."""
    _keep(api, f"/images/{part(operation.image)}/json", operation.file, intake, deadline)
    return Outcome()


def read_image_history(api: EngineApi, operation: ReadImageHistory, intake: Intake, deadline: Deadline) -> Outcome:
    """The image's layers and the build steps that made them."""
    _keep(api, f"/images/{part(operation.image)}/history", operation.file, intake, deadline)
    return Outcome()


def inspect_network(api: EngineApi, operation: InspectNetwork, intake: Intake, deadline: Deadline) -> Outcome:
    """The answer to an inspect of the network."""
    _keep(api, f"/networks/{part(operation.network)}", operation.file, intake, deadline)
    return Outcome()


def inspect_volume(api: EngineApi, operation: InspectVolume, intake: Intake, deadline: Deadline) -> Outcome:
    """The answer to an inspect of the volume."""
    _keep(api, f"/volumes/{part(operation.volume)}", operation.file, intake, deadline)
    return Outcome()


def read_stats(api: EngineApi, operation: ReadStats, intake: Intake, deadline: Deadline) -> Outcome:
    """One sample; the engine takes two, a second apart, to tell the CPU's share."""
    path = f"/containers/{part(operation.container)}/stats"
    body = _keep(api, path, operation.file, intake, deadline, stream="false")
    if decoded(body, _Stats).read.startswith(_NO_TIME):
        raise TargetError("the engine took no sample of it: it ended meanwhile", Refusal.REFUSED)
    return Outcome()


class _Stats(msgspec.Struct):
    read: str = ""


class _Info(msgspec.Struct, rename="pascal"):
    system_time: str = ""
    server_version: str = ""


def read_engine(api: EngineApi, operation: ReadEngine, intake: Intake, deadline: Deadline) -> Outcome:
    """`/info` or `/version`."""
    path = "/version" if operation.part == "version" else "/info"
    _keep(api, path, operation.file, intake, deadline)
    return Outcome()


def engine_time(api: EngineApi, deadline: Deadline) -> datetime:
    """The host's clock, as its engine tells it."""
    return _parsed_time(decoded(api.read("/info", deadline), _Info).system_time)


def _parsed_time(text: str) -> datetime:
    """RFC 3339 with up to nine digits of a second, of which Python keeps six."""
    try:
        return max(datetime.fromisoformat(text).astimezone(UTC), _EPOCH)
    except (ValueError, OverflowError):
        raise TargetError("the engine does not tell its time", Refusal.GARBLED) from None


def unix_time(moment: datetime) -> str:
    """A moment as engines take it, exact to the microsecond, which a float of today is not."""
    return f"{int(moment.timestamp())}.{moment.microsecond:06d}"


def window_edge(text: str, now: datetime) -> datetime:
    """The moment meant by a window's edge, as seen from the host's clock, which may stand anywhere."""
    try:
        return max(moment_of(text, now), _EPOCH)
    except ValueError:
        return _EPOCH  # so long before a clock that stands early that there is no such date


def sample_clock(api: EngineApi, clock: Clock, deadline: Deadline) -> tuple[int, int]:
    """One measurement: the host's clock less the responder's, and the round trip, in ns. Raises TargetError."""
    before, began = clock.now(), clock.monotonic()
    there = engine_time(api, deadline)
    trip = clock.monotonic() - began
    offset = there - (before + timedelta(seconds=trip / 2))
    return offset // timedelta(microseconds=1) * 1000, round(trip * 1e9)


class MeasuresClock:
    """The offset between the responder's clock and the host's: the sample of the least round trip of nine or fewer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, api: EngineApi, operation: MeasureClock, intake: Intake, deadline: Deadline) -> Outcome:
        end = self._clock.monotonic() + _CLOCK_TIME
        samples = [sample_clock(api, self._clock, deadline)]
        while len(samples) < _CLOCK_SAMPLES and self._clock.monotonic() < end:
            samples.append(sample_clock(api, self._clock, deadline))
        best = min(samples, key=lambda sample: sample[1])
        found = {
            "method": "engine's SystemTime less the middle of the request",
            "moment": operation.moment,
            "at": utc_text(self._clock.now()),
            "offset_ns": best[0],
            "error_ns": best[1] // 2,
            "samples": [{"offset_ns": offset, "round_trip_ns": trip} for offset, trip in samples],
        }
        intake.put(operation.file, pretty(found), source=f"GET /info, {len(samples)} times")
        return Outcome(detail=f"offset {best[0] / 1e6:+.3f} ms, error at most {best[1] / 2e6:.3f} ms")


def read_events(api: EngineApi, operation: ReadEvents, intake: Intake, deadline: Deadline) -> Outcome:
    """A window of events, one JSON object a line, that ends now by the engine's clock."""
    now = engine_time(api, deadline)
    since = window_edge(operation.since, now)
    # Podman stops reading its file when the end has come: with one that is past, before it has begun.
    until = now + _TO_COME if api.is_podman(deadline) else now
    query = {"since": unix_time(since), "until": unix_time(until)}
    body = _keep(api, "/events", operation.file, intake, deadline, **query)
    return Outcome(detail=f"{len(body.splitlines())} events since {utc_text(since)}")


def see_isolated(api: EngineApi, operation: SeeIsolated, intake: Intake, deadline: Deadline) -> Outcome:
    """Nothing: facts and kernel are looked at after it, as after what isolates."""
    return Outcome()
