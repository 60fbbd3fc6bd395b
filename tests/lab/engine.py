"""A container engine for the lab: one of its own in a network namespace of its own, or else the machine's.

Starts, asks, hangs, restarts and stops the engine. What an engine leaves behind is `leftovers`' subject, images and
containers are `images`' and `suspects`'.
"""

import atexit
import contextlib
import itertools
import json
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from . import leftovers, processes
from .engine_api import Answer, ask
from .sweeping import sweep
from .tools import LabError, clean_environment, last_words, run, tool

__all__ = ["LABEL", "Engine", "LabError", "adopted_engine", "machine_engine", "start_engine", "sweep"]

LABEL = "irkit.lab"
READY_SECONDS = 60
SOCKET_PATH_MAX = 107  # what the kernel takes
MACHINE_SOCKETS = ("/var/run/docker.sock", "/run/docker.sock")
# Engines up to 24 keep the key that their id comes from in /etc/docker: each shall have an id of its own.
OWN_SETTINGS = 'mkdir -p /etc/docker "$0"; mount --bind "$0" /etc/docker; exec "$@"'
_numbers = itertools.count(1)


@dataclass
class Engine:
    """An engine to make suspects in. `own` says that it is the lab's, so that all in it may go."""

    socket: Path
    root: Path
    namespace: str
    own: bool
    lab_id: str
    owner: int = field(default_factory=os.getpid)  # only the process that started an engine stops it
    stopped: bool = False
    frozen: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)  # of the engine's environment
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    images: dict[str, object] = field(default_factory=dict, repr=False)  # of what each derived one was made, and its id

    @property
    def host(self) -> str:
        """What DOCKER_HOST must say."""
        return f"unix://{self.socket}"

    @property
    def log(self) -> Path:
        return self.root / "dockerd.log"

    def environment(self) -> dict[str, str]:
        """For a command that shall work on this engine."""
        told = {"DOCKER_HOST": self.host, "IRKIT_LAB_NAMESPACE": self.namespace}
        told |= {"IRKIT_LAB_ROOT": str(self.root), "IRKIT_LAB_ID": self.lab_id}
        return clean_environment(told)

    def docker_argv(self, *args: str) -> list[str]:
        return [tool("docker"), "-H", self.host, *args]

    def docker_environment(self) -> dict[str, str]:
        """The command line's, with a configuration of its own and the builder that needs no plugin."""
        return clean_environment({"DOCKER_CONFIG": str(self.root / "cli"), "DOCKER_BUILDKIT": "0"})

    def docker(
        self, *args: str, input: bytes | None = None, check: bool = True, timeout: float = 60
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the docker command line on this engine."""
        argv = self.docker_argv(*args)
        return run(argv, input=input, check=check, timeout=timeout, env=self.docker_environment())

    def inspect(self, name: str) -> dict[str, Any]:
        """What the engine says about a container."""
        found: dict[str, Any] = self.ask("GET", f"/containers/{quote(name, safe='')}/json").json
        return found

    def ask(self, method: str, path: str, *, check: bool = True, timeout: float = 60) -> Answer:
        """One request of the engine's interface: a tenth of the work that the docker command line makes."""
        return ask(self.socket, method, path, check=check, timeout=timeout)

    def in_namespace(self, argv: Sequence[str]) -> list[str]:
        """The command, run where container addresses and published ports can be reached."""
        if not self.own:
            return list(argv)
        return [tool("nsenter"), f"--net={leftovers.NETNS / self.namespace}", *argv]

    def ping(self, timeout: float = 20) -> bool:
        """True where the engine answers."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(timeout)
                connection.connect(str(self.socket))
                connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: lab\r\n\r\n")
                return connection.makefile("rb").read().endswith(b"OK")
        except OSError:
            return False

    def pid(self) -> int:
        """The engine's process."""
        found = leftovers.daemons(self.root, ("dockerd",)) if self.own else set()
        if not found:
            raise LabError("the engine's process is not the lab's, or it has ended")
        return min(found)

    def freeze(self) -> None:
        """Make the engine hang: it takes connections and never answers. Containers go on."""
        processes.stop(self.pid())
        self.frozen = True

    def thaw(self) -> None:
        if self.frozen:
            processes.send(self.pid(), signal.SIGCONT)
            self.frozen = False

    def restart(self, *, kill: bool = False) -> None:
        """End the engine (or kill it) and start it again on the same directories."""
        self.thaw()
        processes.end([self.pid()], grace=0 if kill else 20)
        self._reap()
        processes.wait_gone(leftovers.daemons(self.root, ("containerd",)), processes.PATIENCE)
        # A dead containerd that nobody reaps looks alive to the engine, which would wait for it in vain.
        for stale in (self.socket, self.root / "exec" / "containerd" / "containerd.pid"):
            stale.unlink(missing_ok=True)
        self.launch()

    def launch(self) -> None:
        """Start the engine's process and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=clean_environment(self.variables),
                cwd="/",
                start_new_session=True,  # a Ctrl-C is for us, not for the engine
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self.ping():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise LabError(f"the engine did not start: {last_words(self.log.read_bytes())}")
            time.sleep(0.05)

    def _command(self) -> list[str]:
        # unshare and not `ip netns exec`, which would hide the control groups.
        daemon = [tool("dockerd"), "--config-file", f"{self.root}/daemon.json", "--data-root", f"{self.root}/data"]
        daemon += ["--exec-root", f"{self.root}/exec", "--pidfile", f"{self.root}/docker.pid", "-H", self.host]
        return self.in_namespace(
            [tool("unshare"), "--mount", "/bin/sh", "-ec", OWN_SETTINGS, f"{self.root}/etc", *daemon]
        )

    def _reap(self) -> None:
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=5)

    def stop(self) -> None:
        """Remove all that the lab made, and the engine too where it is the lab's. Stopping twice is fine."""
        if self.stopped or os.getpid() != self.owner:
            return
        self.stopped = True
        atexit.unregister(self.stop)
        if self.own:
            self._stop_own()
        else:
            remove_labelled(self)
            leftovers.remove_directory(self.root)

    def _stop_own(self) -> None:
        # A living engine ends its containers in good order; a dead or hung one is taken down without its help.
        with contextlib.suppress(LabError):
            self.thaw()
            if self.ping(timeout=2):
                remove_containers(self, [])
        left = leftovers.take_down(_record(self))
        self._reap()
        if left:
            raise LabError(f"the lab could not remove {', '.join(left)}")


def _ids(engine: Engine, *query: str) -> list[str]:
    return engine.docker(*query, "-q", timeout=20).stdout.decode("ascii").split()


def remove_containers(engine: Engine, filters: Sequence[str]) -> None:
    if found := _ids(engine, "ps", "--all", *filters):
        engine.docker("rm", "--force", "--volumes", *found, check=False, timeout=60)


def remove_labelled(engine: Engine) -> None:
    """Remove what carries this lab's label, and nothing else."""
    filters = ["--filter", f"label={LABEL}={engine.lab_id}"]
    remove_containers(engine, filters)
    for kind in ("network", "volume", "image"):
        if found := _ids(engine, kind, "ls", *filters):
            forced = ["--force"] if kind == "image" else []
            engine.docker(kind, "rm", *forced, *dict.fromkeys(found), check=False)


def _record(engine: Engine) -> leftovers.Record:
    ticks = processes.start_ticks(engine.owner) or 0
    return leftovers.Record(name=engine.namespace, root=str(engine.root), owner=engine.owner, owner_ticks=ticks)


def _fresh_root(root: Path | None) -> Path:
    made = Path(tempfile.mkdtemp(prefix="irkit-lab-")) if root is None else root
    made.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = made.resolve()
    if any(made.iterdir()):
        raise LabError(f"{made} is not empty, and all of it would be removed in the end")
    longest = f"{made}/exec/containerd/containerd.sock.ttrpc"
    if len(os.fsencode(longest)) > SOCKET_PATH_MAX:
        made.rmdir()
        raise LabError(f"{made} is too long a path for sockets: set TMPDIR to a shorter one")
    (made / "cli").mkdir()
    return made


def _make_namespace() -> str:
    name = f"irkit-lab-{os.getpid()}-{next(_numbers)}"
    run([tool("ip"), "netns", "add", name])
    run([tool("ip"), "-n", name, "link", "set", "lo", "up"])
    return name


def own_engine(
    root: Path | None,
    settings: Mapping[str, object],
    variables: Mapping[str, str] | None = None,
    make: Callable[..., Engine] = Engine,
) -> Engine:
    """Start an engine of the lab's own; all of it goes if it does not come up."""
    namespace = _make_namespace()
    try:
        place = _fresh_root(root)
    except LabError:
        leftovers.remove_namespace(namespace)
        raise
    engine = make(
        place / "docker.sock", place, namespace, own=True, lab_id=secrets.token_hex(4), variables=variables or {}
    )
    _record(engine).save()
    atexit.register(engine.stop)
    try:
        (place / "daemon.json").write_text(json.dumps(dict(settings)), encoding="utf-8")
        engine.launch()
    except BaseException:  # also Ctrl-C: nothing of it may stay
        engine.stop()
        raise
    return engine


def machine_engine() -> Engine | None:
    """The engine that the machine has, if it answers on a local socket."""
    named = os.environ.get("DOCKER_HOST", "")
    candidates = [named.removeprefix("unix://")] if named else list(MACHINE_SOCKETS)
    for path in candidates:
        place = Path(tempfile.mkdtemp(prefix="irkit-lab-"))
        engine = Engine(Path(path), place, "", own=False, lab_id=secrets.token_hex(4))
        if path.startswith("/") and engine.ping():
            (place / "cli").mkdir()
            atexit.register(engine.stop)
            return engine
        place.rmdir()
    return None


def adopted_engine() -> Engine | None:
    """The engine of `python -m tests.lab exec`, inside of it; stopping it is left to that command."""
    told = {name: os.environ.get(f"IRKIT_LAB_{name}", "") for name in ("NAMESPACE", "ROOT", "ID")}
    host = os.environ.get("DOCKER_HOST", "")
    if not (told["ROOT"] and told["ID"] and host.startswith("unix://")):
        return None
    path = Path(host.removeprefix("unix://"))
    return Engine(path, Path(told["ROOT"]), told["NAMESPACE"], bool(told["NAMESPACE"]), told["ID"], owner=0)


@contextlib.contextmanager
def start_engine(
    root: Path | None = None,
    settings: Mapping[str, object] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Engine]:
    """An engine while the block runs. `settings` is dockerd's configuration file, `variables` go to its environment."""
    sweep()
    try:
        if os.geteuid() != 0:
            raise LabError("an engine of the lab's own needs root, and no engine answers on a local socket")
        engine = own_engine(root, settings or {}, variables)
    except LabError:
        # Only where namespaces can't be made: an engine that fails to start is a fault to be seen.
        found = None if _namespaces_work() else machine_engine()
        if found is None:
            raise
        engine = found
    try:
        yield engine
    finally:
        engine.stop()


def _namespaces_work() -> bool:
    """True for root where the kernel gives it a network namespace."""
    return os.geteuid() == 0 and run([tool("unshare"), "--net", "true"], check=False).returncode == 0
