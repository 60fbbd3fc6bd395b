"""The executables of processes: each distinct file is read and hashed once, however many processes run it.

They are read through /proc/PID/exe, which stands for the very file that runs: deleted, replaced or mounted over though
it may be. Two processes run the same file where it is mapped in both from the same device and inode by the same name.
"""

import hashlib
from typing import Any, Final

from irkit.adapters.foreign_text import put
from irkit.adapters.host_side import check_is_answer
from irkit.adapters.proc_reads import RawProcess
from irkit.adapters.proc_text import DELETED, mapped_as
from irkit.core.errors import TargetError
from irkit.core.ports import Deadline, HostFiles

MOST_BYTES: Final = 16 << 30
"""Bytes hashed in all; an executable that would go beyond is told without a digest."""


class Executables:
    """Digests of executables, those known so far among them."""

    def __init__(self, files: HostFiles, deadline: Deadline) -> None:
        self._files, self._deadline = files, deadline
        self._known: dict[tuple[bytes, ...], dict[str, Any]] = {}
        self._left = MOST_BYTES
        self.hashed = 0
        self.bytes = 0

    def of(self, raw: RawProcess) -> dict[str, Any]:
        """The executable of a process: its name, whether that is deleted, its size and digest or why there is none."""
        if (text := raw.links.get("exe")) is None:
            return {"missing": raw.missing.get("exe", "it has none")}
        found: dict[str, Any] = {}
        put(found, "path", text.removesuffix(DELETED))
        found["deleted"] = text.endswith(DELETED)
        mapped = mapped_as(raw.files.get("maps", b""), text)
        key = (text, *mapped) if mapped else (b"%d" % raw.process.pid,)
        if key not in self._known:
            self._known[key] = self._hash(raw.base + b"/exe")
        return found | self._known[key]

    def _hash(self, path: bytes) -> dict[str, Any]:
        """Size and digest; in memory there is never more than a piece of it."""
        digest, size = hashlib.sha256(), 0
        try:
            told = self._files.stat(path, self._deadline, follow=True)
            if told.size > self._left:
                return {"size": told.size, "missing": f"not hashed: more than {MOST_BYTES} bytes in all"}
            for piece in self._files.stream(path, self._deadline, follow=True):
                digest.update(piece)
                size += len(piece)
                if size > self._left:
                    return {"missing": f"not hashed: more than {MOST_BYTES} bytes in all"}
        except TargetError as error:
            check_is_answer(error)
            return {"missing": error.reason}
        self._left -= size
        self.hashed, self.bytes = self.hashed + 1, self.bytes + size
        return {"size": size, "sha256": digest.hexdigest()}
