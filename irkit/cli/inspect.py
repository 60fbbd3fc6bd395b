"""irkit inspect: what the engine knows of a container."""

from collections.abc import Iterator
from typing import Any

import click

from irkit.cli import options
from irkit.cli.table import columns
from irkit.core.container import Attachment, Container
from irkit.core.text import safe


@click.command()
@click.argument("selectors", nargs=-1, required=True, metavar="TARGET...", shell_complete=options.complete_container)
@options.with_hosts()
@options.as_json
def command(selectors: tuple[str, ...], chosen: options.Chosen, as_json: bool) -> None:
    """Show the facts of containers, and how these expose their hosts; not their environment, which holds secrets.

    TARGET is an id or prefix, a name, name:GLOB, image:GLOB, label:KEY[=GLOB] or all, of one host where HOST/ stands
    before it. Exit status 1 where some hosts could not be reached, 3 where none could.
    """
    from irkit.app import look, state_of

    with chosen.setting().fleet(chosen.hosts) as fleet:
        found = look(fleet, selectors)
        asked = len(fleet.hosts)
    failures = [
        {"host": name, "state": state_of(error), "error": error.reason} for name, error in found.failures.items()
    ]
    if as_json:
        options.print_json([*map(_plain, found.containers), *failures])
    else:
        click.echo("\n\n".join(_text(one) for one in found.containers))
        for name, error in found.failures.items():
            click.echo(safe(f"irkit: host {name}: {error.reason}", 500), err=True)
    options.end_of_hosts(asked=asked, failed=len(failures))


def _plain(one: Container) -> dict[str, Any]:
    """The facts, with what the checks find in them."""
    import msgspec

    from irkit.app import findings_of, flags_of, with_answers

    found = findings_of(one)
    return {**msgspec.structs.asdict(one), "findings": with_answers(found), "flags": flags_of(found)}


def _restarting(one: Container) -> str:
    """What its engine does when it ends, and how often that was so."""
    again = f", restarts so far: {one.restarts}" if one.restarts else ""
    return one.restart_policy.name + (", removed when it ends (--rm)" if one.auto_remove else "") + again


def _text(one: Container) -> str:
    rows = [
        ("id", one.id),
        ("name", one.name),
        ("host", one.host),
        ("image", f"{one.image} ({one.image_digest})"),
        ("state", f"{one.state}, pid {one.pid}" if one.pid else one.state),
        ("created", one.created_at),
        ("started", one.started_at),
        ("restart policy", _restarting(one)),
        ("orchestrator", one.orchestrator or "none"),
        ("privileged", "YES" if one.privileged else "no"),
        ("capabilities", ", ".join(one.capabilities) or "the engine's usual"),
        ("user", one.user or "root"),
        ("log driver", one.log_driver),
    ]
    rows += _finding_rows(one)
    rows += [("network", _network(attachment)) for attachment in one.attachments]
    rows += [
        ("port", f"{port.host_ip}:{port.host_port} -> {port.container_port}/{port.protocol}") for port in one.ports
    ]
    rows += [
        (
            "mount",
            f"{mount.kind} {mount.source or mount.name} on {mount.destination}" + ("" if mount.writable else ", ro"),
        )
        for mount in one.mounts
    ]
    rows += [("label", f"{key}={value}") for key, value in sorted(one.labels.items())]
    return columns(("FACT", "VALUE"), rows, limit=200)


def _finding_rows(one: Container) -> Iterator[tuple[str, str]]:
    """What was found, and after each the playbook that answers it."""
    from irkit.app import answer_of, findings_of

    for found in findings_of(one):
        yield "finding", f"{found.severity}: {found.summary} ({found.check})"
        if answer := answer_of(found):
            yield "answer", answer


def _network(attachment: Attachment) -> str:
    fixed = " (fixed)" if attachment.fixed_ipv4 or attachment.fixed_ipv6 else ""
    names = f", known as {', '.join(attachment.aliases)}" if attachment.aliases else ""
    addresses = " ".join(filter(None, [attachment.ipv4, attachment.ipv6])) or "no address"
    return safe(f"{attachment.network}: {addresses}{fixed}{names}", 500)
