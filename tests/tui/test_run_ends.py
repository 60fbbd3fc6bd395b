"""What the ways to end a run say of its containers: counted from its log, however far it has come."""

from irkit.core.events import OperationFinished, OperationStarted, Record
from irkit.core.plan import Plan
from irkit.core.run import Run, replay
from irkit.engine.runner import Limits
from irkit.tui.run_ends import ends, leaves, standing
from tests.engine.world import World, attachment, container, step

CUT, FREEZE, LOOK = step("isolate.disconnect"), step("contain.pause"), step("collect.inspect")
ONE_BY_ONE = Limits(parallel=1)


def world() -> World:
    return World(*(container(name, attachment("front"), attachment("back")) for name in ("web", "app")))


def changes(records: list[Record], kind: type) -> list[int]:
    """Where in a log changes are begun, or finished."""
    begun = {mark(one) for one in records if is_change(one)}
    return [at for at, one in enumerate(records) if isinstance(one.event, kind) and mark(one) in begun]


def mark(record: Record) -> tuple[int, int]:
    return getattr(record.event, "task", -1), getattr(record.event, "number", -1)


def is_change(record: Record) -> bool:
    return isinstance(record.event, OperationStarted) and record.event.operation.touch == "change"


def carried_out(plan_of: World, *steps: object) -> tuple[Plan, list[Record]]:
    plan = plan_of.plan(*steps)  # type: ignore[arg-type]
    plan_of.run(plan, limits=ONE_BY_ONE)
    return plan, plan_of.store.records


def up_to(records: list[Record], at: int) -> Run:
    return replay(records[: at + 1])


def test_a_containment_is_counted_by_containers_and_by_changes_to_take_back() -> None:
    plan, records = carried_out(world(), LOOK, CUT)
    first, second, *_, last = changes(records, OperationFinished)
    assert standing(plan, replay([])).text() == "So far contained: 0 of 2 containers; 0 changes to take back"
    told = standing(plan, up_to(records, first)).text()
    assert told == "So far contained: 0 of 2 containers, 1 in part; 1 change to take back"
    assert "1 of 2 containers; 2 changes" in standing(plan, up_to(records, second)).text()
    assert standing(plan, up_to(records, last)).text() == "So far contained: 2 of 2 containers; 4 changes to take back"


def test_a_change_under_way_is_told_where_stopping_leaves_it_in_doubt() -> None:
    plan, records = carried_out(world(), CUT)
    run = up_to(records, changes(records, OperationStarted)[0])
    assert standing(plan, run).text().endswith("1 change to take back, 1 under way")
    for answers in (ends(plan, run), leaves(plan, run)):
        told = {name: outcome for name, _, outcome in answers}
        assert "1 change under way may be in doubt, and undo takes it in" in told["now"]
        assert "a plan to take back 1 change on 1 container" in told["undo"]


def test_finishing_the_step_says_what_stays_contained() -> None:
    plan, records = carried_out(world(), CUT)
    at = changes(records, OperationFinished)
    told = {name: outcome for name, _, outcome in ends(plan, up_to(records, at[2]))}
    assert told["step"].endswith("still contained: 1 of 2 containers")
    assert "no change is under way" in told["now"] and "3 changes on 2 containers" in told["undo"]


def test_before_anything_is_changed_that_is_said() -> None:
    plan, _ = carried_out(world(), CUT)
    told = {name: outcome for name, _, outcome in ends(plan, replay([]))}
    assert told["step"].endswith("nothing is changed so far") and told["undo"].endswith("nothing so far")


def test_a_run_that_reads_changes_nothing() -> None:
    plan, records = carried_out(world(), LOOK)
    assert standing(plan, replay(records)).text() == "It changes nothing"


def test_an_undo_counts_what_is_taken_back_and_is_not_taken_back_itself() -> None:
    there = world()
    run = there.run(there.plan(CUT, FREEZE))
    plan = there.plan_undo(run)
    there.run(plan, limits=ONE_BY_ONE)
    records = there.store.records
    half = up_to(records, changes(records, OperationFinished)[2])
    assert standing(plan, half).text() == "So far taken back: 1 of 2 containers; 3 changes to take back"
    assert "undo" not in [name for name, _, _ in (*ends(plan, half), *leaves(plan, half))]
    over = {name: outcome for name, _, outcome in ends(plan, replay(records))}
    assert over["step"].endswith("nothing is left to take back")
