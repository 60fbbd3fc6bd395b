"""irkit export timeline: all that a bundle tells of times, in the form another tool reads."""

import os
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

import click

from irkit.cli import options
from irkit.core.errors import StorageError, UsageError
from irkit.core.text import safe

_FORMATS = ("jsonl", "csv", "bodyfile")
_MOST_NOTES = 20


@click.command()
@click.argument("run", metavar="BUNDLE")
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    default="jsonl",
    show_default=True,
    help="JSON Lines with Timesketch's columns, CSV with the same ones, or the Sleuth Kit's bodyfile for mactime.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file to write, that only you can read (else standard output).",
)
@click.option(
    "--align", is_flag=True, help="Have times of hosts by the responder's clock, by the offset that was measured."
)
@options.evidence
def timeline(*, run: str, form: str, output: Path | None, align: bool, evidence: Path | None) -> None:
    """Merge the times of files, log lines, engine events, process starts and the run's own actions.

    BUNDLE is a bundle's folder or name, or the start of a run's id. Rows are sorted by time, but for the bodyfile,
    which its readers sort; what does not fit into memory is put aside beside the output meanwhile. Names are escaped:
    a backslash is doubled, and what could be obeyed or is no text is written as bytes, such as \\x1b.
    """
    from irkit.app import Setting, export_timeline

    setting = Setting(evidence=evidence)
    folder = output.absolute().parent if output else Path(tempfile.gettempdir())
    if output is None:
        rows, notes = export_timeline(setting, run, form, sys.stdout.buffer, folder, aligned=align)
        sys.stdout.buffer.flush()
    else:
        with new_file(output) as out:
            try:
                rows, notes = export_timeline(setting, run, form, out, folder, aligned=align)
            except OSError as error:
                raise StorageError(f"{output}: {error.strerror}") from error
    for note in notes[:_MOST_NOTES]:
        click.echo(f"not all of it: {safe(note, 400)}", err=True)
    if len(notes) > _MOST_NOTES:
        click.echo(f"not all of it: {len(notes) - _MOST_NOTES} more such notes", err=True)
    if output is not None:
        click.echo(f"{rows} rows in {safe(output, 300)}", err=True)


def new_file(path: Path) -> BinaryIO:
    """A file that was not there. Raises UsageError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise UsageError(f"{path} is there already: name a new file") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    return os.fdopen(descriptor, "wb")
