"""irkit hosts: list, check, add, trust."""

from pathlib import Path
from typing import Any

import click

from irkit.cli import options
from irkit.cli.hosts_check import check
from irkit.cli.hosts_trust import trust
from irkit.cli.table import columns
from irkit.core.text import safe


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List, check and add hosts; record their keys. Without a word more, list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_them)


@command.command("list")
@options.inventory
@options.as_json
def list_them(inventory: Path | None = None, as_json: bool = False) -> None:
    """List the hosts that are known: this machine's engine, the inventory, docker's contexts. None is asked."""
    from irkit.app import Hosts, Setting
    from irkit.core.codec import plain

    known = Hosts(Setting(inventory=inventory))
    listed = known.inventory
    found = [("local", known.local)]
    found += [("inventory", host) for host in (listed.hosts if listed else ())]
    found += [("context", host) for host in known.contexts]
    for note in listed.notes if listed else ():
        click.echo(f"note: {safe(note, 400)}", err=True)
    if as_json:
        options.print_json([{"kind": kind, **plain(host)} for kind, host in found])
        return
    rows = [
        (
            host.name,
            kind,
            host.reach,
            host.address or host.socket,
            host.user,
            host.port or "",
            host.jump,
            ",".join(host.groups),
            ",".join(f"{key}={value}" for key, value in sorted(host.labels.items())),
        )
        for kind, host in found
    ]
    click.echo(columns(("NAME", "KIND", "REACH", "ADDRESS", "USER", "PORT", "JUMP", "GROUPS", "LABELS"), rows))


@command.command()
@click.argument("name")
@click.argument("address", default="")
@click.option("--user", default="", help="The user to log in as.")
@click.option("--port", type=click.IntRange(1, 65535), help="The port of its SSH server.")
@click.option("--jump", default="", help="The hosts that the way leads over, with commas between.")
@click.option("--socket", default="", help="The path of its engine's socket, where it is not at a usual place.")
@click.option("--sudo", is_flag=True, help="Reach its engine by sudo.")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label. May be given again.")
@click.option("--group", "groups", multiple=True, help="A group that it belongs to. May be given again.")
@options.inventory
def add(*, name: str, inventory: Path | None, labels: tuple[str, ...], **facts: Any) -> None:
    """Add a host to the inventory, as NAME; ADDRESS is as for --host, and else the name itself.

    Nothing is connected: irkit hosts trust and irkit hosts check do that.
    """
    from irkit.app import Setting, add_host, new_host

    host = new_host(name, labels=options.parse_parameters(labels, "--label"), **facts)
    path = add_host(Setting(inventory=inventory), host)
    click.echo(f"added {safe(name, 100)} to {safe(path, 300)}")


command.add_command(check)
command.add_command(trust)
