"""What all screens have in common: a header line, the keys below, and news from the app at every tick."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette
from textual.events import Resize
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from irkit.tui.choices import Commands
from irkit.tui.footer import Keys
from irkit.tui.header import HeaderLine
from irkit.tui.keys import hint
from irkit.tui.line_view import LineView

if TYPE_CHECKING:
    from irkit.app.live import Changed
    from irkit.core.text import Safe
    from irkit.tui.app import IrkitApp
    from irkit.tui.services import Services

T = TypeVar("T")


class _Ours(Screen[T]):
    @property
    def irkit(self) -> IrkitApp:
        """The app, by its own type."""
        return cast("IrkitApp", self.app)

    def hint(self, text: str) -> Safe:
        """What irkit says of keys, with those that a configuration file gave."""
        return hint(self.irkit, text)


class NewestSize(Screen[T]):
    """A screen that is laid out for the size that the terminal has now.

    Textual answers every layout with a Resize of its own: two sizes under way at once would be taken in turns for ever,
    and nothing else would be done.
    """

    def _on_resize(self, event: Resize) -> None:  # type: ignore[override]
        """Let go of a size that is not that of the terminal any more: the one that is will come."""
        if event.size != self.app.size:
            event.stop()
            event.prevent_default()


class LeftOnce(Screen[T]):
    """A screen that is left once: what a key or a click before said still, when it is gone, leaves no other."""

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """As Textual's, while this is the screen on top."""
        return super().dismiss(result) if self.is_active else AwaitComplete()


class Modal(ModalScreen[T], NewestSize[T], LeftOnce[T], _Ours[T]):
    """A screen before others."""


class Palette(CommandPalette, NewestSize[Any], LeftOnce[Any]):
    """The command palette. Of several bases Textual takes styles from the first alone."""

    def compose(self) -> ComposeResult:
        """As Textual's, with a list of irkit's own."""
        for one in super().compose():
            yield Commands() if isinstance(one, CommandList) else one


class IrkitScreen(NewestSize[T], LeftOnce[T], _Ours[T]):
    """A screen that fills the terminal. `help_text` tells in its help what it is for, and what its signs mean."""

    help_text: ClassVar[str] = ""
    chooses_targets: ClassVar[bool] = False
    """Whether containers are chosen here: playbooks gone to from here are for these."""
    is_ready = False
    """Whether all of it is there: news may come before."""

    def on_mount(self) -> None:
        """Called after a screen's own, as all such methods of its classes are."""
        self.is_ready = True

    @property
    def services(self) -> Services:
        """What the app works with."""
        return self.irkit.services

    def compose(self) -> ComposeResult:
        """Header, body, keys."""
        yield HeaderLine()
        yield from self.compose_body()
        yield Keys()

    def compose_body(self) -> Iterable[Widget]:
        """What is between the header and the keys."""
        return ()

    def tick(self, changed: Changed) -> None:
        """What changed since the last tick; called five times a second while this is the screen on top.

        On coming back to a screen `on_screen_resume` has to look at all there is.
        """

    def look_again(self) -> None:
        """Look anew: at all hosts, where a screen has nothing of its own to look at."""
        self.services.live.refresh(None)
        self.irkit.say("looking at all hosts")

    def to_copy(self) -> Safe | None:
        """What is copied of what the cursor is on; None where there is nothing. Of lines, the value of the line."""
        view = next((one for one in self.query(LineView) if one.is_on_screen), None)
        line = view.line if view is not None else None
        return None if line is None else line.value if line.value is not None else line.text

    def target_keys(self) -> list[str]:
        """The containers that a plan opened from here is for, as keys: none where the screen has none."""
        return []

    def looked_at(self) -> list[str]:
        """The containers that are shown where one of those chosen here is to be: the targets, as a rule."""
        return self.target_keys()

    def run_in_view(self) -> str:
        """The bundle or id of the run that this screen is about; empty where it is about none."""
        return ""
