"""The processes of a container as a tree: who started whom, as far as the starters are among them."""

from collections.abc import Iterable, Iterator

from irkit.adapters.container_pids import Process


def in_tree_order(processes: Iterable[Process]) -> Iterator[tuple[int, Process]]:
    """Each process with its depth, after its parent and before its next sibling; siblings by age.

    A parent that is not among them makes a process a root. Numbers that lie (a process that is its own ancestor)
    are told last, as roots.
    """
    every = {one.pid: one for one in processes}
    children: dict[int, list[Process]] = {}
    for one in sorted(every.values(), key=lambda one: (one.started, one.pid), reverse=True):
        parent = one.parent if one.parent in every and one.parent != one.pid else 0
        children.setdefault(parent, []).append(one)
    told: set[int] = set()
    left = [(0, one) for one in children.get(0, [])]
    while left or len(told) < len(every):
        depth, one = left.pop() if left else (0, next(one for one in every.values() if one.pid not in told))
        if one.pid not in told:
            told.add(one.pid)
            yield depth, one
            left += [(depth + 1, child) for child in children.get(one.pid, [])]
