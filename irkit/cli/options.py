"""Options and arguments that several verbs share."""

import functools
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from irkit.core.errors import NoTargetError, UsageError
from irkit.core.text import safe

if TYPE_CHECKING:
    from irkit.app import Setting
    from irkit.core.plan import Plan

F = TypeVar("F", bound=Callable[..., Any])

_COMPLETION_SECONDS = 2.0
_WORD = re.compile(r"[A-Za-z0-9_.-]+")
_HOST_WORD = re.compile(r"[A-Za-z0-9_.:@-]+")

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


class _Duration(click.ParamType[float]):
    """A length of time such as 90s, 10m or 1h30m, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Its seconds. Raises BadParameter, also for none at all."""
        from irkit.core.values import seconds_of

        try:
            seconds = seconds_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not seconds:
            self.fail("it must be longer than no time at all", param, ctx)
        return seconds


DURATION = _Duration()


@dataclass(frozen=True)
class Chosen:
    """The hosts that a verb is to work on, and how they are found and reached."""

    hosts: tuple[str, ...] = ()
    inventory: Path | None = None
    jobs: int = 16
    ask_pass: bool = False

    def setting(self, evidence: Path | None = None) -> "Setting":
        """What the verb runs in."""
        from irkit.app import Setting
        from irkit.cli.asking import terminal_ask

        ask = terminal_ask(wanted=self.ask_pass)
        return Setting(evidence=evidence, inventory=self.inventory, jobs=self.jobs, ask=ask, tell=tell)


def tell(line: str) -> None:
    """Something to be known while a verb goes on, beside its output."""
    click.echo(safe(line, 400), err=True)


def complete_host(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Shell completion: the hosts of the inventory, its groups, docker's contexts, `local`. No host is asked."""
    from irkit.app import Setting, host_words
    from irkit.core.errors import IrkitError

    before, comma, last = incomplete.rpartition(",")
    try:
        found = host_words(Setting(inventory=ctx.params.get("inventory")))
    except IrkitError:
        return []
    return [f"{before}{comma}{word}" for word in found if word.startswith(last) and _HOST_WORD.fullmatch(word)]


_host = click.option(
    "--host",
    "-H",
    "hosts",
    multiple=True,
    metavar="HOST",
    shell_complete=complete_host,
    help="A host: a name, glob, group:, label: or all of the inventory, local, context:NAME, an address, or a name that"
    " ssh knows. May be given again, and hold several with commas between. Else local.",
)
inventory = click.option(
    "--inventory",
    type=click.Path(path_type=Path),
    help="The inventory of hosts (else IRKIT_HOSTS, else hosts.yml in the XDG configuration folder).",
)
_jobs = click.option(
    "--jobs", type=click.IntRange(1, 1000), default=16, show_default=True, help="Hosts reached and looked at at a time."
)
ask_pass = click.option(
    "--ask-pass", is_flag=True, help="Ask for passwords on the terminal, even where the input is none."
)


def with_hosts(*, choose: bool = True) -> Callable[[F], F]:
    """The options by which hosts are chosen (unless a verb knows them otherwise) and reached, as one `chosen`."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(
            *args: Any,
            inventory: Path | None,
            jobs: int,
            ask_pass: bool,
            hosts: tuple[str, ...] = (),
            **more: Any,
        ) -> Any:
            return function(*args, chosen=Chosen(hosts, inventory, jobs, ask_pass), **more)

        wrapped: Any = call
        for option in reversed((*((_host,) if choose else ()), inventory, _jobs, ask_pass)):
            wrapped = option(wrapped)
        return cast(F, wrapped)

    return decorate


def complete_playbook(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Shell completion: the playbooks there are."""
    from irkit.app import Setting, playbook_names

    return [name for name in playbook_names(Setting()) if name.startswith(incomplete)]


def complete_container(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Shell completion: the containers of this machine's engine, by name; none where it cannot be asked.

    A host that was chosen is not asked: a key pressed at a prompt must not log in anywhere.
    """
    from irkit.app import Fleet, Setting, list_containers
    from irkit.core.errors import IrkitError

    if ctx.params.get("hosts"):
        return []
    try:
        here = [host for host in Setting().hosts() if host.reach == "local"]
        with Fleet(Setting(), here) as fleet:
            answers = list(fleet.each(list_containers, seconds=_COMPLETION_SECONDS))
    except IrkitError:
        return []
    found = [one for _, answer in answers if isinstance(answer, list) for one in answer]
    # A shell reads these line by line: a name that could be more than a word is left out.
    return [one.name for one in found if one.name.startswith(incomplete) and _WORD.fullmatch(one.name)]


def end_of_hosts(*, asked: int, failed: int) -> None:
    """End a verb that asked hosts: status 0 where all answered, 1 where some did. Raises NoTargetError for none."""
    if failed and failed == asked:
        raise NoTargetError(f"none of the {asked} hosts could be reached" if asked > 1 else "it could not be reached")
    if failed:
        click.echo(f"irkit: {failed} of {asked} hosts could not be reached", err=True)
        click.get_current_context().exit(1)


def parse_parameters(given: tuple[str, ...], option: str = "--param") -> dict[str, str]:
    """`--param NAME=VALUE`, as often as wanted. Raises UsageError."""
    found: dict[str, str] = {}
    for text in given:
        name, has_value, value = text.partition("=")
        if not has_value or not name:
            raise UsageError(f"{option} {text!r} is not NAME=VALUE")
        if name in found:
            raise UsageError(f"{option} {name} is given twice")
        found[name] = value
    return found


def check_refused(plan: "Plan") -> None:
    """Raises UsageError where nothing of the plan may be run."""
    for refusal in plan.refusals:
        if refusal.is_whole:
            raise UsageError(refusal.reason)


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
    on = f" on {len(plan.hosts)} hosts" if len(plan.hosts) > 1 else ""
    answer = click.prompt(f"This will {word} {len(plan.targets)} container(s){on}. Type {names} to go on", err=True)
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
