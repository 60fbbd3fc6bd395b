"""Making a lab host: `with start_host(engine=engine, users=[User("root")]) as host:`. What it can do is in `hosts`."""

import atexit
import contextlib
import itertools
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from . import host_leftovers
from .accounts import User, write_accounts
from .clock_proxy import start_clock_proxy
from .engine import Engine, start_engine
from .host_space import Space, check_place
from .hosts import LabHost
from .leftovers import remove_directory, remove_namespace
from .links import Link, lay_link
from .sshd import KEY_TYPES, Options, Sshd, make_key, sftp_server
from .sweeping import sweep
from .tools import LabError, run, tool

__all__ = ["User", "start_host"]

DOCKER_SOCKET = "/run/docker.sock"
_numbers = itertools.count(1)


@dataclass(kw_only=True)
class HostPlan:
    """What a host shall be; a host while its block runs. LabError where it can't be had.

    `engine` is one that runs already (several hosts may show it), True for one of the host's own, None for none.
    `sshd` holds lines of its configuration, which win over the lab's, and `tail` lines behind all others (Match).
    `without` names programs that the host shall not have. `behind` is the only host that this one is reached from.
    `zone` and `engine_clock_offset` (seconds) are told in `hosts`.
    """

    name: str = "host"
    engine: Engine | bool | None = None
    users: Sequence[User] = (User("root"),)
    port: int = 22
    sshd: Options = field(default_factory=dict)
    tail: str = ""
    force_command: str = ""
    subsystem_sftp: bool = True
    docker_client: bool = True
    without: Sequence[str] = ()
    socket: str = DOCKER_SOCKET
    behind: LabHost | None = None
    client_key: Path | None = None
    host_key_types: Sequence[str] = tuple(KEY_TYPES)
    zone: str = ""
    engine_clock_offset: int = 0
    _host: LabHost | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> LabHost:
        self._host = make_host(self)
        return self._host

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._host is not None:
            self._host.stop()

    def hidden(self) -> tuple[str, ...]:
        """Programs that the host shall not have."""
        return (*self.without, *(() if self.docker_client else ("docker",)))

    def options(self) -> dict[str, str | Sequence[str] | None]:
        """The lines of sshd's configuration that are this host's."""
        lines: dict[str, str | Sequence[str] | None] = dict(self.sshd)
        if self.force_command:
            lines.setdefault("ForceCommand", self.force_command)
        if self.subsystem_sftp:
            lines.setdefault("Subsystem", f"sftp {sftp_server()}")
        if self.zone:
            lines.setdefault("SetEnv", f"TZ={self.zone}")
        passwords = any(user.password for user in self.users)
        lines.setdefault("PasswordAuthentication", "yes" if passwords else "no")
        return lines


start_host = HostPlan


def make_host(plan: HostPlan) -> LabHost:
    """Start a host that lives until it is stopped, or this process ends."""
    sweep()
    if os.geteuid() != 0:
        raise LabError("a host of the lab needs root: it is made of namespaces")
    with contextlib.ExitStack() as stack:
        host = _make(plan, stack)
        host.stack = stack.pop_all()
    atexit.register(host.stop)
    host.stack.callback(atexit.unregister, host.stop)
    return host


def _make(plan: HostPlan, stack: contextlib.ExitStack) -> LabHost:
    engine = _engine(plan, stack)
    mark = f"irkit-lab-{os.getpid()}-h{next(_numbers)}"
    root = _make_root(stack)
    link = _join(plan, engine, host_leftovers.HostRecord(name=mark, root=str(root)), stack)
    key = _write_users(plan, root)
    space = Space(mark, plan.name, root, link.inner.namespace, plan.hidden())
    stack.callback(space.close)
    sshd = Sshd(root, link.inner.address, plan.port, space.enter, plan.options(), plan.tail)
    stack.callback(sshd.give_keys_back)
    stack.callback(sshd.stop)
    sshd.make_host_keys(plan.host_key_types)
    host = LabHost(
        name=plan.name,
        mark=mark,
        root=root,
        link=link,
        space=space,
        sshd=sshd,
        users=tuple(plan.users),
        client_key=key,
        socket=plan.socket,
        engine=engine,
        source=_source(plan, engine, root, stack),
        stack=stack,
    )
    host.show_socket()
    sshd.start()
    return host


def _join(
    plan: HostPlan, engine: Engine | None, record: host_leftovers.HostRecord, stack: contextlib.ExitStack
) -> Link:
    """The wire to the host, into the engine's namespace or one of its own. All of it is on record before it is made."""
    record = replace(record, namespace="" if engine else record.name)
    record.save()
    stack.callback(record.forget)
    namespace = engine.namespace if engine else _make_namespace(record.name, stack)
    link = lay_link(plan.behind.namespace if plan.behind else "", namespace)
    end = link.outer
    record = replace(record, link_namespace=end.namespace, device=end.device, shield=link.shield)
    stack.callback(_take_down, record)
    record.save()
    return link


def _write_users(plan: HostPlan, root: Path) -> Path:
    """The host's users and the files that make them; the key that opens their accounts."""
    key = plan.client_key or root / "client_key"
    public = key.with_suffix(".pub").read_text(encoding="ascii") if plan.client_key else make_key(key)
    write_accounts(root, plan.name, plan.users, public)
    return key


def _engine(plan: HostPlan, stack: contextlib.ExitStack) -> Engine | None:
    if plan.engine is True:
        engine = stack.enter_context(start_engine(variables={"TZ": plan.zone} if plan.zone else None))
    elif not plan.engine:
        return None
    else:
        engine = plan.engine
    if not engine.namespace:
        raise LabError("a host of the lab needs an engine of the lab's own, in a network namespace")
    return engine


def _make_root(stack: contextlib.ExitStack) -> Path:
    root = Path(tempfile.mkdtemp(prefix="irkit-lab-")).resolve()
    stack.callback(remove_directory, root)
    check_place(root)
    for folder in ("homes/root", "homes/others"):
        (root / folder).mkdir(parents=True)
    return root


def _make_namespace(name: str, stack: contextlib.ExitStack) -> str:
    run([tool("ip"), "netns", "add", name])
    stack.callback(remove_namespace, name)
    run([tool("ip"), "-n", name, "link", "set", "lo", "up"])
    return name


def _source(plan: HostPlan, engine: Engine | None, root: Path, stack: contextlib.ExitStack) -> Path | None:
    """What the host shows as the engine's socket."""
    if engine is None:
        return None
    if not plan.engine_clock_offset:
        return engine.socket
    return stack.enter_context(start_clock_proxy(root / "engine.sock", engine.socket, plan.engine_clock_offset))


def _take_down(record: host_leftovers.HostRecord) -> None:
    if left := host_leftovers.take_down(record):
        raise LabError(f"the lab could not remove {', '.join(left)}")
