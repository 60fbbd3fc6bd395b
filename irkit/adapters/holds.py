"""Which containers a run of this evidence folder works on now: one run at a time changes a container.

A hold is a lock on a file named for the container; it ends with the process, however that ends.
"""

import fcntl
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from irkit.adapters.storage import storing
from irkit.core.errors import UsageError
from irkit.core.text import safe

_FOLDER = ".holds"


def hold(folder: Path, containers: Mapping[str, str]) -> list[int]:
    """Hold the containers (id to name); the descriptors to close when done.

    Raises UsageError where another run holds one of them, StorageError.
    """
    held: list[int] = []
    with storing(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # a parent made on the way has the usual mode
        (folder / _FOLDER).mkdir(mode=0o700, exist_ok=True)
        for key, name in sorted(containers.items()):
            path = folder / _FOLDER / hashlib.sha256(key.encode()).hexdigest()[:32]
            try:
                held.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
                fcntl.flock(held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                release(held)
                raise UsageError(f"another run is changing {safe(name, 100)} now: wait for its end") from None
            except OSError:
                release(held)
                raise
    return held


def release(held: list[int]) -> None:
    """Let go of what was held."""
    while held:
        os.close(held.pop())
