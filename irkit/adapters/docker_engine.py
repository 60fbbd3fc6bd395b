"""A target over a container engine's API: what is asked for each operation is in `engine_handlers`."""

from __future__ import annotations  # the handlers, and the operations they know, are loaded at the first operation

import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from irkit.adapters.engine_facts import container_of
from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.engine_list import summaries_of
from irkit.adapters.engine_wire import Dial
from irkit.adapters.tally import Tally, counting
from irkit.core.container import SHORT_ID
from irkit.core.errors import Refusal, TargetError
from irkit.core.text import safe

if TYPE_CHECKING:
    from irkit.adapters.engine_firewall import Firewall
    from irkit.adapters.engine_handlers import Handler
    from irkit.adapters.host_files import LocalFiles
    from irkit.adapters.host_side import Knock
    from irkit.adapters.log_stream import LogRecord
    from irkit.core.container import Container, Summary
    from irkit.core.engine_event import EngineEvent
    from irkit.core.footprint import Footprint
    from irkit.core.host import Host
    from irkit.core.host_check import HostFacts
    from irkit.core.kernel import KernelFacts
    from irkit.core.network import NetworkFacts
    from irkit.core.operations import BlockTraffic, Operation
    from irkit.core.ports import Clock, Deadline, HostCommands, HostFiles, Intake, Outcome

_NO_FILES = "its engine is reached by TCP, which is no way to the host's files"
_NO_COMMANDS = "its engine is reached by TCP, which is no way to run commands on it"


