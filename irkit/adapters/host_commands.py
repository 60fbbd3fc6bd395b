"""Commands of this machine, run as root: directly where irkit is, else by `sudo -n`. Over SSH: `ssh_host_commands`.

What is run is in `firewall_place` and `engine_firewall`: cat, id, ip, nft, nsenter, readlink and ss (docs/adr/0022).
"""

import contextlib
import os
import re
import select
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Final

from irkit.adapters.tally import Tally
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, HostCommands, Ran
from irkit.core.text import safe

LIMIT: Final = 4 << 20
"""Bytes that a command may print."""
_PIECE: Final = 1 << 20
_MOMENT: Final = 0.5
_PATIENCE: Final = 5.0
NOT_FOUND: Final = 127
_PLAIN: Final = re.compile(r"[A-Za-z0-9/_.@+:=-]{1,200}")
_ENVIRONMENT: Final = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
_SAID: Final = 160
_KNOWN: Final = (
    ("a password is required", "sudo wants a password"),
    ("not allowed to", "sudo does not allow it"),
    ("not in the sudoers", "sudo does not allow it"),
    ("may not run", "sudo does not allow it"),
    ("must have a tty", "sudo wants a terminal"),
)
SUDO: Final = ("sudo", "-n")


class LocalCommands:
    """Commands of this machine. `tally` counts them."""

    def __init__(self, tally: Tally | None = None) -> None:
        self._tally = tally or Tally()

    def run(self, argv: Sequence[str], deadline: Deadline, *, input: bytes = b"") -> Ran:
        """A command to its end."""
        words = check_words(argv)
        is_root = os.geteuid() == 0
        self._tally.command(words if is_root else (*SUDO, *words))
        return checked(_run(words if is_root else (*SUDO, *words), deadline, input), words, sudo=not is_root)

    def stream(
        self, argv: Sequence[str], deadline: Deadline, *, told: Callable[[str], None] | None = None
    ) -> Iterator[memoryview]:
        """What a command prints, as it comes."""
        words = check_words(argv)
        is_root = os.geteuid() == 0
        self._tally.command(words if is_root else (*SUDO, *words))
        return _stream(words if is_root else (*SUDO, *words), words, deadline, told, sudo=not is_root)

    def why_not(self, deadline: Deadline) -> str:
        """Why there is no root here; empty where there is."""
        return why_not(self, deadline)


