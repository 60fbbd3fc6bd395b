"""irkit undo: take back what a run changed."""

from pathlib import Path

import click

from irkit.cli import options
from irkit.cli.execution import Shown, carry_out
from irkit.cli.render import plan_text
from irkit.cli.run import sum_up
from irkit.cli.streams import read_or_not
from irkit.core.text import safe


@click.command()
@click.argument("run")
@click.argument("containers", nargs=-1, metavar="[CONTAINER]...")
@click.option("--dry-run", is_flag=True, help="Show the plan and do nothing.")
@options.responder
@options.approve
@options.evidence
@options.parallel
@click.option("--events", is_flag=True, help="Print every record as a line of JSON, as it happens.")
@options.as_json
def command(
    *,
    run: str,
    containers: tuple[str, ...],
    dry_run: bool,
    responder: str,
    approve: str | None,
    evidence: Path | None,
    parallel: int,
    events: bool,
    as_json: bool,
) -> None:
    """Take back what RUN changed, last change first, from its log alone.

    RUN is a bundle's folder or name, or the start of a run's id; CONTAINER limits it to some of the run's. What is so
    already is skipped, so undo may be repeated. Established connections may go on once an address is back.
    """
    from irkit.app import Setting, lasting_changes, prepare_undo, responder_name

    setting = Setting(evidence=evidence)
    by = responder or responder_name(setting.environment)
    prepared = prepare_undo(setting, run, containers, responder=by)
    quiet = as_json or events
    lasting = lasting_changes(setting, run)
    must_ask = not dry_run and options.check_approval(prepared.plan, approve)
    for what in lasting if not quiet else ():
        click.echo(safe(f"stays: {what}", 400), err=True)
    if not prepared.plan.tasks:
        if as_json:
            options.print_json({"to_undo": 0, "stays": lasting})
        elif not quiet:
            click.echo("nothing is left to take back")
        return
    if dry_run:
        options.print_json(prepared.plan) if as_json else click.echo(plan_text(prepared.plan))
        return
    if must_ask or not quiet:
        click.echo(plan_text(prepared.plan, is_dry=False), err=True)
    if must_ask:
        options.ask_approval(prepared.plan)
    shown = Shown(events=events, lines=not quiet)
    result = carry_out(setting, prepared, shown, parallel=parallel)
    with read_or_not():
        sum_up(result, as_json=as_json, quiet=quiet)
    click.get_current_context().exit(result.status)
