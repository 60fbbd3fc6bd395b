"""irkit run: carry out a playbook and write an evidence bundle."""

from pathlib import Path
from typing import Any

import click

from irkit.app import Prepared, Setting
from irkit.cli import options
from irkit.cli.containment import contained_json, say_not_isolated
from irkit.cli.execution import Result, Shown, carry_out, confirm
from irkit.cli.render import run_text
from irkit.cli.streams import read_or_not
from irkit.core.found import DIFFERS


@click.command()
@click.argument("playbook", shell_complete=options.complete_playbook)
@click.argument("selectors", nargs=-1, required=True, metavar="TARGET...", shell_complete=options.complete_container)
@click.option("--param", "given", multiple=True, metavar="NAME=VALUE", help="A parameter of the playbook.")
@click.option("--case", default="", help="The case the run belongs to.")
@click.option("--hold", is_flag=True, help="Go on until Ctrl-C, watching that what was contained stays so.")
@click.option("--hold-for", type=options.DURATION, metavar="DURATION", help="The same for so long, such as 90s or 8h.")
@options.with_hosts()
@options.responder
@options.approve
@options.evidence
@options.parallel
@click.option("--events", is_flag=True, help="Print every record as a line of JSON, as it happens.")
@options.as_json
def command(
    *,
    playbook: str,
    selectors: tuple[str, ...],
    hold: bool,
    hold_for: float | None,
    chosen: options.Chosen,
    approve: str | None,
    evidence: Path | None,
    parallel: int,
    events: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    """Run PLAYBOOK on the containers meant and write an evidence bundle.

    TARGET is an id or prefix, a name, name:GLOB, image:GLOB, label:KEY[=GLOB] or all, of one host where HOST/ stands
    before it. A plan that goes beyond reading is confirmed on the terminal, or needs --approve. Ctrl-C ends the run in
    order and seals the bundle. A host that cannot be reached is refused, and the rest goes on.

    With --hold, what others do to what was contained is logged and shown, and where the playbook says `hold: contain`
    contained again. Ctrl-C is the usual end of that; a second one ends at once.
    """
    setting = chosen.setting(evidence)
    is_held = hold or hold_for is not None
    with _prepared(setting, chosen, playbook, selectors, hold=is_held, **asked) as prepared:
        options.check_refused(prepared.plan)
        quiet = as_json or events
        confirm(prepared.plan, approve, quiet=quiet)
        shown = Shown(events=events, lines=not quiet)
        result = carry_out(setting, prepared, shown, parallel=parallel, hold_for=hold_for or 0)
    with read_or_not():
        sum_up(result, len(result.run.undo_operations()), as_json=as_json, quiet=quiet)
    click.get_current_context().exit(result.status)


def _prepared(
    setting: Setting,
    chosen: options.Chosen,
    playbook: str,
    selectors: tuple[str, ...],
    *,
    given: tuple[str, ...],
    case: str,
    responder: str,
    hold: bool,
) -> Prepared:
    """The plan, connected to its hosts until its context ends."""
    from irkit.app import prepare, responder_name

    return prepare(
        setting,
        playbook,
        selectors,
        given=options.parse_parameters(given),
        case=case,
        responder=responder or responder_name(setting.environment),
        hosts=chosen.hosts,
        hold=hold,
    )


def sum_up(result: Result, left: int, *, as_json: bool, quiet: bool) -> None:
    """The end of a run, for people or for programs; `left` operations are still to be taken back."""
    run = result.run
    if as_json:
        options.print_json(
            {
                "bundle": str(result.bundle),
                "run": run.started.run if run.started else "",
                "outcome": run.finished.outcome if run.finished else "",
                "exit_status": result.status,
                "evidence": run.evidence,
                "failures": [{"step": one.started.step, "key": one.key, "reason": one.reason} for one in run.failures],
                "refused": run.refused,
                "differs": [
                    {"key": one.container, "what": one.because} for one in run.findings if one.check == DIFFERS
                ],
                "contained": contained_json(run),
                "not_held": list(run.unheld.values()),
                "bugs": run.bugs,
                "changes": [
                    {"key": one.key, "operation": one.started.operation, "took_hold": one.took_hold}
                    for one in run.changes
                ],
                "to_undo": left,
            }
        )
    elif not quiet:
        click.echo(run_text(run, left))
        click.echo(f"bundle    {result.bundle}")
    say_not_isolated(run, err=quiet)
