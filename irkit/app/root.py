"""Which hosts of a run allow what needs root on them: asked only where the playbook has a step that does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from irkit.core.errors import TargetError

if TYPE_CHECKING:
    from irkit.app.fleet import Fleet
    from irkit.core.host import Host
    from irkit.core.playbook import Playbook


def no_root_of(fleet: Fleet, hosts: Sequence[Host], playbook: Playbook) -> dict[str, str]:
    """Why commands cannot be run as root, for each host on which they cannot."""
    from irkit.actions import ACTIONS

    if not any(ACTIONS[step.action].needs_root for step in playbook.steps):
        return {}
    found: dict[str, str] = {}
    for host, result in fleet.each(lambda target, deadline: target.why_no_root(deadline), hosts):
        if isinstance(result, TargetError):
            found[host.name] = result.reason
        elif result:
            found[host.name] = result
    return found
