"""A host in another time zone whose clock is off by three hours: what a bundle says of times, and what is kept.

The responder's clock is right, and their time zone an odd one; whatever irkit says of its own doings is in UTC by it.
"""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.acceptance.bundles import item, playbook, stored_of
from tests.acceptance.command import Irkit
from tests.lab.client_side import ClientSide
from tests.lab.description import Suspect
from tests.lab.engine import Engine, start_engine
from tests.lab.host_start import start_host
from tests.lab.hosts import LabHost
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

OFF = timedelta(hours=3)
ZONE, ELSEWHERE = "Asia/Tokyo", {"TZ": "America/St_Johns"}
STEPS = (
    "{id: logs, action: collect.logs, with: {since: '${{ params.log_since }}'}}",
    "{id: events, action: collect.events}",
    "{id: processes, action: collect.processes}",
)
WINDOW = "parameters:\n  log_since: {type: when, default: 24h, description: How far back logs are read}"
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]+)?Z")
TELLERS = ("run.jsonl", "items.jsonl", "bundle.json", "plan.json")
OF_THE_HOST = {"started_at", "created_at", "finished_at"}
"""What a container's facts say, in the words of its host."""


@pytest.fixture(scope="module")
def tokyo(engine: Engine) -> Iterator[Engine]:
    """An engine in that zone. The session's own is asked for only to be told in time where none can be had."""
    del engine
    with start_engine(variables={"TZ": ZONE}) as found:
        yield found


@pytest.fixture(scope="module", params=[OFF, -OFF], ids=["ahead", "behind"])
def off(request: pytest.FixtureRequest) -> timedelta:
    """How far the host's clock is ahead."""
    found: timedelta = request.param
    return found


@pytest.fixture(scope="module")
def far(tokyo: Engine, off: timedelta) -> Iterator[LabHost]:
    with start_host(name="far", engine=tokyo, zone=ZONE, engine_clock_offset=int(off.total_seconds())) as host:
        yield host


@pytest.fixture(scope="module")
def between(tokyo: Engine) -> Iterator[datetime]:
    """A suspect that said a word, and another a while later; a moment in between by the right clock."""
    with Lab(tokyo) as lab:
        said = "echo old; echo old >&2; sleep 1; echo new; echo new >&2; exec sleep 1000"
        lab.make(Suspect(name="teller", command=("sh", "-c", said)))
        while b"new\n" not in lab.engine.docker("logs", "teller").stdout:
            time.sleep(0.05)
        stamped = lab.engine.docker("logs", "--timestamps", "teller").stdout.decode().split("\n")
        yield datetime.fromisoformat(stamped[0][:26] + "Z") + timedelta(seconds=0.5)


@pytest.fixture(scope="module")
def irkit(far: LabHost, tmp_path_factory: pytest.TempPathFactory) -> Irkit:
    place = tmp_path_factory.mktemp("responder")
    client = ClientSide(place / "home")
    client.add(far)
    return Irkit("", place / "evidence", client)


class Done(NamedTuple):
    """A run, with when it was begun and ended by the responder's clock."""

    bundle: Path
    begun: datetime
    ended: datetime


def run(irkit: Irkit, since: str) -> Done:
    """A run on the far host by a responder in an odd time zone."""
    begun = datetime.now(UTC)
    words = ("run", playbook(irkit.evidence.parent, *STEPS, head=WINDOW), "teller", "-H", "far", "--json")
    told = irkit(*words, "--param", f"log_since={since}", extra=ELSEWHERE).json
    return Done(Path(told["bundle"]), begun, datetime.now(UTC))


@pytest.fixture(scope="module")
def done(irkit: Irkit, between: datetime) -> Done:
    """A run that reads what was said in the last hour."""
    del between
    return run(irkit, "1h")


