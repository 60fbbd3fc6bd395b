"""The irkit command as its users run it: a process of its own, with the lab's engine."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from irkit.cli import main
from tests.acceptance.warm import run_warm
from tests.lab.client_side import ClientSide
from tests.lab.engine import Engine

TIMEOUT = 240
WAITING = "waiting for host"
"""Begins the note that a host has not answered for some seconds."""
WITHOUT_POWERS = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
"""Runs a command as a root to whom modes of files apply."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error_lines(self) -> list[str]:
        """What was said, but for notes of what is waited for: on a busy machine they may come wherever a host is."""
        return [line for line in self.err.splitlines() if not line.startswith(WAITING)]


@dataclass(frozen=True)
class Irkit:
    """irkit with an engine and an evidence folder; with a `client`, in the home of one who reaches hosts by SSH.

    An empty `socket` names no engine. A `cold` one loads irkit for each command, as its users do.
    """

    socket: str
    evidence: Path
    client: ClientSide | None = None
    cold: bool = False

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "IRKIT_"))}
        kept["HOME"] = str(self.evidence.parent)
        engine = {"DOCKER_HOST": self.socket} if self.socket else {}
        mine = self.client.environment() if self.client else kept
        return {**mine, **engine, "IRKIT_EVIDENCE": str(self.evidence)}

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "irkit", *words]

    def __call__(
        self, *words: str, status: int | None = 0, extra: Mapping[str, str] | None = None, before: Sequence[str] = ()
    ) -> Ended:
        """The command to its end; `before` is a command that runs it, `status` what is expected."""
        if self.cold or extra or before:
            environment = {**self.environment(), **(extra or {})}
            found = run_cold([*before, *self.argv(*words)], environment)
        else:
            found = run_warm(words, self.environment(), TIMEOUT)
        ended = Ended(found[0], found[1].decode(), found[2].decode())
        if status is not None:
            assert ended.status == status, f"irkit {' '.join(words)}: {ended.status}\n{ended.err}\n{ended.out[-2000:]}"
        return ended

    def here(self, *words: str, status: int | None = 0) -> Ended:
        """The same within this process, twenty times as fast: for what ends before anything is begun."""
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
        with (
            mock.patch.dict(os.environ, self.environment(), clear=True),
            mock.patch.object(sys, "argv", ["irkit", *words]),
            mock.patch.object(os, "isatty", lambda descriptor: False),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            with pytest.raises(SystemExit) as end:
                main()
            texts = [read_back(stream) for stream in (out, err)]
        ended = Ended(int(end.value.code or 0), *texts)
        if status is not None:
            assert ended.status == status, f"irkit {' '.join(words)}: {ended.status}\n{ended.err}\n{ended.out[-2000:]}"
        return ended

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """The command under way, its signals as a shell in the foreground leaves them."""
        return subprocess.Popen(
            self.argv(*words),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=_heed_signals,  # noqa: PLW1509
        )

    def run(self, playbook: str, *targets: str, status: int | None = 0, more: tuple[str, ...] = ()) -> dict[str, Any]:
        """A run, approved whatever it does; its summary."""
        ended = self("run", playbook, *targets, "--approve", "destroy", "--case", "T-1", "--json", *more, status=status)
        summary: dict[str, Any] = ended.json
        return summary


def run_cold(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[int, bytes, bytes]:
    """Status, output and errors of a process that is started anew."""
    done = subprocess.run(
        argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False
    )
    return done.returncode, done.stdout, done.stderr


def _heed_signals() -> None:
    """Whoever runs the tests may ignore signals, as nohup does; children would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def read_back(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


def connect(engine: Engine, evidence: Path) -> Irkit:
    """irkit at that engine."""
    return Irkit(f"unix://{engine.socket}", evidence)
