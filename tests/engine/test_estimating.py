"""What a plan is going to bring: from its operations, what was asked about images, and the room there is."""

from irkit.core.estimate import SMALL, Estimate
from irkit.core.finding import Severity
from irkit.engine.estimating import estimated, images_in, no_room
from tests.engine.world import container, plan_for, step

WEB, DB, OTHER = container("web"), container("db"), container("other", image_digest="sha256:other")
FAR = container("far", host="far")
DISK = step("snapshot.export", id="disk")


def test_images_are_asked_after_where_a_step_brings_one_or_a_container_made_of_it() -> None:
    assert images_in(plan_for([WEB, DB, OTHER, FAR], step("collect.inspect"), step("contain.pause"))) == {}
    assert images_in(plan_for([WEB, DB, OTHER, FAR], DISK)) == {
        "local": {WEB.image_digest: None, "sha256:other": None},
        "far": {FAR.image_digest: None},
    }
    assert images_in(plan_for([container(image_digest="")], DISK)) == {}


def test_each_task_has_its_own_and_the_plan_has_all() -> None:
    plan = plan_for([WEB, OTHER, FAR], step("collect.inspect"), DISK)
    assert plan.estimate == SMALL
    plan = estimated(plan, {("local", WEB.image_digest): 100, ("far", FAR.image_digest): 30})
    by_name = {task.containers[0]: task.estimate for task in plan.tasks if task.step == "disk"}
    assert by_name == {
        WEB.key: Estimate(about=100, is_open=True),
        OTHER.key: Estimate(is_open=True),
        FAR.key: Estimate(about=30, is_open=True),
    }
    assert {task.estimate for task in plan.tasks if task.step != "disk"} == {SMALL}
    assert plan.estimate == Estimate(about=130, is_open=True)


def test_an_image_that_several_containers_share_is_brought_once() -> None:
    plan = estimated(plan_for([WEB, DB], step("snapshot.image")), {("local", WEB.image_digest): 100})
    assert plan.estimate == Estimate(about=100)


def test_a_step_that_is_not_done_brings_nothing() -> None:
    plan = plan_for([WEB], step("snapshot.export", id="disk", when="container.name == 'x'"))
    assert estimated(plan, {("local", WEB.image_digest): 100}).estimate == SMALL


def test_what_needs_more_room_than_there_is_is_told() -> None:
    plan = estimated(plan_for([WEB], DISK), {("local", WEB.image_digest): 2_000_000})
    assert no_room(plan, 2_000_000) is None and no_room(plan, None) is None
    finding = no_room(plan, 1_999_999)
    assert finding is not None and finding.severity is Severity.HIGH
    assert "about 2.0 MB before compression, and 2.0 MB are free" in finding.summary and "--evidence" in finding.remedy
