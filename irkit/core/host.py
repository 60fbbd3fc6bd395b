"""A host: a machine with a container engine, as data. The live way to it is a target."""

import msgspec


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """Where containers run, and how it is reached."""

    name: str
    address: str = ""
    reach: str = "local"
    user: str = ""
    port: int = 0
    jump: str = ""
    socket: str = "/var/run/docker.sock"
    sudo: bool = False
    labels: dict[str, str] = {}
