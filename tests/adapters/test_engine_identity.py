"""Which engine answers, and what it is, whatever it answers."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from irkit.adapters.clock import SystemClock
from irkit.adapters.docker_engine import DockerEngine
from irkit.adapters.engine_wire import dial_unix
from irkit.adapters.local_facts import with_local_facts
from irkit.core.errors import Refusal, TargetError
from irkit.core.host import Host
from irkit.core.host_check import HostFacts
from irkit.engine.deadline import Cancel, OperationDeadline
from tests.acceptance.fake_engine import FakeEngine, http
from tests.lab.engine import Engine

INFO = {
    "ID": "ABCD:EFGH",
    "Containers": 10,
    "ContainersRunning": 3,
    "Driver": "overlay2",
    "CgroupVersion": "2",
    "SecurityOptions": ["name=seccomp,profile=default", "name=cgroupns"],
    "DockerRootDir": "/",
    "OSType": "linux",
    "SystemTime": "2026-01-01T00:00:00.5Z",
}
VERSION = {
    "Version": "24.0.7",
    "ApiVersion": "1.43",
    "MinAPIVersion": "1.12",
    "Components": [{"Name": "Engine", "Version": "24.0.7"}],
}
PODMAN = {"Version": "4.3.1", "ApiVersion": "1.41", "Components": [{"Name": "Podman Engine", "Version": "4.3.1"}]}
Infos = Callable[[], Any]


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="irkit-id-") as folder:
        yield Path(folder) / "sock"


def deadline() -> OperationDeadline:
    return OperationDeadline(SystemClock(), 60, 60, Cancel())


def engine_saying(place: Path, info: Infos, version: Any = VERSION) -> FakeEngine:
    def answer(method: str, path: str) -> bytes | None:
        if path.endswith("/info"):
            return http(info())
        return http(version) if path.endswith("/version") else None

    return FakeEngine(place, answer)


def target(place: Path, reach: str = "tcp") -> DockerEngine:
    return DockerEngine(Host(name="web", address="10.0.0.1", reach=reach), dial_unix(str(place)), SystemClock())


def facts(place: Path, info: Infos = lambda: INFO, version: Any = VERSION, reach: str = "tcp") -> HostFacts:
    with engine_saying(place, info, version):
        return target(place, reach).check(deadline())


def test_the_facts_are_those_that_the_engine_tells(place: Path) -> None:
    found = facts(place)
    assert (found.host, found.address) == ("web", "10.0.0.1")
    assert (found.engine, found.engine_version, found.engine_id) == ("Docker", "24.0.7", "ABCD:EFGH")
    assert (found.api, found.api_oldest, found.api_newest) == ("1.41", "1.12", "1.43")
    assert (found.storage_driver, found.cgroup, found.rootless) == ("overlay2", "2", False)
    assert (found.running, found.containers, found.data_folder) == (3, 10, "/")
    assert found.latency_ms is not None and found.latency_ms > 0
    assert found.cannot == () and found.free_bytes is None and found.user == ""


def test_the_clock_is_measured_against_the_responder_s(place: Path) -> None:
    def late() -> dict[str, Any]:
        return {**INFO, "SystemTime": (datetime.now(UTC) - timedelta(hours=3)).isoformat()}

    found = facts(place, late)
    assert found.clock_offset_ns is not None and found.clock_error_ns is not None
    assert abs(found.clock_offset_ns + 3 * 3600 * 10**9) <= found.clock_error_ns + 10**6


def test_an_engine_that_makes_up_its_id_has_none(place: Path) -> None:
    answers = iter(range(1000))

    def other() -> dict[str, Any]:
        return {**INFO, "ID": f"made-up-{next(answers)}"}

    found = facts(place, other, PODMAN)
    assert found.engine == "Podman" and found.engine_id == ""
    assert any("no lasting ID" in sentence for sentence in found.cannot)
    assert any("ps inside the container" in sentence for sentence in found.cannot)
    with engine_saying(place.with_name("again"), other):
        assert target(place.with_name("again")).identify(deadline()) == ""


def test_a_lasting_id_is_told(place: Path) -> None:
    with engine_saying(place, lambda: INFO):
        assert target(place).identify(deadline()) == "ABCD:EFGH"


def test_rootless_and_other_systems_are_told(place: Path) -> None:
    options = [*INFO["SecurityOptions"], "name=rootless"]  # type: ignore[misc]
    found = facts(place, lambda: {**INFO, "SecurityOptions": options, "OSType": "windows"})
    assert found.rootless and any("other systems than Linux" in sentence for sentence in found.cannot)


@pytest.mark.parametrize(
    ("version", "told"), [("4.3.1", True), ("3.0.1", True), ("5.4.2", False), ("10.0.0", False), ("", False)]
)
def test_a_podman_that_cannot_change_restart_policies_is_told(place: Path, version: str, told: bool) -> None:
    found = facts(place, lambda: INFO, {**PODMAN, "Version": version})
    assert any("Restart policies and limits cannot" in sentence for sentence in found.cannot) is told


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"CgroupDriver": "none", "CgroupVersion": "2"}, True),
        ({"CgroupDriver": "cgroupfs", "CgroupVersion": "1"}, True),
        ({"CgroupDriver": "systemd", "CgroupVersion": "2"}, False),
        ({"CgroupDriver": "cgroupfs", "CgroupVersion": "1", "SecurityOptions": []}, False),
    ],
)
def test_a_rootless_engine_without_control_groups_cannot_pause(place: Path, more: dict[str, Any], told: bool) -> None:
    found = facts(place, lambda: {**INFO, "SecurityOptions": ["name=rootless"], **more})
    assert any("cannot be paused" in sentence for sentence in found.cannot) is told


@pytest.mark.parametrize("version", [VERSION, PODMAN], ids=["Docker", "Podman"])
def test_what_needs_control_groups_is_told_once_where_there_are_none(place: Path, version: dict[str, Any]) -> None:
    info = {**INFO, "SecurityOptions": ["name=rootless"], "CgroupDriver": "none", "CgroupVersion": "1"}
    cannot = facts(place, lambda: info, version).cannot
    for sentence in ("The engine's own list of processes", "Images are committed only with", "Limits of CPU"):
        assert len([one for one in cannot if one.startswith(sentence)]) == 1


@pytest.mark.parametrize("absent", [{}, dict.fromkeys(INFO), {"ID": ""}])
def test_an_engine_that_tells_nothing_is_told_of_as_such(place: Path, absent: dict[str, Any]) -> None:
    found = facts(place, lambda: {**absent, "SystemTime": ""}, {})
    assert (found.engine_id, found.engine_version, found.storage_driver) == ("", "", "")
    assert (found.running, found.clock_offset_ns, found.clock_error_ns) == (None, None, None)


@pytest.mark.parametrize(
    "wrong", [[], "x", {"ID": 7}, {"Containers": -1}, {"Containers": 1e300}, {"SecurityOptions": [1]}, {"Driver": {}}]
)
def test_an_answer_of_another_shape_is_an_error_of_the_engine(place: Path, wrong: Any) -> None:
    with pytest.raises(TargetError) as caught:
        facts(place, lambda: wrong)
    assert caught.value.kind is Refusal.GARBLED
    with engine_saying(place.with_name("again"), lambda: wrong), pytest.raises(TargetError):
        target(place.with_name("again")).identify(deadline())


def test_an_endless_name_is_cut(place: Path) -> None:
    found = facts(place, lambda: {**INFO, "ID": "x" * 10**6, "Driver": "y" * 10**6})
    assert len(found.engine_id) == 200 and len(found.storage_driver) == 200


def test_an_engine_of_this_machine_is_told_of_with_its_machine(place: Path) -> None:
    found = facts(place, reach="local")
    assert found.user and found.privileges
    assert found.free_bytes is not None and found.free_bytes <= os.statvfs("/").f_blocks * os.statvfs("/").f_frsize


@pytest.mark.parametrize("folder", ["", "/no/such", "a\0b", "/" + "x" * 5000])
def test_a_folder_that_is_not_here_has_no_free_space(folder: str) -> None:
    assert with_local_facts(HostFacts(host="local", data_folder=folder)).free_bytes is None


def test_who_is_not_root_cannot_read_all_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 4_000_000)
    found = with_local_facts(HostFacts(host="local"))
    assert found.user == "uid 4000000" and found.privileges == "the engine's socket"
    assert len(found.cannot) == 1


@pytest.mark.engine
def test_the_real_engine_s_facts_are_what_docker_info_says(engine: Engine) -> None:
    host = Host(name="local", socket=str(engine.socket))
    real = DockerEngine(host, dial_unix(host.socket), SystemClock())
    info = json.loads(engine.docker("info", "--format", "{{json .}}").stdout)
    found = real.check(deadline())
    assert found.engine_id == info["ID"] == real.identify(deadline())
    assert (found.storage_driver, found.engine_version) == (info["Driver"], info["ServerVersion"])
    assert (found.containers, found.data_folder) == (info["Containers"], info["DockerRootDir"])
    assert found.free_bytes and found.clock_error_ns is not None and abs(found.clock_offset_ns or 0) < 10**9
