"""irkit show: a run from its bundle."""

from pathlib import Path

import click

from irkit.cli import options
from irkit.cli.containment import contained_json, say_not_isolated
from irkit.cli.record_text import RecordText
from irkit.cli.render import run_text
from irkit.cli.table import columns, size_text
from irkit.core.run import replay


@click.command()
@click.argument("run")
@click.option("--log", is_flag=True, help="Every record of the run log, as a time line.")
@click.option("--items", is_flag=True, help="Every item of evidence with its digest.")
@options.evidence
@options.as_json
def command(*, run: str, log: bool, items: bool, evidence: Path | None, as_json: bool) -> None:
    """Show a run: what was done, what was collected, what is still changed.

    RUN is a bundle's folder or name, or the start of a run's id.
    """
    from irkit.app import Setting, find_bundle, left_to_undo, read_records

    setting = Setting(evidence=evidence)
    path = find_bundle(setting, run)
    records = read_records(path)
    found = replay(records)
    left = left_to_undo(setting, found)
    if as_json:
        options.print_json(
            {
                "bundle": str(path),
                "started": found.started,
                "finished": found.finished,
                "evidence": found.evidence,
                "contained": contained_json(found),
                "to_undo": left,
                "records": records if log else len(records),
            }
        )
        return
    if log:
        text = RecordText()
        click.echo("\n".join(filter(None, (text.line(record) for record in records))))
        return
    if items:
        rows = [(one.sha256, size_text(one.size), one.partial or "whole", one.path) for one in found.evidence]
        click.echo(columns(("SHA256", "SIZE", "STATE", "PATH"), rows, limit=200))
        return
    click.echo(run_text(found, len(left)))
    click.echo(f"bundle    {path}")
    say_not_isolated(found)
