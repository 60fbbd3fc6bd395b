"""irkit case: what was done and noted in a case, over all its runs; a note more."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from irkit.cli import options
from irkit.cli.record_text import RecordText
from irkit.cli.table import columns
from irkit.core.errors import UsageError, VerificationError
from irkit.core.text import safe

if TYPE_CHECKING:
    from irkit.app.case import CaseLine
    from irkit.app.evidence_seen import EvidenceSeen


@click.command()
@click.argument("case", required=False)
@click.option("--note", help="Write this into the notes of the case, with the time and your name.")
@options.responder
@options.evidence
@options.as_json
def command(*, case: str | None, note: str | None, responder: str, evidence: Path | None, as_json: bool) -> None:
    """Show what was done and noted in a case, over all its runs, in UTC; without CASE, which cases there are.

    Notes form a chain, and the next run of the case takes them into its log. Exit status 4 where anything of the case
    cannot be believed.
    """
    from irkit.app import Setting
    from irkit.app.evidence_seen import EvidenceSeen

    setting = Setting(evidence=evidence)
    if note is not None:
        _write(setting, case, note, responder)
        return
    if case is None:
        _list(EvidenceSeen(setting), as_json=as_json)
        return
    lines, problems = EvidenceSeen(setting).case_lines(case)
    if not lines and not problems:
        raise UsageError(f"case {safe(case, 100)!r} has no run and no note in {setting.folder}")
    if as_json:
        options.print_json({"case": case, "problems": problems, "entries": list(map(_plain, lines))})
    else:
        click.echo("\n".join(_texts(lines)))
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise VerificationError(f"not all of the case can be believed: {safe(problems[0], 300)}{more}")


def _write(setting: Any, case: str | None, note: str, responder: str) -> None:
    from irkit.app import responder_name
    from irkit.app.case import take_note

    if case is None:
        raise UsageError("--note: say for which CASE it is")
    if not note.strip():
        raise UsageError("--note: it is empty")
    take_note(setting, case, note.strip(), responder or responder_name(setting.environment))


def _list(seen: "EvidenceSeen", *, as_json: bool) -> None:
    cases = seen.cases()
    if as_json:
        options.print_json([{"case": name, "runs": runs} for name, runs in cases.items()])
    else:
        click.echo(columns(("CASE", "RUNS"), [(name or "-", runs) for name, runs in cases.items()], limit=100))


def _plain(line: "CaseLine") -> dict[str, Any]:
    return {"at": line.at, "bundle": line.bundle, "record": line.record}


def _texts(lines: "list[CaseLine]") -> list[str]:
    """A line for each thing that happened, with its date before the time."""
    texts: dict[str, RecordText] = {}
    told = ((one, texts.setdefault(one.bundle, RecordText()).line(one.record)) for one in lines)
    return [safe(f"{one.at[:10]} {said}", 2000) for one, said in told if said]
