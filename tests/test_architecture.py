"""Imports point one way: the table below is the picture in docs/architecture.md. Functions and modules stay short."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "irkit"

MAY_IMPORT = {
    "core": {"core"},
    "actions": {"actions", "core"},
    "checks": {"checks", "core"},
    "engine": {"engine", "core"},
    "adapters": {"adapters", "core"},
    "app": {"app", "actions", "checks", "engine", "adapters", "core"},
    "cli": {"cli", "app", "core"},
    "tui": {"tui", "app", "core", "cli"},
}
ONLY_IN = {
    "docker": {"adapters"}, "paramiko": {"adapters"}, "cryptography": {"adapters"}, "yaml": {"adapters"},
    "jsonschema": {"adapters"}, "boto3": {"adapters"}, "backports": {"adapters"}, "http": {"adapters"},
    "socket": {"adapters"}, "subprocess": {"adapters"}, "textual": {"tui"}, "click": {"cli"},
    "rich": {"cli", "tui"}, "cel": {"engine"}, "rfc8785": {"core"},
}  # fmt: skip
WORLD = {"os", "pathlib", "time", "random", "secrets", "socket", "subprocess", "shutil", "tempfile", "threading"}
MOST_LINES_OF_A_FUNCTION = 40
MOST_LINES_OF_A_MODULE = 400


def imports_of(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return names + [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]


MODULES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_the_way_the_picture_draws(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] == "irkit" and len(parts) > 1 and package not in ("__init__", "__main__"):
            assert parts[1] in MAY_IMPORT[package], f"{package} must not import {name}"
        allowed = ONLY_IN.get(parts[0])
        assert allowed is None or package in allowed, f"{parts[0]} is imported in {sorted(allowed or ())} only"


@pytest.mark.parametrize("path", [path for path in MODULES if "core" in path.parts], ids=lambda path: path.name)
def test_the_core_does_no_io_and_has_no_clock_or_randomness(path: Path) -> None:
    assert not WORLD & {name.split(".")[0] for name in imports_of(path)}


def catching(*names: str) -> list[str]:
    """The modules that catch errors by one of these names, each once for every place where it does."""
    return [
        str(path.relative_to(ROOT))
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and (ast.unparse(node.type) if node.type else "") in names
    ]


def test_two_places_catch_everything_the_front_end_and_the_boundary_of_one_piece_of_work() -> None:
    """docs/adr/0023 says why there is a second."""
    assert sorted(catching("", "Exception")) == ["cli/__init__.py", "engine/unforeseen.py"]


def test_one_place_catches_what_ends_a_program_to_raise_it_where_it_is_waited_for() -> None:
    """What is to be let go of when something fails is held by a `with` block, an ExitStack for one."""
    assert catching("BaseException") == ["engine/patience.py"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_function_is_a_screenful_at_most_and_a_module_ten(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MOST_LINES_OF_A_MODULE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= MOST_LINES_OF_A_FUNCTION, f"{node.name} has {lines} lines: it is two functions"


def test_no_part_of_the_wiring_is_called_as_what_another_part_offers() -> None:
    """`from irkit.app import look` would give the module, once anything has loaded it."""
    tree = ast.parse((ROOT / "app" / "__init__.py").read_text(encoding="utf-8"))
    offered = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert "look" in offered
    assert not offered & {path.stem for path in (ROOT / "app").glob("*.py")}
