"""Waiting until an app has done all that it can do by now, however little of the machine it gets meanwhile."""

import asyncio
import time
from typing import Final

import pytest
from textual._wait import wait_for_idle

LONGEST: Final = 60.0


async def idle() -> None:
    """Wait until all tasks of the loop wait for time to pass, for a thread or for the outside: no message is on its
    way from widget to widget, and a screen that was pushed is made.
    """
    ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    end, turns = time.monotonic() + LONGEST, 0
    while turns < 2 and time.monotonic() < end:  # twice: what is due by now comes at the next turn
        await asyncio.sleep(0)
        turns = 0 if ready else turns + 1


async def _wait_for_idle(min_sleep: float = 1 / 50, max_sleep: float = 1) -> None:
    await wait_for_idle(min_sleep, max_sleep)
    await idle()


def wait_for_what_is_under_way(patch: pytest.MonkeyPatch) -> None:
    """Have a pilot wait for all that follows from a key or a click.

    Textual's own waits until the process takes no time, which one that gets none does not take either.
    """
    for module in ("app", "pilot"):
        patch.setattr(f"textual.{module}.wait_for_idle", _wait_for_idle)
