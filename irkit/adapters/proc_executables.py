"""The executables of processes: each distinct file is read and hashed once, however many processes run it.

They are read through /proc/PID/exe, which stands for the very file that runs: deleted, replaced or mounted over though
it may be. Two processes run the same file where it is mapped in both from the same device and inode by the same name.

A container may run a file as large as it likes. Small ones have bytes to themselves, the smallest come first, and holes
are not read; what has no digest all the same is counted.
"""

from collections.abc import Iterable
from typing import Any, Final

from irkit.adapters.foreign_text import put
from irkit.adapters.host_side import check_is_answer
from irkit.adapters.proc_reads import RawProcess
from irkit.adapters.proc_text import DELETED, mapped_as
from irkit.adapters.tree_content import Content, Reading
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, HostFiles

MOST_BYTES: Final = 16 << 30
"""Bytes hashed in all, of small executables and of large ones each."""
MOST_OF_ONE: Final = 2 << 30
"""Bytes of an executable from which on it has no digest. Holes do not count where they are told."""
_SMALL: Final = 64 << 20
_Key = tuple[bytes, ...]


class Executables:
    """Digests of executables, those known so far among them; `without` counts files that have none."""

    def __init__(self, files: HostFiles, deadline: Deadline) -> None:
        self._files, self._deadline = files, deadline
        self._reserve = deadline.remaining() / 2
        self._known: dict[_Key, dict[str, Any]] = {}
        self._left = {True: MOST_BYTES, False: MOST_BYTES}
        self._why = ""
        self.hashed = self.bytes = self.without = 0

    def read(self, raws: Iterable[RawProcess]) -> None:
        """Hash the executables of these that are not known yet. Raises TargetError where the host cannot be asked."""
        paths: dict[_Key, bytes] = {}
        for raw in raws:
            if not raw.is_bare and "exe" in raw.links and (key := _key_of(raw)) not in self._known:
                paths.setdefault(key, raw.base + b"/exe")
        sized: list[tuple[int, bytes, _Key]] = []
        for key, path in paths.items():
            try:
                facts = self._files.stat(path, self._deadline, follow=True)
                sized.append((facts.size, path, key))
            except TargetError as error:
                self._known[key] = self._refused(error)
        for _, path, key in sorted(sized):
            try:
                self._known[key] = self._hash(path)
            except TargetError as error:
                self._known[key] = self._refused(error)

    def of(self, raw: RawProcess) -> dict[str, Any]:
        """The executable of a process: its name, whether that is deleted, its size and digest or why there is none."""
        if (text := raw.links.get("exe")) is None:
            return {"missing": raw.missing.get("exe", "it has none")}
        found: dict[str, Any] = {}
        put(found, "path", text.removesuffix(DELETED))
        found["deleted"] = text.endswith(DELETED)
        return found | self._known.get(_key_of(raw), {"missing": "not hashed: reading broke off"})

    def partial(self) -> str:
        """How many have no digest and why the first has none, or empty."""
        return f"{self.without} executables have no digest: {self._why}" if self.without else ""

    def _hash(self, path: bytes) -> dict[str, Any]:
        """Size and digest; in memory there is never more than a piece of it. Raises TargetError."""
        with self._files.open_link(path, self._deadline) as file:
            size, spans = file.facts.size, file.spans(self._deadline)
            count = sum(span.size for span in spans)
            if why := self._why_not(count):
                return self._miss(size, why)
            self._left[count <= _SMALL] -= count
            reading = Reading(file, lambda _: None)
            for span in spans:
                reading.take(span, self._deadline)
        self.bytes += count
        return self._told(size, reading.end(size))

    def _why_not(self, count: int) -> str:
        if count > MOST_OF_ONE:
            return f"it has more than {MOST_OF_ONE} bytes"
        if count > self._left[count <= _SMALL]:
            return f"more than {MOST_BYTES} bytes in all"
        return "half of the time was used up" if self._deadline.remaining() < self._reserve else ""

    def _told(self, size: int, content: Content) -> dict[str, Any]:
        if content.sha256:
            self.hashed += 1
            return {"size": size, "sha256": content.sha256}
        why = content.problem or "it is nearly all holes: sha256_data is of the rest"
        return self._miss(size, why) | ({"sha256_data": content.sha256_data} if content.sha256_data else {})

    def _miss(self, size: int, why: str) -> dict[str, Any]:
        self.without += 1
        self._why = self._why or why
        return {"size": size, "missing": f"not hashed: {why}"}

    def _refused(self, error: TargetError) -> dict[str, Any]:
        """Of a process that ended meanwhile nothing is missed."""
        check_is_answer(error)
        if error.kind is not Refusal.ABSENT:
            self.without += 1
            self._why = self._why or error.reason
        return {"missing": error.reason}


def _key_of(raw: RawProcess) -> _Key:
    text = raw.links["exe"]
    mapped = mapped_as(raw.files.get("maps", b""), text)
    return (text, *mapped) if mapped else (b"%d" % raw.process.pid, b"%d" % raw.process.started)
