"""The screen evidence."""

from irkit.tui.screen import IrkitScreen


class EvidenceScreen(IrkitScreen[None]):
    """To be built."""
