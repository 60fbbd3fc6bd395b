"""The rules that no schema holds. Every message in its place is tested on files, in tests/hostile."""

from typing import Any

import pytest

from irkit.engine.language import Language, Problem
from tests.engine.actions import MADE

LANGUAGE = Language(MADE)


def step(**more: Any) -> dict[str, Any]:
    return {"id": "one", "action": "made.look", **more}


def problems(*steps: Any, **document: Any) -> list[Problem]:
    return list(LANGUAGE.problems({"steps": list(steps), **document}))


def test_a_sound_document_has_no_problems() -> None:
    parameters = {"n": {"type": "integer", "default": 5}}
    assert problems(step(when="params.n > 3"), parameters=parameters, selects="container.privileged") == []


def test_an_id_that_is_used_twice_names_the_first() -> None:
    assert problems(step(), step()) == [
        Problem(("steps", 1, "id"), "step id 'one' is used twice", ("steps", 0, "id")),
    ]


def test_the_step_that_irkit_adds_keeps_its_id() -> None:
    (found,) = problems({"id": "host", "action": "made.look"})
    assert found.reason == "step id 'host' is kept for what every run begins and ends with"


def test_an_action_of_a_host_has_no_container() -> None:
    (found,) = problems(step(action="made.listen", when="container.privileged"))
    assert found.path == ("steps", 0, "when")
    assert found.reason.endswith("(the step is done once for each host)")


def test_arguments_that_do_not_go_together_are_found_where_they_are_plain() -> None:
    arguments = {"paths": ["/a"], "quick": True, "mode": "always"}
    (found,) = problems(step(action="made.fetch", **{"with": arguments}))
    assert found == Problem(("steps", 0, "with"), "quick and always do not go together")


@pytest.mark.parametrize("value", [None, 5, "x", [], {}, [[]], [None], {"a": []}, [{"b": {}}], True])
@pytest.mark.parametrize("key", ["steps", "parameters", "selects"])
def test_what_has_another_shape_is_passed_over(key: str, value: Any) -> None:
    list(LANGUAGE.problems({key: value}))


@pytest.mark.parametrize("value", [None, 5, [], {}, [[]], True])
@pytest.mark.parametrize("key", ["id", "action", "with", "when"])
def test_a_step_of_another_shape_is_passed_over(key: str, value: Any) -> None:
    problems(step(**{key: value}))
