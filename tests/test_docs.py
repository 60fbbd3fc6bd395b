"""The documentation keeps to the code: pages are fresh, links lead somewhere, examples work, nothing is left out."""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec
import pytest
import yaml

from irkit.actions import ACTIONS
from irkit.adapters import bag
from irkit.adapters.fixed_clock import FixedClock
from irkit.adapters.inventory import load_inventory
from irkit.adapters.memory import MemoryTarget
from irkit.adapters.memory_store import MemoryStore
from irkit.adapters.playbook_file import find_problems, load_playbook
from irkit.adapters.tar_member import Member
from irkit.adapters.terminal_config import read_configuration
from irkit.app.opened import Opened
from irkit.checks import CHECKS
from irkit.cli import BUG, INTERRUPTED, VERBS, cli
from irkit.core import errors, events
from irkit.core.evidence import Evidence
from irkit.core.operations import all_operations
from irkit.core.plan import Plan
from irkit.core.run import replay
from irkit.engine.arguments import resolve_parameters
from irkit.engine.language import Language
from irkit.engine.planner import make_plan
from irkit.engine.request import Request
from irkit.engine.runner import Runner
from irkit.engine.schema import action_schema, playbook_schema
from irkit.engine.undo import UndoRequest, plan_undo
from irkit.tui.configured import check_configured
from tests.acceptance.compare import ASSIGNED_ANEW, OF_A_START, OF_THE_NEXT_START
from tools import docs

ROOT = docs.ROOT
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(docs.DOCS.rglob("*.md"))]
ADRS = sorted((docs.DOCS / "adr").glob("*.md"))
FENCE = re.compile(r"^(?:<!-- (?P<mark>[^\n]*?) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
HELD = "contain.hold"


class Block(NamedTuple):
    """A block of code in a page, and the mark before it."""

    page: str
    kind: str
    mark: str
    text: str


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(*kinds: str) -> list[Block]:
    return [
        Block(name(page), found["kind"], found["mark"] or "", found["text"])
        for page in PAGES
        for found in FENCE.finditer(page.read_text(encoding="utf-8"))
        if found["kind"] in kinds
    ]


def page_text(page: str) -> str:
    return (docs.DOCS / page).read_text(encoding="utf-8")


def rows_of(text: str, first: str) -> list[list[str]]:
    """The rows of the first table whose head begins with that cell."""
    lines = text.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


# Fresh and whole --------------------------------------------------------------------------------------------------


def test_what_is_made_from_the_code_is_fresh() -> None:
    assert docs.stale() == [], "run make docs"


def test_a_stale_page_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs, "DOCS", tmp_path / "docs")
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    (tmp_path / "docs" / "reference").mkdir(parents=True)
    (tmp_path / "README.md").write_text("no blocks\n", encoding="utf-8")
    (tmp_path / "docs" / "reference" / "contain.gone.md").write_text("of an action that is gone\n", encoding="utf-8")
    (tmp_path / "playbooks").mkdir()
    assert {"docs/cli.md", "docs/reference/contain.pause.md", "docs/reference/contain.gone.md"} <= set(docs.stale())


def test_every_recording_has_its_place() -> None:
    known = {one.name for one in docs.SESSION}
    used = {(kind, found) for page in PAGES for kind, found, _ in docs.BLOCK.findall(page.read_text(encoding="utf-8"))}
    assert {found for kind, found in used if kind == "recorded"} <= known
    assert {found for kind, found in used if kind == "made"} <= docs.BLOCKS.keys()
    empty = [
        (name(page), found)
        for page in PAGES
        for _, found, content in docs.BLOCK.findall(page.read_text(encoding="utf-8"))
        if not content.strip()
    ]
    assert empty == [], "run make docs"


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_has_a_page_with_its_parameters(action: str) -> None:
    text = page_text(f"reference/{action}.md")
    assert text.count(f"# {action}\n") == 1
    assert all(f"| `{field}` |" in text for field in action_schema(ACTIONS[action])["properties"])
    assert f"]({action}.md)" in page_text("reference/index.md")
    assert docs.operations_of(ACTIONS[action]), "its module imports no operation"


def test_every_check_is_documented() -> None:
    rows = rows_of(page_text("reference/checks.md"), "check")
    assert [row[0].strip("`") for row in rows] == list(CHECKS) and all(row[3] for row in rows)


