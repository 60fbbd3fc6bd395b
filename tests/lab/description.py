"""What the lab can put into an engine, described: networks and suspects. Making them is `suspects`' work."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

State = Literal["running", "paused", "exited", "restarting", "created"]


@dataclass(frozen=True)
class Network:
    """A network of the lab's."""

    name: str
    subnet: str | None = None
    internal: bool = False
    subnet6: str | None = None
    driver: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Attach:
    """A suspect's place in a network: one made by the lab, `bridge`, `host`, `none` or `container:NAME`."""

    network: str
    ipv4: str | None = None
    ipv6: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Suspect:
    """A container to be investigated. Its main process is a script that does what is described here.

    `stdout` and `stderr` are written as they stand: a line ends only where a newline is given. `command` replaces
    the script, and with it all that the script would have done.
    """

    name: str
    networks: tuple[Attach, ...] = ()
    volumes: Mapping[str, str] = field(default_factory=dict)  # name: path in the container
    binds: Mapping[str, str] = field(default_factory=dict)  # path of the machine: path in the container, perhaps `:ro`
    pid: str = ""  # whose processes it sees: `host`, or those of another container
    user: str = ""
    tmpfs: tuple[str, ...] = ()
    publish: Mapping[int, int] = field(default_factory=dict)  # host port: container port
    listener: int | None = None
    outbound: tuple[str, int] | None = None
    changed: Mapping[str, bytes] = field(default_factory=dict)
    deleted: tuple[str, ...] = ()
    hostile_files: bool = False
    hostile_sparse: bool = False
    stdout: tuple[bytes, ...] = ()
    stderr: tuple[bytes, ...] = ()
    deleted_executable: bool = False
    restart: str = "no"
    auto_remove: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    tty: bool = False
    command: tuple[str, ...] | None = None
    state: State = "running"
    privileged: bool = False
    capabilities: tuple[str, ...] = ()  # added to the usual ones
    dropped: tuple[str, ...] = ()  # capabilities taken from the usual ones
    log_driver: str | None = None
    log_options: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None  # what to build on, in place of the base image
    limits: Mapping[str, int] = field(default_factory=dict)  # as in `irkit.core.container.Limits`
