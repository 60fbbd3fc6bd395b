"""Making suspects, networks and sinks in an engine, and removing all of them again.

What they are is in `description`, what runs in them in `script`. Both are offered from here too.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

from . import processes
from .description import Attach, Network, State, Suspect
from .engine import LABEL, Engine
from .engine_api import NO_SUCH
from .images import base_image, derived_image
from .script import LISTENER_ANSWER, READY, SINK_DIRECTORY, script, sink_script
from .tools import LabError

__all__ = ["LISTENER_ANSWER", "Attach", "Lab", "Network", "State", "Suspect"]

SCRIPT = "app/run.sh"
BUILT_IN = ("bridge", "host", "none")
SHARED = "container:"
WAIT_SECONDS = 60
RESTARTS = 3
MAKER = "runc:["
"""What a process is called that is to become a container's first."""
PIECE = 16 * 1024
"""Bytes of a line that an engine keeps as one record."""


class Lab:
    """Makes things in one engine under names with a prefix, and removes what it made."""

    def __init__(self, engine: Engine, prefix: str = "") -> None:
        self.engine = engine
        self.prefix = prefix
        self._made: dict[str, list[str]] = {"container": [], "network": [], "volume": []}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clean()

    def name(self, name: str) -> str:
        """What the engine calls a thing of this lab's."""
        return f"{self.prefix}{name}"

    def network_name(self, name: str) -> str:
        if name in BUILT_IN:
            return name
        if name.startswith(SHARED):
            return SHARED + self.name(name.removeprefix(SHARED))
        return self.name(name)

    def network(self, network: Network) -> str:
        """Make a network; its id."""
        options = ["--internal"] if network.internal else []
        options += ["--driver", network.driver] if network.driver else []
        options += _each("--opt", [f"{key}={value}" for key, value in network.options.items()])
        if network.subnet:
            options += ["--subnet", network.subnet]
        if network.subnet6:
            options += ["--ipv6", "--subnet", network.subnet6]
        return self._create("network", *options, self.name(network.name))

    def make(self, suspect: Suspect) -> str:
        """Make a suspect, wait until it has done its work and bring it to its state; its id."""
        for volume in suspect.volumes:
            self._create("volume", self.name(volume))
        first, *others = suspect.networks or (Attach("bridge"),)
        container = self._create(
            "container", *self._options(suspect, first), self._image(suspect), *self._said(suspect)
        )
        for attach in others:
            where = self.network_name(attach.network)
            self.engine.docker("network", "connect", *_place(attach, "--alias"), where, container)
        self._bring(container, suspect)
        return container

    def sink(self, name: str, network: str, ipv4: str | None, port: int) -> str:
        """A container that takes TCP connections and keeps what it is sent; its id."""
        # Not a shell's argument but a file, as with the suspects.
        image = derived_image(self.engine, f"irkit-lab/sink-{port}:1", {SCRIPT: sink_script(port)}, _interpreter())
        where = ["--network", self.network_name(network), *(["--ip", ipv4] if ipv4 else [])]
        container = self._create("container", "--name", self.name(name), *where, image)
        self._do("start", container)
        self._wait(container, "ready", lambda: self._ready(container))
        return container

    def received_data(self, name: str) -> bytes:
        """All that a sink has been sent so far."""
        return self.engine.docker(
            "exec", self.name(name), "sh", "-c", f"cat {SINK_DIRECTORY}/* 2>/dev/null || :"
        ).stdout

    def received(self, name: str) -> int:
        """How many bytes a sink has been sent so far."""
        return len(self.received_data(name))

    def wait_received(self, name: str, more_than: int = 0, timeout: float = WAIT_SECONDS) -> int:
        """Wait until a sink has more than so many bytes; how many it has."""
        deadline = time.monotonic() + timeout
        while (count := self.received(name)) <= more_than:
            if time.monotonic() > deadline:
                raise LabError(f"{name} has {count} bytes after {timeout:g} s, not more than {more_than}")
            time.sleep(0.1)
        return count

    def wait_silence(self, name: str) -> int:
        """Wait until a sink has got nothing more for a second; how many bytes it has. What was on its way may come."""
        deadline, count = time.monotonic() + WAIT_SECONDS, self.received(name)
        while True:
            time.sleep(1)
            before, count = count, self.received(name)
            if count == before:
                return count
            if time.monotonic() > deadline:
                raise LabError(f"{name} gets more and more: {count} bytes by now")

    def remove(self, name: str) -> None:
        """Remove a container of the lab's; one that is gone already is as good."""
        self._remove("container", self.name(name))

    def clean(self) -> None:
        """Remove all that this lab made: containers, networks, volumes."""
        self.engine.thaw()
        faults = []
        for kind, made in self._made.items():
            for thing in reversed(made):
                try:
                    self._remove(kind, thing)
                except LabError as error:
                    faults.append(str(error))
            made.clear()
        if faults:
            raise LabError("; ".join(faults))

    def _remove(self, kind: str, thing: str) -> None:
        forced = {"container": "?force=1&v=1", "network": "", "volume": "?force=1"}[kind]
        done = self.engine.ask("DELETE", f"/{kind}s/{thing}{forced}", check=False)
        if not done.ok and "has active endpoints" in done.said:
            self._wait_until(f"network {thing} has no endpoints", lambda: self._freed(thing))
            return
        if not done.ok and "already in progress" in done.said:  # one that removes itself
            self._wait_until(f"{thing} is removed", lambda: not self._exists(thing))
            return
        if not done.ok and done.status != NO_SUCH:
            raise LabError(f"{kind} {thing} could not be removed: {done.said}")

    def _freed(self, network: str) -> bool:
        """Take a network from what it still has: an engine that was broken off in a connect keeps an endpoint of a
        container that is gone. True once it could be removed.
        """
        found = self.engine.ask("GET", f"/networks/{network}", check=False)
        for one in found.json["Containers"].values() if found.ok else ():
            self.engine.docker("network", "disconnect", "--force", network, one["Name"], check=False)
        done = self.engine.ask("DELETE", f"/networks/{network}", check=False)
        return done.ok or done.status == NO_SUCH

    def _create(self, kind: str, *args: str) -> str:
        label = ["--label", f"{LABEL}={self.engine.lab_id}"]
        made = self.engine.docker(kind, "create", *label, *args).stdout.decode("utf-8").strip()
        self._made[kind].append(made)
        return made

    def _image(self, suspect: Suspect) -> str:
        base = suspect.image or base_image(self.engine)
        if suspect.command is not None:
            return base
        # A file in an image: neither the process list nor the container's changes show what the lab has done.
        tag = f"irkit-lab/{self.name(suspect.name).lower()}:1"
        return derived_image(self.engine, tag, {SCRIPT: script(suspect)}, _interpreter(), base)

    def _said(self, suspect: Suspect) -> Sequence[str]:
        return suspect.command or ()

    def _options(self, suspect: Suspect, first: Attach) -> Iterator[str]:
        restart = "always" if suspect.state == "restarting" else suspect.restart
        yield from ("--name", self.name(suspect.name), "--restart", restart)
        yield from ("--network", self.network_name(first.network), *_place(first, "--network-alias"))
        for wanted, option in (
            (suspect.auto_remove, "--rm"),
            (suspect.tty, "--tty"),
            (suspect.privileged, "--privileged"),
        ):
            if wanted:
                yield option
        yield from _limits(suspect.limits)
        if suspect.log_driver:
            yield from ("--log-driver", suspect.log_driver)
        yield from _each("--log-opt", (f"{key}={value}" for key, value in suspect.log_options.items()))
        yield from _each("--cap-add", suspect.capabilities)
        yield from _each("--cap-drop", suspect.dropped)
        yield from _each("--volume", (f"{self.name(name)}:{path}" for name, path in suspect.volumes.items()))
        yield from _each("--volume", (f"{outer}:{inner}" for outer, inner in suspect.binds.items()))
        yield from _each("--pid", filter(None, (suspect.pid,)))
        yield from _each("--user", filter(None, (suspect.user,)))
        yield from _each("--tmpfs", suspect.tmpfs)
        yield from _each("--publish", (f"{outer}:{inner}" for outer, inner in suspect.publish.items()))
        yield from _each("--label", (f"{key}={value}" for key, value in suspect.labels.items()))
        yield from _each("--env", (f"{key}={value}" for key, value in suspect.env.items()))

    def _bring(self, container: str, suspect: Suspect) -> None:
        """From created to the state wanted, by way of running and ready."""
        if suspect.state == "created":
            return
        self._do("start", container)
        if suspect.state == "restarting":
            self._wait(container, "restarting", lambda: self._restarting(container))
            return
        if suspect.command is None:
            self._wait(container, "ready", lambda: self._ready(container))
            if wanted := logged(suspect):
                self._wait(container, "done talking", lambda: self._logged(container) >= wanted)
        else:
            self._wait(container, "begun", lambda: self._begun(container))
        if suspect.state == "paused":
            self._do("pause", container)
        elif suspect.state == "exited":
            self._do("stop?t=5", container)

    def _do(self, what: str, container: str) -> None:
        self.engine.ask("POST", f"/containers/{container}/{what}")

    def _restarting(self, container: str) -> bool:
        # The engine waits twice as long each time: after a few rounds the state stays long enough to be looked at.
        found = self.engine.inspect(container)
        return bool(found["State"]["Status"] == "restarting" and found["RestartCount"] >= RESTARTS)

    def _ready(self, container: str) -> bool:
        shown = self.engine.ask("GET", f"/containers/{container}/top?ps_args=-eo%20pid,args", check=False)
        return shown.ok and READY.encode("ascii") in shown.raw

    def _begun(self, container: str) -> bool:
        """Whether its program runs, and not what the engine makes it from. Who is frozen will not begin any more."""
        state = self.engine.inspect(container)["State"]
        return not state["Running"] or state["Paused"] or not processes.command(state["Pid"]).startswith(MAKER)

    def _logged(self, container: str) -> int:
        """How many bytes of its log the engine has by now: it takes them in after they were written."""
        done = self.engine.docker("logs", container)
        return len(done.stdout + done.stderr)

    def _exists(self, container: str) -> bool:
        return self.engine.ask("GET", f"/containers/{container}/json", check=False).ok

    def _wait(self, container: str, what: str, reached: Callable[[], bool]) -> None:
        try:
            self._wait_until(f"{container[:12]} is {what}", reached)
        except LabError as error:
            raise LabError(f"{error}: {json.dumps(self.engine.inspect(container)['State'])}") from error

    def _wait_until(self, what: str, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not reached():
            if time.monotonic() > deadline:
                raise LabError(f"waited {WAIT_SECONDS} s in vain until {what}")
            time.sleep(0.03)


def logged(suspect: Suspect) -> int:
    """How many bytes of what it says an engine has in the end, at least; 0 where that is not known."""
    if suspect.log_options or suspect.log_driver not in (None, "json-file", "local"):
        return 0
    said = [b"".join(chunks) for chunks in (suspect.stdout, suspect.stderr)]
    said = [one[: one.rfind(b"\n") + 1] for one in said]  # what ends no line is kept once nothing more can come
    if suspect.log_driver == "local":  # which forgets the ends of lines that come in pieces
        return sum(len(one) - sum(len(line) > PIECE for line in one.split(b"\n")) for one in said)
    # Kept as text, and no other bytes; a terminal makes two bytes of the end of a line.
    return sum(len(one.decode("utf-8", "replace").encode()) + suspect.tty * one.count(b"\n") for one in said)


def _limits(wanted: Mapping[str, int]) -> Iterator[str]:
    """The options that make a container with such limits."""
    if cpus := wanted.get("nano_cpus"):
        yield f"--cpus={cpus / 10**9:g}"
    options = {"cpu_quota": "--cpu-quota", "cpu_period": "--cpu-period", "memory": "--memory"}
    for name, option in (options | {"memory_swap": "--memory-swap", "pids": "--pids-limit"}).items():
        if name in wanted:
            yield f"{option}={wanted[name]}"


def _interpreter() -> list[str]:
    return ["/bin/sh", f"/{SCRIPT}"]


def _place(attach: Attach, alias_option: str) -> Iterator[str]:
    if attach.ipv4:
        yield from ("--ip", attach.ipv4)
    if attach.ipv6:
        yield from ("--ip6", attach.ipv6)
    yield from _each(alias_option, attach.aliases)


def _each(option: str, values: Sequence[str] | Iterator[str]) -> Iterator[str]:
    for value in values:
        yield from (option, value)
