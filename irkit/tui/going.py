"""Going from screen to screen: to the list, to a container, to what another key stands for.

Screens are modes, so that each stays as it was left; a container lies upon the screen that it was opened from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import ModalScreen

from irkit.tui.screen import IrkitScreen

if TYPE_CHECKING:
    from irkit.tui.app import IrkitApp

LIST = "triage"
_QUOTED = frozenset(" \t\"'")


async def go_to(app: IrkitApp, mode: str) -> None:
    """Go to a screen as it was left; where one is there already, to its beginning."""
    if app.current_mode == mode:
        await _go_to_beginning(app)
    else:
        await app.switch_mode(mode)


async def show_list(app: IrkitApp) -> None:
    """Go to the list of containers, whatever was left open before it; not from before a question."""
    if isinstance(app.screen, ModalScreen):
        return
    if app.current_mode != LIST:
        await app.switch_mode(LIST)
    await _go_to_beginning(app)


async def _go_to_beginning(app: IrkitApp) -> None:
    while len(app.screen_stack) > 1:
        await app.pop_screen()


async def show_host(app: IrkitApp, name: str) -> None:
    """Go to the list, of that host's containers."""
    from irkit.tui.screens.triage import TriageScreen

    await show_list(app)
    if isinstance(app.screen, TriageScreen):
        quote = "'" if '"' in name else '"'
        app.screen.filter_by(f"host:{quote}{name}{quote}" if set(name) & _QUOTED else f"host:{name}")


def open_container(app: IrkitApp, key: str, tab: str) -> None:
    """Show one container before the screen that is shown."""
    from irkit.tui.screens.container import ContainerScreen

    app.push_screen(ContainerScreen(key, tab))


async def show_container(app: IrkitApp) -> None:
    """Show the container that the cursor is on; from elsewhere the one looked at last, or the list's under its cursor.

    Not from before a question.
    """
    from irkit.tui.screens.container import ContainerScreen

    if isinstance(app.screen, ModalScreen | ContainerScreen):
        return
    if here := _under_cursor(app.screen):
        open_container(app, here, "overview")
        return
    key, tab = app.last_container or (_of_list(app), "overview")
    if not key:
        app.say("put the cursor on a container first", "warning")
        return
    if app.current_mode != LIST:
        await app.switch_mode(LIST)
    if not (isinstance(app.screen, ContainerScreen) and app.screen.key == key):
        open_container(app, key, tab)


def _under_cursor(screen: object) -> str:
    """The one container that is chosen on a screen; empty where there is none, or several."""
    keys = screen.looked_at() if isinstance(screen, IrkitScreen) and screen.is_ready else []
    return keys[0] if len(keys) == 1 else ""


def _of_list(app: IrkitApp) -> str:
    stack = next((stack for mode, stack in app.stacks() if mode == LIST), [])
    return _under_cursor(stack[0]) if stack else ""
