"""A container as facts of one moment, and what is known of its network attachments.

Parsing an engine's answer into these is an adapter's work.
"""

import fnmatch

import msgspec

STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
SHORT_ID = 12


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A container's place on one network: enough to put it back exactly.

    `ipv4`, `ipv6` and `mac` are what the engine gave; the `fixed_` fields what was asked for, empty where the
    engine chose. `aliases` leaves out the short id that old engines add by themselves.
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


class Mount(msgspec.Struct, frozen=True, kw_only=True):
    """A volume, bind mount or tmpfs of a container."""

    kind: str
    name: str = ""
    source: str = ""
    destination: str
    writable: bool = True


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """A published port."""

    container_port: int
    protocol: str
    host_ip: str = ""
    host_port: int = 0


class RestartPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine does when the container ends."""

    name: str = "no"
    maximum_retries: int = 0


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of one container at one moment. Every text in it is the engine's or the container's word."""

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
    auto_remove: bool = False
    labels: dict[str, str] = {}
    orchestrator: str = ""

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

    def attachment(self, network: str) -> Attachment | None:
        """Its attachment to the network of that name, or None.

        An engine that refused to connect a live container lists the network all the same, with neither id nor address.
        """
        found = next((one for one in self.attachments if one.network == network), None)
        is_live = self.state in ("running", "paused")
        return None if found and is_live and not (found.network_id or found.ipv4 or found.ipv6) else found


class Summary(msgspec.Struct, frozen=True, kw_only=True):
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
    ports: tuple[Port, ...] = ()
    labels: dict[str, str] = {}


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
