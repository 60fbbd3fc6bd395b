"""The screen case."""

from irkit.tui.screen import IrkitScreen


class CaseScreen(IrkitScreen[None]):
    """To be built."""