class NoCommands:
    """The commands of a host that there is no way to run any on."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def run(self, argv: Sequence[str], deadline: Deadline, *, input: bytes = b"") -> Ran:
        """None: raises TargetError."""
        raise TargetError(self._reason, Refusal.UNSUPPORTED)

    def stream(
        self, argv: Sequence[str], deadline: Deadline, *, told: Callable[[str], None] | None = None
    ) -> Iterator[memoryview]:
        """None: raises TargetError."""
        raise TargetError(self._reason, Refusal.UNSUPPORTED)

    def why_not(self, deadline: Deadline) -> str:
        """The reason."""
        return self._reason


def why_not(commands: HostCommands, deadline: Deadline) -> str:
    """Why commands do not run as root, found out by one that does nothing."""
    try:
        ran = commands.run(("id", "-u"), deadline)
    except TargetError as error:
        if error.kind is not Refusal.UNSUPPORTED:
            raise
        return error.reason
    return "" if ran.out.strip() == "0" else "commands do not run as root there"


def check_words(argv: Sequence[str]) -> tuple[str, ...]:
    """The words of a command, where they are plain ones. Raises ValueError: that is a mistake of ours."""
    for word in argv:
        if not _PLAIN.fullmatch(word):
            raise ValueError(f"{word!r} is no plain word")
    return tuple(argv)


def checked(ran: Ran, argv: Sequence[str], *, sudo: bool) -> Ran:
    """How a command ended, where it was run at all. Raises TargetError where sudo refused or a command is missing."""
    if ran.status == NOT_FOUND or (ran.status and "command not found" in ran.err):
        name = "sudo" if sudo and "sudo: command not found" in ran.err else _named(argv)
        raise TargetError(f"there is no {name} on the host", Refusal.UNSUPPORTED)
    if sudo and ran.status and any(line.startswith(("sudo:", "Sorry, user")) for line in ran.err.splitlines()):
        known = next((meaning for text, meaning in _KNOWN if text in ran.err), "")
        raise TargetError(f"root is had by sudo only, and {known or last_line(ran.err)}", Refusal.UNSUPPORTED)
    return ran


def _named(argv: Sequence[str]) -> str:
    """The command that is missing: what nsenter was to run, or else the first word."""
    return argv[argv.index("-n") + 1] if argv[0] == "nsenter" and "-n" in argv else argv[0]


def last_line(text: str) -> str:
    """The last line that says something, made safe."""
    lines = [line for line in text.splitlines() if line.strip()]
    return safe(lines[-1].strip(), _SAID) if lines else ""


def checked_end(ran: Ran, argv: Sequence[str], *, sudo: bool) -> None:
    """Raises TargetError where a command whose output was streamed did not end well."""
    checked(ran, argv, sudo=sudo)
    if ran.status:
        said = last_line(ran.err)
        raise TargetError(f"{argv[0]} ended with {ran.status}{': ' + said if said else ''}", Refusal.REFUSED)


def _begin(argv: Sequence[str], stderr: "int | IO[bytes]") -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(  # noqa: S603 - a list of plain words, and no shell
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,  # a Ctrl-C is for irkit, which waits for a change under way
        )
    except OSError as error:
        raise TargetError(f"{argv[0]} cannot be run here: {error.strerror}", Refusal.UNSUPPORTED) from error


def _stream(
    argv: Sequence[str],
    words: Sequence[str],
    deadline: Deadline,
    told: Callable[[str], None] | None,
    *,
    sudo: bool,
) -> Iterator[memoryview]:
    """What a process prints, to its end; it is ended where nobody wants more of it. Its errors go to a file."""
    buffer = memoryview(bytearray(_PIECE))
    with tempfile.TemporaryFile() as errors:
        process = _begin(argv, stderr=errors)
        forget = deadline.on_cancel(process.terminate)
        try:
            while count := _fill(process, buffer, deadline):
                yield buffer[:count]
            status = process.wait(deadline.remaining())
            errors.seek(0)
            said = errors.read(LIMIT).decode("utf-8", "replace")
            checked_end(Ran(status, "", said), words, sudo=sudo)
            if told is not None:
                told(said)
        except subprocess.TimeoutExpired as error:
            raise TargetError(f"{argv[0]} does not end", Refusal.TIMEOUT) from error
        finally:
            forget()
            _abandon(process)


def _abandon(process: "subprocess.Popen[bytes]") -> None:
    """End a process that nobody listens to any more; one that sudo runs for us notices by its output."""
    for stream in (process.stdout, process.stdin):
        if stream is not None:
            stream.close()
    # Asked first: what was started to end another one in time (timeout) then ends it now.
    for end, patience in ((process.terminate, _MOMENT), (process.kill, _PATIENCE)):
        with contextlib.suppress(PermissionError):
            end()
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


def _run(argv: Sequence[str], deadline: Deadline, data: bytes) -> Ran:
    """A process to its end, or killed where time is up or the run is told to stop."""
    process = _begin(argv, stderr=subprocess.PIPE)
    forget = deadline.on_cancel(process.kill)
    try:
        out, err = process.communicate(data, timeout=deadline.remaining())
    except subprocess.TimeoutExpired as error:
        raise TargetError(f"{argv[0]} does not end", Refusal.TIMEOUT) from error
    finally:
        forget()
        if process.poll() is None:
            process.kill()
            process.communicate()
    deadline.remaining()
    if len(out) > LIMIT:
        raise TargetError(f"{argv[0]} says more than {LIMIT} bytes", Refusal.GARBLED)
    return Ran(process.returncode, out.decode("utf-8", "replace"), err[:LIMIT].decode("utf-8", "replace"))
