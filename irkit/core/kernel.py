"""What the kernel of a host shows of a container, past its engine: processes, network namespace, freezer.

All of it is read from the host's own /proc and /sys, which a container cannot write to. Reading is an adapter's work.
"""

import msgspec


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """An established TCP connection, by its two ends: `address:port`, IPv6 in brackets."""

    local: str
    remote: str


class KernelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A container as the kernel shows it at one moment, by the process that its engine told.

    `alive` says whether that process is there and the container's own; where it is not, nothing else is told.
    `interfaces` are those of its network namespace that are up or have an address, without the loopback, in the order
    in which they were made; `addresses` the IPv4 and IPv6 addresses of all of them, without the loopback's and
    link-local ones; `places` maps each address to its interface as far as that can be told. `default_route` is the
    interface of the IPv4 default route. `frozen` is None where the freezer cannot be read.
    """

    alive: bool
    network_namespace: str = ""
    is_host_network: bool = False
    interfaces: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    places: dict[str, str] = {}
    default_route: str = ""
    connections: tuple[Connection, ...] = ()
    frozen: bool | None = None

    def beyond(self, known: set[str]) -> str:
        """What its namespace has besides those addresses: other ones, and interfaces that are up without any."""
        unknown = [f"{one} on {self.places.get(one, 'some interface')}" for one in self.addresses if one not in known]
        placed = {place for one, place in self.places.items() if one in self.addresses}
        bare = [f"interface {one}" for one in self.interfaces if one not in placed]
        # A known address of which no route tells the interface is on one of these.
        unplaced = sum(one in known and one not in self.places for one in self.addresses)
        return ", ".join([*unknown, *bare[unplaced:]])
