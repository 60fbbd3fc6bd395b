"""irkit ls --findings: the containers of hosts with what the checks find in them, the riskiest first."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from irkit.cli import options
from irkit.cli.table import age_text, columns
from irkit.core.container import SHORT_ID, Summary
from irkit.core.errors import TargetError
from irkit.core.text import safe

if TYPE_CHECKING:
    from irkit.app import Fleet
    from irkit.app.exposed import Exposed, Exposure

_HEAD = ("RISK", "EXPOSE", "HOST", "ID", "NAME", "STATE", "IMAGE", "AGE", "FINDINGS")


def list_findings(fleet: "Fleet", selectors: tuple[str, ...], *, as_json: bool) -> None:
    """The list. Exit status 1 where the containers of some hosts are not known, or what they are."""
    from irkit.app import list_hosts, state_of
    from irkit.app.exposed import exposed

    results = {host.name: found for host, found in list_hosts(fleet, selectors)}
    listed = {name: found for name, found in results.items() if not isinstance(found, TargetError)}
    found = exposed(fleet, listed)
    failures = {name: error for name, error in results.items() if isinstance(error, TargetError)} | found.failures
    every = sorted((one for some in listed.values() for one in some), key=lambda one: _order(one, found))
    if len(results) == 1 and failures and not as_json:
        raise next(iter(failures.values()))
    if as_json:
        failed = [{"host": name, "state": state_of(error), "error": error.reason} for name, error in failures.items()]
        options.print_json([*(_plain(one, found.by_key.get(_key(one))) for one in every), *failed])
    else:
        click.echo(columns(_HEAD, [_row(one, found.by_key.get(_key(one))) for one in every], limit=200))
        for name, error in failures.items():
            click.echo(safe(f"irkit: host {name}: {error.reason}", 500), err=True)
    options.end_of_hosts(asked=len(results), failed=len(failures))


def _key(one: Summary) -> str:
    return f"{one.host}/{one.id}"


def _order(one: Summary, found: "Exposed") -> tuple[object, ...]:
    known = found.by_key.get(_key(one))
    rank = known.risk.rank if known is not None and known.risk is not None else -1
    return -rank, one.state not in ("running", "paused", "restarting"), one.host, one.name


def _plain(one: Summary, known: "Exposure | None") -> dict[str, Any]:
    import msgspec

    from irkit.app import with_answers

    plain = {**msgspec.structs.asdict(one), "examined": known is not None}
    if known is None:
        return plain
    return {**plain, "risk": known.risk, "flags": known.flags, "findings": with_answers(known.findings)}


def _row(one: Summary, known: "Exposure | None") -> tuple[object, ...]:
    age = ""
    if one.created_at:
        age = age_text((datetime.now(UTC) - datetime.fromisoformat(one.created_at)).total_seconds())
    said = "; ".join(found.summary for found in known.findings) if known is not None else "not examined"
    risk = "?" if known is None else str(known.risk or "-")
    flags = known.flags if known is not None else "??????"
    return risk, flags, one.host, one.id[:SHORT_ID], one.name, one.state, one.image, age, said
