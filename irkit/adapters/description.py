"""bundle.json: what a bundle holds and what its run did, worked out from the run's own records.

Reading and writing the files around it is the seal's concern.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from irkit.adapters import bag, zstd_frames
from irkit.core.container import Container
from irkit.core.host import Host
from irkit.core.operations import Commit, RemoveImage
from irkit.core.plan import Plan
from irkit.core.ports import LEVEL
from irkit.core.run import IN_DOUBT, Applied, Run


class Clocks(msgspec.Struct, kw_only=True):
    """What irkit reads back of a host's `clock-start.json` or `clock-end.json`."""

    offset_ns: int
    error_ns: int = 0
    method: str = ""
    at: str = ""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the description is made of, beside the run: what is known of the files and of the tools."""

    name: str
    run: Run
    plan: Plan | None
    tool: Any
    sealed_by: str
    sealed_at: str
    log_lines: int
    log_head: str
    files: int
    size: int
    partial: tuple[str, ...] = ()
    clocks: tuple[dict[str, Any], ...] = ()


def describe(facts: Facts) -> dict[str, Any]:
    """The content of bundle.json."""
    run, plan = facts.run, facts.plan
    source = run.started or plan
    finished = run.finished
    return {
        "bundle": facts.name,
        "format": int(bag.FORMAT),
        "run": source.run if source else "",
        "undoes": source.undoes if source else "",
        "case": source.case if source else "",
        "responder": {"name": source.responder if source else ""},
        "tool": facts.tool,
        "sealed_by": facts.sealed_by,
        "sealed_at": facts.sealed_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "outcome": finished.outcome if finished else "",
        "reason": finished.reason if finished else "",
        "clean": run.is_clean,
        "playbook": {
            "name": source.playbook if source else "",
            "version": source.playbook_version if source else 0,
            "digest": source.playbook_digest if source else "",
        },
        "hosts": [_host(host) for host in plan.hosts] if plan else [],
        "containers": [_container(one) for one in (*(plan.targets if plan else ()), *_joined(run))],
        "clocks": list(facts.clocks),
        "log": {"path": bag.LOG, "lines": facts.log_lines, "head": facts.log_head},
        "hashes": list(bag.ALGORITHMS),
        "compression": {"name": zstd_frames.NAME, "library": zstd_frames.VERSION, "levels": _levels(facts)},
        "encryption": "none",
        "payload": {"files": facts.files, "bytes": facts.size, "partial": list(facts.partial)},
        "changes": [_change(one) for one in run.changes],
        "footprint": {"images": images_left(run), "hosts": run.footprints},
        "order": [_step(one) for one in run.operations],
    }


def _host(host: Host) -> dict[str, Any]:
    """What is known of a host: how it was to be reached, and as whom it showed itself."""
    return {
        "name": host.name,
        "address": host.address,
        "reach": host.reach,
        "user": host.user,
        "port": host.port,
        "jump": host.jump,
        "socket": host.socket,
        "sudo": host.sudo,
        "host_key": host.host_key,
        "route": host.route,
        "engine_id": host.engine_id,
    }


def _container(one: Container) -> dict[str, Any]:
    return {
        "host": one.host,
        "id": one.id,
        "name": one.name,
        "image": one.image,
        "image_digest": one.image_digest,
        "state": one.state,
        "started_at": one.started_at,
    }


def _joined(run: Run) -> list[Container]:
    """The containers that joined the run while it held what it had contained."""
    return [one.container for one in run.joined.values()]


def _change(applied: Applied) -> dict[str, Any]:
    started = applied.started
    return {
        "seq": applied.seq,
        "host": started.host,
        "container": started.container,
        "text": started.operation.text(),
        "operation": started.operation,
        "undo": list(applied.undo),
        "state": applied.state,
        "took_hold": applied.took_hold,
        "proof": applied.proof,
        "reason": applied.reason,
    }


def _step(applied: Applied) -> Mapping[str, Any]:
    started = applied.started
    return {
        "seq": applied.seq,
        "rank": started.operation.rank,
        "operation": tag_of(started.operation),
        "host": started.host,
        "container": started.container,
        "state": applied.state,
    }


def tag_of(operation: msgspec.Struct) -> str:
    """The name of an operation's kind, as the log has it."""
    return str(operation.__struct_config__.tag)


def images_left(run: Run) -> list[dict[str, str]]:
    """Images that the run made on its hosts and did not take away again."""
    left: dict[tuple[str, str], dict[str, str]] = {}
    for applied in run.operations:
        started = applied.started
        match started.operation:
            case Commit(image=image) if applied.took_hold != "no":
                state = "left" if applied.state == "finished" else IN_DOUBT
                key = {"host": started.host, "container": started.container, "image": image, "state": state}
                left[started.host, image] = key
            case RemoveImage(image=image) if applied.state == "finished":
                left.pop((started.host, image), None)
            case _:
                pass
    return list(left.values())


def _levels(facts: Facts) -> list[int]:
    """The levels that what is compressed was compressed at: an operation's own, and the usual for lists made of that.

    Of what was in flight when irkit ended no record says which operation's it is: one of those that are in doubt.
    """
    run = facts.run
    own: dict[tuple[str, str, str], set[int]] = {}
    for one in run.operations:
        started = one.started
        key = tag_of(started.operation), started.host, started.container
        own.setdefault(key, set()).add(_level(started.operation))
    found: set[int] = set()
    for item in run.evidence:
        if item.compression:
            is_list = item.path.endswith(f".jsonl{zstd_frames.SUFFIX}")
            key = item.kind, item.host, item.container
            found |= {LEVEL} if is_list else own.get(key, {LEVEL})
    described = {item.path for item in run.evidence}
    if any(path.endswith(zstd_frames.SUFFIX) for path in facts.partial if path not in described):
        found |= {_level(one.started.operation) for one in run.operations if one.state == IN_DOUBT}
    return sorted(found)


def _level(operation: msgspec.Struct) -> int:
    return int(getattr(operation, "level", LEVEL))
