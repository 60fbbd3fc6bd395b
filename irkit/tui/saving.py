"""Tells of what was saved from its source, whichever screen is shown, and of what leaving irkit cut short."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from irkit.cli.table import size_text

if TYPE_CHECKING:
    from irkit.app.exports import Exported, Saving
    from irkit.tui.app import IrkitApp


def see_to_exports(app: IrkitApp) -> None:
    """Say where each lies that is there by now, and write that down."""
    for one in app.services.exports.take():
        is_whole = one.look.value is not None and not one.look.value.problem
        app.say(_told(app, one), "information" if is_whole else "warning" if one.look.value else "error")


def cut_short(app: IrkitApp, seconds: float) -> Iterator[str]:
    """What is to be said of those that go on as irkit is left: they end with what came. Waits so long for all."""
    for one in app.services.exports.stop(seconds):
        yield _told(app, one)


def _told(app: IrkitApp, one: Saving) -> str:
    """How one ended, in a line; written down where anything came."""
    saved = one.look.value
    if saved is None:
        return f"{one.what} of {one.key} NOT saved: {one.look.error or 'its end was not waited for'}"
    told = _export_text(saved)
    app.write_down(f"saved from its source, of {one.key}: {told}; SHA-256 of the sums {saved.sums}")
    return f"saved {told}"


def _export_text(saved: Exported) -> str:
    """Where it lies, and what of it is missing."""
    missing = f"; NOT WHOLE: {saved.problem}" if saved.problem else ""
    return f"{saved.files} file(s), {size_text(saved.bytes)}, in {saved.path}{missing}"
