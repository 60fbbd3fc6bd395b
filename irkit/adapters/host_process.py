"""Processes of this machine, for commands of plain words: run to their end, or read from as they print.

Who may run what is `host_commands`' concern. One that runs as root for us, by sudo, may not be killed by us.
"""

import contextlib
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Final

from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, Ran

LIMIT: Final = 4 << 20
"""Bytes that a command may print, where it is not read as it prints."""
_ENVIRONMENT: Final = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
_PIECE: Final = 1 << 20
_STEP = _MOMENT = 0.5
_LAST_WAIT: Final = 5.0
"""Seconds that a command of root, which only its host may end, is waited for once its time is up."""


def run_process(argv: Sequence[str], deadline: Deadline, data: bytes) -> Ran:
    """A process to its end, or killed where time is up or the run is told to stop."""
    with _held(data) as given:
        process = _begin(argv, stdin=given, stderr=subprocess.PIPE)
    forget = deadline.on_cancel(lambda: _kill(process))
    try:
        out, err = _communicate(process, argv[0], deadline)
    finally:
        forget()
        if process.poll() is None:
            _end(process)
    deadline.remaining()
    if len(out) > LIMIT:
        raise TargetError(f"{argv[0]} says more than {LIMIT} bytes", Refusal.GARBLED)
    return Ran(process.returncode, out.decode("utf-8", "replace"), err[:LIMIT].decode("utf-8", "replace"))


def stream_process(argv: Sequence[str], deadline: Deadline, ended: Callable[[Ran], None]) -> Iterator[memoryview]:
    """What a process prints, to its end; it is ended where nobody wants more of it. Its errors go to a file.

    `ended` is told how it ended, and may raise.
    """
    buffer = memoryview(bytearray(_PIECE))
    with tempfile.TemporaryFile() as errors:
        process = _begin(argv, stdin=subprocess.PIPE, stderr=errors)
        forget = deadline.on_cancel(lambda: _terminate(process))
        try:
            while count := _fill(process, buffer, deadline):
                yield buffer[:count]
            status = process.wait(deadline.remaining())
            errors.seek(0)
            ended(Ran(status, "", errors.read(LIMIT).decode("utf-8", "replace")))
        except subprocess.TimeoutExpired as error:
            raise TargetError(f"{argv[0]} does not end", Refusal.TIMEOUT) from error
        finally:
            forget()
            _abandon(process)


def _held(data: bytes) -> IO[bytes]:
    """Input for a command, in memory: it reads it when it likes, as nothing of it is sent, and no disk may be full."""
    try:
        held = os.fdopen(os.memfd_create("irkit-input"), "w+b")
    except OSError as error:
        raise TargetError(f"no command can be given its input here: {error.strerror}", Refusal.UNSUPPORTED) from error
    held.write(data)
    held.seek(0)
    return held


def _begin(argv: Sequence[str], stdin: "int | IO[bytes]", stderr: "int | IO[bytes]") -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(  # noqa: S603 - a list of plain words, and no shell
            argv,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,  # a Ctrl-C is for irkit, which waits for a change under way
        )
    except OSError as error:
        raise TargetError(f"{argv[0]} cannot be run here: {error.strerror}", Refusal.UNSUPPORTED) from error


def _communicate(process: "subprocess.Popen[bytes]", name: str, deadline: Deadline) -> tuple[bytes, bytes]:
    """What a process says to its end, looking now and then whether it is still to go on. Raises TargetError."""
    end = time.monotonic() + deadline.remaining()
    while True:
        try:
            return process.communicate(timeout=min(_STEP, deadline.remaining()))
        except subprocess.TimeoutExpired as error:
            if time.monotonic() >= end:
                raise TargetError(f"{name} does not end", Refusal.TIMEOUT) from error


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(PermissionError):  # a process of root's, by sudo: its host ends it
        process.kill()


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process, and wait for that as long as it may take."""
    _kill(process)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=_LAST_WAIT)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _terminate(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(PermissionError):
        process.terminate()


def _abandon(process: "subprocess.Popen[bytes]") -> None:
    """End a process that nobody listens to any more; one that sudo runs for us notices by its output."""
    for stream in (process.stdout, process.stdin):
        if stream is not None:
            stream.close()
    # Asked first: what was started to end another one in time (timeout) then ends it now.
    for end, patience in ((_terminate, _MOMENT), (_kill, _LAST_WAIT)):
        end(process)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return


def _fill(process: "subprocess.Popen[bytes]", buffer: memoryview, deadline: Deadline) -> int:
    """Put what came into the buffer; 0 at the end. Raises TargetError."""
    output = process.stdout
    if output is None:
        return 0
    poll = select.poll()
    poll.register(output, select.POLLIN)
    if not poll.poll(deadline.remaining() * 1000):
        raise TargetError("the command says nothing, and does not end", Refusal.TIMEOUT)
    count = os.readv(output.fileno(), [buffer])
    deadline.remaining()
    return count
