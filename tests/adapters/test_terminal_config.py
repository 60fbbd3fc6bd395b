"""The configuration of the terminal interface: what it may say, and every mistake with its line."""

from pathlib import Path

import pytest

from irkit.adapters.schema_problems import validator_class
from irkit.adapters.terminal_config import read_configuration, terminal_schema
from irkit.core.errors import PlaybookError, UsageError

WHOLE = """theme: irkit-light
hosts: [web1, "group:db"]
case: IR-7
responder: ann@desk
read_only: true
keys:
  plan.isolate: ctrl+i
  help: "f1,?"
playbooks: {isolate: my-isolate, snapshot: ./disk.yaml}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_all_that_can_be_said_is_read_with_its_lines(tmp_path: Path) -> None:
    path = written(tmp_path, WHOLE)
    found = read_configuration(path)
    said = found.said
    assert (said.theme, said.hosts, said.case, said.responder) == (
        "irkit-light",
        ["web1", "group:db"],
        "IR-7",
        "ann@desk",
    )
    assert said.read_only and said.keys == {"plan.isolate": "ctrl+i", "help": "f1,?"}
    assert (said.playbooks.isolate, said.playbooks.collect) == ("my-isolate", "")
    assert found.places["keys.plan.isolate"] == f"{path}:7:17" and found.places["theme"] == f"{path}:1:8"


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_a_file_may_say_nothing(tmp_path: Path, text: str) -> None:
    assert read_configuration(written(tmp_path, text)).said.hosts == []


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("theem: x\n", "1:1", "did you mean theme?"),
        ("theme: 7\n", "1:8", "must be text"),
        ("case: A\nread_only: yes\n", "2:12", "write true"),
        ("hosts: web\n", "1:8", "must be a list"),
        ("keys: {Plan: x}\n", "1:8", "the key must be text such as plan.isolate"),
        ("keys: {plan: ''}\n", "1:14", "must be text"),
        ("playbooks:\n  isolated: x\n", "2:3", "did you mean isolate?"),
        ("- theme\n", "1:1", "a mapping"),
        ("theme: [\n", "2:1", "not YAML"),
        ("theme: a\ntheme: b\n", "2:1", "theme"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, text: str, place: str, says: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(PlaybookError) as error:
        read_configuration(path)
    assert str(error.value).startswith(f"{path}:{place}: ") and says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_configuration(tmp_path)


def test_the_schema_is_one_and_takes_what_the_reader_takes() -> None:
    validator_class().check_schema(terminal_schema())
    assert validator_class()(terminal_schema()).is_valid({"theme": "x", "keys": {"help": "f1"}})
    assert not validator_class()(terminal_schema()).is_valid({"theme": "x", "colour": 1})
