"""Options and arguments that several verbs share."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from irkit.core.errors import UsageError
from irkit.core.text import safe

if TYPE_CHECKING:
    from irkit.core.plan import Plan

F = TypeVar("F", bound=Callable[..., Any])

_COMPLETION_SECONDS = 2.0
_WORD = re.compile(r"[A-Za-z0-9_.-]+")

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
evidence = click.option(
    "--evidence",
    type=click.Path(file_okay=False, path_type=Path),
    help="The evidence folder (else IRKIT_EVIDENCE, else below the XDG data folder).",
)
responder = click.option("--responder", default="", help="Who is at work, as the log names them (else login@machine).")
approve = click.option(
    "--approve",
    type=click.Choice(["change", "destroy"]),
    help="Allow what goes beyond reading, without asking.",
)
parallel = click.option(
    "--parallel", type=click.IntRange(1, 64), default=8, show_default=True, help="Containers worked on at a time."
)


def complete_playbook(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Shell completion: the playbooks there are."""
    from irkit.app import Setting, playbook_names

    return [name for name in playbook_names(Setting()) if name.startswith(incomplete)]


def complete_container(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Shell completion: the containers of the host, by name; none where it cannot be asked."""
    from irkit.app import Setting, list_containers
    from irkit.core.errors import IrkitError

    try:
        found = list_containers(Setting().target(), seconds=_COMPLETION_SECONDS)
    except IrkitError:
        return []
    # A shell reads these line by line: a name that could be more than a word is left out.
    return [one.name for one in found if one.name.startswith(incomplete) and _WORD.fullmatch(one.name)]


def parse_parameters(given: tuple[str, ...]) -> dict[str, str]:
    """`--param NAME=VALUE`, as often as wanted. Raises UsageError."""
    found: dict[str, str] = {}
    for text in given:
        name, has_value, value = text.partition("=")
        if not has_value or not name:
            raise UsageError(f"--param {text!r} is not NAME=VALUE")
        if name in found:
            raise UsageError(f"--param {name} is given twice")
        found[name] = value
    return found


def check_approval(plan: "Plan", approved: str | None) -> bool:
    """Whether somebody must be asked. Raises UsageError where the plan goes too far, and nobody can be asked."""
    from irkit.core.operations import Touch

    needed = plan.touch
    if needed is Touch.READ or (approved and Touch(approved).degree >= needed.degree):
        return False
    if approved:
        raise UsageError(f"the plan goes beyond --approve {approved}: it needs --approve {needed}")
    if not (os.isatty(0) and os.isatty(2)):
        raise UsageError(f"the plan goes beyond reading, and there is no terminal to ask on: give --approve {needed}")
    return True


def ask_approval(plan: "Plan") -> None:
    """Have the responder type what they agree to. Raises UsageError where they do not."""
    from irkit.core.operations import Touch

    word = "change" if plan.touch is Touch.CHANGE else "DESTROY"
    names = safe(plan.targets[0].name, 100) if len(plan.targets) == 1 else f"{word.lower()} {len(plan.targets)}"
    answer = click.prompt(f"This will {word} {len(plan.targets)} container(s). Type {names} to go on", err=True)
    if answer != names:
        raise UsageError("not confirmed: nothing was done")


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    click.echo(ascii_json(value, indent=2))


def ascii_json(value: object, indent: int | None = None) -> str:
    """JSON of ASCII only: of what a container says, nothing reaches a terminal that it could obey."""
    from irkit.core.codec import plain

    separators = (",", ":") if indent is None else None
    return json.dumps(plain(value), indent=indent, sort_keys=True, separators=separators, ensure_ascii=True)
