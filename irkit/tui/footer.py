"""The keys below a screen, made anew only when they are others. What a key does is said where it is bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Footer

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import Binding

Shown = tuple["Binding", bool, str]
"""A key, whether it works now, and what is said beside the pointer."""


class Keys(Footer):
    """Textual's footer, which is made anew twice, with a layout of the whole screen, each time that the focus moves."""

    _shown: list[Shown] | None = None

    def __init__(self) -> None:
        super().__init__(compact=True, show_command_palette=False)

    def compose(self) -> ComposeResult:
        """As Textual's."""
        self._shown = self._to_show() if self._bindings_ready else None
        yield from super().compose()

    async def recompose(self) -> None:
        """As Textual's, where other keys are to be shown than are."""
        if self.is_attached and self._to_show() != self._shown:
            await super().recompose()

    def _to_show(self) -> list[Shown]:
        active = self.screen.active_bindings.values()
        return [(binding, enabled, tooltip) for _, binding, enabled, tooltip in active if binding.show]
