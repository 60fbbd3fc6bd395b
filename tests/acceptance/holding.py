"""A run that holds what it contained, followed record by record, and a supervisor that works against it."""

import json
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.acceptance.command import Irkit
from tests.lab import processes
from tests.lab.engine import Engine

PATIENCE = 90.0
LOOP = """trap 'exit 0' TERM; while :; do for verb in "$@"; do eval "$verb" >/dev/null 2>&1; done; sleep 0.3; done"""
"""What an orchestrator does, in short: whatever state it finds, it brings about the one that it was told."""


@dataclass
class HeldRun:
    """A run under way with `--hold --events`."""

    process: subprocess.Popen[bytes]
    evidence: Path
    seen: list[dict[str, Any]] = field(default_factory=list)
    _lines: queue.SimpleQueue[bytes | None] = field(default_factory=queue.SimpleQueue)

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """The next event that is wanted."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"no {what}: {self.process.poll()}, the last: {self.seen[-5:]}")
            record = json.loads(line)
            self.seen.append(record)
            event: dict[str, Any] = record["event"]
            if wanted(event):
                return event

    @contextmanager
    def seeing_nothing(self) -> Iterator[None]:
        """What is done in the block, it sees as a whole and not by halves."""
        processes.stop(self.process.pid)
        try:
            yield
        finally:
            processes.send(self.process.pid, signal.SIGCONT)

    def wait_until_held(self) -> None:
        """Until the plan is done, and it holds."""
        self.wait_for(lambda one: one["event"] == "note" and one["text"].startswith("holding"), "hold")

    def finding(self, check: str, container: str = "") -> dict[str, Any]:
        """The next finding of a kind, about the container of that id where one is given."""

        def is_it(event: dict[str, Any]) -> bool:
            found = event.get("finding", {})
            return bool(found.get("check") == check and found["container"].endswith(container))

        found: dict[str, Any] = self.wait_for(is_it, check)["finding"]
        return found

    def findings(self) -> list[dict[str, Any]]:
        """All that were seen so far."""
        return [one["event"]["finding"] for one in self.seen if one["event"]["event"] == "finding-raised"]

    def end(self, number: int = signal.SIGINT) -> int:
        """End it; its exit status."""
        self.process.send_signal(number)
        status = self.process.wait(timeout=PATIENCE)
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            self.seen.append(json.loads(line))
        return status

    @property
    def bundle(self) -> Path:
        """Where it lies: it was the first in its folder."""
        return min(self.evidence.glob("*irb-*"), key=lambda one: one.name.removeprefix(".partial-"))


@contextmanager
def holding(irkit: Irkit, playbook: str, *targets: str) -> Iterator[HeldRun]:
    """A run of the playbook that holds; killed at the end of the block where it goes on still."""
    process = irkit.begin("run", playbook, *targets, "--approve", "destroy", "--hold", "--events")
    run = HeldRun(process, irkit.evidence)
    reader = threading.Thread(target=run.read, daemon=True)
    reader.start()
    try:
        run.wait_until_held()
        yield run
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(timeout=PATIENCE)
        reader.join(timeout=PATIENCE)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@contextmanager
def supervisor(engine: Engine, *commands: Sequence[str]) -> Iterator[None]:
    """A process that gives these commands of the docker client again and again."""
    verbs = [" ".join(engine.docker_argv(*words)) for words in commands]
    process = subprocess.Popen(
        ["sh", "-c", LOOP, "sh", *verbs], env=engine.docker_environment(), start_new_session=True
    )
    try:
        yield
    finally:
        process.terminate()  # a command that is under way takes hold before it ends
        process.wait(timeout=PATIENCE)
