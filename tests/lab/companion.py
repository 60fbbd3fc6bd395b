"""A Python process beside the tests, so that what it does counts neither as their threads nor against their lock.

It ends when its standard input does, so also when the tests were killed. Commands and answers are lines.
"""

import subprocess
import sys
from pathlib import Path
from typing import IO

from .tools import LabError, clean_environment, last_words

PROJECT = Path(__file__).resolve().parents[2]


class Companion:
    """A module of the lab's, running. It has said one line by now, which is `greeting`."""

    def __init__(self, module: str, *args: str) -> None:
        self.module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.lab.{module}", *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(),
            cwd=PROJECT,
            text=True,
            start_new_session=True,
        )
        try:
            self.greeting = self._read()
        except LabError:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, line: str) -> str:
        """Say a line; the line that comes back."""
        stdin = _open(self._process.stdin)
        try:
            stdin.write(f"{line}\n")
            stdin.flush()
        except OSError as error:
            raise LabError(f"the lab's process {self.module} has ended") from error
        return self._read()

    def _read(self) -> str:
        line = _open(self._process.stdout).readline()
        if not line:
            said = _open(self._process.stderr).read()
            raise LabError(f"the lab's process {self.module} has ended: {last_words(said.encode())}")
        return line.rstrip("\n")

    def close(self) -> None:
        """Let it end, and wait for that."""
        _open(self._process.stdin).close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=5)
        for pipe in (self._process.stdout, self._process.stderr):
            _open(pipe).close()


def _open(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
