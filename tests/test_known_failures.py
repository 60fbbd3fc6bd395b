"""docs/known-failures.md names tests that there are."""

import ast
import re
from pathlib import Path

import pytest

PAGE = Path("docs/known-failures.md")
ROWS = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| F")]


def test_no_failure_is_left_out() -> None:
    assert [row.split("|")[1].strip() for row in ROWS] == [f"F{number}" for number in range(1, 25)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_each_failure_is_shown_by_tests_that_there_are(row: str) -> None:
    named = re.findall(r"`(tests/[a-z0-9_/]+\.py)::(\w+)`", row)
    assert named, "no test shows it"
    for path, name in named:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
        assert any(isinstance(node, ast.FunctionDef) and node.name == name for node in ast.walk(tree)), (
            f"{path}::{name}"
        )
