"""irkit hosts trust: a host's keys before a responder, and recorded only if they say so."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from irkit.cli import options
from irkit.cli.table import columns
from irkit.core.errors import UsageError
from irkit.core.text import safe

if TYPE_CHECKING:
    from irkit.app import HostKeys, Setting, ShownKey


@click.command()
@click.argument("host", metavar="NAME", shell_complete=options.complete_host)
@click.option("--fingerprint", default="", metavar="SHA256:...", help="Record the key that has it, without asking.")
@options.inventory
@options.ask_pass
def trust(host: str, fingerprint: str, inventory: Path | None, ask_pass: bool) -> None:
    """Record the keys of host NAME as known, after a typed yes, or those of the first hop to it that is not known.

    Compare the fingerprint with one that you have from somebody who runs the host: ssh-keygen -lf on its key files
    shows it. A key that is not the one recorded, or that is revoked, is never recorded.
    """
    setting = options.Chosen(inventory=inventory, ask_pass=ask_pass).setting()
    show_and_record(setting, host, fingerprint)


def show_and_record(setting: "Setting", host: str, fingerprint: str) -> None:
    """Show a host's keys, and record them after a typed yes, or the one with that fingerprint. Raises IrkitError."""
    from irkit.app import keys_of

    keys = keys_of(setting, host)
    place, port, file = keys.place
    name = safe(keys.host.name, 100)
    of = f"the hop {safe(keys.hop, 100)} on the way to {name}" if keys.hop else name
    click.echo(f"{of} is {safe(place, 200)} port {port}, and shows")
    rows = [(key.kind, key.fingerprint, _known(key)) for key in keys.shown]
    click.echo(columns(("KEY TYPE", "FINGERPRINT", "KNOWN"), rows, limit=300))
    keys.check()
    if not fingerprint and keys.trusted:
        click.echo(f"{of} is known already: nothing is recorded")
        return
    if not fingerprint:
        _ask(keys)
    recorded = keys.record(fingerprint)
    for key in recorded:
        click.echo(f"recorded {key.kind} {key.fingerprint} of {safe(place, 200)} in {safe(file, 300)}")
    if not recorded:
        click.echo(f"that key of {of} is recorded already: nothing is recorded")
    elif keys.hop:
        click.echo(f"what is behind it: irkit hosts trust {name}")


def _known(key: "ShownKey") -> str:
    return f"{key.state}: {key.where}" if key.where else key.state


def _ask(keys: "HostKeys") -> None:
    """Have the responder type yes. Raises UsageError where they do not, or nobody can be asked."""
    if not (os.isatty(0) and os.isatty(2)):
        raise UsageError("there is no terminal to ask on: give --fingerprint with the one that you know to be right")
    file = safe(keys.place[2], 300)
    try:
        answer = click.prompt(f"Record them in {file} as this host's? Type yes to do so", err=True)
    except click.Abort:
        answer = ""
    if answer != "yes":
        raise UsageError("not confirmed: nothing is recorded")
