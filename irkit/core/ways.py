"""The places that irkit's connections go through, and the session that it runs in: as addresses, no names."""

import msgspec


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A place that a connection goes to: all addresses that its name stands for, and the port."""

    addresses: tuple[str, ...]
    port: int

    @property
    def text(self) -> str:
        """As people write it."""
        address = self.addresses[0] if self.addresses else "?"
        return f"[{address}]:{self.port}" if ":" in address else f"{address}:{self.port}"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """The SSH session in which irkit runs: where its user comes from, and where they came in."""

    client: str
    server: Point
