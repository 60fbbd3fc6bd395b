"""irkit ls: the containers of the host."""

from datetime import UTC, datetime

import click

from irkit.cli import options
from irkit.cli.table import age_text, columns
from irkit.core.container import SHORT_ID, Summary


@click.command()
@click.argument("selectors", nargs=-1, metavar="[TARGET]...", shell_complete=options.complete_container)
@options.as_json
def command(selectors: tuple[str, ...], as_json: bool) -> None:
    """List the containers of the host, running ones first.

    TARGET limits the list: an id or prefix, a name, name:GLOB, image:GLOB, label:KEY[=GLOB] or all.
    """
    from irkit.app import Setting, list_containers

    found = list_containers(Setting().target(), selectors)
    if as_json:
        options.print_json(found)
    else:
        click.echo(columns(("ID", "NAME", "STATE", "IMAGE", "AGE", "NETWORKS", "PORTS"), [_row(one) for one in found]))


def _row(one: Summary) -> tuple[str, ...]:
    ports = [f"{port.host_port}->{port.container_port}/{port.protocol}" for port in one.ports if port.host_port]
    age = ""
    if one.created_at:
        age = age_text((datetime.now(UTC) - datetime.fromisoformat(one.created_at)).total_seconds())
    networks = ",".join(one.networks)
    return one.id[:SHORT_ID], one.name, one.state, one.image, age, networks, ",".join(sorted(set(ports)))
