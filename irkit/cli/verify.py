"""irkit verify: check a bundle."""

from pathlib import Path

import click

from irkit.cli import options
from irkit.cli.table import size_text
from irkit.core.errors import VerificationError
from irkit.core.text import safe


@click.command()
@click.argument("bundle")
@options.evidence
@options.as_json
def command(*, bundle: str, evidence: Path | None, as_json: bool) -> None:
    """Check BUNDLE: every file against both manifests, no file unlisted, the chain of the run log.

    Exit status 4 where anything is not as it should be, and every such file or line is named.

    BUNDLE is a bundle's folder or name, or the start of its run's id.
    """
    from irkit.app import Setting, verify_bundle

    report = verify_bundle(Setting(evidence=evidence), bundle)
    if as_json:
        options.print_json(report)
        click.get_current_context().exit(0 if report.ok else VerificationError.exit_status)
    for problem in report.problems:
        line = f":{problem.line}" if problem.line else ""
        click.echo(f"{safe(problem.path, 300)}{line}: {safe(problem.reason, 400)}", err=True)
    name = safe(report.bundle, 200)
    if not report.ok:
        raise VerificationError(f"{name} does NOT verify: {len(report.problems)} problem(s)")
    for note in report.notes:
        click.echo(f"note: {safe(note, 400)}")
    click.echo(
        f"{name} verifies: {report.files} files, {size_text(report.bytes)}, {report.records} log records, "
        f"log head {report.log_head[:16]}; not signed, so this shows that it is whole, not who made it"
    )
