"""Commands of this machine, run as root: directly where irkit is, else by `sudo -n`. Over SSH: `ssh_host_commands`.

What is run is in the modules named `firewall_` and in `engine_firewall`: cat, grep, id, ip, nft, nsenter, readlink, ss
and tc, where nft is of no use iptables, ip6tables and ebtables; in `memory_reading`: dd (docs/adr/0022).
"""

import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from irkit.adapters.host_process import run_process, stream_process
from irkit.adapters.tally import Tally
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, HostCommands, Ran
from irkit.core.text import safe

NOT_FOUND: Final = 127
_PLAIN: Final = re.compile(r"[A-Za-z0-9/_.@+:=-]{1,200}")
_SAID: Final = 160
_KNOWN: Final = (
    ("a password is required", "sudo wants a password"),
    ("not allowed to", "sudo does not allow it"),
    ("not in the sudoers", "sudo does not allow it"),
    ("may not run", "sudo does not allow it"),
    ("must have a tty", "sudo wants a terminal"),
)
SUDO: Final = ("sudo", "-n")
_TIME_WAS_UP: Final = (124, 137)
"""How `timeout` ends where it ended a command, and where it had to kill it."""


class Sudo:
    """How a command is run as root by one who is not: with its time told to the host, as nobody else may end it there.

    A rule of sudo may allow the commands alone, without `timeout` before them: that is noticed, and kept to.
    """

    def __init__(self) -> None:
        self._is_plain = False

    def run(self, words: Sequence[str], deadline: Deadline, go: Callable[[Sequence[str]], Ran]) -> Ran:
        """A command to its end; `go` runs what it is given as it stands. Raises TargetError, also where time was up."""
        if not self._is_plain:
            seconds = str(math.ceil(deadline.remaining()))
            ran = go((*SUDO, "timeout", "-k", "1", seconds, *words))
            if not _is_refused(ran):
                if ran.status in _TIME_WAS_UP:
                    raise TargetError(f"{words[0]} does not end", Refusal.TIMEOUT)
                return checked(ran, words, sudo=True)
        ran = go((*SUDO, *words))
        self._is_plain = self._is_plain or not _is_refused(ran)
        return checked(ran, words, sudo=True)


def _is_refused(ran: Ran) -> bool:
    """Whether sudo itself said no, or that there is no such command."""
    return bool(ran.status) and any(line.startswith(("sudo:", "Sorry, user")) for line in ran.err.split("\n"))


class LocalCommands:
    """Commands of this machine. `tally` counts them."""

    def __init__(self, tally: Tally | None = None) -> None:
        self._tally = tally or Tally()
        self._sudo = Sudo()

    def run(self, argv: Sequence[str], deadline: Deadline, *, input: bytes = b"") -> Ran:
        """A command to its end."""
        words = check_words(argv)
        if os.geteuid() == 0:
            return checked(self._run(words, deadline, input), words, sudo=False)
        return self._sudo.run(words, deadline, lambda asked: self._run(asked, deadline, input))

    def _run(self, asked: Sequence[str], deadline: Deadline, data: bytes) -> Ran:
        self._tally.command(asked)
        return run_process(asked, deadline, data)

    def stream(
        self, argv: Sequence[str], deadline: Deadline, *, told: Callable[[str], None] | None = None
    ) -> Iterator[memoryview]:
        """What a command prints, as it comes."""
        words = check_words(argv)
        is_root = os.geteuid() == 0
        asked = words if is_root else (*SUDO, *words)
        self._tally.command(asked)
        return stream_process(asked, deadline, lambda ran: check_end(ran, words, sudo=not is_root, told=told))

    def why_not(self, deadline: Deadline) -> str:
        """Why there is no root here; empty where there is. Where irkit itself is root, no command has to tell."""
        return "" if os.geteuid() == 0 else why_not(self, deadline)


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
    if sudo and _is_refused(ran):
        known = next((meaning for text, meaning in _KNOWN if text in ran.err), "")
        raise TargetError(f"root is had by sudo only, and {known or last_line(ran.err)}", Refusal.UNSUPPORTED)
    return ran


def is_missing(error: TargetError) -> bool:
    """Whether an error of a command says that the host has none of that name."""
    said = error.reason.startswith("there is no ") or error.reason.endswith(
        "cannot be run here: No such file or directory"
    )
    return error.kind is Refusal.UNSUPPORTED and said


def _named(argv: Sequence[str]) -> str:
    """The command that is missing: what nsenter was to run, or else the first word."""
    return argv[argv.index("-n") + 1] if argv[0] == "nsenter" and "-n" in argv else argv[0]


def last_line(text: str) -> str:
    """The last line that says something, made safe."""
    lines = [line for line in text.split("\n") if line.strip()]
    return safe(lines[-1].strip(), _SAID) if lines else ""


def check_end(ran: Ran, argv: Sequence[str], *, sudo: bool, told: Callable[[str], None] | None) -> None:
    """Hand on what a command that was read from said beside; raises TargetError where it did not end well."""
    checked(ran, argv, sudo=sudo)
    if ran.status:
        said = last_line(ran.err)
        raise TargetError(f"{argv[0]} ended with {ran.status}{': ' + said if said else ''}", Refusal.REFUSED)
    if told is not None:
        told(ran.err)
