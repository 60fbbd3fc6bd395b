"""What is compared: inspects, archives and traffic."""

import hashlib
import io
import tarfile
from typing import Any

ASSIGNED_ANEW = {"EndpointID", "SandboxID", "SandboxKey"}
"""What the engine assigns anew when a container is connected or started again: docs/undo.md lists it."""
OF_THE_NEXT_START = {"NetworkID"}
"""What the engine fills in at the next start, in a container that was connected while it did not run."""
OF_A_START = {"Pid", "StartedAt", "FinishedAt", "RestartCount", "ExitCode", "Error", "ResolvConfPath", "OOMKilled"}
"""What changes by itself in a container that is restarting, or that was stopped and started again."""


def differences(before: Any, after: Any, ignore: set[str], path: str = "") -> list[str]:
    """Where two inspects differ, but for the fields named."""
    if isinstance(before, dict) and isinstance(after, dict):
        found = []
        for key in sorted({*before, *after} - ignore):
            found += differences(before.get(key), after.get(key), ignore, f"{path}/{key}")
        return found
    return [] if before == after else [f"{path}: {before!r} became {after!r}"]


def members(archive: bytes) -> dict[str, tuple[object, ...]]:
    """Every member of a tar: type, mode, owner, link, times, device, digest of its bytes."""
    found: dict[str, tuple[object, ...]] = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for one in tar:
            content = tar.extractfile(one) if one.isreg() else None
            digest = hashlib.sha256(content.read()).hexdigest() if content else ""
            key = one.name.encode("utf-8", "surrogateescape").hex()
            found[key] = (one.type, one.mode, one.uid, one.gid, one.linkname, one.mtime, one.size, digest)
    return found
