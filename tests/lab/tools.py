"""Finding and running command line tools. Which package holds a tool is left to `setup`."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

# Daemons and network tools live here, and an ordinary user's PATH often lacks them.
SYSTEM_DIRS = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin")


class LabError(Exception):
    """The lab can't do what was asked; the text is one line for a human."""


def search_path() -> str:
    """PATH with the system directories behind it."""
    given = [part for part in os.environ.get("PATH", "").split(os.pathsep) if part]
    return os.pathsep.join([*given, *(part for part in SYSTEM_DIRS if part not in given)])


def find_tool(name: str) -> str | None:
    return shutil.which(name, path=search_path())


def tool(name: str) -> str:
    """The full path of a tool that must be there."""
    found = find_tool(name)
    if found is None:
        raise LabError(f"{name} is not installed (python -m tests.lab setup installs it on Debian, as root)")
    return found


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without the caller's choice of engine, and with a full PATH."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("DOCKER_")}
    return kept | {"PATH": search_path()} | dict(extra or {})


def run(
    argv: Sequence[str],
    *,
    input: bytes | None = None,
    check: bool = True,
    timeout: float = 60,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run to the end with output captured; a failure or a time-out is a LabError where `check` is set."""
    shown = " ".join(argv[:8])[:200]
    stdin = subprocess.DEVNULL if input is None else None
    try:
        result = subprocess.run(
            argv, input=input, stdin=stdin, capture_output=True, timeout=timeout, env=env, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"no answer within {timeout:g} s: {shown}") from error
    if check and result.returncode != 0:
        raise LabError(f"exit {result.returncode}: {shown}: {last_words(result.stderr)}")
    return result


def last_words(raw: bytes) -> str:
    """The end of what a command said, on one line."""
    lines = raw.decode("utf-8", "replace").strip().splitlines()
    return " | ".join(line.strip() for line in lines[-3:])[:600] or "it said nothing"
