"""A container's changed files through its engine alone: the list of changes, and archives of what is in it.

As few archives as will do: an added folder comes whole, and with it all that is in it. Names that the list cannot hold,
as they are no UTF-8, are looked for in the archive of the folder they are in; so are many names of one folder.
"""

import tarfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from irkit.adapters.archive_members import Members
from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.host_side import check_is_answer
from irkit.adapters.layer_changes import ADDED, CHANGED, DELETED, WORDS, as_told
from irkit.adapters.path_stat import HEADER, PathStat, decode_stat
from irkit.adapters.tree_entry import TreeEntry, time_of
from irkit.adapters.tree_tar import TreeTar
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, FileKind

_CROWD: Final = 200
"""Names of one folder from which on its archive is asked for, rather than one for each."""
_SLACK: Final = 64 << 20
"""Bytes of an archive that are read beyond what may be kept, for what stands between."""
_MOST_WASTE: Final = 4
"""How many times as much is read in all at most, where large files stand between what is wanted."""
_MOST_NAMES: Final = 100_000
"""Files of an archive that are remembered for other names of them."""
_UNTOLD: Final = "\ufffd"


class Wish(NamedTuple):
    """An archive to ask for: all of it, or those of its names that are wanted."""

    path: str
    wanted: frozenset[str] | None = None


def wishes_of(kinds: Mapping[str, int], mounts: Sequence[str]) -> Iterator[Wish]:
    """The archives that bring all that was added or changed, but for folders that were changed only."""
    parents = {path.rpartition("/")[0] for path in kinds}
    hidden = tuple(f"{one.strip('/')}/" for one in mounts)
    filtered: defaultdict[str, set[str]] = defaultdict(set)
    single: defaultdict[str, list[str]] = defaultdict(list)
    for path, kind in kinds.items():
        is_folder_only = kind == CHANGED and path in parents
        if kind == DELETED or is_folder_only or f"{path}/".startswith(hidden) or _is_in_added(path, kinds):
            continue
        if _UNTOLD in path:
            filtered[_told_folder(path)].add(path)
        else:
            single[path.rpartition("/")[0]].append(path)
    for folder, paths in single.items():
        if len(paths) > _CROWD and folder:
            filtered[folder].update(paths)
        else:
            yield from (Wish(path) for path in paths)
    yield from (Wish(folder, frozenset(paths)) for folder, paths in filtered.items())


def store_archives(
    api: EngineApi,
    tree: TreeTar,
    container: str,
    kinds: Mapping[str, int],
    mounts: Sequence[str],
    deadline: Deadline,
) -> dict[str, int]:
    """Store what was added and changed, list what was deleted; how many there are of each kind of change."""
    asking = _Asking(api, tree, container, kinds, mounts, deadline)
    try:
        asking.list_others()
        for wish in wishes_of(kinds, mounts):
            asking.fetch(wish)
    finally:
        tree.flush()
    return asking.counts


def _is_in_added(path: str, kinds: Mapping[str, int]) -> bool:
    """Whether it comes with the folder it is in, which was added, and whose name can be asked for."""
    folder = path.rpartition("/")[0]
    return bool(folder) and kinds.get(folder) == ADDED and _UNTOLD not in folder


def _told_folder(path: str) -> str:
    """The innermost folder of a path whose own path can be asked for."""
    parts = path.split("/")[:-1]
    clean = next((at for at, part in enumerate(parts) if _UNTOLD in part), len(parts))
    return "/".join(parts[:clean])


