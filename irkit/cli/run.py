"""irkit run: carry out a playbook and write an evidence bundle."""

from pathlib import Path

import click

from irkit.cli import options
from irkit.cli.execution import Result, Shown, carry_out
from irkit.cli.render import plan_text, run_text
from irkit.cli.streams import read_or_not
from irkit.core.errors import UsageError


@click.command()
@click.argument("playbook", shell_complete=options.complete_playbook)
@click.argument("selectors", nargs=-1, required=True, metavar="TARGET...", shell_complete=options.complete_container)
@click.option("--param", "given", multiple=True, metavar="NAME=VALUE", help="A parameter of the playbook.")
@click.option("--case", default="", help="The case the run belongs to.")
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
    given: tuple[str, ...],
    case: str,
    responder: str,
    approve: str | None,
    evidence: Path | None,
    parallel: int,
    events: bool,
    as_json: bool,
) -> None:
    """Run PLAYBOOK on the containers meant and write an evidence bundle.

    TARGET is an id or prefix, a name, name:GLOB, image:GLOB, label:KEY[=GLOB] or all. A plan that goes beyond
    reading is confirmed on the terminal, or needs --approve. Ctrl-C ends the run in order and seals the bundle.
    """
    from irkit.app import Setting, prepare, responder_name

    setting = Setting(evidence=evidence)
    prepared = prepare(
        setting,
        playbook,
        selectors,
        given=options.parse_parameters(given),
        case=case,
        responder=responder or responder_name(setting.environment),
    )
    if prepared.plan.is_refused:
        raise UsageError(prepared.plan.refusals[0].reason)
    must_ask = options.check_approval(prepared.plan, approve)
    quiet = as_json or events
    if must_ask or not quiet:
        click.echo(plan_text(prepared.plan, is_dry=False), err=True)
    if must_ask:
        options.ask_approval(prepared.plan)
    shown = Shown(events=events, lines=not quiet)
    result = carry_out(setting, prepared, shown, parallel=parallel)
    with read_or_not():
        sum_up(result, as_json=as_json, quiet=quiet)
    click.get_current_context().exit(result.status)


def sum_up(result: Result, *, as_json: bool, quiet: bool) -> None:
    """The end of a run, for people or for programs."""
    run = result.run
    left = len(run.undo_operations())
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
                "changes": [
                    {"key": one.key, "operation": one.started.operation, "took_hold": one.took_hold}
                    for one in run.changes
                ],
                "to_undo": left,
            }
        )
    elif not quiet:
        click.echo(run_text(run, 0 if run.started and run.started.undoes else left))
        click.echo(f"bundle    {result.bundle}")
