"""What is typed to agree: more for more, never what cannot be typed, and for reading nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from irkit.core.operations import Touch
from irkit.core.plan import Plan
from irkit.tui.phrase import changed_by, phrase_for
from tests.engine.world import container, plan_for, step

names = st.text(min_size=1, max_size=70) | st.sampled_from(
    ["web", "a b", " a", "a  b", "ä", "a\x1b[2J", "[red]x", "x" * 70]
)


def cut(*targets: str, host: str = "prod-2", **more: str) -> Plan:
    plan = plan_for([container(name, host=host) for name in targets], step("isolate.disconnect"))
    return replace(plan, **more)


def test_reading_needs_nothing_typed() -> None:
    assert phrase_for(plan_for([container()], step("collect.processes"))) == ""


def test_for_one_container_its_name_is_typed() -> None:
    assert phrase_for(cut("web")) == "web"


def test_for_several_what_is_done_and_on_how_many_is_typed() -> None:
    assert phrase_for(cut("web", "db")) == "isolate 2 on prod-2"
    plan = plan_for([container("a", host="x"), container("b", host="y")], step("contain.pause"))
    assert phrase_for(plan) == "contain 2 on 2 hosts"
    assert phrase_for(replace(cut("web", "db"), undoes="1" * 32)) == "undo 2 on prod-2"


def test_where_something_is_destroyed_the_case_is_typed_too() -> None:
    plan = plan_for([container("web")], step("contain.kill"))
    assert plan.touch is Touch.DESTROY
    assert phrase_for(replace(plan, case="IR-1")) == "web IR-1"
    assert phrase_for(replace(plan, case="")) == "web destroy"
    assert phrase_for(replace(plan, case="fällig")) == "web destroy"


@given(names, names)
def test_whatever_is_foreign_the_phrase_can_be_typed(name: str, host: str) -> None:
    for plan in (cut(name, host=host), cut(name, "other", host=host)):
        phrase = phrase_for(plan)
        assert phrase and phrase.isascii() and phrase.isprintable() and phrase == phrase.strip()


def test_a_name_that_cannot_be_typed_is_replaced_by_the_beginning_of_the_id() -> None:
    (target,) = cut("a\x1b[2J").targets
    assert phrase_for(cut("a\x1b[2J")) == target.id[:12]


@pytest.mark.parametrize("touched", [0, 1])
def test_only_what_is_changed_counts(touched: int) -> None:
    plan = cut("web", "db")
    kept = plan.targets[touched]
    tasks = tuple(replace(one, operations=one.operations if kept.key in one.containers else ()) for one in plan.tasks)
    assert changed_by(replace(plan, tasks=tasks)) == [kept] and phrase_for(replace(plan, tasks=tasks)) == kept.name


@pytest.mark.parametrize("odd", [" prod", "prod ", "prod  2", ""])
def test_a_host_or_case_that_does_not_read_as_it_is_typed_is_not_asked_for(odd: str) -> None:
    assert phrase_for(cut("web", "db", host=odd)) == "isolate 2 on 1 host"
    assert phrase_for(replace(plan_for([container("web")], step("contain.kill")), case=odd)) == "web destroy"
