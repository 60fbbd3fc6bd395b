"""What the benchmarks share: an engine, a folder, and the environment of irkit and its peers."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.timing import run, shell
from tests.lab.engine import Engine
from tests.lab.suspects import Lab

IRKIT = [sys.executable, "-m", "irkit"]


@dataclass
class Bench:
    """An engine, and where both sides work. `extra` joins the environment of both."""

    engine: Engine
    lab: Lab
    folder: Path
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        usual = {**os.environ, "IRKIT_EVIDENCE": str(self.folder / "evidence"), "HOME": str(self.folder)}
        # An installed program has its byte code beside it: the first call, which does not count, writes it.
        usual.pop("PYTHONDONTWRITEBYTECODE", None)
        return {**usual, **self.extra}

    def irkit(self, *words: str) -> tuple[float, float]:
        """Wall seconds and peak memory in MB."""
        return run([*IRKIT, *words], self.environment)

    def peer(self, script: str) -> float:
        """Wall seconds of a pipeline."""
        return run(shell(script), self.environment)[0]

    def playbook(self, name: str, text: str) -> str:
        path = self.folder / f"{name}.yaml"
        path.write_text(text)
        return str(path)

    def forget(self) -> None:
        """Drop the bundles so far, so that the disk does not fill."""
        shutil.rmtree(self.folder / "evidence", ignore_errors=True)
