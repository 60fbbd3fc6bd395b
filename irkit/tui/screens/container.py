"""The screen of one container."""

from irkit.tui.screen import IrkitScreen


class ContainerScreen(IrkitScreen[None]):
    """To be built."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key