@pytest.mark.parametrize("kind", all_operations(), ids=docs.tag_of)
def test_every_operation_is_documented(kind: type[Any]) -> None:
    assert f"\n## {docs.tag_of(kind)}\n" in page_text("operations.md")


def test_every_verb_is_documented() -> None:
    assert all(f"\n## irkit {verb}\n" in page_text("cli.md") for verb in VERBS)


DESIGN = """responder case host target container playbook step action operation plan run event record undo touch collect
evidence bundle manifest finding check"""
ORDINARY = """server client session module command unknown package rule user job operator task"""
"""Words that are shunned for one thing and right for another."""


def test_the_glossary_has_the_words_of_the_design_and_no_page_uses_the_others() -> None:
    rows = rows_of(page_text("glossary.md"), "word")
    words = {word for row in rows for word in row[0].split(", ")}
    assert words >= {*DESIGN.split(), "run log", "in doubt"}
    shunned = {word for row in rows for word in row[2].split(", ")} - {*ORDINARY.split()}
    pattern = re.compile(rf"\b(?:{'|'.join(sorted(shunned))})s?\b", re.IGNORECASE)
    found = {
        f"{name(page)}: {word}"
        for page in PAGES
        if page.name != "glossary.md"
        for word in pattern.findall(re.sub(r"`[^`]*`", "", FENCE.sub("", page.read_text(encoding="utf-8"))))
    }
    assert found == set()


def test_the_exit_statuses_are_those_of_the_code() -> None:
    raised = {one.exit_status for one in vars(errors).values() if isinstance(one, type) and hasattr(one, "exit_status")}
    wanted = sorted({0, *raised, BUG, INTERRUPTED})
    assert [int(row[0]) for row in rows_of(page_text("exit-status.md"), "status")] == wanted
    assert [int(row[0]) for row in rows_of((ROOT / "README.md").read_text(encoding="utf-8"), "status")] == wanted


def test_the_make_targets_are_those_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE)) - {"help"}
    assert {row[0].strip("`") for row in rows_of(page_text("development.md"), "target")} == {
        f"make {one}" for one in targets
    }


def test_the_bundle_page_names_every_field() -> None:
    text = page_text("bundle.md")
    structs: list[type[msgspec.Struct]] = [Evidence, events.Record, Member, *events.AnyEvent.__args__]
    wanted = {field for one in structs for field in one.__struct_fields__} | set(bag.INFO_LABELS)
    wanted |= {str(one.__struct_config__.tag) for one in events.AnyEvent.__args__}
    wanted |= {kind.value for kind in errors.Refusal}
    assert [field for field in sorted(wanted) if f"`{field}`" not in text] == []


def test_the_bundle_page_names_every_field_of_a_description() -> None:
    from irkit.adapters.description import Facts, describe

    facts = Facts(
        name="",
        run=replay([]),
        plan=None,
        tool={},
        sealed_by="",
        sealed_at="",
        log_lines=0,
        log_head="",
        files=0,
        size=0,
    )
    named = {
        word for row in rows_of(page_text("bundle.md").partition("## 6.")[2], "field") for word in row[0].split(", ")
    }
    assert {word.strip("`") for word in named} == describe(facts).keys()


def test_the_undo_page_names_every_field_that_differs() -> None:
    text = page_text("undo.md")
    assert [field for field in sorted(ASSIGNED_ANEW | OF_THE_NEXT_START | OF_A_START) if f"`{field}`" not in text] == []


def test_decisions_are_numbered_dated_and_listed() -> None:
    record = page_text("adr/0001-record.md")
    for number, page in enumerate(ADRS, start=1):
        text = page.read_text(encoding="utf-8")
        assert page.name.startswith(f"{number:04d}-") and text.startswith(f"# {number}. ")
        assert re.search(r"^20\d\d-\d\d-\d\d, accepted$", text, re.MULTILINE)
        assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
        assert number == 1 or f"({page.name})" in record


# Links and words --------------------------------------------------------------------------------------------------


