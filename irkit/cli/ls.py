"""irkit ls: the containers of hosts."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from irkit.cli import options
from irkit.cli.ls_findings import list_findings
from irkit.cli.table import Rows, age_text, columns
from irkit.core.container import SHORT_ID, Summary
from irkit.core.errors import HostState, TargetError

if TYPE_CHECKING:
    from irkit.app import Fleet

_HEAD = ("ID", "NAME", "STATE", "IMAGE", "AGE", "NETWORKS", "PORTS")
_WIDTHS = (SHORT_ID, 22, 8, 26, 4, 16, 1)


@click.command()
@click.argument("selectors", nargs=-1, metavar="[TARGET]...", shell_complete=options.complete_container)
@options.with_hosts()
@click.option("--findings", is_flag=True, help="Examine each: risk and exposure, the riskiest first.")
@options.as_json
def command(selectors: tuple[str, ...], chosen: options.Chosen, findings: bool, as_json: bool) -> None:
    """List the containers of hosts, running ones first; several hosts as each of them answers.

    TARGET limits the list: an id or prefix, a name, name:GLOB, image:GLOB, label:KEY[=GLOB] or all, of one host where
    HOST/ stands before it. Exit status 1 where some hosts could not be reached, 3 where none could.

    EXPOSE, with --findings, is a letter at its place: P privileged, N a namespace of the host, D the engine's socket,
    W a writable mount of the host, C dangerous capabilities, U root.
    """
    with chosen.setting().fleet(chosen.hosts) as fleet:
        if findings:
            list_findings(fleet, selectors, as_json=as_json)
        elif len(fleet.hosts) == 1:
            _list_one(fleet, selectors, as_json=as_json)
        else:
            _list_many(fleet, selectors, as_json=as_json)


def _list_one(fleet: "Fleet", selectors: tuple[str, ...], *, as_json: bool) -> None:
    """The list of one host, as wide as it needs to be."""
    from irkit.app import list_hosts

    ((host, found),) = list_hosts(fleet, selectors)
    if as_json:
        options.print_json(_plain(fleet, {host.name: found}))
    if isinstance(found, TargetError):
        raise found
    if as_json:
        return
    click.echo(columns(_HEAD, [_row(one) for one in found]))


def _list_many(fleet: "Fleet", selectors: tuple[str, ...], *, as_json: bool) -> None:
    """The list of several, at fixed widths, a host at a time as it answers."""
    from irkit.app import list_hosts

    rows = Rows(("HOST", *_HEAD), (max(len(host.name) for host in fleet.hosts), *_WIDTHS))
    found: dict[str, list[Summary] | TargetError] = {}
    listed = list_hosts(fleet, selectors)  # before the head: selectors that make no sense are told of alone
    if not as_json:
        click.echo(rows.head)
    for host, result in listed:
        found[host.name] = result
        if not as_json:
            click.echo("\n".join(_lines(rows, host.name, result)))
    if as_json:
        options.print_json(_plain(fleet, found))
    failed = sum(isinstance(result, TargetError) for result in found.values())
    options.end_of_hosts(asked=len(found), failed=failed)


def _lines(rows: Rows, host: str, result: list[Summary] | TargetError) -> list[str]:
    """What a host answered; one that failed, or has nothing, is a row too."""
    from irkit.app import state_of

    if isinstance(result, TargetError):
        return [rows.line((host, "-", "-", state_of(result), result.reason, "", "", ""), limit=400)]
    if not result:
        return [rows.line((host, "-", "-", HostState.UP, "no containers", "", "", ""))]
    return [rows.line((host, *_row(one))) for one in result]


def _plain(fleet: "Fleet", found: dict[str, list[Summary] | TargetError]) -> list[Any]:
    """One list of containers and failures, hosts in the order of the fleet."""
    from irkit.app import state_of

    plain: list[Any] = []
    for host in fleet.hosts:
        match found.get(host.name, []):
            case TargetError() as error:
                plain.append({"host": host.name, "state": state_of(error), "error": error.reason})
            case listed:
                plain += listed
    return plain


def _row(one: Summary) -> tuple[str, ...]:
    ports = [f"{port.host_port}->{port.container_port}/{port.protocol}" for port in one.ports if port.host_port]
    age = ""
    if one.created_at:
        age = age_text((datetime.now(UTC) - datetime.fromisoformat(one.created_at)).total_seconds())
    networks = ",".join(one.networks)
    return one.id[:SHORT_ID], one.name, one.state, one.image, age, networks, ",".join(sorted(set(ports)))
