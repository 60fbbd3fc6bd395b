"""irkit hosts check: what each host is, and what irkit will not be able to do there."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from irkit.cli import options
from irkit.cli.table import Rows, offset_text, size_text
from irkit.core.errors import HostState, TargetError
from irkit.core.text import safe

if TYPE_CHECKING:
    from irkit.app import Fleet
    from irkit.core.host_check import HostFacts

_HEAD = ("HOST", "STATE", "PING", "ROUTE", "ENGINE", "API", "STORAGE", "RUNNING", "FREE", "CLOCK")
_WIDTHS = (5, 8, 18, 16, 16, 9, 7, 9, 10)


@click.command()
@click.argument("selectors", nargs=-1, metavar="[HOST]...", shell_complete=options.complete_host)
@options.with_hosts(choose=False)
@options.as_json
def check(selectors: tuple[str, ...], chosen: options.Chosen, as_json: bool) -> None:
    """Reach hosts and tell what they are: all of the inventory, or those named; else this machine's engine.

    For each: how long a ping of its engine takes (the median of five), how the engine is spoken to, its version and the
    API's (spoken, and offered), storage driver, running containers of all, space left for its data, its clock less
    yours, and what irkit will not be able to do there. Exit status 1 where some could not be reached, 3 where none
    could.
    """
    setting = chosen.setting()
    wanted = selectors or (("all",) if setting.has_inventory else ())
    with setting.fleet(wanted) as fleet:
        found = _check(fleet, shown=not as_json)
        if as_json:
            options.print_json([_plain(host.name, found[host.name]) for host in fleet.hosts])
    failed = sum(isinstance(result, TargetError) for result in found.values())
    options.end_of_hosts(asked=len(found), failed=failed)


def _check(fleet: "Fleet", *, shown: bool) -> "dict[str, HostFacts | TargetError]":
    """What each host tells, shown as it does."""
    rows = Rows(_HEAD, (max(len(host.name) for host in fleet.hosts), *_WIDTHS))
    if shown:
        click.echo(rows.head)
    found: dict[str, HostFacts | TargetError] = {}
    for host, result in fleet.each(lambda target, deadline: target.check(deadline)):
        found[host.name] = result
        if shown:
            click.echo("\n".join(_lines(rows, host.name, result)))
    return found


def _plain(host: str, result: "HostFacts | TargetError") -> dict[str, Any]:
    from irkit.app import state_of
    from irkit.core.codec import plain

    if isinstance(result, TargetError):
        return {"host": host, "state": state_of(result), "error": result.reason}
    return {"state": HostState.UP, **plain(result)}


def _lines(rows: Rows, host: str, result: "HostFacts | TargetError") -> Iterator[str]:
    """A host's row, and below it what has no column."""
    from irkit.app import state_of

    if isinstance(result, TargetError):
        empty = [""] * (len(_HEAD) - 3)
        yield rows.line((host, state_of(result), result.reason, *empty), limit=600)
        return
    yield rows.line(_row(result))
    yield f"    {safe('; '.join(_details(result)), 600)}"
    for sentence in result.cannot:
        yield f"    cannot: {safe(sentence, 300)}"
    for note in result.notes:
        yield f"    note: {safe(note, 300)}"


def _row(facts: "HostFacts") -> tuple[str, ...]:
    return (
        facts.host,
        HostState.UP,
        "-" if facts.latency_ms is None else f"{facts.latency_ms:.1f} ms",
        facts.route or "-",
        f"{facts.engine} {facts.engine_version}".strip() or "-",
        f"{facts.api} ({facts.api_oldest}-{facts.api_newest})" if facts.api else "-",
        facts.storage_driver or "-",
        "-"
        if facts.running is None
        else f"{facts.running}/{facts.containers if facts.containers is not None else '-'}",
        "-" if facts.free_bytes is None else size_text(facts.free_bytes),
        "-" if facts.clock_offset_ns is None else offset_text(facts.clock_offset_ns),
    )


def _details(facts: "HostFacts") -> Iterator[str]:
    yield "rootless" if facts.rootless else "not rootless"
    yield f"cgroup {facts.cgroup or '-'}"
    yield f"as {facts.user or '-'}" + (f" ({facts.privileges})" if facts.privileges else "")
    if facts.host_key:
        yield f"host key {facts.host_key}"
