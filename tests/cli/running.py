"""irkit as a process, at an engine that is not real: for what a front end does by itself."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.fake_engine import Answers, FakeEngine, http, listed

NAMES = ("web-1", "web-2", "db")


def three(method: str, path: str) -> bytes | None:
    """A host with three containers."""
    rows = [listed(Id=f"{number:064x}", Names=[f"/{name}"]) for number, name in enumerate(NAMES)]
    return http(rows) if "containers/json" in path else None


@dataclass(frozen=True)
class Command:
    """irkit with that environment."""

    environment: dict[str, str]

    def start(
        self, *words: str, code: str = "", extra: dict[str, str] | None = None, **how: Any
    ) -> subprocess.Popen[Any]:
        """Started; `code` is Python to run instead of the entry point alone."""
        program = ["-c", code] if code else ["-m", "irkit"]
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
        argv = [sys.executable, *how.pop("python", ()), *program, *words]
        return subprocess.Popen(
            argv, env={**self.environment, **(extra or {})}, stdin=subprocess.DEVNULL, text=True, **how
        )

    def __call__(self, *words: str, patience: float = 60, **how: Any) -> tuple[int, str, str]:
        """Run to its end, which is waited for so many seconds: status, output, errors."""
        with self.start(*words, **how) as process:
            out, err = process.communicate(timeout=patience)
        return process.returncode, out or "", err or ""


@contextmanager
def irkit_at(place: Path, answers: Answers = three) -> Iterator[Command]:
    """irkit at a fake engine."""
    home = place.parent
    foreign = ("DOCKER_", "IRKIT_", "XDG_", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    told = {"DOCKER_HOST": f"unix://{place}", "HOME": str(home), "IRKIT_EVIDENCE": str(home / "evidence")}
    with FakeEngine(place, answers):
        yield Command({**kept, **told})
