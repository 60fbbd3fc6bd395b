"""Commands on a host, over an SSH connection: few, read-only, and made of plain words only.

A login shell reads the line before the command runs, whatever shell that is: so a word is of letters that no shell
takes for anything else, and what the shell prints by itself is told apart from what the command prints by a mark.
"""

import contextlib
import os
import re
import time
from collections.abc import Generator, Iterator, Sequence
from typing import Final

from irkit.adapters.ssh_channel import ChannelWire, SshChannel
from irkit.adapters.ssh_link import Link
from irkit.adapters.ssh_open import open_exec
from irkit.adapters.ssh_refused import ChannelRefusedError
from irkit.adapters.ssh_transport import STEP, WINDOW
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, Ran
from irkit.core.text import safe

_PLAIN: Final = re.compile(r"[A-Za-z0-9/_.@+:=-]{1,200}")
_NOISE: Final = 64 * 1024
"""Bytes that a login shell may print before its command runs."""
_OUTPUT: Final = 64 * 1024
_WINDOW: Final = 1 << 18
_SAID: Final = 160
_PIECE: Final = 1 << 20
_FEW, _GATHER = 256 * 1024, 0.002


class CommandError(TargetError):
    """A command that did not begin; `said` is the last line of what was printed instead. Foreign text made safe."""

    def __init__(self, reason: str, kind: Refusal, said: str) -> None:
        self.said = said
        super().__init__(f"{reason}{': ' + said if said else ''}", kind)


def open_command(link: Link, argv: Sequence[str], window: int, deadline: Deadline) -> ChannelWire:
    """A command under way, everything before its own output skipped. Raises ChannelRefusedError, TargetError.

    Raises ValueError for a word that is not plain: that is a mistake of ours.
    """
    for word in argv:
        if not _PLAIN.fullmatch(word):
            raise ValueError(f"{word!r} is no plain word")
    link.tally.command(argv)
    mark = f"irkit-{os.urandom(8).hex()}"
    wire = ChannelWire(open_exec(link.transport, f"echo {mark} && exec {' '.join(argv)}", window, deadline))
    wire.channel.ends_command = link.settings.user != "root"  # for root sshd does not do it, and logs that it was asked
    try:
        _skip_to(wire, mark.encode() + b"\n", deadline)
    except TargetError:
        wire.close()
        raise
    return wire


def _skip_to(wire: ChannelWire, mark: bytes, deadline: Deadline) -> None:
    """Read up to the mark and not a byte further. Raises TargetError."""
    seen, one = bytearray(), memoryview(bytearray(1))
    while not seen.endswith(mark):
        if not _read(wire, one, deadline) or len(seen) > _NOISE:
            said = last_words(wire.channel) or _last_line(seen.decode("utf-8", "replace"))
            raise CommandError("the host runs something else than it was asked for", Refusal.UNSUPPORTED, said)
        seen += one


def _read(wire: ChannelWire, buffer: memoryview, deadline: Deadline) -> int:
    """What came of a command; 0 at its end. Raises TargetError."""
    end = time.monotonic() + deadline.remaining()
    while (left := min(STEP, deadline.remaining(), end - time.monotonic())) > 0:
        wire.settimeout(left)
        try:
            return wire.recv_into(buffer)
        except TimeoutError:
            continue
        except OSError as error:
            deadline.remaining()
            raise TargetError(f"the command was lost: {error}", Refusal.LOST) from error
    raise TargetError("the command says nothing, and does not end", Refusal.TIMEOUT)


def last_words(channel: SshChannel) -> str:
    """The last line of what a command said on its standard error, made safe."""
    return _last_line(channel.error_text())


def _last_line(text: str) -> str:
    lines = [line for line in text.split("\n") if line.strip()]
    return safe(lines[-1].strip(), _SAID) if lines else ""


def run_command(
    link: Link, argv: Sequence[str], deadline: Deadline, *, input: bytes = b"", limit: int = _OUTPUT
) -> Ran:
    """A command to its end, given `input`. Raises TargetError, also where the host does not run commands."""
    with _under_way(link, argv, _WINDOW, deadline) as wire:
        _send(wire, input, deadline)
        out, buffer = bytearray(), memoryview(bytearray(16 * 1024))
        while count := _read(wire, buffer, deadline):
            out += buffer[:count]
            if len(out) > limit:
                raise TargetError(f"{argv[0]} says more than {limit} bytes", Refusal.GARBLED)
        return Ran(_status(wire, deadline), out.decode("utf-8", "replace"), wire.channel.error_text())


def stream_command(link: Link, argv: Sequence[str], deadline: Deadline) -> Generator[memoryview, None, Ran]:
    """What a command prints, as it comes, and then how it ended. Raises TargetError."""
    with _under_way(link, argv, WINDOW, deadline) as wire:
        buffer = memoryview(bytearray(_PIECE))
        while count := _read(wire, buffer, deadline):
            yield buffer[:count]
            if count < _FEW:  # each wait costs this process's threads a turn: what comes meanwhile is taken in one go
                time.sleep(_GATHER)
        return Ran(_status(wire, deadline), "", wire.channel.error_text())


@contextlib.contextmanager
def _under_way(link: Link, argv: Sequence[str], window: int, deadline: Deadline) -> Iterator[ChannelWire]:
    """A command, which ends with what is done with it. Raises TargetError where the host does not run commands."""
    try:
        wire = open_command(link, argv, window, deadline)
    except ChannelRefusedError as error:
        raise TargetError("the host does not run commands", Refusal.UNSUPPORTED) from error
    forget = deadline.on_cancel(wire.cancel)
    try:
        yield wire
    finally:
        forget()
        wire.close()


def _status(wire: ChannelWire, deadline: Deadline) -> int:
    """The status that a command ended with, once it has."""
    while not wire.channel.status_event.wait(min(STEP, deadline.remaining())):
        pass
    if wire.channel.was_lost:
        raise TargetError("the command was lost", Refusal.LOST)
    return wire.channel.exit_status


def _send(wire: ChannelWire, data: bytes, deadline: Deadline) -> None:
    """All of a command's input, and its end. Raises TargetError."""
    if not data:
        return
    wire.settimeout(deadline.remaining())
    try:
        wire.sendall(data)
        wire.channel.shutdown_write()
    except TimeoutError as error:
        raise TargetError("the command does not read what it is given", Refusal.TIMEOUT) from error
    except OSError as error:
        if not wire.channel.status_event.is_set() and not wire.channel.eof_received:
            deadline.remaining()
            raise TargetError(f"the command was lost: {error}", Refusal.LOST) from error
