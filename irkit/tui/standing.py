"""How the app stands whatever comes: a signal, a bug, a question asked beside it, a terminal lost or too small."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final, TypeVar

from textual.app import App

from irkit.tui.driver import SteadyDriver
from irkit.tui.no_colours import NoColours

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from irkit.app.run_service import ActiveRun
    from irkit.core.ports import Ask
    from irkit.tui.services import Services

T = TypeVar("T")
INTERRUPTED: Final = 130
SMALLEST: Final = (60, 15)
"""Columns and lines below which nothing but a word about that is shown."""
SMALL: Final = "small"
"""The mode in which it is shown: the screens of the others stay as they are."""


class StandingApp(App[int]):
    """What does not depend on what is shown. `left_with` is the run that went on when the app ended."""

    def __init__(self, services: Services) -> None:
        is_plain = services.opened.no_color
        # Without colours all is drawn as where there are few: what a background tells there is told by other means.
        super().__init__(driver_class=SteadyDriver, ansi_color=is_plain or None)
        self.services = services
        self.no_color = is_plain  # Textual goes by NO_COLOR alone, were it empty
        if is_plain:
            self._filters = [NoColours()]
        self.interrupted_by = ""
        self.left_with: ActiveRun | None = None
        self._is_aside = False
        self._mode_before = self.DEFAULT_MODE

    @property
    def crash(self) -> Exception | None:
        """What ended the app that nobody foresaw."""
        return self._exception

    def exit(self, result: int | None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        """As Textual's; the run that goes on just now is to be seen to its end."""
        self.left_with = self.left_with or self.services.runs.current
        super().exit(result, return_code, message)

    def _fatal_error(self) -> None:
        """End without showing where: the values of variables are foreign text. The front end writes a report."""
        self.left_with = self.left_with or self.services.runs.current
        self._close_messages_no_wait()

    def panic(self, *renderables: RenderableType) -> None:
        """As Textual's, and shows none of them."""
        del renderables
        self._exception = self._exception or RuntimeError("the terminal interface ended")
        self._close_messages_no_wait()

    def heed(self, number: int) -> None:
        """What a signal does while there are screens, or somebody is asked on the terminal: no lock is taken here."""
        if not self._is_aside or number != signal.SIGINT:
            self.interrupted_by = signal.Signals(number).name
        if isinstance(self._driver, SteadyDriver):
            self._driver.is_to_end = bool(self.interrupted_by)
        if self._is_aside:
            raise KeyboardInterrupt  # for whoever waits for an answer
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.end_if_interrupted)

    def end_if_interrupted(self) -> None:
        """A signal ends the run under way in order, as it does on the command line, and the app at once."""
        if self.interrupted_by:
            self.left_with = self.services.runs.current
            if self.left_with is not None:
                self.left_with.end(f"interrupted by {self.interrupted_by}")
            self.exit(INTERRUPTED, return_code=INTERRUPTED)
        elif isinstance(self._driver, SteadyDriver) and self._driver.is_lost:
            # Nobody told irkit to end: it was begun by nohup, say, and a run outlives its terminal.
            self.exit(0 if self.services.runs.current is not None else INTERRUPTED)

    async def on_resize(self) -> None:
        """Another size may be too small, or not any more."""
        await self.see_to_size()

    async def see_to_size(self) -> None:
        """Show that it is too small, or what was shown before; not while a screen is made: the next tick comes here."""
        if not self.screen.is_mounted:
            return
        is_small = self.size.width < SMALLEST[0] or self.size.height < SMALLEST[1]
        if is_small and self.current_mode != SMALL:
            self._mode_before = self.current_mode
            await self.switch_mode(SMALL)
        elif not is_small and self.current_mode == SMALL:
            await self.switch_mode(self._mode_before)

    def ask_aside(self, ask: Ask, prompt: str) -> str | None:
        """Ask a question in the terminal proper."""
        return self.aside(lambda: ask(prompt))

    def aside(self, work: Callable[[], T]) -> T | None:
        """Do something in the terminal proper, with the screens put aside; nothing is drawn meanwhile.

        None where it was interrupted: Ctrl-C leaves a question without an answer, other signals end irkit.
        """
        done = None
        with self.suspend():
            try:
                self._is_aside = True
                done = work()
            except KeyboardInterrupt:
                pass
            finally:
                self._is_aside = False
        self.refresh(layout=True)
        self.end_if_interrupted()
        return done
