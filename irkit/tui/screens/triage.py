"""The screen triage."""

from irkit.tui.screen import IrkitScreen


class TriageScreen(IrkitScreen[None]):
    """To be built."""
