"""The way to one host: which adapter reaches it. Where many are reached at once is `fleet`'s concern."""

from __future__ import annotations  # see the imports for types only, below

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from irkit.core.errors import UsageError
from irkit.core.ports import Target

if TYPE_CHECKING:
    from irkit.adapters.log_stream import LogRecord
    from irkit.adapters.ssh_link import Ways
    from irkit.app.setting import Setting
    from irkit.core.host import Host
    from irkit.core.host_check import HostFacts
    from irkit.core.ports import Ask, Clock, Deadline


class HostTarget(Target, Protocol):
    """A target with what is done to it beside operations. All but `close` raise TargetError.

    `notes` are what a responder should know of how it was reached.
    """

    @property
    def notes(self) -> Sequence[str]: ...

    def connect(self, deadline: Deadline) -> None:
        """Reach the host, unless that was done; `host` tells from then on how. Raises UnreachableError, UsageError."""
        ...

    def close(self) -> None:
        """Let go of all connections. May be called twice, and while another thread connects or waits."""
        ...

    def identify(self, deadline: Deadline) -> str:
        """The ID that the engine keeps for as long as its data, or empty."""
        ...

    def ping(self, deadline: Deadline) -> None:
        """Ask its engine whether it is there, which costs next to nothing."""
        ...

    def check_engine(self, deadline: Deadline) -> HostFacts:
        """What the engine tells of itself, and how much space is left: no command is run on the host."""
        ...

    def check(self, deadline: Deadline) -> HostFacts:
        """What the engine and its host tell of themselves."""
        ...

    def follow_logs(
        self, container: str, deadline: Deadline, *, tty: bool, tail: int, since: str = "", ends: bool = False
    ) -> Iterator[list[LogRecord]]:
        """The last `tail` records of a container's log, by full id, and all that come, until the engine ends it.

        `since` leaves out those before: a duration before now by the host's clock, such as 10m, or a time. Where it
        `ends`, only those there are so far.
        """
        ...


class Opener(Protocol):
    """What makes a target of a host; nothing is connected yet. Raises UsageError."""

    def __call__(self, host: Host) -> HostTarget: ...


class Reach:
    """Opens targets by how their hosts are reached; those reached by SSH share what the responder is asked for."""

    def __init__(self, setting: Setting, clock: Clock, ask: Ask | None) -> None:
        self._setting, self._clock, self._ask = setting, clock, ask

    def __call__(self, host: Host) -> HostTarget:
        """The target. Raises UsageError."""
        match host.reach:
            case "local":
                from irkit.adapters.docker_engine import DockerEngine
                from irkit.adapters.engine_address import DEFAULT_SOCKET
                from irkit.adapters.engine_wire import dial_unix

                return DockerEngine(host, dial_unix(host.socket or DEFAULT_SOCKET), self._clock)
            case "tcp":
                from irkit.adapters.docker_engine import DockerEngine
                from irkit.adapters.engine_tls import dial_tcp

                return DockerEngine(host, dial_tcp(host), self._clock)
            case "ssh":
                from irkit.adapters.ssh_target import SshTarget

                return SshTarget(host, self.ways, self._clock)
            case other:
                raise UsageError(f"host {host.name!r}: there is no way of reaching it called {other!r}")

    def ask_again(self) -> None:
        """What the responder declined to tell may be asked once more, and their SSH configuration is read anew."""
        if "ways" in vars(self):
            self.ways.secrets.ask_again()
            self.ways.answers.clear()

    @cached_property
    def ways(self) -> Ways:
        """What all SSH connections of a verb share."""
        return ssh_ways(self._setting, self._ask)


def ssh_ways(setting: Setting, ask: Ask | None) -> Ways:
    """The responder's own SSH configuration, and how to ask for what it needs."""
    from irkit.adapters.ssh_link import Ways
    from irkit.adapters.ssh_secrets import Secrets

    return Ways(setting.environment, setting.home, setting.ssh_config, Secrets(ask))
