"""A host: a machine with a container engine, as data. The live way to it is a target."""

import msgspec


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """Where containers run, and how it is reached.

    `reach` is `local`, `ssh` or `tcp`. An empty `socket` means the usual places; an empty `address` the name; `jump` is
    a comma separated list of hops; `tls` a folder with ca.pem, cert.pem and key.pem. `host_key` (fingerprint), `route`
    (how the engine was spoken to) and `engine_id` are known only once the host was reached.
    """

    name: str
    address: str = ""
    reach: str = "local"
    user: str = ""
    port: int = 0
    jump: str = ""
    socket: str = ""
    sudo: bool = False
    labels: dict[str, str] = {}
    groups: tuple[str, ...] = ()
    tls: str = ""
    host_key: str = ""
    route: str = ""
    engine_id: str = ""
