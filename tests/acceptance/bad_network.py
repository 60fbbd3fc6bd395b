"""Ways to a host that can be had to fail, runs over them side by side in this process, and none that hangs unseen."""

import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import pytest

from irkit import app
from irkit.core.errors import IrkitError
from irkit.core.events import Record
from irkit.core.run import Run, replay
from tests.lab.client_side import ClientSide
from tests.lab.fault_proxy import FaultProxy, start_proxy
from tests.lab.hosts import LabHost

T = TypeVar("T")
QUICK_SSHD = {"UsePAM": "no", "LogLevel": "ERROR", "MaxStartups": "200"}
"""Settings of an sshd that loses no time on what such tests are not about, and takes many connections at once."""


@dataclass(frozen=True)
class Way:
    """A name of the host, and what stands between."""

    name: str
    proxy: FaultProxy


@contextmanager
def many_ways(host: LabHost, client: ClientSide, count: int) -> Iterator[list[Way]]:
    """Ways to one host by so many names."""
    with ExitStack() as stack:
        ways = [
            Way(f"way{number}", stack.enter_context(start_proxy(host.address, host.port))) for number in range(count)
        ]
        for way in ways:
            client.add(host, way.name, address=way.proxy.address, port=way.proxy.port)
        yield ways


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit status, what is told where it did not come to a bundle, and else the bundle."""

    status: int
    reason: str = ""
    run: Run = field(default_factory=Run)
    bundle: Path | None = None


def setting_of(client: ClientSide, evidence: Path) -> app.Setting:
    return app.Setting(environment=client.environment(), evidence=evidence)


def carry_out(setting: app.Setting, prepare: Callable[[], app.Prepared], watch: Callable[[Record], None]) -> Ended:
    """As the command does it, in any thread: prepared, carried out to the end, sealed."""
    try:
        with prepare() as prepared:
            execution = app.start(setting, prepared)
            records = []
            for record in execution.records():
                watch(record)
                records.append(record)
            path = execution.seal()
    except IrkitError as error:
        return Ended(error.exit_status, str(error))
    run = replay(records)
    is_done = run.finished is not None and run.finished.outcome == "done" and run.is_clean
    return Ended(0 if is_done else 1, run=run, bundle=path)


def run_over(
    way: Way,
    client: ClientSide,
    evidence: Path,
    playbook: str,
    target: str,
    watch: Callable[[Record], None] = lambda record: None,
) -> Ended:
    """A playbook on one container, over a way."""
    setting = setting_of(client, evidence)

    def prepare() -> app.Prepared:
        return app.prepare(setting, playbook, [target], given={}, case="T", responder="tester", hosts=[way.name])

    return carry_out(setting, prepare, watch)


def undo_over(client: ClientSide, evidence: Path, bundle: Path) -> Ended:
    """Take a run back, over the way that it went."""
    setting = setting_of(client, evidence)
    return carry_out(
        setting, lambda: app.prepare_undo(setting, str(bundle), [], responder="tester"), lambda record: None
    )


class _Workers(Generic[T]):
    """Threads that take jobs in order; each has a way of its own."""

    def __init__(self, jobs: Sequence[Callable[[Way], T]]) -> None:
        self.left: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in range(len(jobs)):
            self.left.put(number)
        self.jobs = jobs
        self.results: dict[int, T] = {}
        self.errors: list[BaseException] = []

    def work(self, way: Way) -> None:
        while not self.errors:
            try:
                number = self.left.get_nowait()
            except queue.Empty:
                return
            try:
                self.results[number] = self.jobs[number](way)
            except BaseException as error:  # noqa: BLE001 - told by the thread that waits
                self.errors.append(error)


def all_at_once(jobs: Sequence[Callable[[Way], T]], ways: Sequence[Way], bound: float) -> list[T]:
    """Do the jobs, as many at once as there are ways; what came of each.

    Fails where they have not ended after `bound` seconds, and says where they hang.
    """
    workers = _Workers(jobs)
    threads = [threading.Thread(target=workers.work, args=(way,), name=way.name, daemon=True) for way in ways]
    for thread in threads:
        thread.start()
    end = time.monotonic() + bound
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    if any(thread.is_alive() for thread in threads):
        pytest.fail(f"not ended after {bound:g} s:\n{_stacks()}", pytrace=False)
    if workers.errors:
        raise workers.errors[0]
    return [workers.results[number] for number in range(len(jobs))]


def _stacks() -> str:
    """Where all threads are."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames().items()
    return "\n".join(f"-- {names.get(ident)}\n{''.join(traceback.format_stack(frame))}" for ident, frame in frames)
