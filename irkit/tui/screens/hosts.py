"""The screen hosts."""

from irkit.tui.screen import IrkitScreen


class HostsScreen(IrkitScreen[None]):
    """To be built."""
