"""Benchmarks over SSH: against OpenSSH with docker's command line, and against the docker SDK's own `ssh://`."""

import contextlib
import sys
from collections.abc import Iterator
from functools import partial

from tests.bench.bench import Bench
from tests.bench.timing import Row, in_turns, run_and_read
from tests.lab.client_side import ClientSide
from tests.lab.description import Suspect
from tests.lab.fault_proxy import start_proxy
from tests.lab.host_start import start_host
from tests.lab.images import big_image

EXPORT = "name: export\nversion: 1\nsteps:\n  - {id: disk, action: snapshot.export, with: {%s}}\n"
SIZE = 1024
"""Megabytes exported."""
ONE_WAY = 0.025
"""Seconds that each direction of a far host takes."""
HOSTS = 20
CALLS = 16
PACK = "zstd -q -3 -c | sha256sum"


@contextlib.contextmanager
def near(bench: Bench, name: str = "web") -> Iterator[tuple[Bench, ClientSide]]:
    """The bench with a host that is reached over SSH, on the lab's engine."""
    with start_host(name=name, engine=bench.engine) as host:
        client = ClientSide(bench.folder / "client")
        client.add(host, name)
        yield Bench(bench.engine, bench.lab, bench.folder, client.environment() | _of(bench)), client


def _of(bench: Bench) -> dict[str, str]:
    return {"IRKIT_EVIDENCE": str(bench.folder / "evidence")}


def _exports(
    bench: Bench, client: ClientSide, suspect: str, ssh_goal: float, sdk_goal: float, port: int = 22
) -> Iterator[Row]:
    """An export by irkit, by ssh with docker there, and by the SDK, each compressed and hashed the same way.

    The SDK takes the port of a host from its address only, and not from ssh's configuration.
    """
    through_ssh = f"ssh -F {client.config} web docker export {suspect} | {PACK}"
    through_sdk = f"{sys.executable} -m tests.bench.sdk_export web:{port} {suspect} | {PACK}"
    for name, options in (("with the index of files", ""), ("without the index", "index: false")):
        playbook = bench.playbook("export", EXPORT % options)

        def ours(playbook: str = playbook) -> float:
            bench.forget()
            return bench.irkit("run", playbook, "big", "--host", "web", "--json")[0]

        for peer, script, goal in (
            ("ssh web docker export big | zstd -3 -c | sha256sum", through_ssh, ssh_goal),
            ("the docker SDK's ssh://, export | zstd -3 -c | sha256sum", through_sdk, sdk_goal),
        ):
            if goal:
                mine, theirs = in_turns(ours, lambda script=script: bench.peer(script), 3)  # type: ignore[misc]
                yield Row(f"export over SSH, {name}", mine, theirs, goal, "s", peer)


def _big(bench: Bench) -> str:
    return bench.lab.make(Suspect(name="big", image=big_image(bench.engine, SIZE, 10_000), command=("sleep", "9999")))


def bench_ssh_export(bench: Bench) -> Iterator[Row]:
    suspect = _big(bench)
    with near(bench) as (over_ssh, client):
        yield from _exports(over_ssh, client, suspect, 0.95, 0.7)
    bench.lab.remove("big")


def bench_ssh_far(bench: Bench) -> Iterator[Row]:
    """The same to a host 50 ms away. The delay is a proxy's, as the kernel here has no netem."""
    suspect = _big(bench)
    with (
        start_host(name="web", engine=bench.engine) as host,
        start_proxy(host.address, host.port, delay=ONE_WAY) as far,
    ):
        client = ClientSide(bench.folder / "client")
        client.add(host, "web", address=far.address, port=far.port)
        over_ssh = Bench(bench.engine, bench.lab, bench.folder, client.environment() | _of(bench))
        yield from _exports(over_ssh, client, suspect, 0.0, 0.5, far.port)
    bench.lab.remove("big")


def bench_ssh_calls(bench: Bench) -> Iterator[Row]:
    """Inspects over SSH. The SDK keeps a connection for each path asked for, and starts a process for each new one."""
    names = [f"call{number}" for number in range(CALLS)]
    for name in names:
        bench.lab.make(Suspect(name=name, command=("sleep", "9999"), state="created"))
    with near(bench) as (over_ssh, _):
        for how, what, goal in (
            ("others", "one inspect over SSH, of one container after another", 0.2),
            ("same", "one inspect over SSH, of the same container again", None),
            ("connect", "one inspect over SSH, connecting first", None),
        ):

            def calls(who: str, how: str = how) -> float:
                argv = [sys.executable, "-m", "tests.bench.calls", who, how, "web", *names]
                return float(run_and_read(argv, over_ssh.environment))

            mine, theirs = in_turns(partial(calls, "irkit"), partial(calls, "sdk"), 5)
            yield Row(what, mine * 1000, theirs * 1000, goal, "ms", "the docker SDK's ssh://")
    for name in names:
        bench.lab.remove(name)


def bench_ssh_hosts(bench: Bench) -> Iterator[Row]:
    """A list of many hosts against a list of one: each host has an sshd of its own, all show one engine."""
    with contextlib.ExitStack() as stack:
        client = ClientSide(bench.folder / "client")
        names = [f"host{number}" for number in range(HOSTS)]
        for number, name in enumerate(names):
            client.add(stack.enter_context(start_host(name=name, engine=bench.engine, port=2200 + number)), name)
        over_ssh = Bench(bench.engine, bench.lab, bench.folder, client.environment() | _of(bench))
        many = ",".join(names)
        mine, theirs = in_turns(
            lambda: over_ssh.irkit("ls", "--jobs", str(HOSTS), "--host", many)[0],
            lambda: over_ssh.irkit("ls", "--host", names[0])[0],
            5,
        )
        yield Row(f"irkit ls of {HOSTS} hosts", mine, theirs, 3.0, "s", "irkit ls of one of them")
