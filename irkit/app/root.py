"""Which hosts of a run allow what needs root on them: asked only where the playbook has a step that does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from irkit.core.errors import TargetError

if TYPE_CHECKING:
    from irkit.app.fleet import Fleet
    from irkit.core.host import Host
    from irkit.core.playbook import Playbook
    from irkit.core.ports import Deadline, Target


def no_root_of(fleet: Fleet, hosts: Sequence[Host], playbook: Playbook) -> dict[str, str]:
    """Why commands cannot be run as root, for each host on which they cannot."""
    from irkit.actions import ACTIONS

    if not any(ACTIONS[step.action].may_need_root(step.arguments) for step in playbook.steps):
        return {}
    return _asked(fleet, hosts, lambda target, deadline: target.why_no_root(deadline))


def no_files_of(fleet: Fleet, hosts: Sequence[Host], playbook: Playbook) -> dict[str, str]:
    """Why the host's files cannot be read as root, for each host on which they cannot."""
    from irkit.actions import ACTIONS

    if not any(ACTIONS[step.action].reads_files for step in playbook.steps):
        return {}
    return _asked(fleet, hosts, lambda target, deadline: target.why_no_files(deadline))


def _asked(fleet: Fleet, hosts: Sequence[Host], ask: Callable[[Target, Deadline], str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for host, result in fleet.each(ask, hosts):
        if isinstance(result, TargetError):
            found[host.name] = result.reason
        elif result:
            found[host.name] = result
    return found
