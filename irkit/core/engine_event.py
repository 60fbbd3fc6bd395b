"""What an engine tells of itself as it happens: one event of a container or a network."""

import msgspec

WATCHING = "watching"
"""The kind of the first event of every watch: from its moment on nothing is missed, by the engine's clock."""

UNREADABLE = "unreadable"
"""The kind of what stands for an event that could not be read: something happened, and `action` says what is wrong."""


class EngineEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of an engine. All text in it is the engine's or a container's word.

    `at` is RFC 3339 by the engine's clock, with nanoseconds where the engine tells them; a watch can be taken up again
    from it. `container` is a full id; `attributes` hold the name and labels of the container, or the network's type.
    """

    at: str
    kind: str
    action: str = ""
    container: str = ""
    network: str = ""
    attributes: dict[str, str] = {}

    def text(self) -> str:
        """One line for a log. Holds foreign names."""
        network = f" network {self.network}" if self.network else ""
        return f"engine event {self.action}{network} at {self.at}"
