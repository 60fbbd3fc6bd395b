"""irkit without a verb: what the terminal interface is opened with. What opens it is not this package's to know."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from irkit.cli import options

if TYPE_CHECKING:
    from irkit.app import Setting
    from irkit.app.opened import Opened

OpenTerminal: TypeAlias = "Callable[[Setting, Opened], int]"
"""Runs the terminal interface until it is left; gives the exit status."""

_OPTIONS = (
    options.with_hosts(),
    click.option("--case", default="", help="The case that is worked on."),
    options.responder,
    options.evidence,
    click.option("--read-only", is_flag=True, help="Allow no plan that changes anything."),
    click.option("--theme", default="", metavar="NAME", help="Colours, such as irkit-dark, irkit-light or ansi-dark."),
    click.option("--no-color", is_flag=True, help="Show no colours; so does NO_COLOR."),
)


def with_terminal_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of the terminal interface, for the group."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def is_terminal() -> bool:
    """Whether somebody sits there who could see it."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def open_with(
    open_terminal: OpenTerminal,
    *,
    chosen: options.Chosen,
    evidence: Path | None,
    case: str,
    responder: str,
    read_only: bool,
    theme: str,
    no_color: bool,
) -> int:
    """Open it as it was asked for. Raises UsageError."""
    from irkit.app.configuration import configured
    from irkit.app.opened import Opened

    setting = chosen.setting(evidence)
    opened = Opened(
        hosts=chosen.hosts,
        case=case,
        responder=responder,
        read_only=read_only,
        theme=theme,
        no_color=no_color or bool(setting.environment.get("NO_COLOR")),
    )
    return open_terminal(setting, configured(setting, opened))
