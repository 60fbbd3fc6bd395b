"""What a responder types to agree to a plan: the more it does, the more there is to type."""

from irkit.core.container import SHORT_ID, Container
from irkit.core.operations import Touch
from irkit.core.plan import Plan
from irkit.core.text import safe

_LONGEST = 60
_WORDS = {"isolate.": "isolate", "contain.": "contain"}


def phrase_for(plan: Plan) -> str:
    """The phrase; empty where Enter is enough, as nothing is changed.

    For one container it is its name, for several what is done and on how many; where something is destroyed, the case
    follows. A name that cannot be typed is replaced by the beginning of the id.
    """
    if plan.touch is Touch.READ:
        return ""
    changed = changed_by(plan)
    what = _typed(changed[0]) if len(changed) == 1 else f"{_verb(plan)} {len(changed)} on {_where(changed)}"
    return f"{what} {_case(plan)}" if plan.touch is Touch.DESTROY else what


def changed_by(plan: Plan) -> list[Container]:
    """The targets that something is done to; all, where what is done is the host's."""
    keys = {
        f"{task.host}/{operation.subject}"
        for task in plan.tasks
        for operation in task.operations
        if operation.touch is not Touch.READ
    }
    return [one for one in plan.targets if one.key in keys] or list(plan.targets)


def _typed(one: Container) -> str:
    return one.name if _can_be_typed(one.name) else one.id[:SHORT_ID]


def _can_be_typed(text: str) -> bool:
    """Whether it reads as it is, so that it can be typed as it reads."""
    is_plain = safe(text, _LONGEST) == text and text.isascii()
    return is_plain and bool(text) and text.strip() == text and "  " not in text


def _verb(plan: Plan) -> str:
    if plan.undoes:
        return "undo"
    actions = [task.action for task in plan.tasks if any(one.touch is not Touch.READ for one in task.operations)]
    return next((word for start, word in _WORDS.items() if any(one.startswith(start) for one in actions)), "change")


def _where(changed: list[Container]) -> str:
    hosts = {one.host for one in changed}
    host = changed[0].host
    if len(hosts) > 1:
        return f"{len(hosts)} hosts"
    return host if _can_be_typed(host) else "1 host"


def _case(plan: Plan) -> str:
    return plan.case if _can_be_typed(plan.case) else "destroy"
