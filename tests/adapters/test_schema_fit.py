"""What surely fits a schema is what the library takes: for every schema of playbooks, and for values of all kinds."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.actions import ACTIONS
from irkit.adapters.playbook_library import shipped_folder
from irkit.adapters.schema_fit import fits
from irkit.adapters.schema_problems import validator_class
from irkit.adapters.yaml_document import read_document
from irkit.engine.language import Language

LANGUAGE = Language(ACTIONS)
SKELETON = LANGUAGE.skeleton()
ARGUMENTS = {name: LANGUAGE.arguments(name) or {} for name in ACTIONS}
EXPRESSION = "${{ params.x }}"
SHIPPED = sorted(shipped_folder().glob("*.yaml"))

_words = st.sampled_from(["", "a", "1h", "5m", "10MiB", "no", "always", "string", "/var/log", "tell", "A\n", "a" * 70])
_scalars = st.none() | st.booleans() | st.integers(-1, 600) | st.floats(0, 2) | _words | st.just(EXPRESSION)
_values = _scalars | st.lists(_scalars, max_size=3) | st.dictionaries(_words, _scalars, max_size=3)


def accepts(schema: Any, value: Any, passed: str = "") -> bool:
    """What the library says, less what stands for any value."""
    errors = validator_class()(schema).iter_errors(value)
    return all(passed and isinstance(one.instance, str) and passed in one.instance for one in errors)


def passes(value: object) -> bool:
    return isinstance(value, str) and "${{" in value


def _arguments_of(name: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from([*ARGUMENTS[name]["properties"], "x", EXPRESSION]), _values, max_size=4)


_arguments = st.sampled_from(list(ACTIONS)).flatmap(lambda name: st.tuples(st.just(name), _arguments_of(name)))
_steps = st.dictionaries(
    st.sampled_from([*SKELETON["$defs"]["Step"]["properties"], "x"]),
    _values,
    max_size=4,
).map(lambda more: {"id": "a", "action": "collect.logs", **more})
_parameters = st.dictionaries(
    _words, st.fixed_dictionaries({"type": _words}, optional={"default": _values, "choices": _values, "x": _values})
)
_playbooks = st.fixed_dictionaries(
    {"name": st.just("a") | _values, "version": st.just(1) | _values, "steps": st.lists(_steps, max_size=3) | _values},
    optional={"parameters": _parameters | _values, "hold": _values, "selects": _values, "references": _values},
)


@given(_arguments)
def test_arguments_fit_where_the_library_takes_them(drawn: tuple[str, dict[str, Any]]) -> None:
    name, value = drawn
    for passing, passed in ((None, ""), (passes, "${{")):
        found = fits(ARGUMENTS[name], value, passing) if passing else fits(ARGUMENTS[name], value)
        assert found == accepts(ARGUMENTS[name], value, passed) or (not found and _has_float(value))


@given(_playbooks)
def test_a_playbook_fits_where_the_library_takes_it(value: dict[str, Any]) -> None:
    found = fits(SKELETON, value)
    assert found == accepts(SKELETON, value) or (not found and _has_float(value))


def _has_float(value: Any) -> bool:
    """A number with a point is always left to the library."""
    if isinstance(value, dict | list):
        return any(map(_has_float, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_playbook_fits(path: Any) -> None:
    value = read_document(path.read_bytes(), path.name).value
    assert fits(SKELETON, value)
    for step in value["steps"]:
        assert fits(ARGUMENTS[step["action"]], step.get("with", {}), passes)


@pytest.mark.parametrize(
    "schema",
    [
        {"oneOf": [{}]},
        {"type": "number"},
        {"type": ["string", "null"]},
        {"const": "a"},
        {"$ref": "#/elsewhere"},
        {"$ref": "#/$defs/Missing"},
        {"items": True, "prefixItems": []},
        {"properties": {"a": True}, "patternProperties": {}},
    ],
    ids=str,
)
def test_what_a_schema_says_in_other_words_is_left_to_the_library(schema: dict[str, Any]) -> None:
    for value in ("a", {"a": 1}, ["a"]):
        assert not fits(schema, value)


def test_what_stands_for_a_value_stands_for_the_whole_of_one_of_several() -> None:
    schema = {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}
    assert fits(schema, EXPRESSION, passes) and not fits(schema, [EXPRESSION], passes)


def test_a_playbook_that_is_right_loads_no_library() -> None:
    code = (
        "import sys; from pathlib import Path; from irkit.app.playbooks import load; from irkit.app.setting import"
        " Setting; load(Setting(), 'isolate'); sys.exit('jsonschema' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
