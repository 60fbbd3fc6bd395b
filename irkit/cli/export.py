"""irkit export: what a bundle holds, in the forms that other tools read. One file for each."""

import click

from irkit.cli.export_memory import core, strings
from irkit.cli.export_timeline import timeline


@click.group()
def command() -> None:
    """Write what a bundle holds in a form that other tools read. The bundle is not changed, and no host is asked."""


command.add_command(timeline)
command.add_command(strings)
command.add_command(core)
