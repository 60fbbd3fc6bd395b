"""`python -m tests.bench.calls irkit|sdk connect|others|same HOST NAME...`: the median seconds of one inspect.

`connect` connects anew for each; `others` connects once and asks for each once; `same` asks for the first one only.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

Inspect = Callable[[str], object]
Names = Sequence[str]
Times = Iterator[float]


@contextmanager
def irkit(host: str) -> Iterator[Inspect]:
    from irkit.app.listing import look_deadline
    from irkit.app.setting import Setting

    with Setting().fleet([host]) as fleet:
        target = fleet.reach(fleet.hosts[0], look_deadline())
        ids = {one.name: one.id for one in target.list_containers(look_deadline())}
        yield lambda name: target.examine(ids[name], look_deadline())


@contextmanager
def sdk(host: str) -> Iterator[Inspect]:
    import docker

    client = docker.APIClient(f"ssh://{host}", version="1.41")
    try:
        yield client.inspect_container
    finally:
        client.close()


def main() -> None:
    who, how, host, *names = sys.argv[1:]
    opened = {"irkit": irkit, "sdk": sdk}[who]
    print(statistics.median((with_connection if how == "connect" else each)(opened, host, how, names)))


def with_connection(opened: Callable[[str], AbstractContextManager[Inspect]], host: str, _: str, names: Names) -> Times:
    for name in names[:5]:
        begun = time.perf_counter()
        with opened(host) as inspect:
            inspect(name)
        yield time.perf_counter() - begun


def each(opened: Callable[[str], AbstractContextManager[Inspect]], host: str, how: str, names: Names) -> Times:
    first, *others = names
    with opened(host) as inspect:
        inspect(first)
        for name in others if how == "others" else [first] * len(others):
            begun = time.perf_counter()
            inspect(name)
            yield time.perf_counter() - begun


if __name__ == "__main__":
    main()