class DockerEngine:
    """The live way to one host's engine. Streams go over `bulk` where it is given, so that they delay nothing else."""

    notes: Sequence[str] = ()

    def __init__(
        self,
        host: Host,
        dial: Dial,
        clock: Clock,
        *,
        bulk: Dial | None = None,
        repeats: bool = False,
        commands: HostCommands | None = None,
        files: HostFiles | None = None,
        knock: Knock | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._host, self._clock = host, clock
        self._tally = tally or Tally()
        self._api = EngineApi(dial, repeats=repeats, tally=self._tally)
        self._bulk = EngineApi(bulk, repeats=repeats, like=self._api) if bulk else self._api
        self._given_commands, self._given_files, self._given_knock = commands, files, knock
        self._own_files: LocalFiles | None = None
        self._opening = threading.Lock()

    @property
    def host(self) -> Host:
        """The host it reaches."""
        return self._host

    def connect(self, deadline: Deadline) -> None:
        """Nothing: every request has a connection of its own."""

    def close(self) -> None:
        """Let go of the files; no connection outlives its request."""
        files, self._own_files = self._own_files, None
        if files is not None:
            files.close()

    def identify(self, deadline: Deadline) -> str:
        """The ID that the engine keeps for as long as its data; empty where it has none that lasts."""
        from irkit.adapters.engine_identity import engine_id  # noqa: PLC0415

        return engine_id(self._api, deadline)

    def ping(self, deadline: Deadline) -> None:
        """Ask whether it is there."""
        self._api.read("/_ping", deadline)

    def check_engine(self, deadline: Deadline) -> HostFacts:
        """What the engine tells of itself; for one on this machine, as much as `check`: no command is needed there."""
        return self.check(deadline)

    def check(self, deadline: Deadline) -> HostFacts:
        """What the engine tells of itself, and for one on this machine, what the machine tells."""
        from irkit.adapters.engine_identity import engine_facts  # noqa: PLC0415
        from irkit.adapters.local_facts import with_local_facts  # noqa: PLC0415

        facts = engine_facts(self._api, self._host, self._clock, deadline)
        return with_local_facts(facts) if self._host.reach == "local" else facts

    def list_containers(self, deadline: Deadline) -> list[Summary]:
        """All containers, running or not, in one request, without sizes: those make the engine walk every file."""
        return summaries_of(self._api.read("/containers/json", deadline, all="1"), self._host.name)

    def examine(self, container: str, deadline: Deadline) -> Container:
        """The facts of a container, by full id, as they are now.

        An engine takes an id that it does not know for a name: that of another container, if one was named so.
        """
        body = self._api.read(f"/containers/{part(container)}/json", deadline)
        found = container_of(body, self._host.name, podman=self._api.is_podman(deadline))
        if found.id != container:
            told = f"container {safe(container, 80)} is gone, and another has its id for a name: {found.id[:SHORT_ID]}"
            raise TargetError(told, Refusal.ABSENT)
        return found

    def examine_network(self, network: str, deadline: Deadline) -> NetworkFacts:
        """The facts of a network, by name or id."""
        from irkit.adapters.engine_networks import examine_network  # noqa: PLC0415 - loads the operations

        return examine_network(self._api, network, deadline)

    def see_kernel(self, container: Container, deadline: Deadline) -> KernelFacts | None:
        """What the kernel of this machine shows of a container; of another machine's there is nothing to read here."""
        if self._host.reach != "local":
            return None
        from irkit.adapters.kernel_facts import see_kernel  # noqa: PLC0415

        with counting(self._tally):
            return see_kernel(self._files, container, deadline)

    def check_rules(self, operation: BlockTraffic, container: Container, deadline: Deadline) -> str | None:
        """What is not there any more of the rules that were put in for it."""
        return self._firewall.check(operation, container, deadline)

    def watch(self, since: str, deadline: Deadline) -> Iterator[EngineEvent]:
        """The engine's events as they come, over the connection for streams."""
        from irkit.adapters.engine_watch import watch  # noqa: PLC0415 - a hold alone needs it

        return watch(self._bulk, since, deadline)

    def follow_logs(
        self, container: str, deadline: Deadline, *, tty: bool, tail: int, since: str = "", ends: bool = False
    ) -> Iterator[list[LogRecord]]:
        """A container's log as it is written, over the connection for streams."""
        from irkit.adapters.engine_follow import follow_logs  # noqa: PLC0415 - screens alone need it

        return follow_logs(self._bulk, container, deadline, tty=tty, tail=tail, since=since, ends=ends)

    def why_no_root(self, deadline: Deadline) -> str:
        """Why what needs root on the host cannot be done there, in one line; empty where it can."""
        return self._commands.why_not(deadline)

    def why_no_files(self, deadline: Deadline) -> str:
        """Why the host's files cannot be read as root, in one line; empty where they can."""
        from irkit.adapters.host_side import why_no_files  # noqa: PLC0415

        with counting(self._tally):
            return why_no_files(self._files, deadline)

    def footprint(self) -> Footprint:
        """What was asked of the host so far."""
        return self._tally.footprint()

    @property
    def _files(self) -> HostFiles:
        """The files of the host: those of this machine where its engine is here."""
        from irkit.adapters.host_files import LocalFiles  # noqa: PLC0415 - a list needs none
        from irkit.adapters.host_side import NoFiles  # noqa: PLC0415

        if self._given_files is not None:
            return self._given_files
        if self._host.reach != "local":
            return NoFiles(_NO_FILES)
        with self._opening:
            if self._own_files is None:
                self._own_files = LocalFiles()
            return self._own_files

    @cached_property
    def _commands(self) -> HostCommands:
        from irkit.adapters.host_commands import LocalCommands, NoCommands  # noqa: PLC0415 - few runs need them

        if self._given_commands is not None:
            return self._given_commands
        return LocalCommands(self._tally) if self._host.reach == "local" else NoCommands(_NO_COMMANDS)

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        """Carry out one operation."""
        api = self._bulk if operation.bulk and operation.touch == "read" else self._api
        with counting(self._tally):
            return self._handlers[type(operation)](api, operation, intake, deadline)

    @cached_property
    def _handlers(self) -> dict[type[Operation], Handler]:
        from irkit.adapters.engine_handlers import handlers  # noqa: PLC0415
        from irkit.adapters.engine_reach import knock_from_here  # noqa: PLC0415
        from irkit.adapters.host_side import HostSide, no_knock  # noqa: PLC0415

        is_here = self._host.reach == "local"
        knock = self._given_knock or (knock_from_here if is_here else no_knock)
        return handlers(HostSide(self._clock, self._commands, self._files, knock, is_here), self._firewall)

    @cached_property
    def _firewall(self) -> Firewall:
        from irkit.adapters.engine_firewall import Firewall  # noqa: PLC0415

        return Firewall(self._commands)
