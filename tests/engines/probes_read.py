"""Probes of what irkit reads of an engine and of a container: each is known to be right, or says how it differs."""

import io
import tarfile

from irkit.adapters.docker_engine import DockerEngine
from irkit.core.operations import (
    CopyOut,
    Diff,
    Export,
    Inspect,
    InspectImage,
    InspectNetwork,
    ListProcesses,
    MeasureClock,
    ReadEngine,
    ReadEvents,
    ReadImageHistory,
    ReadLogs,
    ReadProcesses,
    ReadStats,
)

from .bench import FRONT, Bench, made_of, wanted

STDOUT = (b"one\n", b"x" * 40_000 + b"\n", b"two\n")
STDERR = (b"careful\n",)
_ONE_SHELL = 100 * 1024 * 1024
"""More bytes of memory than a shell that sleeps ever uses."""
CHANGED = {"/app/change-me.txt": b"changed\n", "/opt/dropper": b"#!/bin/sh\n"}


def listed(bench: Bench) -> None:
    container = bench.suspect(FRONT, labels={"team": "red"})
    found = {one.id: one for one in bench.site.target.list_containers(bench.site.deadline())}[container]
    wanted((found.name, found.state, found.labels.get("team")) == ("probed", "running", "red"), f"it lists {found}")
    wanted(found.networks == ("front",), f"it lists the networks {', '.join(found.networks) or 'none'}")


def examined(bench: Bench) -> None:
    container = bench.suspect(FRONT, restart="on-failure:3")
    place = bench.place(container, "front")
    wanted((place.fixed_ipv4, set(place.aliases)) == ("10.88.1.7", {"shop"}), f"it tells {place}")
    found = bench.facts(container)
    wanted(found.restart_policy.name == "on-failure", "it does not tell the restart policy")
    bench.do(Inspect(container))
    bench.do(InspectImage(found.image_digest))
    bench.do(ReadImageHistory(found.image_digest))
    wanted(found.network_mode == "front", f"the network mode of one on a network of its own is {found.network_mode}")


def engine_facts(bench: Bench) -> None:
    bench.do(ReadEngine("info"))
    bench.do(ReadEngine("version"))
    bench.do(InspectNetwork("front"))
    bench.do(MeasureClock())


def lasting_id(bench: Bench) -> None:
    target = bench.site.target
    assert isinstance(target, DockerEngine)
    wanted(target.identify(bench.site.deadline()), "it makes up another ID for every answer")


def events(bench: Bench) -> None:
    container = bench.suspect(FRONT)
    lines = [made_of(line) for line in bench.do(ReadEvents("1h"))["events.jsonl"].splitlines()]
    mine = {line["Action"] for line in lines if line.get("Actor", {}).get("ID") == container}
    wanted({"create", "start"} <= mine, f"of a start it tells {', '.join(sorted(mine)) or 'nothing'}")


def processes(bench: Bench) -> None:
    container = bench.suspect()
    if bench.engine.kind.maker == "podman":  # never asked for its list: the host's /proc tells
        lines = bench.do(ReadProcesses(container))["processes/processes.jsonl"].splitlines()
        commands = [" ".join(made_of(line)["arguments"]) for line in lines]
    else:
        found = made_of(bench.do(ListProcesses(container))["processes.json"])
        commands = [one.get("command", "") for one in found["processes"]]
    wanted("sleep 1000" in commands, f"it lists {commands}")


def stats(bench: Bench) -> None:
    found = made_of(bench.do(ReadStats(bench.suspect()))["stats.json"])
    memory = found.get("memory_stats", {}).get("usage")
    wanted(memory, "without memory use")
    wanted(memory < _ONE_SHELL, "it tells the use of the whole host")
    wanted(found.get("cpu_stats", {}).get("cpu_usage", {}).get("total_usage"), "without CPU time")


def logs(bench: Bench, driver: str | None = None) -> None:
    container = bench.suspect(stdout=STDOUT, stderr=STDERR, log_driver=driver)
    found = bench.do(ReadLogs(container, since="1h"))
    written, kept = b"".join(STDOUT), found["logs/stdout.log"]
    wanted(kept != written.replace(b"x\n", b"x"), "a line of more than 16 KiB loses the newline at its end")
    wanted(kept == written, f"of {len(written)} bytes of stdout it has {len(kept)}")
    wanted(found["logs/stderr.log"] == b"".join(STDERR), f"it has {len(found['logs/stderr.log'])} bytes of stderr")
    times = [made_of(line)["time"] for line in found["logs/times.jsonl"].splitlines()]
    wanted(any("." in time for time in times), "times have whole seconds")


def logs_local(bench: Bench) -> None:
    logs(bench, "local")


def logs_none(bench: Bench) -> None:
    logs(bench, "none")


def logs_terminal(bench: Bench) -> None:
    container = bench.suspect(stdout=(b"one\n",), tty=True)
    found = bench.do(ReadLogs(container))["logs/stdout.log"]
    wanted(found == b"one\r\n", f"it has {found!r}")


def changes(bench: Bench) -> None:
    container = bench.suspect(stdout=(b"x\n",), changed=CHANGED, deleted=("/app/delete-me.txt",))
    found = {(one["Path"], one["Kind"]) for one in made_of(bench.do(Diff(container))["changes.json"])}
    expected = {("/app/change-me.txt", 0), ("/opt/dropper", 1), ("/app/delete-me.txt", 2)}
    missing = expected - found
    wanted(not missing, f"it does not list {', '.join(f'{path} as kind {kind}' for path, kind in sorted(missing))}")


def export(bench: Bench) -> None:
    container = bench.suspect(stdout=(b"x\n",), changed=CHANGED, deleted=("/app/delete-me.txt",))
    _is_whole(bench.do(Export(container))["export/rootfs.tar"])


def copy_out(bench: Bench) -> None:
    container = bench.suspect(stdout=(b"x\n",), changed=CHANGED)
    (found,) = bench.do(CopyOut(container, "/app", 10**9)).values()
    with tarfile.open(fileobj=io.BytesIO(found)) as tar:
        file = tar.extractfile("app/change-me.txt")
        wanted(file is not None and file.read() == b"changed\n", "the file is not as it is in the container")


def _is_whole(archive: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        names = {name.removeprefix("./") for name in tar.getnames()}
        prefix = "./" if "./app" in tar.getnames() else ""
        file = tar.extractfile(f"{prefix}opt/dropper")
        wanted(file is not None and file.read() == CHANGED["/opt/dropper"], "a file is not as it is in the container")
    wanted("app/delete-me.txt" not in names, "it holds a file that was deleted")
