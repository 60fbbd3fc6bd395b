"""irkit look: what is in one container right now, seen from outside, without a run."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from irkit.cli import options
from irkit.cli.table import columns
from irkit.core.errors import IrkitError, UsageError
from irkit.core.text import safe
from irkit.core.values import check_moment, utc_text

if TYPE_CHECKING:
    from irkit.app.looks import LogLook, Look, Looks
    from irkit.app.seen import Change, LogLine, Process, Socket
    from irkit.core.container import Container

KINDS: Final = ("processes", "network", "files", "logs", "inspect")
_TAIL, _MOST_TAIL = 200, 20_000
_PAUSE: Final = 0.1
_WIDEST, _LONGEST_PATH = 1000, 4000
"""Characters of a line of a log, and of a path, that are shown at most; JSON has more."""
_DEEPEST: Final = 20


@click.command()
@click.argument("selector", metavar="TARGET", shell_complete=options.complete_container)
@click.argument("what", metavar="WHAT", type=click.Choice(KINDS))
@click.option("--tail", type=click.IntRange(1, _MOST_TAIL), help=f"Of logs: so many of the last lines (else {_TAIL}).")
@click.option(
    "--since", metavar="TIME", help="Of logs: no line before; 10m, 24h, or a time such as 2026-01-31T10:00:00Z."
)
@click.option("--follow", is_flag=True, help="Of logs: go on with what is written, until Ctrl-C.")
@options.with_hosts()
@options.as_json
def command(
    *,
    selector: str,
    what: str,
    tail: int | None,
    since: str | None,
    follow: bool,
    chosen: options.Chosen,
    as_json: bool,
) -> None:
    """Show what is in one container right now, from outside: nothing is executed in it, changed or kept.

    TARGET is as for inspect, and means one container. WHAT is processes (from the host's /proc, else the engine's
    list), network (networks, ports and sockets), files (those that are not as the image has them), logs, or inspect
    (all that the engine knows: it holds secrets). What is to be evidence is collected by a run.

    Logs as JSON are a line for each record. Exit status 1 where it could not be seen, or some hosts not be reached; 3
    where no container was found.
    """
    from irkit.app.fleet_looks import find_one, looks_at

    if what != "logs" and (follow or tail is not None or since is not None):
        raise UsageError(f"--tail, --since and --follow are for logs, and not for {what}")
    _check_moment(since)
    with chosen.setting().fleet(chosen.hosts) as fleet:
        container, found = find_one(fleet, selector)
        looks = looks_at(fleet)
        if what == "logs":
            _show_log(looks.logs(container.key, tail=tail or _TAIL, since=since or "", ends=not follow), as_json)
        else:
            _show(container, what, _begun(looks, what, container.key), as_json)
        asked = len(fleet.hosts)
    for name, error in found.failures.items():
        click.echo(safe(f"irkit: host {name}: {error.reason}", 500), err=True)
    options.end_of_hosts(asked=asked, failed=len(found.failures))


def _check_moment(since: str | None) -> None:
    """Refuse what is neither a duration nor a time before any host is asked. Raises UsageError."""
    try:
        check_moment(since)
    except ValueError as error:
        raise UsageError(f"--since: {error}") from error


def _begun(looks: "Looks", what: str, key: str) -> "Look[Any]":
    kinds: dict[str, Callable[[str], Look[Any]]]
    kinds = {"processes": looks.processes, "network": looks.sockets, "files": looks.changes, "inspect": looks.raw}
    return kinds[what](key)


def _show(container: "Container", what: str, look: "Look[Any]", as_json: bool) -> None:
    """What was seen, or of a network what the engine knows and why no more. Raises IrkitError."""
    from irkit.app.fleet_looks import await_look

    problem = None
    try:
        await_look(look)
    except IrkitError as error:
        problem = error
    if as_json:
        options.print_json(_plain(container, what, look, str(problem or "")))
    else:
        for line in _lines(container, what, look.value):
            click.echo(line)
        for note in look.notes:
            click.echo(safe(f"irkit: {note}", 500), err=True)
    if problem:
        raise problem


def _plain(container: "Container", what: str, look: "Look[Any]", problem: str) -> dict[str, Any]:
    value = look.value
    if isinstance(value, list) and what != "inspect":
        value = [dataclasses.asdict(one) for one in value]
    more = {"attachments": container.attachments, "ports": container.ports} if what == "network" else {}
    return {
        "host": container.host,
        "id": container.id,
        "name": container.name,
        "what": what,
        "source": look.source,
        "at": utc_text(look.as_of) if look.as_of else "",
        "seen": value,
        "notes": look.notes,
        "error": problem,
        **more,
    }


def _lines(container: "Container", what: str, value: Any) -> Iterator[str]:
    if what == "network":
        yield from _places(container)
    if value is None:
        return
    match what:
        case "processes":
            yield from _processes(value)
        case "network":
            yield _sockets(value)
        case "files":
            yield from _changes(value)
        case _:
            yield options.ascii_json(value, indent=2)


def _processes(found: "list[Process]") -> Iterator[str]:
    """Each below the one that started it; what is unusual about one stands below all."""
    rows = [
        (one.pid, one.parent, one.user, one.started[:19], "  " * min(one.depth, _DEEPEST) + one.title) for one in found
    ]
    yield columns(("PID", "PARENT", "USER", "STARTED", "COMMAND"), rows, limit=300)
    for one in found:
        for note in one.notes:
            executable = f" [{one.executable}]" if one.executable else ""
            yield safe(f"! {one.pid}{executable}: {note}", 500)


def _places(container: "Container") -> Iterator[str]:
    for place in container.attachments:
        addresses = " ".join(filter(None, (place.ipv4, place.ipv6, place.mac)))
        yield safe(f"network {place.network} ({place.driver or '?'})  {addresses}", 400)
    for port in container.ports:
        yield safe(f"port {port.host_ip}:{port.host_port} -> {port.container_port}/{port.protocol}", 400)


def _sockets(found: "list[Socket]") -> str:
    rows = [
        (one.protocol, one.state, one.local, one.remote, ", ".join(one.holders) + (f"  {one.note}" if one.note else ""))
        for one in found
    ]
    return columns(("PROTO", "STATE", "LOCAL", "REMOTE", "HELD BY"), rows, limit=200)


def _changes(found: "list[Change]") -> Iterator[str]:
    return (f"{one.kind:<8} {safe(one.path, _LONGEST_PATH)}" for one in found)


def _show_log(look: "LogLook", as_json: bool) -> None:
    """Its lines as they come, to the end. Raises IrkitError where the engine did not tell them to the end."""
    try:
        is_over = False
        while not is_over:
            is_over = look.wait(_PAUSE)
            lines, left_out = look.take()
            if left_out:
                click.echo(f"irkit: {left_out} lines came too fast to be shown", err=True)
            for line in lines:
                click.echo(options.ascii_json(dataclasses.asdict(line)) if as_json else _log_line(line))
    finally:
        look.cancel()
    if look.error:
        raise IrkitError(look.error)


def _log_line(line: "LogLine") -> str:
    return safe(f"{line.stamp} {line.stream:<6} {line.text}{' …' if line.is_cut else ''}", _WIDEST)
