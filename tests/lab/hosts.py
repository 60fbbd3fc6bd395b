"""Lab hosts: machines as SSH sees them, each with its own network, users, sudo rules, sshd and perhaps engine.

What a test can do with a host that runs. Making one is `host_start`'s work, out of `links` (wires), `accounts` (users),
`host_space` (mounts) and `sshd`; removing what is left of it is that of `host_leftovers`.
A host has no clock of its own, for Linux namespaces have none: `engine_clock_offset` puts a proxy before the engine's
socket that shifts what the engine says of the time, and `zone` sets the time zone of the engine and of sessions.
"""

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import host_leftovers, processes
from .accounts import DOCKER_GID, User, home_folder
from .counting import LONG
from .engine import Engine
from .host_space import Space
from .links import Link
from .sshd import Sshd
from .tools import LabError

__all__ = ["LabHost", "User"]

SSHD_NAMES = {"sshd", "sshd-session", "sshd-auth"}


@dataclass(eq=False)
class LabHost:
    """A host. Reach it at `address` and `port` with `client_key`, as any of its users."""

    name: str
    mark: str
    root: Path
    link: Link
    space: Space
    sshd: Sshd
    users: tuple[User, ...]
    client_key: Path
    socket: str
    engine: Engine | None
    source: Path | None  # what is shown at `socket`: the engine's socket, or the one of a proxy before it
    stack: contextlib.ExitStack
    owner: int = field(default_factory=os.getpid)

    @property
    def address(self) -> str:
        return self.link.inner.address

    @property
    def namespace(self) -> str:
        """The network namespace, which is the engine's where there is one."""
        return self.link.inner.namespace

    @property
    def port(self) -> int:
        return self.sshd.port

    @property
    def host_keys(self) -> dict[str, str]:
        """Key type and public line, without a comment."""
        return dict(self.sshd.host_keys)

    def known_hosts_line(self, key_type: str = "ssh-ed25519", name: str = "", port: int = 0, marker: str = "") -> str:
        """A line of known_hosts for one key of this host, or for where a proxy shows it."""
        place, door = name or self.address, port or self.port
        shown = place if door == 22 else f"[{place}]:{door}"
        return " ".join(part for part in (marker, shown, self.host_keys[key_type]) if part)

    def known_hosts_lines(self, name: str = "", port: int = 0) -> list[str]:
        return [self.known_hosts_line(key_type, name, port) for key_type in self.host_keys]

    def home(self, user: str) -> Path:
        """A user's home, as seen from outside of the host."""
        return home_folder(self.root, self._user(user))

    def _user(self, name: str) -> User:
        for user in self.users:
            if user.name == name:
                return user
        raise LabError(f"{self.name} has no user {name}")

    def run(self, *argv: str, check: bool = True, input: bytes | None = None) -> bytes:
        """Run a command on the host as root, without SSH; what it wrote to standard output."""
        return self.space.run(*argv, check=check, input=input).stdout

    def restart_sshd(self, *, tail: str | None = None, keep_sessions: bool = False, **options: str | None) -> None:
        """Start sshd anew with these options besides the ones it has; None takes one away. Sessions end by default."""
        self.sshd.stop()
        if not keep_sessions:
            self.end_sessions()
        self.sshd.options.update(options)
        self.sshd.tail = self.sshd.tail if tail is None else tail
        self.sshd.start()

    def new_host_key(self, *types: str) -> None:
        """Give the host new keys (all, or those of these types), and start sshd anew."""
        self.sshd.make_host_keys(types or tuple(self.host_keys))
        self.restart_sshd()

    def link_down(self) -> None:
        """Lose every frame from now on, both ways, with no sign to either side."""
        self.link.set_up(False)

    def link_up(self) -> None:
        self.link.set_up(True)

    def show_socket(self) -> None:
        """Show the engine's socket; to be called again after the engine was started anew, for the socket is another."""
        if self.source is not None:
            os.chown(self.source, 0, DOCKER_GID)
            self.space.show_file(self.source, self.socket)

    def session_pids(self) -> set[int]:
        """One process for each connection that sshd serves, such as are still logging in too."""
        listener = self.sshd.process.pid if self.sshd.process else 0
        serving = {pid for pid in self._sshd_pids() if pid != listener}
        return {pid for pid in serving if processes.parent(pid) not in serving}

    def _sshd_pids(self) -> set[int]:
        return {pid for pid in host_leftovers.processes_of(self.mark) if processes.command(pid) in SSHD_NAMES}

    def sessions(self) -> int:
        """How many connections sshd serves."""
        return len(self.session_pids())

    def end_sessions(self) -> None:
        """Kill the processes of all connections, as a crash would: TCP is closed by the kernel."""
        listener = self.sshd.process.pid if self.sshd.process else 0
        processes.end(self._sshd_pids() - {listener}, grace=0)

    def processes(self, word: str) -> dict[int, list[str]]:
        """Processes of the host with this word (a program or an argument) on their command line, and the line."""
        found = {}
        for pid in host_leftovers.processes_of(self.mark):
            argv = processes.arguments(pid)
            if processes.alive(pid) and any(word in (part, Path(part).name) for part in argv):
                found[pid] = argv
        return found

    def wait_sessions(self, wanted: int, timeout: float = LONG) -> int:
        """Wait until sshd serves so many connections; how many it serves."""
        _wait(lambda: self.sessions() == wanted, timeout)
        return self.sessions()

    def wait_no_processes(self, word: str, timeout: float = LONG) -> dict[int, list[str]]:
        """Wait until no process has this word; those that have it even then."""
        _wait(lambda: not self.processes(word), timeout)
        return self.processes(word)

    def log(self) -> str:
        """All that sshd has written."""
        return self.sshd.log()

    def stop(self) -> None:
        """Remove all of the host, and its engine where it came with it. Stopping twice is fine."""
        if os.getpid() == self.owner:
            self.stack.close()


def _wait(reached: Callable[[], bool], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not reached() and time.monotonic() < deadline:
        time.sleep(0.02)
