"""irkit playbooks: list, show, validate, schema."""

import click

from irkit.cli import options
from irkit.cli.table import columns
from irkit.core.text import safe


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List, show and validate playbooks; print their JSON Schema. Without a word more, list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_them)


@command.command("list")
@options.as_json
def list_them(as_json: bool) -> None:
    """List the playbooks there are: the shipped ones and your own."""
    from irkit.app import Setting, describe_playbooks

    found = describe_playbooks(Setting())
    if as_json:
        options.print_json(found)
        return
    rows = [(one["name"], one["version"], one["origin"], one["title"]) for one in found]
    click.echo(columns(("NAME", "VERSION", "ORIGIN", "TITLE"), rows, limit=90))


@command.command()
@click.argument("playbook", shell_complete=options.complete_playbook)
@options.as_json
def show(playbook: str, as_json: bool) -> None:
    """Show a playbook as its file says it."""
    from irkit.app import Setting, load

    loaded, source = load(Setting(), playbook)
    if as_json:
        options.print_json(loaded)
    else:
        click.echo("\n".join(safe(line, 400) for line in source.decode().splitlines()))


@command.command()
@click.argument("playbooks", nargs=-1, required=True)
def validate(playbooks: tuple[str, ...]) -> None:
    """Check playbooks without a host. Exit status 2 where one is not valid; all its problems are listed."""
    from irkit.app import Setting, problems_of

    bad = 0
    for name in playbooks:
        problems = problems_of(Setting(), name)
        for problem in problems:
            click.echo(safe(problem, 600), err=True)
        bad += bool(problems)
        if not problems:
            click.echo(f"{safe(name, 200)}: valid")
    if bad:
        raise click.UsageError(f"{bad} of {len(playbooks)} playbooks are not valid")


@command.command()
def schema() -> None:
    """Print the JSON Schema of playbooks, for editors."""
    from irkit.app import schema_of_playbooks

    options.print_json(schema_of_playbooks())
