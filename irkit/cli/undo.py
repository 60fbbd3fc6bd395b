"""irkit undo: take back what a run changed."""

from pathlib import Path

import click

from irkit.cli import options
from irkit.cli.execution import Shown, carry_out, confirm
from irkit.cli.render import plan_text
from irkit.cli.run import sum_up
from irkit.cli.streams import read_or_not
from irkit.core.plan import Plan
from irkit.core.text import safe


@click.command()
@click.argument("run")
@click.argument("containers", nargs=-1, metavar="[CONTAINER]...")
@click.option("--dry-run", is_flag=True, help="Show the plan and do nothing.")
@click.option("--new-address", is_flag=True, help="Give a container whose address is taken the nearest free one.")
@click.option("--reset-connections", is_flag=True, help="End open connections first, as root on the host.")
@options.with_hosts(choose=False)
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
    chosen: options.Chosen,
    dry_run: bool,
    new_address: bool,
    reset_connections: bool,
    responder: str,
    approve: str | None,
    evidence: Path | None,
    parallel: int,
    events: bool,
    as_json: bool,
) -> None:
    """Take back what RUN changed, last change first, from its log alone.

    RUN is a bundle's folder or name, or the start of a run's id; CONTAINER limits it to some of the run's. What is so
    already is skipped, so undo may be repeated. Connections that go on once an address is back are named. Hosts are
    found by their names in the run; exit status 1 where one cannot be reached, or another engine answers there.
    """
    from irkit.app import lasting_changes, left_after, prepare_undo, responder_name

    setting = chosen.setting(evidence)
    quiet, by = as_json or events, responder or responder_name(setting.environment)
    with prepare_undo(
        setting, run, containers, responder=by, new_address=new_address, reset_connections=reset_connections
    ) as prepared:
        lasting = lasting_changes(setting, run)
        if dry_run or not prepared.plan.tasks:
            _show(prepared.plan, lasting, as_json=as_json, quiet=quiet)
            return
        confirm(prepared.plan, approve, quiet=quiet, stays=lasting)
        result = carry_out(setting, prepared, Shown(events=events, lines=not quiet), parallel=parallel)
    with read_or_not():
        sum_up(result, left_after(setting, run), as_json=as_json, quiet=quiet)
    click.get_current_context().exit(result.status)


def _show(plan: Plan, lasting: list[str], *, as_json: bool, quiet: bool) -> None:
    """What would be done, or that there is nothing to do."""
    if not quiet:
        for what in lasting:
            click.echo(safe(f"stays: {what}", 400), err=True)
    if as_json:
        options.print_json(plan if plan.tasks else {"to_undo": 0, "stays": lasting})
    elif plan.tasks:
        click.echo(plan_text(plan))
    elif not quiet:
        click.echo("nothing is left to take back")
