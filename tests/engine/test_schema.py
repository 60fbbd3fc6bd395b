"""The schemas refuse what they should, are described throughout, and agree with the types they are made from."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from irkit.actions import ACTIONS
from irkit.core.playbook import Parameter, Playbook, Step
from irkit.engine.schema import DRAFT, action_schema, playbook_schema, skeleton_schema
from tests.engine.actions import MADE, Fetch, Look


def playbook(**step: Any) -> dict[str, Any]:
    return {"name": "made", "version": 1, "steps": [{"id": "one", "action": "made.look", **step}]}


def fetch(**arguments: Any) -> dict[str, Any]:
    return playbook(action="made.fetch", **{"with": {"paths": ["/a"], **arguments}})


def is_valid(document: object) -> bool:
    return bool(Draft202012Validator(playbook_schema(MADE)).is_valid(document))


def walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from walk(one)


@pytest.mark.parametrize("schema", [playbook_schema(MADE), playbook_schema(ACTIONS), skeleton_schema()])
def test_it_is_a_schema_whose_references_all_lead_somewhere(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    for part in walk(schema):
        if isinstance(reference := part.get("$ref"), str):
            assert reference.removeprefix("#/$defs/") in schema["$defs"]
    assert schema["$schema"] == DRAFT
    assert "$id" not in schema
    assert msgspec.json.encode(schema).count(b"://") == 1


def test_what_is_right_is_accepted() -> None:
    assert is_valid(playbook())
    assert is_valid(fetch(since="24h", limit="1GiB", level=3, quick=True, mode="always", note="x"))
    assert is_valid({**playbook(), "parameters": {"a_b": {"type": "list", "default": ["x"]}}, "selects": "true"})


@pytest.mark.parametrize(
    "document",
    [
        playbook(action="made.lok"),
        playbook(acton="x"),
        playbook(**{"with": {"x": 1}}),
        playbook(action="made.fetch"),
        playbook(action="made.fetch", **{"with": {}}),
        fetch(level="3"),
        fetch(level=20),
        fetch(limit="1 GiB"),
        fetch(since="24h\n"),
        fetch(mode="maybe"),
        fetch(note=5),
        fetch(paths=["a"]),
        fetch(paths=[]),
        fetch(quick="yes"),
        playbook(retries=11),
        playbook(timeout="soon"),
        playbook(on_error=""),
        playbook(id="Not good"),
        {**playbook(), "name": "Not good"},
        {**playbook(), "name": "made\n"},
        {**playbook(), "version": 0},
        {**playbook(), "steps": []},
        {**playbook(), "digest": "x"},
        {**playbook(), "parameters": {"a-b": {"type": "list"}}},
        {**playbook(), "parameters": {"a": {"type": "lst"}}},
        {**playbook(), "parameters": {"a": {"type": "list", "defult": []}}},
    ],
)
def test_what_is_wrong_is_refused(document: object) -> None:
    assert not is_valid(document)


@pytest.mark.parametrize("field", ["paths", "since", "limit", "level", "quick", "mode", "note"])
def test_every_parameter_may_be_an_expression_instead(field: str) -> None:
    assert is_valid(fetch(**{field: "${{ params.x }}"}))


def test_an_entry_of_a_list_may_be_an_expression() -> None:
    assert is_valid(fetch(paths=["/a", "${{ params.x }}"]))


def test_the_arguments_of_an_action_are_checked_as_values() -> None:
    schema = action_schema(Fetch)
    assert schema["required"] == ["paths"]
    assert schema["additionalProperties"] is False
    assert not Draft202012Validator(schema).is_valid({"paths": ["/a"], "level": "${{ params.x }}"})


def test_descriptions_are_those_of_the_docstrings_and_fields() -> None:
    assert action_schema(Look)["description"] == "Look at a container.\n\nNothing more."
    assert action_schema(Fetch)["properties"]["note"]["description"] == "What for."
    actions = playbook_schema(MADE)["$defs"]["Step"]["properties"]["action"]["oneOf"]
    assert actions[2] == {"const": "made.listen", "description": "Listen to a host."}


@pytest.mark.parametrize("name", ACTIONS)
def test_every_shipped_action_is_described_throughout(name: str) -> None:
    schema = action_schema(ACTIONS[name])
    assert schema["description"]
    for field, about in schema["properties"].items():
        assert about.get("description"), f"{name}.{field} has no description"


@pytest.mark.parametrize(("part", "kind"), [("", Playbook), ("Step", Step), ("Parameter", Parameter)])
def test_every_field_of_a_playbook_is_there_and_described(part: str, kind: type[msgspec.Struct]) -> None:
    schema = skeleton_schema()
    about = schema["$defs"][part] if part else schema
    known = {field.encode_name for field in msgspec.structs.fields(kind)} - {"digest", "places"}
    assert set(about["properties"]) == known
    assert all(one.get("description") for one in about["properties"].values())
    assert about["additionalProperties"] is False
