"""The engine's own list of a container's processes, compared with what /proc shows, where that can be read.

Docker's list is the host's `ps`, of the processes that are in the container's control group. Podman's is made by `ps`
inside the container, which irkit does not run.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from irkit.adapters.container_pids import Pids, Process, parse_stat, pids_of
from irkit.adapters.engine_answer import decoded
from irkit.adapters.engine_facts import container_of
from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.engine_reads import engine_time
from irkit.adapters.host_side import HostSide, check_is_answer, why_no_files
from irkit.core.codec import pretty
from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.finding import Compared, Finding, Severity
from irkit.core.operations import ListProcesses
from irkit.core.ports import Deadline, HostFiles, Intake, Outcome
from irkit.core.values import utc_text

_PS_ARGUMENTS: Final = "-ww -eo pid,ppid,user:32,uid,stat,etimes,time,args"
_PS_COLUMNS: Final = 8
_LIMIT: Final = 64 * 1024
_MOST_SHOWN: Final = 20
_ASKED_AGAIN: Final = 3
"""How often the engine is asked again for what only it shows: most of that has just ended."""


class _Component(msgspec.Struct, rename="pascal"):
    name: str = ""


class _Version(msgspec.Struct, rename="pascal"):
    components: list[_Component] | None = None


class _Top(msgspec.Struct, rename="pascal"):
    titles: list[str] | None = None
    processes: list[list[str]] | None = None


@dataclass(frozen=True)
class _Difference:
    """Processes that one of two lists has and the other has not, for longer than a moment.

    The container's own, those that joined its namespaces, and the numbers of those that the engine alone has.
    """

    unlisted: tuple[Process, ...] = ()
    joined: tuple[Process, ...] = ()
    hidden: tuple[int, ...] = ()

    @property
    def in_proc(self) -> dict[str, str]:
        """Those in /proc alone, by number, each with why it counts."""
        return {str(one.pid): one.why() for one in sorted((*self.unlisted, *self.joined), key=lambda one: one.pid)}

    @property
    def in_list(self) -> dict[str, str]:
        """Those in the engine's list alone, with why that is no matter of a moment."""
        return {str(pid): "hidden there" for pid in self.hidden}

    def text(self) -> str:
        """In a line, or empty."""
        parts = [
            f"{_shown(found)} in {have} and not in {lack}"
            for found, have, lack in (
                (self.in_proc, "/proc", "the engine's list"),
                (self.in_list, "the engine's list", "/proc"),
            )
            if found
        ]
        return "; ".join(parts)

    def findings(self) -> Iterator[Finding]:
        """A finding for each of the three, where there is one."""
        own, joined, hidden = map(len, (self.unlisted, self.joined, self.hidden))
        if own:
            summary = f"the engine does not list {_counted(own)} that /proc shows to be its own"
            yield _finding(Compared.UNLISTED, Severity.HIGH, summary, map(_fact, self.unlisted), _LOOK)
        if joined:
            summary = f"{_counted(joined)} joined its namespaces from elsewhere"
            yield _finding(Compared.JOINED, Severity.MEDIUM, summary, map(_fact, self.joined), _LOOK)
        if hidden:
            summary = f"the host's /proc does not show {_counted(hidden)} that the engine lists"
            because = (f"{pid}: in the engine's list" for pid in self.hidden)
            yield _finding(Compared.HIDDEN, Severity.HIGH, summary, because, "look at the host: its kernel may hide it")


_LOOK: Final = "processes.jsonl has what they are, and who started them"


def _counted(count: int) -> str:
    return f"{count} process{'' if count == 1 else 'es'}"


def _fact(one: Process) -> str:
    """A process by its number and the name that it gave itself: foreign text."""
    return f"{one.pid} ({one.name.decode('utf-8', 'replace')}): {one.why()}"


def _finding(check: Compared, severity: Severity, summary: str, because: Iterable[str], remedy: str) -> Finding:
    facts = tuple(because)
    if (left := len(facts) - _MOST_SHOWN) > 0:
        facts = (*facts[:_MOST_SHOWN], f"and {left} more")
    return Finding(check=check, severity=severity, summary=summary, because=facts, remedy=remedy)