class _Asking:
    """One collection by archives."""

    def __init__(
        self,
        api: EngineApi,
        tree: TreeTar,
        container: str,
        kinds: Mapping[str, int],
        mounts: Sequence[str],
        deadline: Deadline,
    ) -> None:
        self._api, self._tree, self._kinds, self._deadline = api, tree, kinds, deadline
        self._path = f"/containers/{part(container)}/archive"
        self._hidden = tuple(f"{one.strip('/')}/" for one in mounts)
        self._most = tree.limit + _SLACK
        self._left = _MOST_WASTE * self._most
        self._seen: set[bytes] = set()
        self.counts = dict.fromkeys(WORDS.values(), 0)

    def list_others(self) -> None:
        """What no archive brings: deletions, and folders of which only what is in them differs."""
        parents = {path.rpartition("/")[0] for path in self._kinds}
        for path, kind in self._kinds.items():
            if kind == DELETED:
                self._count(kind)
                self._tree.put(TreeEntry(path=path, type="other", change=WORDS[kind]))
            elif kind == CHANGED and path in parents:
                self._count(kind)
                self._tree.put(self._folder(path))

    def fetch(self, wish: Wish) -> None:
        """One archive. What cannot be had of it is said."""
        if self._left <= 0:
            self._say(wish, left_out=f"more than the {self._tree.limit} bytes asked for")
            return
        if wish.wanted is None and self._kinds.get(wish.path) == CHANGED and self._is_folder(wish.path):
            self._count(CHANGED)
            self._tree.put(self._folder(wish.path))
            return
        try:
            with self._api.request("GET", self._path, self._deadline, query={"path": f"/{wish.path}"}) as answer:
                members = Members(answer, min(self._most, self._left))
                self._take(members, wish)
        except TargetError as error:
            check_is_answer(error)
            self._say(wish, problem=error.reason)
            return
        for path in self._missed(wish) if members.is_cut else ():
            self.fetch(Wish(path))

    def _missed(self, wish: Wish) -> Iterator[str]:
        """What an archive that was cut would have brought, by what can be asked for by itself."""
        seen = {as_told(path) for path in self._seen}
        missed = {
            path
            for path, kind in self._kinds.items()
            if kind != DELETED and path not in seen and self._is_wished(path, wish)
        }
        for path in sorted(missed):
            if _UNTOLD in path:
                self._say(Wish(path), problem="what is before it in the archive is too large to read on")
            elif path.rpartition("/")[0] not in missed:
                yield path

    @staticmethod
    def _is_wished(path: str, wish: Wish) -> bool:
        return path in wish.wanted if wish.wanted is not None else path.startswith(f"{wish.path}/")

    def _take(self, members: Members, wish: Wish) -> None:
        above = wish.path.rpartition("/")[0].encode()
        names: dict[bytes, TreeEntry] = {}
        try:
            for met in members.each(above + b"/" if above else b""):
                told = as_told(met.path)
                is_wanted = wish.wanted is None or told in wish.wanted or self._is_below(told, wish.wanted)
                if not is_wanted or f"{told}/".startswith(self._hidden) or met.path in self._seen:
                    continue
                self._seen.add(met.path)
                kind = self._kinds.get(told, ADDED)
                self._count(kind)
                if met.hard_link:
                    first = names.get(met.hard_link)
                    self._tree.add_link(met.path, met.looked.facts, met.hard_link, change=WORDS[kind], first=first)
                    continue
                entry = self._tree.add(met.met, self._deadline, change=WORDS[kind])
                if len(names) < _MOST_NAMES and entry.type == "file":
                    names[met.path] = entry
        except tarfile.TarError as error:
            raise TargetError(
                f"the engine's archive of /{wish.path} cannot be read on: {error}", Refusal.GARBLED
            ) from error
        finally:
            self._left -= members.taken

    @staticmethod
    def _is_below(path: str, wanted: frozenset[str]) -> bool:
        parts = path.split("/")
        return any("/".join(parts[:count]) in wanted for count in range(1, len(parts)))

    def _is_folder(self, path: str) -> bool:
        stat = self._stat(path)
        return stat is not None and stat.kind is FileKind.DIRECTORY

    def _folder(self, path: str) -> TreeEntry:
        stat = self._stat(path)
        entry = TreeEntry(path=path, type="directory", change=WORDS[CHANGED])
        if stat is not None:
            entry.mode = stat.permissions
            entry.mtime = time_of(stat.modified_ns or 0)
        return entry

    def _stat(self, path: str) -> PathStat | None:
        """What the engine tells of a path; None where it does not."""
        if _UNTOLD in path:
            return None
        try:
            with self._api.request("HEAD", self._path, self._deadline, query={"path": f"/{path}"}) as answer:
                return decode_stat(answer.header(HEADER))
        except TargetError as error:
            check_is_answer(error)
            return None

    def _count(self, kind: int) -> None:
        self.counts[WORDS[kind]] += 1

    def _say(self, wish: Wish, **why: Any) -> None:
        kind = self._kinds.get(wish.path, CHANGED)
        self._tree.put(TreeEntry(path=wish.path or ".", type="other", change=WORDS[kind], **why))
