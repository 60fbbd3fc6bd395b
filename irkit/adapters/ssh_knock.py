"""One TCP request from a host reached by SSH: its SSH server connects, and says how that went."""

from collections.abc import Callable
from typing import Final

from irkit.adapters.engine_reach import PATIENCE
from irkit.adapters.ssh_link import Link
from irkit.adapters.ssh_open import open_port
from irkit.adapters.ssh_refused import CONNECT_FAILED, PROHIBITED, ChannelRefusedError
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline
from irkit.core.reach import Reached
from irkit.core.text import safe

_ANSWERED: Final = ("refused", "reset by peer")
_NO_WAY: Final = ("no route", "unreachable")
_UNHEARD: Final = "timed out"


class _Patience:
    """A part of an operation's time."""

    def __init__(self, deadline: Deadline, until: Callable[[], float]) -> None:
        self._deadline, self._until = deadline, until

    def remaining(self) -> float:
        left = self._until()
        if left <= 0:
            raise TargetError("no answer", Refusal.TIMEOUT)
        return min(left, self._deadline.remaining())

    def on_cancel(self, close: Callable[[], None]) -> Callable[[], None]:
        return self._deadline.on_cancel(close)


class SshKnock:
    """Sends requests over the connection that `link` gives; `now` is a clock that only goes forward, in seconds."""

    def __init__(self, link: Callable[[Deadline], Link], now: Callable[[], float]) -> None:
        self._link, self._now = link, now

    def __call__(self, address: str, port: int, deadline: Deadline) -> Reached:
        """One request. What the server waits for longer than we do, it gives up by itself."""
        transport = self._link(deadline).transport
        end = self._now() + PATIENCE + transport.round_trip(deadline)
        try:
            open_port(transport, address, port, _Patience(deadline, lambda: end - self._now())).close()
        except ChannelRefusedError as error:
            return _meaning(error)
        except TargetError as error:
            if error.kind is Refusal.TIMEOUT:
                deadline.remaining()
                return Reached.SILENT
            raise
        return Reached.ANSWERS


def _meaning(error: ChannelRefusedError) -> Reached:
    said = error.said.lower()
    if error.code == CONNECT_FAILED and any(one in said for one in _ANSWERED):
        return Reached.ANSWERS
    if error.code == CONNECT_FAILED and _UNHEARD in said:
        return Reached.SILENT
    if error.code == CONNECT_FAILED and any(one in said for one in _NO_WAY):
        return Reached.NO_WAY
    if error.code == PROHIBITED:
        raise TargetError("its SSH server forwards no connections", Refusal.UNSUPPORTED)
    raise TargetError(f"its SSH server does not say how the request went: {safe(error.said, 120)!r}", Refusal.GARBLED)
