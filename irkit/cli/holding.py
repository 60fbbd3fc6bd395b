"""How a hold stands, as a line of text."""

from collections.abc import Sequence

from irkit.core.holding import Holding
from irkit.core.text import safe

_MOST = 10


def holding_text(holding: Holding, ends: str = "Ctrl-C") -> str:
    """What is held since when, what of it is not as it should be, and what `ends` it.

    Names are foreign, and made safe.
    """
    text = f"holding {len(holding.names)} container(s) since {holding.since[11:19]}Z: {_listed(holding.names)}"
    if holding.again:
        text += f"; contained again {holding.again} time(s)"
    if holding.broken:
        text += f"; NOT HELD: {_listed(holding.broken)}"
    if holding.unanswered:
        text += f"; no answer from {_listed(holding.unanswered)}"
    return f"{text}; {ends} ends it"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(safe(name, 80) for name in names[:_MOST]) + more
