"""A process as one JSON object, from what /proc has of it, with what a responder should not overlook about it."""

import re
from collections.abc import Iterator
from typing import Any, Final

from irkit.adapters.container_pids import Tie
from irkit.adapters.foreign_text import put
from irkit.adapters.proc_machine import Machine
from irkit.adapters.proc_reads import RawProcess, RawThread
from irkit.adapters.proc_text import (
    DELETED,
    descriptor_of,
    groups_of,
    limits_of,
    maps_of,
    namespace_of,
    put_strings,
    status_of,
)

_LOADER: Final = (b"LD_PRELOAD=", b"LD_AUDIT=")
_KERNELS: Final = re.compile(
    rb"\[.*\]\s*$|\[?(?:kworker|ksoftirqd|kthreadd|migration|rcu_\w+|kswapd|kcompactd|khugepaged|kdevtmpfs|kauditd|watchdogd)\b",
    re.DOTALL,
)
_MEMORY_FILE: Final = b"/memfd:"
_NUMBERS: Final = {"oom_score_adj": "oom_score_adjustment", "loginuid": "login_user", "sessionid": "session"}
_UNSET: Final = 2**32 - 1


def decoded(raw: RawProcess, machine: Machine, executable: dict[str, Any], own: dict[str, bytes]) -> dict[str, Any]:
    """All that is known of it. `own` are the namespaces that the container's first process has and the host has not."""
    process = raw.process
    found: dict[str, Any] = {
        "pid": process.pid,
        "ppid": process.parent,
        "why": process.why(),
        "inside": process.is_inside,
        "state": process.state,
        "started_at": machine.moment(process.started),
        "start_ticks": process.started,
    }
    put(found, "name", raw.name)
    put_strings(found, "arguments", raw.files.get("cmdline", b""))
    found["exe"] = executable
    for name, key in (("cwd", "working_directory"), ("root", "root")):
        if name in raw.links:
            put(found, key, raw.links[name])
    found |= status_of(raw.files.get("status", b""))
    put_strings(found, "environment", raw.files.get("environ", b""))
    found["namespaces"] = {
        name.removeprefix("ns/"): namespace_of(link) for name, link in raw.links.items() if name.startswith("ns/")
    }
    found["control_groups"] = groups_of(raw.files.get("cgroup", b""))
    found["limits"] = limits_of(raw.files.get("limits", b""))
    found |= _small_facts(raw)
    found["descriptors"] = [
        descriptor_of(number, target, raw.descriptor_facts.get(number, b""))
        for number, target in raw.descriptors.items()
    ]
    found["maps"] = maps_of(raw.files.get("maps", b""))
    found["other_threads"] = [_thread(one, raw, machine) for one in raw.threads]
    found["notes"] = list(_notes(raw, own, found["tracer"]))
    found["missing"], found["cut"] = raw.missing, raw.cut
    return found


def _small_facts(raw: RawProcess) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, key in _NUMBERS.items():
        text = raw.files.get(name, b"").strip()
        if text.lstrip(b"-").isdigit() and int(text) != _UNSET:
            found[key] = int(text)
    if label := raw.files.get("attr/current", b"").strip(b"\0\n"):
        put(found, "security_label", label)
    return found


def _thread(one: RawThread, raw: RawProcess, machine: Machine) -> dict[str, Any]:
    """A thread, with its own control groups and namespaces where they are not those of its process."""
    words = one.files.get("stat", b"").rpartition(b")")[2].split()
    found: dict[str, Any] = {"tid": one.tid}
    put(found, "name", one.files.get("comm", b"").removesuffix(b"\n"))
    if len(words) > 19 and words[19].isdigit():  # noqa: PLR2004 - see container_pids
        found |= {"state": words[0].decode("ascii", "replace"), "started_at": machine.moment(int(words[19]))}
    if other := {k: v for k, v in one.namespaces.items() if v != raw.links.get(f"ns/{k}", v)}:
        found["namespaces"] = {kind: namespace_of(link) for kind, link in other.items()}
    if one.files.get("cgroup", b"") != raw.files.get("cgroup", b""):
        found["control_groups"] = groups_of(one.files.get("cgroup", b""))
    return found


def _notes(raw: RawProcess, own: dict[str, bytes], tracer: int) -> Iterator[str]:
    """What is unusual about a process: facts that each have innocent reasons, too."""
    exe = raw.links.get("exe", b"")
    names = (raw.name, raw.files.get("cmdline", b"").partition(b"\0")[0])
    if exe.startswith(_MEMORY_FILE):
        yield "its executable is a file in memory that has no name (memfd)"
    elif exe.endswith(DELETED):
        yield "its executable is deleted"
    if exe and any(_KERNELS.match(name) for name in names):
        yield "it calls itself what threads of the kernel are called"
    if any(part.startswith(_LOADER) for part in raw.files.get("environ", b"").split(b"\0")):
        yield "libraries are loaded into it by its environment (LD_PRELOAD, LD_AUDIT)"
    if tracer > 0:
        yield f"it is traced by process {tracer}"
    if raw.process.is_inside and Tie.GROUP not in raw.process.ties:
        yield "it has left the container's control group"
    if not raw.process.is_inside:
        yield "it came into the container's namespaces from elsewhere"
    away = [kind for kind, link in own.items() if raw.process.namespaces.get(kind, link) != link]
    if raw.process.is_inside and away:
        yield f"it is in other namespaces than the container's first process: {', '.join(away)}"
    if raw.ended:
        yield "it ended while it was read: what came late may be missing, or another process's"
