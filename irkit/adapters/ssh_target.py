"""A target on a host that is reached by SSH: its engine over connections that are kept up, and made again where lost.

Two connections at most, as a rule: one for what must not wait, and a second for streams once there is one, as a stream
in the same connection would delay a containment (docs/benchmarks.md). Reads are sent again after a lost connection; a
change never is: whether it took hold is for the runner to find out.
"""

import threading
import time
from collections.abc import Iterator
from typing import Final

import msgspec

from irkit.adapters.docker_engine import DockerEngine
from irkit.adapters.engine_wire import Channel
from irkit.adapters.log_stream import LogRecord
from irkit.adapters.sftp_files import SftpFiles
from irkit.adapters.ssh_channel import ChannelWire
from irkit.adapters.ssh_files import open_sftp
from irkit.adapters.ssh_host_commands import SshCommands
from irkit.adapters.ssh_host_key import PORT
from irkit.adapters.ssh_knock import SshKnock
from irkit.adapters.ssh_line import KEY_STATES, Line, Trust
from irkit.adapters.ssh_link import Link
from irkit.adapters.ssh_refused import ChannelRefusedError
from irkit.adapters.ssh_routes import CommandRoute, Route, find_route
from irkit.adapters.ssh_transport import FAR, FAR_WINDOW, SMALL_WINDOW, STEP, WINDOW
from irkit.adapters.ssh_way import Ways
from irkit.core.container import Container, Summary
from irkit.core.engine_event import EngineEvent
from irkit.core.errors import HostState, Refusal, TargetError, UnreachableError
from irkit.core.footprint import Footprint
from irkit.core.host import Host
from irkit.core.host_check import HostFacts
from irkit.core.kernel import KernelFacts
from irkit.core.network import NetworkFacts
from irkit.core.operations import BlockTraffic, Operation
from irkit.core.ports import Clock, Deadline, Intake, Outcome
from irkit.core.text import safe

ALONE = 60.0
"""Seconds for which a host that refused a second connection is not asked for one again."""
_UNHEARD: Final = 5.0
"""Seconds of silence after which a connection on which nothing was opened in time counts as lost."""
_NOTE: Final = 300
_ATTEMPTS: Final = 3


