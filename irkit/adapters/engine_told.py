"""What SFTP does not tell of a container's files, asked of its engine: parts of seconds, device numbers, capabilities.

The engine describes a path of the container without its content (HEAD), and an archive of it begins with the rest. It
resolves links on the way within the container's root; none is met here, as what is asked for was found in folders, and
what lies behind a mount is not asked for at all. Both must tell the same of what both tell, else nothing is taken.

A container may have files without end, so that questions are bounded in number and by their share of the time; devices
and what can be executed have bounds of their own. What was not completed is counted, and named in `words`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final
from urllib.parse import quote_plus

from irkit.adapters.archive_members import look_at_first
from irkit.adapters.engine_heads import MOST, Head, ask_heads
from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.path_stat import HEADER, PathStat, decode_stat
from irkit.adapters.ssh_deadline import Part
from irkit.adapters.told_same import difference, difference_of_archive, with_archive, with_time
from irkit.adapters.tree_walk import Met, Told
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, FileKind

_BY_ENGINE: Final = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
"""What the engine mounts in every container."""
_RUNNABLE: Final = 0o6111
_DEVICES: Final = (FileKind.CHARACTER_DEVICE, FileKind.BLOCK_DEVICE)
_PATIENCE: Final = 60.0
"""Seconds that a row of questions may take."""
_OK, _ABSENT = 200, 404
_MOST_FAILURES: Final = 3
_GONE: Final = "the engine has nothing there"


@dataclass
class Bound:
    """How much may be asked: so many files, for `grace` seconds and that share of the time since it began."""

    most: int
    grace: float
    share: float
    asked: int = 0
    spent: float = 0.0
    beyond: int = 0

    def has_time(self, elapsed: float) -> bool:
        """Whether anything may be asked now, so many seconds after it all began."""
        return self.spent <= self.grace + self.share * elapsed


def first_bound() -> Bound:
    """Of devices, and of files that can be executed: of each an archive is begun, which takes an engine a while."""
    return Bound(most=5000, grace=60, share=0.3)


def other_bound() -> Bound:
    """Of everything else."""
    return Bound(most=500_000, grace=30, share=0.2)


class EngineTold:
    """Completes what a walk met, of the files at `place` in a container.

    `mounts` are where the container has other things mounted. `is_deleted` says of a device's path that the engine
    lists it as deleted.
    """

    def __init__(
        self,
        api: EngineApi,
        container: str,
        deadline: Deadline,
        *,
        place: str = "/",
        mounts: Sequence[str] = (),
        is_deleted: Callable[[bytes], bool] = lambda path: False,
        first: Bound | None = None,
        others: Bound | None = None,
    ) -> None:
        self._api, self._deadline, self._is_deleted = api, deadline, is_deleted
        self._target = f"/containers/{part(container)}/archive"
        self._place = place.encode("utf-8", "surrogateescape").rstrip(b"/")
        hidden = (one.encode("utf-8", "surrogateescape").rstrip(b"/") + b"/" for one in (*mounts, *_BY_ENGINE))
        self._hidden = tuple(one for one in hidden if not (self._place + b"/").startswith(one))
        self._first, self._others = first or first_bound(), others or other_bound()
        self._began = time.monotonic()
        self._failures = 0
        self._why_over = self._first_note = ""
        self._counts = dict.fromkeys(("mtime", "device", "capabilities", "mounted over", "otherwise", "untold"), 0)

    def each(self, mets: Iterator[Met]) -> Iterator[Met]:
        """What was met, in its order, completed. Raises what the walk raises, and TargetError."""
        while True:
            batch: list[Met] = []
            try:
                for met in islice(mets, MOST):
                    batch.append(met)  # one by one, so that what came before a failure is kept
            except TargetError:
                yield from batch
                raise
            if not batch:
                return
            yield from self._completed(batch)

    def words(self) -> str:
        """What came of it, in a line."""
        counts = self._counts
        told = (
            f"through the engine: times of {counts['mtime']} names, numbers of {counts['device']} devices, "
            f"file capabilities of {counts['capabilities']} executables"
        )
        beyond = self._first.beyond + self._others.beyond
        missed = [
            f"{number} {why}"
            for number, why in (
                (beyond, f"beyond what is asked for ({self._first.beyond} of them devices and executables)"),
                (counts["mounted over"], "with something mounted over them"),
                (counts["otherwise"], f"of which it tells otherwise ({self._first_note})"),
                (counts["untold"], "of which it tells nothing"),
            )
            if number
        ]
        over = f"; it was not asked any more: {self._why_over}" if self._why_over else ""
        return f"{told}" + (f", not of {', '.join(missed)}" if missed else "") + over

    def is_plain(self, place: str) -> bool:
        """Whether a path of the container leads through folders alone, itself too."""
        parts = [one for one in place.encode("utf-8", "surrogateescape").split(b"/") if one]
        ways = [b"/" + b"/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        if len(ways) > MOST:
            return False
        return all(isinstance(one, PathStat) and one.kind is FileKind.DIRECTORY for one in self._stats(ways))

    # One batch.

    def _completed(self, batch: list[Met]) -> list[Met]:
        wanted = [at for at, met in enumerate(batch) if self._is_asked(met)]
        first = [at for at in wanted if _is_first(batch[at])]
        others = [at for at in wanted if not _is_first(batch[at])]
        for bound, indices in ((self._first, first), (self._others, others)):
            self._complete(batch, indices, bound)
        return batch

    def _complete(self, batch: list[Met], indices: list[int], bound: Bound) -> None:
        """Those of a batch that may still be asked for."""
        begun, before = time.monotonic(), bound.spent
        chosen = indices[: bound.most - bound.asked] if self._has_time(bound) else []
        bound.beyond += len(indices) - len(chosen)
        bound.asked += len(chosen)
        for at, stat in zip(chosen, self._stats([self._path(batch[at]) for at in chosen]), strict=True):
            batch[at] = self._with(batch[at], stat, bound)
            bound.spent = before + time.monotonic() - begun

    def _has_time(self, bound: Bound) -> bool:
        return not self._why_over and bound.has_time(time.monotonic() - self._began)

    def _is_asked(self, met: Met) -> bool:
        if met.again or met.looked.problem:
            return False
        if (self._path(met) + b"/").startswith(self._hidden):
            self._counts["mounted over"] += 1
            return False
        return not (_is_nameless(met) and self._is_deleted(met.path))

    def _path(self, met: Met) -> bytes:
        return self._place + b"/" + (b"" if met.path == b"." else met.path)

    def _stats(self, paths: list[bytes]) -> list[PathStat | str]:
        """What the engine tells of each, or why nothing. Raises TargetError."""
        if not paths:
            return []
        targets = [f"{self._target}?path={quote_plus(path)}" for path in paths]
        try:
            return [_stat_of(head) for head in ask_heads(self._api, targets, Part(self._deadline, _PATIENCE))]
        except TargetError as error:
            self._note_failure(error)
            return [error.reason] * len(paths)

    def _with(self, met: Met, stat: PathStat | str, bound: Bound) -> Met:
        """A file with what the engine tells of it."""
        if isinstance(stat, str):
            if stat == _GONE and _is_nameless(met):
                return met  # a deletion, as overlayfs marks it
            self._counts["untold"] += 1
            return met._replace(told=Told(note=f"not completed through the engine: {stat}"))
        if why := difference(met.looked, stat):
            return self._otherwise(met, why)
        self._counts["mtime"] += 1
        timed = met._replace(looked=with_time(met.looked, stat), told=Told(("mtime",)))
        if not _is_first(met):
            return timed
        if not self._has_time(bound):
            bound.beyond += 1
            return timed
        return self._with_archive(timed)

    def _with_archive(self, met: Met) -> Met:
        """One whose archive begins with more."""
        query = {"path": self._path(met)}
        try:
            with self._api.request("GET", self._target, self._deadline, query=query) as answer:
                found = look_at_first(answer)
        except TargetError as error:
            self._note_failure(error, only_if_silent=True)
            self._counts["untold"] += 1
            return met._replace(told=Told(met.told.what, f"not completed through the engine: {error.reason}"))
        if found is None or (why := difference_of_archive(met.looked, found)):
            return self._otherwise(met, why if found else _GONE)
        what = "device" if met.looked.facts.kind in _DEVICES else "capabilities"
        self._counts[what] += 1
        return met._replace(looked=with_archive(met.looked, found), told=Told((*met.told.what, what)))

    def _otherwise(self, met: Met, why: str) -> Met:
        self._counts["otherwise"] += 1
        self._first_note = self._first_note or why
        return met._replace(told=Told(note=f"the engine tells otherwise, so that nothing is taken of it: {why}"))

    def _note_failure(self, error: TargetError, *, only_if_silent: bool = False) -> None:
        """Ask no more where that is no use; what ends the whole operation is raised."""
        if error.kind is Refusal.CANCELLED:
            raise error
        self._deadline.remaining()
        is_silent = error.kind in (Refusal.TIMEOUT, Refusal.LOST, Refusal.UNREACHABLE)
        if is_silent or not only_if_silent:
            self._failures += 1
        if error.kind is Refusal.TIMEOUT or self._failures >= _MOST_FAILURES:
            self._why_over = error.reason


def _is_first(met: Met) -> bool:
    facts = met.looked.facts
    return facts.kind in _DEVICES or (facts.kind is FileKind.FILE and bool(facts.mode & _RUNNABLE))


def _is_nameless(met: Met) -> bool:
    """Whether it may be a deletion: by its mode, where its number is not told."""
    facts = met.looked.facts
    return facts.kind is FileKind.CHARACTER_DEVICE and not facts.device_number and not facts.mode


def _stat_of(head: Head) -> PathStat | str:
    if head.status == _ABSENT:
        return _GONE
    if head.status != _OK:
        return f"it answers with status {head.status}"
    return decode_stat(str(head.headers.get(HEADER, ""))) or "it does not say what there is"
