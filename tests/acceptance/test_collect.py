"""The reading actions but logs, each in a playbook of its own on the real engine, against what is true."""

import io
import json
import os
import tarfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from irkit.adapters.clock import SystemClock
from irkit.adapters.engine_http import EngineApi
from irkit.adapters.engine_wire import dial_unix
from irkit.engine.deadline import Cancel, OperationDeadline
from tests.acceptance.bundles import events, items, playbook, stored
from tests.acceptance.command import Irkit
from tests.acceptance.compare import members
from tests.acceptance.fake_engine import FakeEngine
from tests.lab import hostile
from tests.lab.counting import wait_until
from tests.lab.description import Attach, Network, Suspect
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

FORGED = "[kworker/0:1]    1 0 root  Ss 999999 00:00:00 /sbin/init \x1b[31m\tred"
LONG_TITLE = "x" * 100_000


def proc(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


def true_start(pid: int) -> float:
    ticks = int(proc(pid, "stat").rpartition(b")")[2].split()[19])
    booted = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    return float(booted.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")


def test_processes_are_told_as_the_host_sees_them(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    script = "sh -c 'sleep 5000; :' \"$1\" & sh -c 'sleep 5001; :' \"$2\" & su app -c 'sleep 5002' & wait"
    lab.make(Suspect(name="busy", command=("sh", "-c", script, "sh", FORGED, LONG_TITLE)))
    pids = pids_of(lab, "busy", 6)
    begun = {b"sleep\x005000", b"sleep\x005001", b"sleep\x005002"}
    assert wait_until(lambda: begun <= {proc(pid, "cmdline").rstrip(b"\0") for pid in pids})
    time.sleep(1.2)  # a start time that were the moment of looking would show
    bundle = irkit.run(playbook(tmp_path, "{id: look, action: collect.processes}"), "busy")["bundle"]
    found = {one["pid"]: one for one in json.loads(stored(bundle, "busy", "processes.json"))["processes"]}
    assert set(found) == pids
    for pid, one in found.items():
        arguments = proc(pid, "cmdline").rstrip(b"\0").decode().split("\0")
        # ps shows what a terminal would obey as `?`, and the engine makes one space of many.
        assert plain(one["command"]) == plain(" ".join(arguments))
        started = datetime.fromisoformat(one["started_at"])
        assert abs(started.timestamp() - true_start(pid)) <= 2, (one, true_start(pid))
        assert one["ppid"] == int(proc(pid, "stat").rpartition(b")")[2].split()[1])
        assert int(one["uid"]) == Path(f"/proc/{pid}").stat().st_uid
        assert one["state"][0] == "S"
    assert sum(LONG_TITLE in one["command"] for one in found.values()) == 2
    assert {one["user"] for one in found.values()} > {"root"}


def pids_of(lab: Lab, name: str, least: int) -> set[int]:
    """The container's processes, by its control group and not by ps, once there are as many."""
    main = lab.engine.inspect(name)["State"]["Pid"]
    place = next(line for line in proc(main, "cgroup").decode().splitlines() if name_of_group(line)).split(":", 2)[2]
    end = time.monotonic() + 60
    while True:
        pids = {pid for pid in all_pids() if place in read_or_nothing(pid)}
        if len(pids) >= least:
            return pids
        assert time.monotonic() < end, f"{name} has {len(pids)} processes"
        time.sleep(0.05)


def name_of_group(line: str) -> bool:
    return line.split(":", 2)[2].count("/") > 1 or "docker" in line


def all_pids() -> Iterator[int]:
    return (int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit())


def read_or_nothing(pid: int) -> str:
    try:
        return proc(pid, "cgroup").decode()
    except OSError:
        return ""


def plain(command: str) -> str:
    return " ".join("".join("?" if char < " " else char for char in command).split())


def test_processes_of_a_paused_container_are_told_and_of_one_that_ended_there_are_none(
    lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    lab.make(Suspect(name="frozen", state="paused"))
    lab.make(Suspect(name="ended", state="exited"))
    summary = irkit.run(
        playbook(tmp_path, "{id: look, action: collect.processes}", "{id: use, action: collect.stats}"),
        "frozen",
        "ended",
    )
    found = json.loads(stored(summary["bundle"], "frozen", "processes.json"))["processes"]
    assert found and all(one["state"].startswith(("D", "T", "S")) for one in found)
    skipped = [one for one in events(summary["bundle"]) if one["event"] == "operation-skipped"]
    assert [one["reason"] for one in skipped] == [
        *["it has no processes: it is exited"] * 2,
        "it uses nothing: it is exited",
    ]


def test_changes_are_those_of_docker_diff(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(
        Suspect(
            name="changed",
            changed={"/app/change-me.txt": b"new\n", "/opt/added/deep/file": b"x", "/tmp/näme with space": b"y"},
            deleted=("/app/delete-me.txt", "/etc/os-release"),
        )
    )
    bundle = irkit.run(playbook(tmp_path, "{id: changes, action: collect.changes}"), "changed")["bundle"]
    found = {(one["Kind"], one["Path"]) for one in json.loads(stored(bundle, "changed", "changes.json"))}
    said = lab.engine.docker("diff", "changed").stdout.decode().splitlines()
    assert found == {("CAD".index(line[0]), line[2:]) for line in said}
    assert {(0, "/app/change-me.txt"), (1, "/tmp/näme with space"), (2, "/app/delete-me.txt")} <= found


def test_stats_are_a_sample_of_this_container(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    suspect = lab.make(Suspect(name="used"))
    bundle = irkit.run(playbook(tmp_path, "{id: use, action: collect.stats}"), "used")["bundle"]
    found = json.loads(stored(bundle, "used", "stats.json"))
    assert found["id"] == suspect and found["memory_stats"]["usage"] > 0
    assert found["cpu_stats"]["cpu_usage"]["total_usage"] >= found["precpu_stats"]["cpu_usage"]["total_usage"] > 0


def test_events_hold_what_the_run_itself_has_done(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.network(Network("front"))
    suspect = lab.make(Suspect(name="noticed", networks=(Attach("front"),)))
    bystander = lab.make(Suspect(name="bystander"))
    lab.engine.docker("kill", "--signal", "URG", "bystander")
    time.sleep(1.1)
    steps = [
        "{id: cut, action: isolate.disconnect}",
        "{id: freeze, action: contain.pause}",
        "{id: late, action: collect.events, with: {since: 1s}}",
        "{id: all, action: collect.events, with: {since: 1h}}",
    ]
    small, end = playbook(tmp_path, *steps), time.monotonic() + 60
    while True:
        summary = irkit.run(small, "noticed")
        late, found = (events_of(summary["bundle"], name) for name in ("events.jsonl", "events-2.jsonl"))
        irkit("undo", summary["bundle"], "--approve", "change")
        mine = [
            one["Action"]
            for one in found
            if suspect in (one["Actor"]["ID"], one["Actor"]["Attributes"].get("container"))
        ]
        assert mine[-2:] == ["disconnect", "pause"]
        theirs = [[one["Action"] for one in some if one["Actor"]["ID"] == bystander] for some in (found, late)]
        assert "kill" in theirs[0] and "kill" not in theirs[1], "the window is as wide as asked"
        if {"disconnect", "pause"} <= {one["Action"] for one in late}:
            break
        assert time.monotonic() < end, "a busy machine may take more than a second for these, but not ever"


def events_of(bundle: str, name: str) -> list[dict[str, Any]]:
    """What an engine told."""
    return [json.loads(line) for line in stored(bundle, "", name).splitlines()]


def read_tar(raw: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        return {one.name: one for one in archive}


def test_files_are_copied_out_as_they_are(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(
        Suspect(
            name="full",
            volumes={"vol": "/data"},
            changed={"/data/in-volume.txt": b"volume\n", "/opt/big": bytes(range(256)) * 4096, "/opt/näme": b"n\n"},
            hostile_files=True,
        )
    )
    paths = [
        "/opt/big",
        "/app",
        "/app/link.txt",
        "/data",
        "/hostile",
        "/opt/näme",
        "/hostile/to-nothing",
        "/hostile/fifo",
    ]
    step = f"{{id: files, action: collect.files, with: {{paths: {json.dumps(paths, ensure_ascii=False)}}}}}"
    bundle = irkit.run(playbook(tmp_path, step), "full")["bundle"]
    got = [unpacked_tar(bundle, number) for number in range(1, len(paths) + 1)]
    assert members(got[0]) == members(archive_of(lab, "/opt/big"))
    assert members(got[1]) == members(archive_of(lab, "/app"))
    (link,) = read_tar(got[2]).values()
    assert link.issym() and link.linkname == "keep.txt"
    assert read_tar(got[3])["data/in-volume.txt"].size == len(b"volume\n")
    assert members(got[4]) == members(archive_of(lab, "/hostile"))
    raw = {name.encode("utf-8", "surrogateescape") for name in read_tar(got[4])}
    assert {b"hostile/" + name for name in hostile.NAMES} <= raw
    assert list(read_tar(got[5])) == ["näme"]
    assert read_tar(got[6])["to-nothing"].issym() and read_tar(got[7])["fifo"].isfifo()
    assert not [one for one in items(bundle) if one["partial"]]


def archive_of(lab: Lab, path: str) -> bytes:
    return lab.engine.docker("cp", f"full:{path}", "-").stdout


def unpacked_tar(bundle: str, number: int) -> bytes:
    (found,) = Path(bundle).glob(f"data/local/full-*/files/{number:03d}-*.tar.zst")
    return stored(bundle, "full", f"files/{found.name.removesuffix('.zst')}")


def test_a_missing_path_is_a_stated_failure_and_a_large_one_is_cut_and_says_so(
    lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    lab.make(Suspect(name="full", changed={"/opt/big": bytes(range(256)) * 400}))
    step = "{id: files, action: collect.files, with: {paths: [/no/such, /opt/big, /app/keep.txt], max_bytes: 64KiB}}"
    summary = irkit.run(playbook(tmp_path, step), "full", status=1)
    (failure,) = summary["failures"]
    assert "Could not find the file /no/such" in failure["reason"]
    big = one_like(summary["bundle"], "/002-opt-big")
    assert big["partial"] == "cut after 65536 bytes, as asked" and big["source_size"] == 65536
    assert unpacked_tar(summary["bundle"], 2) == archive_of(lab, "/opt/big")[:65536]
    assert not one_like(summary["bundle"], "/003-app-keep")["partial"]
    assert "1 partial" in irkit("show", summary["bundle"]).out


def one_like(bundle: str, part: str) -> dict[str, Any]:
    (found,) = [one for one in items(bundle) if part in one["path"]]
    return found


def ask(lab: Lab, path: str) -> bytes:
    """What the engine itself answers, in the version that irkit speaks."""
    deadline = OperationDeadline(SystemClock(), 20, 20, Cancel())
    return EngineApi(dial_unix(str(lab.engine.socket))).read(path, deadline)


def test_facts_are_the_engines_own_answers_and_shared_ones_are_read_once(
    lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    lab.network(Network("front", subnet="10.77.1.0/24"))
    ids = [
        lab.make(
            Suspect(
                name=f"twin-{number}",
                networks=(Attach("front", ipv4=f"10.77.1.{50 + number}"),),
                volumes={f"vol-{number}": "/data"},
                command=("sleep", "1000"),
            )
        )
        for number in (1, 2)
    ]
    bundle = irkit.run(playbook(tmp_path, "{id: facts, action: collect.inspect}"), "twin-1", "twin-2")["bundle"]
    digest = lab.engine.inspect("twin-1")["Image"]
    short = digest.removeprefix("sha256:")[:12]
    for number, container in enumerate(ids, start=1):
        assert stored(bundle, f"twin-{number}", "inspect.json") == ask(lab, f"/containers/{container}/json")
        volume = stored(bundle, "", f"volumes/vol-{number}.json")
        assert volume == ask(lab, f"/volumes/vol-{number}")
    assert stored(bundle, "", f"images/{short}/image.json") == ask(lab, f"/images/{digest}/json")
    assert stored(bundle, "", f"images/{short}/history.json") == ask(lab, f"/images/{digest}/history")
    assert json.loads(stored(bundle, "", "networks/front.json")) == json.loads(ask(lab, "/networks/front"))
    assert stored(bundle, "", "version.json") == ask(lab, "/version")
    assert json.loads(stored(bundle, "", "info.json"))["ID"] == json.loads(ask(lab, "/info"))["ID"]
    for moment in ("start", "end"):
        clock = json.loads(stored(bundle, "", f"clock-{moment}.json"))
        assert abs(clock["offset_ns"]) < 10**9 and len(clock["samples"]) == 9
    names = [one["path"] for one in items(bundle)]
    for part in ("image.json", "history.json", "networks/front.json", "version.json", "info.json"):
        assert sum(part in name for name in names) == 1, f"{part} was read more than once"


def test_what_is_gone_when_its_turn_comes_is_a_stated_failure(
    lab: Lab, irkit: Irkit, tmp_path: Path, socket_path: Path
) -> None:
    """The container is removed between plan and step: by an orchestrator, or by whoever it belongs to."""
    suspect = lab.make(Suspect(name="fleeting"))
    lab.make(Suspect(name="staying"))

    def remove_first(method: str, path: str) -> None:
        if path.endswith(f"{suspect}/changes"):
            lab.engine.docker("rm", "--force", "fleeting")

    steps = ("{id: changes, action: collect.changes}", "{id: facts, action: collect.inspect}")
    with FakeEngine(socket_path, remove_first, behind=lab.engine.socket):
        through = Irkit(f"unix://{socket_path}", irkit.evidence)
        summary = through.run(playbook(tmp_path, *steps), "fleeting", "staying", status=1)
    assert [(one["step"], one["key"]) for one in summary["failures"]] == [
        ("changes", f"local/{suspect}"),
        ("facts", f"local/{suspect}"),
    ]
    assert all("No such container" in one["reason"] for one in summary["failures"])
    assert stored(summary["bundle"], "staying", "inspect.json") and summary["outcome"] == "done"
    assert irkit("verify", summary["bundle"]).status == 0


def test_a_sample_of_a_container_that_ended_meanwhile_is_none(
    lab: Lab, irkit: Irkit, tmp_path: Path, socket_path: Path
) -> None:
    """The engine answers with a sample of zeros, and says nothing of it."""
    lab.make(Suspect(name="ending"))

    def stop_first(method: str, path: str) -> None:
        if "/stats" in path:
            lab.engine.docker("kill", "ending")

    with FakeEngine(socket_path, stop_first, behind=lab.engine.socket):
        through = Irkit(f"unix://{socket_path}", irkit.evidence)
        summary = through.run(playbook(tmp_path, "{id: use, action: collect.stats}"), "ending", status=1)
    assert "it ended meanwhile" in summary["failures"][0]["reason"]