class SshTarget:
    """The live way to the engine of a host that is reached by SSH. Threads may share it.

    `notes` are what a responder should know of how it is reached.
    """

    def __init__(self, host: Host, ways: Ways, clock: Clock) -> None:
        self._host = host
        self._trust = trust = Trust()
        self._control = Line(host, ways, trust)
        # Whoever has logged in once is not asked again for what is only to be faster.
        self._bulk = Line(host, ways.without_asking(), trust)
        self._session = Line(host, ways.without_asking(), trust)
        self._alone_until = 0.0
        self._route: Route | None = None
        self._window, self._round_trip = WINDOW, 0.0
        self._routing = threading.Lock()
        self.notes: list[str] = []
        self.files = SftpFiles(self._open_sftp, trust.tally)
        self._commands = SshCommands(self._command_link, self._stream_link)
        self._engine = DockerEngine(
            host,
            self._dial_control,
            clock,
            bulk=self._dial_bulk,
            repeats=True,
            commands=self._commands,
            files=self.files,
            tally=trust.tally,
            knock=SshKnock(self._command_link, time.monotonic),
        )

    @property
    def host(self) -> Host:
        """The host; once it was reached, with its key's fingerprint and the way to its engine."""
        return self._host

    @property
    def engine(self) -> DockerEngine:
        """Its engine, once it was reached."""
        return self._engine

    def connect(self, deadline: Deadline) -> None:
        """Reach the host and its engine, unless that was done. Raises UnreachableError, UsageError.

        Raises TargetError where the run was told to stop. What the responder is asked for on the way takes the time
        that they take.
        """
        if self._route is not None:
            return
        try:
            while not self._routing.acquire(timeout=min(STEP, deadline.remaining())):
                pass
            try:
                if self._route is None:
                    self._keep_reaching(deadline)
            finally:
                self._routing.release()
        except TargetError as error:
            if error.kind not in (Refusal.TIMEOUT, Refusal.LOST):
                raise
            raise UnreachableError(error.reason) from error

    def _keep_reaching(self, deadline: Deadline) -> None:
        """Reach it; where the connection is cut right after the login, a few times."""
        for _ in range(_ATTEMPTS):
            try:
                self._reach(deadline)
            except TargetError as error:
                if error.kind is not Refusal.LOST:
                    raise
            else:
                return
        name = safe(self._host.name, 100)
        raise UnreachableError(f"{name}: the connection was cut each time the way to its engine was looked for")

    def _reach(self, deadline: Deadline) -> None:
        link = self._control.link(deadline)
        self._round_trip = link.transport.round_trip(deadline)
        self._window = FAR_WINDOW if self._round_trip > FAR else WINDOW
        route = find_route(self._host, link, deadline)
        self.notes += link.notes
        settings = link.settings
        self._host = msgspec.structs.replace(
            self._host,
            address=settings.host_name,  # a bundle must tell where it was, and not what this configuration calls it
            port=settings.port or PORT,
            user=settings.user,
            jump=self._host.jump or ",".join(settings.proxy_jump),
            host_key=link.fingerprint,
            route=route.label,
        )
        self._route = route
        self._trust.was_reached = True

    def list_containers(self, deadline: Deadline) -> list[Summary]:
        """All containers, running or not, in one request."""
        return self._engine.list_containers(deadline)

    def examine(self, container: str, deadline: Deadline) -> Container:
        """The facts of a container, by full id, as they are now."""
        return self._engine.examine(container, deadline)

    def examine_network(self, network: str, deadline: Deadline) -> NetworkFacts:
        """The facts of a network, by name or id."""
        return self._engine.examine_network(network, deadline)

    def see_kernel(self, container: Container, deadline: Deadline) -> KernelFacts | None:
        """What the host's kernel shows of a container, read by SFTP; None where the host has none for us."""
        from irkit.adapters.kernel_facts import see_kernel  # noqa: PLC0415 - a change alone needs it

        try:
            return see_kernel(self.files, container, deadline)
        except TargetError as error:
            if error.kind is Refusal.UNSUPPORTED:
                return None
            raise

    def check_rules(self, operation: BlockTraffic, container: Container, deadline: Deadline) -> str | None:
        """What is not there any more of the rules that were put in for it."""
        return self._engine.check_rules(operation, container, deadline)

    def why_no_root(self, deadline: Deadline) -> str:
        """Why what needs root on the host cannot be done there, in one line; empty where it can."""
        return self._commands.why_not(deadline)

    def why_no_files(self, deadline: Deadline) -> str:
        """Why the host's files cannot be read as root, in one line; empty where they can."""
        return self._engine.why_no_files(deadline)

    def footprint(self) -> Footprint:
        """What was asked of the host so far."""
        return self._trust.tally.footprint()

    def watch(self, since: str, deadline: Deadline) -> Iterator[EngineEvent]:
        """The engine's events as they come, over the connection for streams."""
        return self._engine.watch(since, deadline)

    def follow_logs(
        self, container: str, deadline: Deadline, *, tty: bool, tail: int, since: str = "", ends: bool = False
    ) -> Iterator[list[LogRecord]]:
        """A container's log as it is written, over the connection for streams."""
        return self._engine.follow_logs(container, deadline, tty=tty, tail=tail, since=since, ends=ends)

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        """Carry out one operation; streams go over a connection of their own."""
        return self._engine.apply(operation, intake, deadline)

    def identify(self, deadline: Deadline) -> str:
        """The ID that the engine keeps for as long as its data."""
        return self._engine.identify(deadline)

    def ping(self, deadline: Deadline) -> None:
        """Ask its engine whether it is there."""
        self._engine.ping(deadline)

    def check_engine(self, deadline: Deadline) -> HostFacts:
        """What the engine tells of itself, and the space that is left by SFTP, where the host has that for us."""
        self.connect(deadline)
        facts = self._engine.check(deadline)
        folder = facts.data_folder.encode("utf-8", "surrogateescape") or b"/"
        try:
            free, _ = self.files.free_space(folder, deadline)
        except TargetError as error:
            if error.kind in (Refusal.TIMEOUT, Refusal.CANCELLED):
                raise
            return facts
        return msgspec.structs.replace(facts, free_bytes=free)

    def check(self, deadline: Deadline) -> HostFacts:
        """What the engine and the host tell of themselves."""
        from irkit.adapters.ssh_check import with_host_facts  # noqa: PLC0415 - a check alone needs it

        self.connect(deadline)
        facts = self._engine.check(deadline)
        return with_host_facts(facts, self._host, self._control.link(deadline), self.files, deadline)

    def close(self) -> None:
        """End the connections, and whatever waits for them; waits for nothing itself."""
        for line in (self._control, self._bulk, self._session):
            line.close()

    # The connections:

    def _dial_control(self, deadline: Deadline) -> Channel:
        return self._dial(self._control, SMALL_WINDOW, deadline)

    def _dial_bulk(self, deadline: Deadline) -> Channel:
        self.connect(deadline)
        return self._dial(self._second(self._bulk, deadline), self._window, deadline)

    def _second(self, line: Line, deadline: Deadline) -> Line:
        """A connection beside the first, or the first where the host has no second one for us."""
        if time.monotonic() < self._alone_until:
            return self._control
        try:
            line.link(deadline)
        except UnreachableError as error:
            if error.state in KEY_STATES or not self._answers(deadline):
                raise
            self._alone_until = time.monotonic() + ALONE
            self._note(f"streams share one connection, as a second was refused: {error.reason}")
            return self._control
        return line

    def _answers(self, deadline: Deadline) -> bool:
        """Whether the first connection works, so that it is the second alone that fails.

        One that was lost too is not waited for: that would be the second's wait for a lost host once more.
        """
        link = self._control.standing
        try:
            return link is not None and link.transport.round_trip(deadline) >= 0
        except TargetError:
            return False

    def _note(self, text: str) -> None:
        if text[:_NOTE] not in self.notes:
            self.notes.append(text[:_NOTE])

    def _open_sftp(self, deadline: Deadline) -> ChannelWire:
        """A session for the files; where a session is what the engine is reached by, on a connection of its own."""
        self.connect(deadline)
        is_command = isinstance(self._route, CommandRoute)
        line = self._second(self._session if is_command else self._bulk, deadline)
        sudo = self._host.sudo or (isinstance(self._route, CommandRoute) and self._route.is_root)
        return open_sftp(
            line.link(deadline), deadline, sudo=sudo and self._host.user != "root", round_trip=self._round_trip
        )

    def _command_link(self, deadline: Deadline) -> Link:
        """The connection for commands: the first, but where its sessions are what the engine is reached by."""
        self.connect(deadline)
        is_command = isinstance(self._route, CommandRoute)
        return (self._second(self._session, deadline) if is_command else self._control).link(deadline)

    def _stream_link(self, deadline: Deadline) -> Link:
        """The connection for commands that print much: beside what must not wait."""
        self.connect(deadline)
        is_command = isinstance(self._route, CommandRoute)
        return self._second(self._session if is_command else self._bulk, deadline).link(deadline)

    def _dial(self, line: Line, window: int, deadline: Deadline) -> Channel:
        """A stream to the engine. Nothing has been asked yet: where the connection turns out lost, it is made again."""
        self.connect(deadline)
        for _ in range(2):
            link = line.link(deadline)
            try:
                return self._open(link, window, deadline)
            except TargetError as error:
                if error.kind is Refusal.TIMEOUT:
                    if link.transport.silence > _UNHEARD:
                        line.drop(link)
                    raise UnreachableError(f"there is no way to the engine now: {error.reason}") from error
                if error.kind is not Refusal.LOST:
                    raise
                line.drop(link)
        raise UnreachableError("the SSH connection is lost each time it is made")

    def _open(self, link: Link, window: int, deadline: Deadline) -> Channel:
        if self._route is None:
            raise UnreachableError("the host was not reached")
        try:
            return self._route.open(link, window, deadline)
        except ChannelRefusedError as error:
            reason = f"the host does not open the way to its engine any more: {self._route.label}, code {error.code}"
            raise UnreachableError(reason, HostState.NO_ENGINE) from error
