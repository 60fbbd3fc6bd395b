"""The first tab: what was found, with the fact it rests on and what answers it, and then what the container is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from textwrap import wrap
from types import MappingProxyType

from irkit.app.findings import answer_of
from irkit.core.container import SHORT_ID, Container
from irkit.core.finding import Finding
from irkit.core.text import safe
from irkit.tui.flows import keys_of_playbooks
from irkit.tui.line_view import Line
from irkit.tui.panes.pane import Pane
from irkit.tui.themes import SEVERITY_SIGNS, SEVERITY_STYLES


class OverviewPane(Pane[None]):
    """Made of what the list knows: it looks at nothing by itself."""

    title = "Overview"

    def __init__(self, key: str, *, id: str) -> None:
        super().__init__(key, id=id)
        self._keys: Mapping[str, str] = {}

    def entered(self) -> None:
        """Show the row."""
        self.view.is_following = False
        self.view.focus()
        self._keys = keys_of_playbooks(self.irkit)
        self.tick()

    def tick(self) -> None:
        """Show the row as it is now."""
        row = self.row
        if row is None:
            self.say("it is not in the list", "bold $error")
            return
        width = self.view.size.width - 2
        lines = list(overview_lines(row.findings, row.facts, row.problem, width, keys=self._keys))
        if lines != self.view.lines:
            self.view.show(lines)
        found = len(row.findings)
        host = self.irkit.hosts_now.get(row.host)
        at = f" as of {host.as_of:%H:%M:%S}Z" if host is not None and host.as_of else ""
        unread = "; facts are not known yet" if not row.facts else ""
        self.say(f"{found} finding{'' if found == 1 else 's'}{at}{unread}")


def overview_lines(
    findings: Iterable[Finding],
    facts: Container | None,
    problem: str,
    width: int = 0,
    *,
    keys: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Line]:
    """Findings first, gravest first; then the facts. Where there is a width, words go on in the next line.

    `keys` are those that plan playbooks, as `flows` gives them.
    """
    if problem:
        yield from _wrapped(Line(safe(f"NOT KNOWN: {problem}", 600), "bold $error"), width, 3)
    order = list(SEVERITY_SIGNS)
    for one in sorted(findings, key=lambda finding: order.index(str(finding.severity))):
        yield from _finding_lines(one, width, keys)
    yield Line(safe(""))
    if facts is not None:
        yield from (Line(safe(f"{name:<14} {value}", 600), value=safe(value)) for name, value in fact_rows(facts))


def _finding_lines(one: Finding, width: int, keys: Mapping[str, str]) -> Iterator[Line]:
    """What was found, the facts it rests on, what mends it, and the playbook that answers it with the key for that."""
    severity = str(one.severity)
    summary = Line(safe(f"{SEVERITY_SIGNS[severity]} {one.summary}", 600), SEVERITY_STYLES[severity])
    yield from _wrapped(summary, width, 3)
    for fact in one.because:
        yield from _wrapped(Line(safe(f"     because {fact}", 600), value=safe(fact)), width, 13)
    if one.remedy:
        yield from _wrapped(Line(safe(f"     to do: {one.remedy}", 600), "italic", safe(one.remedy)), width, 12)
    if answer := answer_of(one):
        key = keys.get(answer) or keys.get("")
        yield Line(safe(f"     answer: {answer}" + (f" ({key})" if key else ""), 600), "italic", safe(answer))


def _wrapped(line: Line, width: int, indent: int) -> Iterator[Line]:
    """The line, or several of its style and value, the later ones indented."""
    if width <= indent or len(line.text) <= width:
        yield line
        return
    begin = line.text[: len(line.text) - len(line.text.lstrip())]
    parts = wrap(line.text.strip(), width, initial_indent=begin, subsequent_indent=" " * indent)
    yield from (replace(line, text=safe(part), value=line.value or line.text) for part in parts)


def fact_rows(one: Container) -> Iterator[tuple[str, str]]:
    """The facts by name; what is long or repeated is a row each."""
    yield "name", one.name
    yield "id", one.id
    yield "host", one.host
    yield "state", one.state
    yield "image", f"{one.image}  {one.image_digest.removeprefix('sha256:')[:SHORT_ID]}"
    yield "created", one.created_at
    yield "started", one.started_at
    yield "user", one.user or "root (none set)"
    yield "restart", one.restart_policy.name + (f", restarts so far: {one.restarts}" if one.restarts else "")
    yield "security", ", ".join(one.security_options) or "-"
    yield "capabilities", "all (privileged)" if one.privileged else ", ".join(one.capabilities) or "the usual ones"
    if one.orchestrator:
        yield "orchestrator", one.orchestrator
    for place in one.attachments:
        yield "network", f"{place.network}  {place.ipv4} {place.ipv6} {place.mac}".rstrip()
    for port in one.ports:
        yield "port", f"{port.host_ip}:{port.host_port} -> {port.container_port}/{port.protocol}"
    for mount in one.mounts:
        how = "writable" if mount.writable else "read-only"
        yield "mount", f"{mount.kind} {mount.source or mount.name} on {mount.destination} ({how})"
    for name, value in one.labels.items():
        yield "label", f"{name}={value}"
