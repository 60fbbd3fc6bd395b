"""irkit plan: every operation of a playbook before anything is done."""

from pathlib import Path

import click

from irkit.cli import options
from irkit.cli.render import plan_text


@click.command()
@click.argument("playbook", shell_complete=options.complete_playbook)
@click.argument("selectors", nargs=-1, required=True, metavar="TARGET...", shell_complete=options.complete_container)
@click.option("--param", "given", multiple=True, metavar="NAME=VALUE", help="A parameter of the playbook.")
@click.option("--case", default="", help="The case the run belongs to.")
@options.with_hosts()
@options.responder
@options.evidence
@options.as_json
def command(
    *,
    playbook: str,
    selectors: tuple[str, ...],
    chosen: options.Chosen,
    given: tuple[str, ...],
    case: str,
    responder: str,
    evidence: Path | None,
    as_json: bool,
) -> None:
    """Show every operation of PLAYBOOK on the containers meant. Reads facts, and does nothing else.

    TARGET is an id or prefix, a name, name:GLOB, image:GLOB, label:KEY[=GLOB] or all, of one host where HOST/ stands
    before it. Exit status 1 where the plan refuses something, such as a host that cannot be reached; 2 where it refuses
    the whole.
    """
    from irkit.app import prepare, responder_name

    setting = chosen.setting(evidence)
    prepared = prepare(
        setting,
        playbook,
        selectors,
        given=options.parse_parameters(given),
        case=case,
        responder=responder or responder_name(setting.environment),
        hosts=chosen.hosts,
    )
    prepared.fleet.close()
    if as_json:
        options.print_json(prepared.plan)
    else:
        click.echo(plan_text(prepared.plan))
    options.check_refused(prepared.plan)
    if prepared.plan.refusals:
        click.get_current_context().exit(1)