def test_all_that_irkit_says_of_times_is_utc_by_the_responders_clock(irkit: Irkit, done: Done) -> None:
    told = [moment for name in TELLERS for moment in moments(done.bundle, name)]
    assert len(told) > 20
    assert all(done.begun - timedelta(seconds=1) <= one <= done.ended for one in told), (min(told), max(told))
    named = datetime.strptime(done.bundle.name[4:20], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert abs(named - done.begun) < timedelta(minutes=1)
    shown = irkit("show", str(done.bundle), "--log", extra=ELSEWHERE).out
    assert {line[:2] for line in shown.splitlines()} <= {f"{done.begun:%H}", f"{done.ended:%H}"}
    assert irkit("verify", str(done.bundle)).status == 0


def moments(bundle: Path, name: str) -> Iterator[datetime]:
    """All times that a file says of irkit's own doings."""
    (path,) = bundle.rglob(name)
    for line in path.read_bytes().splitlines() if name.endswith(".jsonl") else [path.read_bytes()]:
        yield from _moments(json.loads(line))


def _moments(value: Any) -> Iterator[datetime]:
    if isinstance(value, dict):
        for key, one in value.items():
            if not (key in OF_THE_HOST and "image" in value):
                yield from _moments(one)
    elif isinstance(value, list):
        for one in value:
            yield from _moments(one)
    elif isinstance(value, str) and MOMENT.fullmatch(value):
        yield datetime.fromisoformat(value)


def test_both_clocks_are_kept_with_their_offset_and_its_error(done: Done, off: timedelta) -> None:
    info = json.loads(stored_of(done.bundle, "far/host/info.json"))
    assert info["SystemTime"].endswith("+09:00"), "the host's clock, in the host's own words"
    told = datetime.fromisoformat(info["SystemTime"][:26] + "+09:00")
    assert done.begun + off < told < done.ended + off

    clocks = [json.loads(stored_of(done.bundle, f"far/host/clock-{moment}.json")) for moment in ("start", "end")]
    for clock in clocks:
        wrong_by = abs(clock["offset_ns"] - off / timedelta(microseconds=1) * 1000)
        assert wrong_by <= clock["error_ns"] + 1_000_000 and 0 < clock["error_ns"] < 10**9
        assert clock["at"].endswith("Z")
    described = json.loads((done.bundle / "metadata/bundle.json").read_bytes())["clocks"]
    assert [(one["host"], one["moment"]) for one in described] == [("far", "start"), ("far", "end")]
    assert [one["offset_ns"] for one in described] == [one["offset_ns"] for one in clocks]


def test_windows_go_by_the_hosts_clock(irkit: Irkit, done: Done, between: datetime, off: timedelta) -> None:
    """A window by the responder's clock would be three hours beside the records, and keep none of them."""
    assert words(done) == {"stdout": b"old\nnew\n", "stderr": b"old\nnew\n"}
    assert item(done.bundle, "logs/stdout.log.zst")["warnings"] == [], "none is taken for one of the future"
    stamped = [json.loads(line) for line in stored_of(done.bundle, "far/teller-*/logs/times.jsonl").splitlines()]
    assert len(stamped) == 4
    assert all(abs(datetime.fromisoformat(one["time"]) - between - off) < timedelta(minutes=5) for one in stamped)
    noticed = [json.loads(line) for line in stored_of(done.bundle, "far/host/events.jsonl").splitlines()]
    assert {("create", "teller"), ("start", "teller")} <= {
        (one["Action"], one["Actor"]["Attributes"].get("name")) for one in noticed
    }

    since = (between + off).isoformat().replace("+00:00", "Z")
    assert words(run(irkit, since)) == {"stdout": b"new\n", "stderr": b"new\n"}


def words(done: Done) -> dict[str, bytes]:
    return {name: stored_of(done.bundle, f"far/teller-*/logs/{name}.log") for name in ("stdout", "stderr")}


def test_a_check_shows_how_far_the_clock_is_off(irkit: Irkit, off: timedelta) -> None:
    (told,) = irkit("hosts", "check", "far", "--json", extra=ELSEWHERE).json
    wrong_by = abs(told["clock_offset_ns"] - off / timedelta(microseconds=1) * 1000)
    assert wrong_by <= told["clock_error_ns"] + 1_000_000
    assert ("+3h 00m" if off > timedelta() else "-3h 00m") in irkit("hosts", "check", "far").out


def test_undo_of_a_containment_does_not_mind(irkit: Irkit, between: datetime, tokyo: Engine) -> None:
    bundle = irkit.run("freeze", "teller", more=("-H", "far"))["bundle"]
    assert tokyo.inspect("teller")["State"]["Paused"]
    irkit("undo", bundle, "--approve", "change")
    assert tokyo.inspect("teller")["State"]["Status"] == "running"
