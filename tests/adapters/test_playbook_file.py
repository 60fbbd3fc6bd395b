"""A playbook file becomes a playbook with its digest and places; every shipped one does. Bad ones: tests/hostile."""

import hashlib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from irkit.actions import ACTIONS
from irkit.adapters.playbook_file import find_problems, load_playbook
from irkit.adapters.playbook_library import shipped_folder
from irkit.adapters.yaml_document import read_document
from irkit.core.errors import PlaybookError
from irkit.core.playbook import Parameter
from irkit.engine.arguments import build_action
from irkit.engine.language import Language
from irkit.engine.schema import playbook_schema

LANGUAGE = Language(ACTIONS)
SOURCE = b"""\
name: example
version: 3
title: An example
references: [attack:T1610]
parameters:
  log_since: {type: duration, default: 24h, description: How far back}
selects: container.state != "dead"
steps:
  - id: volatile
    action: collect.processes
  - id: logs
    action: collect.logs
    with: {since: "${{ params.log_since }}", tail: 5}
    when: container.state == "running"
    on_error: stop
    timeout: 10m
    retries: 2
    accept_loss: true
  - id: policy
    action: contain.restart_policy
    with: {policy: no}
"""
SHIPPED = sorted(shipped_folder().glob("*.yaml"))


def test_a_file_becomes_a_playbook() -> None:
    playbook, source = load_playbook(SOURCE, "example.yaml", LANGUAGE)
    assert source == SOURCE
    assert (playbook.name, playbook.version, playbook.references) == ("example", 3, ("attack:T1610",))
    assert playbook.parameters == {
        "log_since": Parameter(type="duration", default="24h", description="How far back"),
    }
    logs = playbook.steps[1]
    assert logs.arguments == {"since": "${{ params.log_since }}", "tail": 5}
    assert (logs.when, logs.on_error, logs.timeout) == ('container.state == "running"', "stop", "10m")
    assert (logs.retries, logs.accept_loss) == (2, True)
    assert playbook.steps[2].arguments == {"policy": "no"}


def test_the_digest_is_that_of_the_bytes_and_places_are_lines() -> None:
    playbook, _ = load_playbook(SOURCE, "example.yaml", LANGUAGE)
    assert playbook.digest == hashlib.sha256(SOURCE).hexdigest()
    assert playbook.places == {"volatile": "example.yaml:9", "logs": "example.yaml:11", "policy": "example.yaml:19"}


def test_it_is_read_from_a_path(tmp_path: Path) -> None:
    path = tmp_path / "example.yaml"
    path.write_bytes(SOURCE)
    assert load_playbook(path, "example.yaml", LANGUAGE) == load_playbook(SOURCE, "example.yaml", LANGUAGE)


@pytest.mark.parametrize("name", ["missing.yaml", ".", "a\0b", "example.yaml/x"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "example.yaml").write_bytes(SOURCE)
    with pytest.raises(PlaybookError, match="the file cannot be read: "):
        load_playbook(tmp_path / name, name, LANGUAGE)
    assert len(find_problems(tmp_path / name, name, LANGUAGE)) == 1


def test_a_file_without_end_is_not_read_to_its_end() -> None:
    with pytest.raises(PlaybookError, match="not a regular file"):
        load_playbook(Path("/dev/zero"), "zero", LANGUAGE)


def test_six_playbooks_are_shipped() -> None:
    names = [path.stem for path in SHIPPED]
    assert names == ["acquire-everything", "contain-and-preserve", "freeze", "isolate", "preserve-disk", "triage"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_playbook_is_sound_and_says_what_it_is(path: Path) -> None:
    assert find_problems(path, path.name, LANGUAGE) == []
    playbook, source = load_playbook(path, path.name, LANGUAGE)
    assert playbook.name == path.stem
    assert playbook.title
    assert playbook.description
    assert playbook.references
    assert all(one.description for one in playbook.parameters.values())
    assert source.startswith(b"# yaml-language-server: $schema=../docs/playbook.schema.json\n")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_an_editor_accepts_a_shipped_playbook(path: Path) -> None:
    document = read_document(path.read_bytes(), path.name)
    Draft202012Validator(playbook_schema(ACTIONS)).validate(document.value)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_what_is_volatile_is_collected_before_anything_changes(path: Path) -> None:
    playbook, _ = load_playbook(path, path.name, LANGUAGE)
    actions = [step.action for step in playbook.steps]
    assert actions[0] == "collect.inspect"
    changes = [n for n, name in enumerate(actions) if name.startswith(("contain.", "isolate."))]
    lasting = [n for n, name in enumerate(actions) if name in ("collect.logs", "collect.changes", "snapshot.export")]
    if changes:
        assert "collect.processes" in actions[: changes[0]]
        assert all(n > changes[-1] for n in lasting)


def test_triage_only_reads() -> None:
    playbook, _ = load_playbook(shipped_folder() / "triage.yaml", "triage.yaml", LANGUAGE)
    assert all(step.action.startswith("collect.") for step in playbook.steps)


def test_shipped_arguments_without_expressions_build_their_actions() -> None:
    for path in SHIPPED:
        playbook, _ = load_playbook(path, path.name, LANGUAGE)
        for step in playbook.steps:
            if "${{" not in str(step.arguments):
                build_action(ACTIONS[step.action], step.arguments)
