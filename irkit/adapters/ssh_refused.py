"""That a host did not open a channel, and why."""

PROHIBITED, CONNECT_FAILED, UNKNOWN_KIND = 1, 2, 3
"""Why a channel was not opened (RFC 4254, 5.1)."""


class ChannelRefusedError(Exception):
    """The host did not open a channel; `code` as RFC 4254 numbers the reasons, 0 where it refused what was to run.

    `said` is what it says about it: foreign text.
    """

    def __init__(self, code: int, said: str = "") -> None:
        self.code, self.said = code, said
        super().__init__(f"channel refused, code {code}")
