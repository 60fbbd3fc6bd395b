"""Runs the cases in `cases/`: one file for each action, for responders to read and to add to.

A case is a sentence (`case`), facts of a container that differ from a plain one (`container`), the action's parameters
(`with`), what is different about the run (`run`), and what must come out: `plans`, the operations as fields or as their
texts; `refuses`, why the action is not done to it; or `wrong`, why the parameters are no good. $ID is the container's
id, $DIGEST any digest that irkit adds to a name.
"""

import dataclasses
import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from irkit.actions import ACTIONS
from irkit.core.action import Action, RunFacts, Scope
from irkit.core.container import Container
from irkit.core.errors import PlaybookError
from irkit.core.host import Host
from irkit.engine.arguments import build_action
from irkit.engine.schema import action_schema

CASES = Path(__file__).parent / "cases"
ID = "aa" * 32
PLAIN = {"id": ID, "name": "web", "host": "local", "image": "app:1", "attachments": [{"network": "bridge"}]}
RUN = {"id": "0123456789abcdef", "case": "IR-2026-042", "responder": "Ann"}
KEYS = {"case", "container", "with", "run", "plans", "refuses", "wrong"}
ENDS = {"plans", "refuses", "wrong"}
every_action = pytest.mark.parametrize("name", ACTIONS)


def load(name: str) -> list[dict[str, Any]]:
    path = CASES / f"{name}.yaml"
    assert path.is_file(), f"action {name} has no cases: write tests/actions/cases/{name}.yaml"
    found: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8").replace("$ID", ID))
    return found


FOUND = [
    pytest.param(path.stem, case, id=f"{path.stem}: {case.get('case')}")
    for path in sorted(CASES.glob("*.yaml"))
    for case in load(path.stem)
]


@pytest.mark.parametrize(("name", "case"), FOUND)
def test_case(name: str, case: dict[str, Any]) -> None:
    assert not case.keys() - KEYS, f"a case has no {', '.join(case.keys() - KEYS)}"
    assert len(case.keys() & ENDS) == 1, "a case says one of: plans, refuses, wrong"
    if "wrong" in case:
        with pytest.raises(PlaybookError) as caught:
            build_action(ACTIONS[name], case.get("with", {}))
        assert case["wrong"] in str(caught.value)
        return
    action = build_action(ACTIONS[name], case.get("with", {}))
    container = msgspec.convert({**PLAIN, **case.get("container", {})}, Container)
    refused = action.refuse(container)
    assert case.get("refuses", "") in refused
    assert bool(refused) is ("refuses" in case), refused
    if not refused:
        assert_plans(action, container, RunFacts(**{**RUN, **case.get("run", {})}), case["plans"])


def assert_plans(action: Action, container: Container, run: RunFacts, wanted: list[Any]) -> None:
    is_of_host = action.scope is Scope.HOST
    planned = list(action.plan_host(Host(name="local"), run) if is_of_host else action.plan(container, run))
    shown = [
        operation.text() if isinstance(want, str) else msgspec.to_builtins(operation)
        for operation, want in zip(planned, [*wanted, *[""] * len(planned)], strict=False)
    ]
    assert without_digests(shown) == without_digests(wanted)


def without_digests(value: object) -> Any:
    text = json.dumps(value).replace("$DIGEST", "DIGEST")
    return json.loads(re.sub(r"(?<=-)(?:[0-9a-f]{8}|DIGEST)(?=:)", "DIGEST", text))


@every_action
def test_every_action_has_two_cases_at_least(name: str) -> None:
    assert len(load(name)) >= 2, f"tests/actions/cases/{name}.yaml has fewer than two cases"


def test_every_case_file_is_of_an_action() -> None:
    strangers = {path.stem for path in CASES.iterdir()} - ACTIONS.keys()
    assert not strangers, f"tests/actions/cases has files of no action: {', '.join(sorted(strangers))}"


@every_action
def test_every_action_has_a_text_of_its_own(name: str) -> None:
    kind = ACTIONS[name]
    assert kind.__doc__, f"action {name} has no docstring: it is its entry in the reference"
    assert kind.__doc__ != dataclasses.make_dataclass("Empty", []).__doc__
    assert not kind.__doc__.startswith(f"{kind.__name__}("), f"action {name} has no docstring"
    first = inspect.getdoc(kind).partition("\n")[0]  # type: ignore[union-attr]
    assert first.endswith((".", ":")), f"the docstring of {name} begins with a line that is no sentence: {first}"


@every_action
def test_every_module_of_an_action_is_named_after_it_and_says_so(name: str) -> None:
    module = sys.modules[ACTIONS[name].__module__]
    assert module.__name__ == f"irkit.actions.{name.replace('.', '_')}"
    assert (module.__doc__ or "").startswith(f"{name}: "), f"the module of {name} must begin with '{name}: ...'"


@every_action
def test_every_parameter_has_a_description(name: str) -> None:
    for parameter, schema in action_schema(ACTIONS[name])["properties"].items():
        described = schema.get("description", "")
        assert described, f"parameter {parameter} of {name} has no description: put it into its Meta"
        assert described.endswith("."), f"the description of {name}'s {parameter} is no sentence: {described}"


def test_every_module_of_the_package_is_in_the_list() -> None:
    folder = Path(inspect.getfile(sys.modules["irkit.actions"])).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    listed = {kind.__module__.rpartition(".")[2] for kind in ACTIONS.values()}
    missing = modules - listed
    assert not missing, f"not in the list of irkit/actions/__init__.py: {', '.join(sorted(missing))}"


@every_action
def test_an_action_is_a_frozen_value(name: str) -> None:
    kind = ACTIONS[name]
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert kind.name == name
