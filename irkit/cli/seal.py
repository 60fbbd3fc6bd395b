"""irkit seal: seal the bundle of a run that was killed."""

from pathlib import Path

import click

from irkit.cli import options


@click.command()
@click.argument("run")
@options.evidence
def command(*, run: str, evidence: Path | None) -> None:
    """Seal the bundle of a run that was killed, keeping all that it had collected.

    What was in flight is kept and marked partial. Containers stay as they are: `irkit undo` takes changes back.
    """
    from irkit.app import Setting, seal_partial

    path, outcome = seal_partial(Setting(evidence=evidence), run)
    click.echo(f"sealed ({outcome}): {path}")