def anchors_of(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", prose)):
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.is_file(), f"{target} is not there"
        assert found.is_relative_to(ROOT)
        assert not anchor or anchor in anchors_of(found.read_text(encoding="utf-8")), f"{target}: no such heading"


def test_no_page_names_machines_or_places_of_packages() -> None:
    forbidden = re.compile(r"(?:/(?:work|home)/|/root/\.cache|/tmp/irkit|[a-z]+\.(?:com|io|org|net)\b|https?://)")
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("docker.io", "")
        assert forbidden.findall(text) == [], name(page)


@pytest.mark.parametrize("picture", sorted((docs.DOCS / "pictures").glob("*")), ids=lambda path: path.name)
def test_a_picture_needs_nothing_from_elsewhere(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    assert set(re.findall(r"\w+://[^\"'\s]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "@font-face" not in text and "<script" not in text and "url(#" in text
    assert any(f"pictures/{picture.name}" in page.read_text(encoding="utf-8") for page in PAGES)


# Command lines ----------------------------------------------------------------------------------------------------


def command_lines() -> Iterator[tuple[str, str]]:
    for block in blocks("sh", "console"):
        for line in block.text.splitlines():
            typed = line.removeprefix("$ ") if block.kind == "sh" or line.startswith("$ ") else ""
            if found := re.search(r"(?:^|\$\(|/)irkit ((?![\w/.]*/)[^)|>#]*)", typed):
                yield block.page, found[1].strip()


def parse(words: list[str]) -> None:
    """Parse the words of a command line as irkit would, and run nothing."""
    command: click.Command | None = cli
    context: click.Context | None = None
    verb: str | None = "irkit"
    while command is not None:
        context = command.make_context(verb, words, parent=context)
        rest = [*context._protected_args, *context.args]
        if not isinstance(command, click.Group) or not rest:
            return
        verb, command, words = command.resolve_command(context, rest)


@pytest.mark.parametrize(("page", "line"), sorted(set(command_lines())))
def test_every_command_line_can_be_typed(page: str, line: str) -> None:
    try:
        parse(shlex.split(line))
    except click.exceptions.Exit as end:
        assert end.exit_code == 0


def test_command_lines_are_found() -> None:
    found = {line for _, line in command_lines()}
    assert {"ls", "run triage web --case IR-2026-042", "completion bash", "--version"} <= found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_verb_and_option_named_in_a_line_of_text_is_there(page: Path) -> None:
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    for line in re.findall(r"`irkit ([a-z-][^`]*)`", prose):
        if "..." not in line and "`" not in line:
            try:
                parse(shlex.split(line))
            except (click.exceptions.MissingParameter, click.exceptions.NoArgsIsHelpError, click.exceptions.Exit):
                continue


# Playbooks --------------------------------------------------------------------------------------------------------


def plan_of(source: bytes) -> Plan:
    playbook, _ = load_playbook(source, "page.yaml", Language(ACTIONS))
    given = {one: "malware" for one, parameter in playbook.parameters.items() if parameter.default is None}
    parameters = resolve_parameters(playbook, given)
    return make_plan(request_of(playbook, parameters))


def request_of(playbook: Any, parameters: Any) -> Request:
    return Request(
        playbook=playbook,
        actions=ACTIONS,
        hosts=[docs.HOST],
        targets=[docs.EXAMPLE],
        parameters=parameters,
        run=docs.RUN,
        made_at="2026-11-21T10:15:00.000000Z",
    )


YAML = [one for one in blocks("yaml") if not one.mark.startswith("file:")]


def test_the_inventory_on_the_page_about_hosts_is_one(tmp_path: Path) -> None:
    (block,) = [one for one in blocks("yaml") if one.mark == "file: hosts.yml"]
    path = tmp_path / "hosts.yml"
    path.write_text(block.text, encoding="utf-8")
    assert [host.name for host in load_inventory(path).hosts] == ["web1", "db1", "vault"]


def test_the_configuration_on_its_page_is_one(tmp_path: Path) -> None:
    (block,) = [one for one in blocks("yaml") if one.mark == "file: config.yml"]
    (tmp_path / "config.yml").write_text(block.text, encoding="utf-8")
    said = read_configuration(tmp_path / "config.yml").said
    check_configured(Opened(theme=said.theme, keys=said.keys))
    assert all(getattr(said, key) for key in ("theme", "hosts", "case", "responder", "keys", "playbooks"))
    keys = {name for row in rows_of(page_text("configuration.md"), "key") for name in re.findall("`([a-z_]+)`", row[0])}
    assert keys == set(docs.configuration_schema()["properties"])


@pytest.mark.parametrize(
    "block", YAML, ids=lambda block: f"{block.page}-{hashlib.sha256(block.text.encode()).hexdigest()[:6]}"
)
def test_every_playbook_on_a_page_is_what_the_page_says(block: Block) -> None:
    value = yaml.safe_load(block.text)
    steps = "name: page\nversion: 1\nsteps:\n" + block.text if isinstance(value, list) else block.text
    problems = find_problems(steps.encode(), "page.yaml", Language(ACTIONS))
    if block.mark.startswith("invalid: "):
        assert any(block.mark.removeprefix("invalid: ") in str(one) for one in problems)
        return
    assert [str(one) for one in problems] == []
    plan = plan_of(steps.encode())
    if block.mark.startswith("refused: "):
        assert plan.is_refused and block.mark.removeprefix("refused: ") in plan.refusals[0].reason
    else:
        assert not plan.is_refused


# The run log ------------------------------------------------------------------------------------------------------


def test_the_worked_example_of_the_chain_recomputes() -> None:
    (block,) = [one for one in blocks("json") if one.page == "docs/bundle.md" and '"prev"' in one.text]
    said = dict(re.findall(r"^\| (\d) \| `([0-9a-f]{64})` \|$", page_text("bundle.md"), re.MULTILINE))
    prev = "0" * 64
    for number, line in enumerate(block.text.splitlines(keepends=True), start=1):
        value = json.loads(line)
        assert value["seq"] == number and value["prev"] == prev
        assert json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n" == line
        prev = hashlib.sha256(line.encode()).hexdigest()
        assert said[str(number)] == prev
    assert len(said) == number


# The example of add-an-action.md ----------------------------------------------------------------------------------


def write_the_example(copy: Path) -> None:
    """Do in a copy what the page says."""
    for block in blocks("python", "yaml"):
        if block.page != "docs/add-an-action.md":
            continue
        what, _, where = block.mark.partition(": ")
        path = copy / where
        if what == "file":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            continue
        text = path.read_text(encoding="utf-8")
        before = "from irkit.core.action import Action\n" if what == "import" else ")\n\nACTIONS"
        assert text.count(before) == 1
        path.write_text(text.replace(before, block.text + before), encoding="utf-8")


def test_the_action_that_the_page_adds_works(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    ignore = shutil.ignore_patterns("__pycache__")
    for folder in ("irkit", "playbooks", "tools", "tests", "docs"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignore)
    for file in ("pyproject.toml", "README.md", "CHANGELOG.md", "Makefile"):
        shutil.copy(ROOT / file, copy)
    write_the_example(copy)
    run = [sys.executable, "-c", "from tests.test_docs import try_the_example; try_the_example()"]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    for argv in (run, [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/actions"]):
        done = subprocess.run(argv, cwd=copy, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


def try_the_example() -> None:
    """In the copy: the new action validates, is in schema and reference, plans, runs, and is taken back."""
    assert ACTIONS[HELD].__doc__
    assert f"with.{HELD}" in playbook_schema(ACTIONS)["$defs"]
    reference = docs.pages()[docs.DOCS / "reference" / f"{HELD}.md"]
    assert "Leave the restart policy as it is." in reference and "`set-restart-policy`" in reference
    assert f"docs/reference/{HELD}.md" in docs.stale()

    path = ROOT / "hold.yaml"
    assert [str(one) for one in find_problems(path, path.name, Language(ACTIONS))] == []
    wrong = path.read_bytes().replace(b"contain.hold", b"contain.hold\n    with: {keep_polcy: true}")
    (problem,) = find_problems(wrong, "hold.yaml", Language(ACTIONS))
    assert str(problem).startswith("hold.yaml:8:12: steps[1].with.keep_polcy: ") and "keep_policy?" in str(problem)
    target = MemoryTarget([docs.EXAMPLE], docs.HOST)
    plan = plan_of(path.read_bytes())
    run = run_on(target, plan)
    held = target.containers[docs.EXAMPLE.id]
    assert (held.state, held.restart_policy.name) == ("paused", "no")

    undo = UndoRequest(
        run=run,
        undone=[],
        hosts=[docs.HOST],
        now={held.key: held},
        gone={},
        facts=docs.RUN,
        made_at=plan.made_at,
    )
    run_on(target, plan_undo(undo))
    assert target.containers[docs.EXAMPLE.id] == docs.EXAMPLE


def run_on(target: MemoryTarget, plan: Plan) -> Any:
    clock = FixedClock()
    runner = Runner({docs.HOST.name: target}, MemoryStore(clock), clock, tool="irkit")
    run = replay(list(runner.execute(plan)))
    assert run.is_clean, run.failures
    return run
