"""A container as facts of one moment, and what is known of its network attachments.

Parsing an engine's answer into these is an adapter's work.

Thousands are kept, and new ones come all the time: nothing in them leads back to where it is kept, so none is gone
through for garbage (`gc=False`).
"""

import fnmatch

import msgspec

SHORT_ID = 12


class Attachment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A container's place on one network: enough to put it back exactly.

    `ipv4`, `ipv6` and `mac` are what the engine gave; the `fixed_` fields what was asked for, empty where the
    engine chose. `aliases` leaves out the short id that old engines add by themselves. `interface` and `default_route`
    (whether the IPv4 default route goes by it) are the kernel's word, empty where it was not asked.
    """

    network: str
    network_id: str = ""
    driver: str = ""
    ipv4: str = ""
    ipv6: str = ""
    mac: str = ""
    fixed_ipv4: str = ""
    fixed_ipv6: str = ""
    link_local: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    driver_options: dict[str, str] | None = None
    gateway_priority: int = 0
    interface: str = ""
    default_route: bool = False


class Mount(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A volume, bind mount or tmpfs of a container."""

    kind: str
    name: str = ""
    source: str = ""
    destination: str
    writable: bool = True


class Port(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A published port."""

    container_port: int
    protocol: str
    host_ip: str = ""
    host_port: int = 0


class RestartPolicy(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the engine does when the container ends."""

    name: str = "no"
    maximum_retries: int = 0


UNLIMITED = -1
"""A limit that is taken away."""
USUAL_PERIOD = 100_000
"""Microseconds of the period that a CPU quota is of, where none is told."""
_CPU = 10**9
_MEBIBYTE = 1024 * 1024


class Limits(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a container may use: CPU, memory and memory with swap in bytes, number of processes.

    CPU is told in billionths of a processor (`nano_cpus`), or else by a quota in microseconds of each `cpu_period`,
    whichever the container was made with: engines let nobody change from one to the other. As facts, 0 is no limit. As
    a wish, 0 is to leave it as it is, and UNLIMITED to take it away, which engines do for all but `nano_cpus`.
    """

    nano_cpus: int = 0
    cpu_quota: int = 0
    cpu_period: int = 0
    memory: int = 0
    memory_swap: int = 0
    pids: int = 0

    @property
    def processors(self) -> float:
        """How many processors' time it may use; 0 for no limit."""
        quota = max(self.cpu_quota, 0) / (self.cpu_period or USUAL_PERIOD)
        return max(self.nano_cpus, 0) / _CPU or quota

    def text(self) -> str:
        """In a few words, or empty."""
        cpu = UNLIMITED if UNLIMITED in (self.nano_cpus, self.cpu_quota) else self.processors
        parts = [
            cpu and _amount(cpu, "processors", "any number of processors"),
            self.memory and _amount(self.memory / _MEBIBYTE, "MiB of memory", "any amount of memory"),
            self.pids and _amount(self.pids, "processes", "any number of processes"),
        ]
        return ", ".join(part for part in parts if part)

    def are_met_by(self, found: "Limits") -> bool:
        """Whether these, as a wish, are so. Swap is not asked after: kernels need not count it."""
        return all(
            not wish or max(wish, 0) == max(have, 0)
            for wish, have in (
                (self.nano_cpus, found.nano_cpus),
                (self.cpu_quota, found.cpu_quota),
                (self.memory, found.memory),
                (self.pids, found.pids),
            )
        )

    def for_undo_of(self, wish: "Limits") -> "Limits":
        """The wish that takes that wish back, where these are what was found: only what it changes."""
        return Limits(
            nano_cpus=wish.nano_cpus and (self.nano_cpus or UNLIMITED),
            cpu_quota=wish.cpu_quota and (self.cpu_quota or UNLIMITED),
            cpu_period=self.cpu_period if wish.cpu_quota else 0,
            memory=wish.memory and (self.memory or UNLIMITED),
            memory_swap=wish.memory_swap and (self.memory_swap or UNLIMITED),
            pids=wish.pids and (self.pids or UNLIMITED),
        )


def _amount(value: float, unit: str, unlimited: str) -> str:
    return unlimited if value < 0 else f"{value:g} {unit}"


class Container(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Facts of one container at one moment. Every text in it is the engine's or the container's word.

    `restarts` is how often its engine started it again by itself. `shares_with_admin` says whether a container on the
    same network namespace has NET_ADMIN, as far as that was asked.
    """

    id: str
    name: str
    host: str
    image: str
    image_digest: str = ""
    state: str = "running"
    pid: int = 0
    created_at: str = ""
    started_at: str = ""
    attachments: tuple[Attachment, ...] = ()
    network_mode: str = "bridge"
    mounts: tuple[Mount, ...] = ()
    ports: tuple[Port, ...] = ()
    privileged: bool = False
    capabilities: tuple[str, ...] = ()
    security_options: tuple[str, ...] = ()
    namespaces: dict[str, str] = {}
    user: str = ""
    tty: bool = False
    log_driver: str = ""
    restart_policy: RestartPolicy = RestartPolicy()
    restarts: int = 0
    auto_remove: bool = False
    limits: Limits = Limits()
    health_check: bool = False
    labels: dict[str, str] = {}
    orchestrator: str = ""
    shares_with_admin: bool = False

    @property
    def key(self) -> str:
        """Host and full id: what identifies a container in plans, logs and screens."""
        return f"{self.host}/{self.id}"

    @property
    def shares_host_network(self) -> bool:
        """Whether it uses the host's own network, so that no disconnect can isolate it."""
        return self.network_mode == "host"

    @property
    def network_owner(self) -> str:
        """The id of the container whose network it shares, or empty."""
        mode, _, owner = self.network_mode.partition(":")
        return owner if mode == "container" else ""

    @property
    def has_net_admin(self) -> bool:
        """Whether a process in it may set up interfaces, addresses, routes and rules of its network namespace."""
        names = {name.upper().removeprefix("CAP_") for name in self.capabilities}
        return self.privileged or bool(names & {"NET_ADMIN", "ALL"})

    @property
    def may_change_network(self) -> bool:
        """Whether it may do so, or a container that shares its network namespace."""
        return self.has_net_admin or self.shares_with_admin

    def attachment(self, network: str) -> Attachment | None:
        """Its attachment to the network of that name, or None.

        An engine that refused to connect a live container lists the network all the same, with neither id nor address.
        """
        found = next((one for one in self.attachments if one.network == network), None)
        is_live = self.state in ("running", "paused")
        return None if found and is_live and not (found.network_id or found.ipv4 or found.ipv6) else found


class Summary(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a list of containers tells of one: no second request was made for it."""

    id: str
    name: str
    host: str
    image: str
    image_id: str = ""
    state: str
    status: str = ""
    created_at: str = ""
    networks: tuple[str, ...] = ()
    network_mode: str = ""
    ports: tuple[Port, ...] = ()
    labels: dict[str, str] = {}


def health(status: str) -> str:
    """What the engine's health check says, in the status of a list: `healthy`, `unhealthy`, or empty."""
    if "healthy)" not in status:
        return ""
    return next((word for word in ("unhealthy", "healthy") if f"({word})" in status), "")


def is_match(selector: str, one: Summary) -> bool:
    """Whether `all`, `name:GLOB`, `image:GLOB` or `label:KEY[=GLOB]` selects the container."""
    kind, _, pattern = selector.partition(":")
    if selector == "all":
        return True
    if kind == "name":
        return fnmatch.fnmatchcase(one.name, pattern)
    if kind == "image":
        return any(fnmatch.fnmatchcase(image, pattern) for image in (one.image, _without_tag(one.image)))
    key, has_value, value = pattern.partition("=")
    return key in one.labels and (not has_value or fnmatch.fnmatchcase(one.labels[key], value))


def _without_tag(image: str) -> str:
    """An image's name without tag and digest; the port of a registry (`host:5000/name`) is part of the name."""
    name = image.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return head if colon and "/" not in tag else name
