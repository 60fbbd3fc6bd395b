"""Asking the responder's own `ssh` what its configuration says of a host: `ssh -G`, bounded in time and size.

It connects to nothing. What the answer means is `ssh_config`'s subject.
"""

import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO, Final, NamedTuple

from irkit.adapters.ssh_config_values import Options, split_file_names
from irkit.core.errors import UsageError
from irkit.core.text import safe

SECONDS: Final = 5.0
"""How long ssh may take: it looks nothing up as a rule, but `Match exec` runs what the responder wrote."""
MAX_BYTES: Final = 1 << 20
_PIECE: Final = 1 << 16
_SEVERAL: Final = frozenset({"identityfile", "certificatefile"})
_FILE_LISTS: Final = frozenset({"userknownhostsfile", "globalknownhostsfile"})
_NAME: Final = b"OpenSSH_"


class _Output(NamedTuple):
    status: int
    out: bytes
    err: bytes


def find_openssh(environment: Mapping[str, str]) -> str:
    """The path of OpenSSH's client, or empty where there is none. Raises UsageError where it does not answer."""
    program = shutil.which("ssh", path=environment.get("PATH", os.defpath))
    return program if program and _is_openssh(program, frozenset(environment.items())) else ""


@lru_cache(maxsize=8)
def _is_openssh(program: str, environment: frozenset[tuple[str, str]]) -> bool:
    """Whether it is OpenSSH's: another's might take `-G` for something else, and connect."""
    answer = _run([program, "-V"], dict(environment))
    return _NAME in answer.err or _NAME in answer.out


def ask_openssh(
    program: str, alias: str, *, user: str, port: int, config: Path | None, environment: Mapping[str, str]
) -> Options:
    """What OpenSSH makes of its configuration for a host. Raises UsageError, with what ssh itself said."""
    argv = [program, "-G", "-T", "-o", "ControlPath=%C"]  # the only way to learn what this ssh takes %C for
    argv += ["-F", str(config.absolute())] if config else []
    argv += ["-l", user] if user else []
    argv += ["-p", str(port)] if port else []
    answer = _run([*argv, "--", alias], environment)
    if answer.status != 0:
        raise UsageError(f"ssh refuses its own configuration for {safe(alias, 100)}: {_said(answer)}")
    options = _parse(os.fsdecode(answer.out))
    if "hostname" not in options.values:
        raise UsageError(
            f"ssh -G says nothing of {safe(alias, 100)} that can be read: is {safe(program, 200)} OpenSSH's?"
        )
    return options


def _said(answer: _Output) -> str:
    lines = [line.strip() for line in os.fsdecode(answer.err).splitlines()]
    lines = [line for line in lines if line and ": terminating, " not in line]
    return safe("; ".join(lines), 300) or f"it ended with status {answer.status}"


def _parse(text: str) -> Options:
    values: dict[str, tuple[str, ...]] = {}
    notes: list[str] = []
    for line in text.split("\n"):
        key, _, value = line.partition(" ")
        if key in _FILE_LISTS:
            names, is_guess = split_file_names(value)
            values.setdefault(key, names)
            if is_guess:
                notes.append(f"{key} was read as {safe(' and '.join(names), 300)}: ssh does not say where names end")
        elif key in _SEVERAL:
            values[key] = (*values.get(key, ()), value)
        elif key:
            values.setdefault(key, (value,))
    (hashed,) = values.pop("controlpath", ("",))
    known = hashed if hashed.isalnum() else ""  # as it was given, where this ssh does not say
    return Options(values=values, notes=tuple(notes), connection_hash=known, by_openssh=True)


# Running it ------------------------------------------------------------------------------------------------------


def _run(argv: Sequence[str], environment: Mapping[str, str]) -> _Output:
    """Run a program to its end, without a terminal and without input. Raises UsageError."""
    try:
        with subprocess.Popen(  # noqa: S603 - the responder's own ssh, no shell, its arguments checked
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,
        ) as process:
            try:
                return _collect(process, time.monotonic() + SECONDS)
            finally:
                _end(process)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the environment
        raise UsageError(f"{safe(argv[0], 200)} cannot be run: {safe(error, 200)}") from error


def _collect(process: subprocess.Popen[bytes], until: float) -> _Output:
    """What it says until it closes its output. A child that it left behind may hold its errors open for longer."""
    out, err = bytearray(), bytearray()
    assert process.stdout and process.stderr  # noqa: S101 - both are pipes
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, out)
        selector.register(process.stderr, selectors.EVENT_READ, err)
        while selector.get_map():
            has_ended = process.stdout not in selector.get_map()
            ready = selector.select(0 if has_ended else max(0.0, until - time.monotonic()))
            if not ready and has_ended:
                break
            if not ready or len(out) + len(err) > MAX_BYTES:
                raise UsageError(_too_much(is_late=not ready))
            for key, _ in ready:
                _take(selector, key)
    try:
        return _Output(process.wait(max(0.0, until - time.monotonic())), bytes(out), bytes(err))
    except subprocess.TimeoutExpired:
        raise UsageError(_too_much(is_late=True)) from None


def _take(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    pipe: IO[bytes] = key.fileobj  # type: ignore[assignment]
    if piece := os.read(pipe.fileno(), _PIECE):
        key.data.extend(piece)
    else:
        selector.unregister(pipe)


def _too_much(*, is_late: bool) -> str:
    what = f"took more than {SECONDS:g} s" if is_late else f"said more than {MAX_BYTES} bytes"
    return f"ssh {what} to read its configuration (a Match exec in it?): try ssh -G with the host's name"


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