def _shown(found: dict[str, str]) -> str:
    shown = ", ".join(f"{pid} ({why})" for pid, why in list(found.items())[:_MOST_SHOWN])
    return shown + (f" and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else "")


class ListsProcesses:
    """The handler of ListProcesses."""

    def __init__(self, side: HostSide) -> None:
        self._files = side.files

    def __call__(self, api: EngineApi, operation: ListProcesses, intake: Intake, deadline: Deadline) -> Outcome:
        """The host's `ps` for the container: the answer as it came, and a list made from it."""
        if _runs_ps_inside(api, deadline):
            reason = "Podman's process list runs ps inside the container, which irkit does not do"
            if why_no_files(self._files, deadline):
                raise TargetError(reason, Refusal.UNSUPPORTED)
            return Outcome(detail=f"not asked for: {reason}")
        path = f"/containers/{part(operation.container)}/top"
        at = engine_time(api, deadline)
        before = self._shown_by_proc(api, operation.container, deadline)
        arguments, body = _ask(api, path, deadline)
        intake.put("processes.top.json", body, source=f"GET {path}?ps_args={arguments}")
        top = decoded(body, _Top)
        rows = top.processes or []
        made: dict[str, Any] = {
            "source": f"the host's ps {arguments}, through the engine",
            "at": utc_text(at),
            "processes": [_process(row, top.titles or [], at, arguments) for row in rows],
        }
        if before is None or (listed := _listed(top)) is None:
            intake.put(operation.file, pretty(made), source="made from processes.top.json")
            return Outcome(detail=f"{len(rows)} processes")
        difference = _Comparison(api, path, self._files, deadline).compare(before, listed)
        made["compared_with_proc"] = {"only_in_proc": difference.in_proc, "only_in_this_list": difference.in_list}
        out = intake.open(operation.file, source="made from processes.top.json and /proc of the host")
        out.write(pretty(made))
        if text := difference.text():
            out.warn(text)
        out.finish()
        detail = f"{len(rows)} processes, {text or 'the same as in /proc'}"
        return Outcome(detail=detail, findings=tuple(difference.findings()))

    def _shown_by_proc(self, api: EngineApi, container: str, deadline: Deadline) -> Pids | None:
        """What /proc shows just before; None where that cannot be read as root."""
        if why_no_files(self._files, deadline):
            return None
        try:
            return pids_of(self._files, _examined(api, container, deadline), deadline)
        except TargetError as error:
            check_is_answer(error)
            return None


def _examined(api: EngineApi, container: str, deadline: Deadline) -> Container:
    return container_of(api.read(f"/containers/{part(container)}/json", deadline), "")


def _runs_ps_inside(api: EngineApi, deadline: Deadline) -> bool:
    """Whether the engine is Podman, by either account: nothing of a container may be executed by mistake."""
    components = () if api.is_podman(deadline) else decoded(api.read("/version", deadline), _Version).components or ()
    return api.is_podman(deadline) or any("podman" in component.name.lower() for component in components)


def _ask(api: EngineApi, path: str, deadline: Deadline) -> tuple[str, bytes]:
    """The answer, and for which arguments of ps it was given."""
    try:
        return _PS_ARGUMENTS, api.read(path, deadline, ps_args=_PS_ARGUMENTS)
    except TargetError as error:
        if error.kind is not Refusal.REFUSED or "ps" not in error.reason:
            raise
        return "-ef", api.read(path, deadline)  # a host whose ps is not of procps


def _process(row: Sequence[str], titles: Sequence[str], at: datetime, arguments: str) -> dict[str, Any]:
    """One process; a row of another shape is kept as it is."""
    if arguments != _PS_ARGUMENTS or len(row) != _PS_COLUMNS or not all(map(str.isdecimal, (row[0], row[1], row[5]))):
        return dict(zip(titles, row, strict=False))
    started = at - timedelta(seconds=min(int(row[5]), 10**10))
    return {
        "pid": int(row[0]),
        "ppid": int(row[1]),
        "user": row[2],
        "uid": row[3],
        "state": row[4],
        "started_at": utc_text(started.replace(microsecond=0)),
        "cpu_time": row[6],
        "command": row[7],
    }


def _listed(top: _Top) -> set[int] | None:
    """The numbers in the list; None where it has none in the column of that name."""
    titles = [title.upper() for title in top.titles or []]
    if "PID" not in titles:
        return None
    column = titles.index("PID")
    cells = [row[column] for row in top.processes or [] if len(row) > column]
    return {int(cell) for cell in cells if cell.isdecimal() and len(cell) < _MOST_SHOWN}


class _Comparison:
    """What is in one list only, and not just because a moment lies between them."""

    def __init__(self, api: EngineApi, path: str, files: HostFiles, deadline: Deadline) -> None:
        self._api, self._path, self._files, self._deadline = api, path, files, deadline

    def compare(self, before: Pids, listed: set[int]) -> _Difference:
        """`before` was seen before the list was made; what it misses is looked for after that."""
        living = [one for one in (*before.inside, *before.joined) if not one.has_ended]
        still = self._unlisted(living, listed)
        if still:  # what docker exec begins is in the namespaces before it is in the control group
            still = self._unlisted(still, self._again())
        unseen = {pid for pid in listed if pid not in {one.pid for one in before.processes}}
        for _ in range(_ASKED_AGAIN if unseen else 0):
            unseen -= set(self._now(sorted(unseen)))
            unseen &= self._again()
        own, joined = (tuple(one for one in still if one.is_inside is inside) for inside in (True, False))
        return _Difference(own, joined, tuple(sorted(unseen)))

    def _again(self) -> set[int]:
        """The engine's list of now."""
        return _listed(decoded(_ask(self._api, self._path, self._deadline)[1], _Top)) or set()

    def _unlisted(self, found: Sequence[Process], listed: set[int]) -> list[Process]:
        """Those that are not in that list and are there still after it was made."""
        missing = [one for one in found if one.pid not in listed]
        now = self._now([one.pid for one in missing])
        return [one for one in missing if now.get(one.pid) == one.started]

    def _now(self, pids: Sequence[int]) -> dict[int, int]:
        """When those that are there now were started, by number."""
        stats = self._files.read_small([b"/proc/%d/stat" % pid for pid in pids], _LIMIT, self._deadline)
        found: list[Process | None] = [
            parse_stat(pid, stat) for pid, stat in zip(pids, stats, strict=True) if isinstance(stat, bytes)
        ]
        return {one.pid: one.started for one in found if one is not None}
