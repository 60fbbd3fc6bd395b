"""A network of a host as facts of one moment: its subnets, and who has which address on it."""

import msgspec


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A container's place on a network, as the network tells it. Addresses come without a prefix length; empty: none.

    Engines tell running containers only. `container` is its full id, or another word of the engine's for what is none.
    """

    container: str
    name: str = ""
    ipv4: str = ""
    ipv6: str = ""


class NetworkFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A network: `subnets` as `address/prefix length`, `gateways` as addresses. Every text is the engine's word."""

    name: str
    id: str
    driver: str = ""
    internal: bool = False
    subnets: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    labels: dict[str, str] = {}
