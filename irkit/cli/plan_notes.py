"""What speaks against a plan, and of whom: said once for all of whom it is the same. How it is shown is left to others.

Names and reasons are foreign, and made safe here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from irkit.cli.record_text import short_key
from irkit.core.finding import Severity
from irkit.core.plan import Plan, Refused
from irkit.core.text import Safe, safe

_MOST_NAMES = 10
"""Containers that are named for one finding or refusal."""


@dataclass(frozen=True)
class PlanNote:
    """Something noticed: of whom and what, and what to do about it, which may be nothing."""

    check: str
    severity: Severity
    text: Safe
    remedy: Safe


def plan_notes(plan: Plan) -> Iterator[PlanNote]:
    """What was noticed while the plan was made."""
    same: dict[tuple[str, Severity, str, str], list[str]] = {}
    for one in plan.findings:
        same.setdefault((one.check, one.severity, one.summary, one.remedy), []).append(_name(plan, one.container))
    for (check, severity, summary, remedy), names in same.items():
        yield PlanNote(check, severity, Safe(f"{_all_names(names)}{safe(summary, 600)}"), safe(remedy, 400))


def plan_refusals(plan: Plan) -> Iterator[Safe]:
    """What will not be done, and why."""
    same: dict[str, list[str]] = {}
    for one in plan.refusals:
        same.setdefault(one.reason, []).append(_refused_name(plan, one))
    for reason, names in same.items():
        yield Safe(f"{_all_names(names)}{safe(reason, 600)}")


def _all_names(names: Sequence[str]) -> str:
    """The names of several, each once, with a colon after them; empty where none has one."""
    shown = list(dict.fromkeys(filter(None, names)))
    more = f" and {len(shown) - _MOST_NAMES} more" if len(shown) > _MOST_NAMES else ""
    return f"{', '.join(shown[:_MOST_NAMES])}{more}: " if shown else ""


def _name(plan: Plan, key: str) -> str:
    target = plan.target(key)
    host = f"{safe(target.host, 80)}/" if target and len(plan.hosts) > 1 else ""
    return f"{host}{safe(target.name, 80)}" if target else ""


def _refused_name(plan: Plan, refused: Refused) -> str:
    """What is refused: a container, a whole host, or all where neither is named."""
    if refused.container:
        return _name(plan, refused.container) or short_key(refused.container)
    return f"host {safe(refused.host, 80)}" if refused.host else ""
