"""irkit export strings and core: the memory of processes in a bundle, for people and for debuggers."""

import sys
from pathlib import Path

import click

from irkit.cli import options
from irkit.cli.export_timeline import new_file
from irkit.core.errors import StorageError
from irkit.core.text import safe

_bundle = click.argument("run", metavar="BUNDLE")


@click.command()
@_bundle
@click.option("--pid", type=click.IntRange(min=1), default=None, help="One process, by the host's number.")
@click.option(
    "--min", "least", type=click.IntRange(3, 1000), default=6, show_default=True, help="Characters at the least."
)
@options.evidence
def strings(*, run: str, pid: int | None, least: int, evidence: Path | None) -> None:
    """Print the strings in the memory that BUNDLE holds: process, address, encoding, text, with tabs between.

    ASCII and UTF-16. BUNDLE is a bundle's folder or name, or the start of a run's id.
    """
    from irkit.app import Setting, memory_strings

    for number, found in memory_strings(Setting(evidence=evidence), run, pid or 0, least):
        text = found.text.replace("\t", "\\t")
        click.echo(f"{number}\t{found.address:#x}\t{found.encoding}\t{safe(text, len(text) + 1)}")


@click.command()
@_bundle
@click.option("--pid", type=click.IntRange(min=1), required=True, help="The process, by the host's number.")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file to write, that only you can read (else standard output).",
)
@options.evidence
def core(*, run: str, pid: int, output: Path | None, evidence: Path | None) -> None:
    """Write the memory of a process that BUNDLE holds as an ELF core, for gdb and other debuggers.

    Of registers it has the stack and instruction pointers, as far as the kernel told them. BUNDLE is a bundle's folder
    or name, or the start of a run's id.
    """
    from irkit.app import Setting, memory_core

    pieces, missing = memory_core(Setting(evidence=evidence), run, pid)
    if output is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    else:
        with new_file(output) as out:
            try:
                for piece in pieces:
                    out.write(piece)
            except OSError as error:
                raise StorageError(f"{output}: {error.strerror}") from error
    if missing:
        click.echo(f"not all of it: {safe(missing, 400)}", err=True)
