"""What was seeded and is in no file system: processes, connections, memory, output; and when it counts as found."""

from typing import Any, Final

from .contents import Contents
from .items import NOTHING, Item, Verdict, either, found, partly
from .peers import Peers, says
from .seeds import (
    COMPLAINT,
    FORGED,
    REMEMBERED,
    SECRET,
    SIDECAR,
    SINK_PORT,
    SUSPECT,
    VARIABLE,
    Incident,
)


def _processes(contents: Contents) -> list[dict[str, Any]]:
    return contents.lines(SUSPECT, "processes/processes")


def _deleted_item(name: str, needed: str, argument: str, sha256: str) -> Item:
    """A program or file that the kernel alone has; `sha256` is the attribute of the incident that tells its digest."""

    def in_bundle(incident: Incident, contents: Contents) -> Verdict:
        kept = {one.sha256 for one in contents.archive(SUSPECT, "deleted").values()}
        return either(getattr(incident, sha256) in kept, "collect.deleted_files")

    def in_peers(incident: Incident, peers: Peers) -> Verdict:
        return partly("top shows its process") if argument and argument in peers.top else NOTHING

    return Item(name, needed, in_bundle, in_peers)


def _forged_in_bundle(incident: Incident, contents: Contents) -> Verdict:
    runs = [one["exe"].get("path") for one in _processes(contents) if FORGED in " ".join(one["arguments"])]
    return either(runs == ["/usr/bin/perl"], "collect.processes")


def _forged_in_peers(incident: Incident, peers: Peers) -> Verdict:
    return partly("top shows the forged name") if FORGED in peers.top else NOTHING


def _secret_in_bundle(incident: Incident, contents: Contents) -> Verdict:
    is_there = any(f"{VARIABLE}={SECRET}" in one["environment"] for one in _processes(contents))
    return either(is_there, "collect.processes")


def _secret_in_peers(incident: Incident, peers: Peers) -> Verdict:
    return either(SECRET in peers.top + says(peers.inspect), "inspect")


def _connection_in_bundle(incident: Incident, contents: Contents) -> Verdict:
    mine = [
        one
        for one in contents.lines(SUSPECT, "sockets")
        if "10.99.7.9" in says(one) and str(SINK_PORT) in says(one) and "established" in says(one).lower()
    ]
    return either(any(one.get("processes") or one.get("pids") for one in mine), "collect.sockets")


def _connection_in_peers(incident: Incident, peers: Peers) -> Verdict:
    return partly("top shows a command that names it") if "10.99.7.9 4444" in peers.top else NOTHING


def _memory_in_bundle(incident: Incident, contents: Contents) -> Verdict:
    wanted = REMEMBERED.encode()
    in_any = any(wanted in contents.read(one) for one in contents.of(SUSPECT, "memory", ".bin"))
    return either(in_any, "snapshot.memory")


def _complaint_in_bundle(incident: Incident, contents: Contents) -> Verdict:
    (log,) = contents.of(SIDECAR, "logs/stderr", ".log")
    (other,) = contents.of(SIDECAR, "logs/stdout", ".log")
    return either(contents.read(log) == COMPLAINT and not contents.read(other), "collect.logs")


def _complaint_in_peers(incident: Incident, peers: Peers) -> Verdict:
    return found("logs") if COMPLAINT in peers.sidecar_logs else NOTHING


LIVE: Final = (
    _deleted_item("a running program whose file was deleted", "the program, whole", "7000001", "deleted_sha256"),
    _deleted_item("a program run from memory (memfd)", "the program, whole", "7000002", "memfd_sha256"),
    _deleted_item("a deleted file that is still open", "its bytes", "", "unlinked_sha256"),
    Item("a process with a forged name", "what it really runs", _forged_in_bundle, _forged_in_peers),
    Item("a secret in the environment of a process", "its name and value", _secret_in_bundle, _secret_in_peers),
    Item(
        "a connection to the outside",
        "address, port, state and process",
        _connection_in_bundle,
        _connection_in_peers,
    ),
    Item(
        "a secret in the memory of a process alone",
        "its bytes",
        _memory_in_bundle,
        lambda incident, peers: NOTHING,
    ),
    Item("a sidecar that writes to stderr alone", "its bytes, as stderr", _complaint_in_bundle, _complaint_in_peers),
)
