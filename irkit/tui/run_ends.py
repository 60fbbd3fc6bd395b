"""How a run under way can be ended, and what state each way leaves its containers in, by its log so far."""

from collections.abc import Iterator
from dataclasses import dataclass

from irkit.core.operations import Touch
from irkit.core.plan import Plan
from irkit.core.run import IN_DOUBT, Run
from irkit.tui.plan_text import count

Answers = list[tuple[str, str, str]]
_CONTAINS = ("isolate.", "contain.")


@dataclass(frozen=True)
class RunStanding:
    """How far a run has come with what it changes: containers of `wanted` all of whose changes are made, or some.

    `stand` are changes to be taken back, on so many `containers`; `under_way` those of which there is no word yet.
    `did` is what is done to containers, in a word.
    """

    did: str
    wanted: int
    whole: int
    part: int
    stand: int
    containers: int
    under_way: int

    def text(self) -> str:
        """In a line."""
        if not self.wanted:
            return "It changes nothing"
        more = f", {self.under_way} under way" if self.under_way else ""
        some = f", {self.part} in part" if self.part else ""
        return f"So far {self.did}: {self.so_far}{some}; {count(self.stand, 'change')} to take back{more}"

    @property
    def so_far(self) -> str:
        """How many of how many."""
        return f"{self.whole} of {count(self.wanted, 'container')}"


def standing(plan: Plan, run: Run) -> RunStanding:
    """How far a run has come, by its log."""
    wanted = _wanted(plan)
    made = {(one.started.task, one.started.number) for one in run.operations if one.state == "finished"}
    so_already = {(one.task, one.number) for one in run.inapplicable}
    whole = sum(changes <= made | so_already for changes in wanted.values())
    some = sum(bool(changes & made) and not changes <= made | so_already for changes in wanted.values())
    back = [] if plan.undoes else run.undo_operations()
    left = sum(len(changes - made - so_already) for changes in wanted.values()) if plan.undoes else len(back)
    open_ones = [one for one in run.changes if one.state == IN_DOUBT and not one.followed]
    return RunStanding(
        did=_did(plan),
        wanted=len(wanted),
        whole=whole,
        part=some,
        stand=left,
        containers=len({(host, container) for host, container, _ in back}),
        under_way=len(open_ones),
    )


def _wanted(plan: Plan) -> dict[str, set[tuple[int, int]]]:
    """The changes that last, as task and number, by the key of their container."""
    wanted: dict[str, set[tuple[int, int]]] = {}
    for task in plan.tasks:
        for number, one in enumerate(task.operations):
            if one.touch is not Touch.READ and not one.takes_back:
                wanted.setdefault(f"{task.host}/{one.subject}", set()).add((task.index, number))
    return wanted


def _did(plan: Plan) -> str:
    if plan.undoes:
        return "taken back"
    changing = (task.action for task in plan.tasks if any(one.touch is not Touch.READ for one in task.operations))
    return "contained" if any(action.startswith(_CONTAINS) for action in changing) else "changed"


def ends(plan: Plan, run: Run) -> Answers:
    """The ways to end a run, the mildest first."""
    now = standing(plan, run)
    answers = [
        ("go-on", "Go on", "nothing is ended"),
        ("step", "Finish the step", f"reads stop, a change under way is waited for; {_stays(now)}"),
        ("now", "Stop now", _doubt(now)),
    ]
    if not plan.undoes:  # an undo is not taken back: the playbook would be run again
        answers.append(("undo", "Stop and undo", f"as the step's end, then {_back(now)}"))
    return answers


def leaves(plan: Plan, run: Run) -> Answers:
    """The ways to leave irkit while a run goes on, the mildest first."""
    return list(_leaves(plan, standing(plan, run)))


def _leaves(plan: Plan, now: RunStanding) -> Iterator[tuple[str, str, str]]:
    yield "stay", "Stay here", "the run goes on"
    waits = "irkit waits on the plain terminal until the bundle is sealed; Ctrl-C ends the run"
    yield "wait", "Leave, and let it end", waits
    stop = f"reads stop, a change under way is waited for; {_stays(now)}"
    yield "step", "Leave after this step", stop
    yield "now", "Leave now", _doubt(now)
    if not plan.undoes:
        yield "undo", "Stop and undo", f"stays here: the run ends, then {_back(now)}"


def _stays(now: RunStanding) -> str:
    """What is so once a run was ended in order."""
    if not now.stand:
        return "nothing is left to take back" if now.did == "taken back" else "nothing is changed so far"
    return f"still {now.did}: {now.so_far}" if now.did != "taken back" else "the rest stays changed"


def _doubt(now: RunStanding) -> str:
    if not now.under_way:
        return "nothing is waited for; no change is under way"
    what = "it" if now.under_way == 1 else "them"
    return (
        f"nothing is waited for; {count(now.under_way, 'change')} under way may be in doubt, and undo takes {what} in"
    )


def _back(now: RunStanding) -> str:
    if not now.stand:
        return "a plan to take back what was changed by then: nothing so far"
    return f"a plan to take back {count(now.stand, 'change')} on {count(now.containers, 'container')}, to be confirmed"
