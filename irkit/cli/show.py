"""irkit show: a run from its bundle."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from irkit.cli import options
from irkit.cli.containment import contained_json, say_not_isolated
from irkit.cli.record_text import RecordText
from irkit.cli.render import run_text
from irkit.cli.table import columns, size_text
from irkit.core.errors import UsageError
from irkit.core.run import replay

if TYPE_CHECKING:
    from irkit.app import Setting
    from irkit.app.evidence_look import BundleSeen


@click.command()
@click.argument("run", required=False)
@click.option("--log", is_flag=True, help="Every record of the run log, as a time line.")
@click.option("--items", is_flag=True, help="Every item of evidence with its digest.")
@options.evidence
@options.as_json
def command(*, run: str | None, log: bool, items: bool, evidence: Path | None, as_json: bool) -> None:
    """Show a run: what was done, what was collected, what is still changed. Without RUN: all runs, the newest first.

    RUN is a bundle's folder or name, or the start of a run's id.
    """
    from irkit.app import Setting, find_bundle, left_to_undo, read_records

    setting = Setting(evidence=evidence)
    if run is None:
        _list(setting, is_one=log or items, as_json=as_json)
        return
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
                "findings": found.findings,
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


def _list(setting: "Setting", *, is_one: bool, as_json: bool) -> None:
    """The bundles of the evidence folder. Raises UsageError where what was asked for is of one run."""
    from irkit.app.evidence_seen import EvidenceSeen

    if is_one:
        raise UsageError("--log and --items are of one run: name it")
    seen = EvidenceSeen(setting).bundles()
    if as_json:
        options.print_json([_plain(one) for one in seen])
        return
    click.echo(columns(("BEGUN", "CASE", "PLAYBOOK", "OUTCOME", "TO UNDO", "BUNDLE"), list(map(_row, seen)), limit=100))


def _plain(one: "BundleSeen") -> dict[str, Any]:
    run = one.run
    return {
        "bundle": str(one.path),
        "sealed": one.is_sealed,
        "readable": run is not None,
        "begun": run.started_at if run else "",
        "started": run.started if run else None,
        "finished": run.finished if run else None,
        "to_undo": one.left,
    }


def _row(one: "BundleSeen") -> tuple[object, ...]:
    run = one.run
    if run is None or run.started is None:
        return "-", "-", "-", "CANNOT BE READ", "?", one.path.name
    started = run.started
    playbook = f"{started.playbook} of {started.undoes[:8]}" if started.undoes else started.playbook
    outcome = run.finished.outcome if run.finished else "no end"
    state = outcome if one.is_sealed else f"{outcome}, not sealed"
    return f"{run.started_at[:19]}Z", started.case or "-", playbook, state, one.left or "-", one.path.name
