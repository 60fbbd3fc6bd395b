"""Small playbooks, and what a bundle made by one holds."""

import json
import subprocess
from pathlib import Path
from typing import Any


def playbook(folder: Path, *steps: str, head: str = "") -> str:
    """A playbook of these steps, each as YAML on one line; its path."""
    path = folder / "small.yaml"
    lines = "\n".join(f"  - {step}" for step in steps)
    path.write_text(f"name: small\nversion: 1\n{head}\nsteps:\n{lines}\n", encoding="utf-8")
    return str(path)


def unpacked(path: Path) -> bytes:
    """The bytes as they came, by the standard tool where they are compressed."""
    if path.suffix != ".zst":
        return path.read_bytes()
    return subprocess.run(["zstd", "-dcq", str(path)], capture_output=True, check=True).stdout


def stored(bundle: str | Path, container: str, name: str) -> bytes:
    """The one item of that name of a container, or of the host where the container is empty."""
    return stored_of(bundle, f"local/{container}-*/{name}" if container else f"local/host/{name}")


def stored_of(bundle: str | Path, place: str) -> bytes:
    """The one item at a place below the bundle's data, compressed or not."""
    found = [path for pattern in (place, f"{place}.zst") for path in (Path(bundle) / "data").glob(pattern)]
    assert len(found) == 1, f"{place}: {found}"
    return unpacked(found[0])


def items(bundle: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(bundle) / "metadata/items.jsonl").read_bytes().splitlines()]


def item(bundle: str | Path, end: str) -> dict[str, Any]:
    """What is said of the one item whose path ends so."""
    (found,) = [one for one in items(bundle) if one["path"].endswith(end)]
    return found


def events(bundle: str | Path) -> list[dict[str, Any]]:
    """The events of the run log."""
    return [json.loads(line)["event"] for line in (Path(bundle) / "data/log/run.jsonl").read_bytes().splitlines()]
