"""`python -m tools.docs [--check]`: what of the documentation is made from the code.

Three kinds: whole pages (the reference, cli.md, operations.md, the schema), blocks inside pages written by hand
(between `<!-- made: NAME -->` and `<!-- end -->`), and recordings: real output and pictures of the command line, made
on the lab's engine, between `<!-- recorded: NAME -->` and `<!-- end -->`. `--check` writes nothing and names what is
stale; it leaves recordings out. Without an engine of the lab (`make docs` starts one) recordings stay as they are.
"""

import argparse
import inspect
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec
import yaml
from rich.console import Console
from rich.text import Text

from irkit.actions import ACTIONS
from irkit.adapters import yaml_document
from irkit.adapters.inventory_schema import inventory_schema
from irkit.adapters.playbook_file import load_playbook
from irkit.adapters.terminal_config import terminal_schema
from irkit.checks import CHECKS
from irkit.cli import VERBS, cli
from irkit.core import operations as do
from irkit.core.action import Action, RunFacts, Scope
from irkit.core.codec import FIRST_PREVIOUS, encode_record, line_digest
from irkit.core.container import Attachment, Container, Mount, Port, RestartPolicy
from irkit.core.container import Limits as Allowance
from irkit.core.events import AnyEvent, Note, Record, RunFinished, RunStarted
from irkit.core.host import Host
from irkit.core.operations import Operation, Touch, all_operations
from irkit.core.playbook import ParameterType
from irkit.core.text import safe
from irkit.engine import bench, expression_syntax, expressions
from irkit.engine.language import Language
from irkit.engine.planning import HOST_STEP
from irkit.engine.runner import Limits
from irkit.engine.schema import action_schema, playbook_schema, skeleton_schema
from irkit.engine.wording import expected
from irkit.tui.configured import all_bindings, theme_names
from tools import terminal_docs

if TYPE_CHECKING:
    from tests.lab.suspects import Lab

ROOT: Final = Path(__file__).resolve().parent.parent
DOCS: Final = ROOT / "docs"
CASES: Final = ROOT / "tests" / "actions" / "cases"
WIDTH: Final = 100
MADE: Final = "<!-- Made by `make docs` from {source}: change that, not this page. -->\n"
BLOCK: Final = re.compile(r"<!-- (made|recorded): ([a-z0-9-]+) -->\n(.*?)<!-- end -->", re.DOTALL)

# An example of everything ---------------------------------------------------------------------------------------

_ID: Final = "4c1d" * 16
_IMAGE: Final = "sha256:" + "9e2f" * 16
WEB: Final = Attachment(network="front", network_id="77ab" * 16, ipv4="10.77.1.50", fixed_ipv4="10.77.1.50")
EXAMPLE: Final = Container(
    id=_ID,
    name="web",
    host="local",
    image="shop/web:3",
    image_digest=_IMAGE,
    state="running",
    pid=4321,
    created_at="2026-11-21T08:00:00.000000000Z",
    started_at="2026-11-21T08:00:01.000000000Z",
    attachments=(msgspec.structs.replace(WEB, driver="bridge", aliases=("shop",)),),
    network_mode="front",
    mounts=(Mount(kind="volume", name="uploads", source="/srv/uploads", destination="/uploads"),),
    ports=(Port(container_port=8080, protocol="tcp", host_ip="0.0.0.0", host_port=18080),),  # noqa: S104 - an example
    namespaces={"network": "front", "pid": "", "ipc": "private", "uts": "", "user": ""},
    log_driver="json-file",
    restart_policy=RestartPolicy(name="always"),
    labels={"tier": "web"},
)
HOST: Final = Host(name="local")
RUN: Final = RunFacts(id="5f0c" * 8, case="IR-2026-042", responder="ada@desk")
_VALUES: Final[Mapping[str, Any]] = {
    "container": _ID,
    "network": "front",
    "attachment": EXAMPLE.attachments[0],
    "image": _IMAGE,
    "volume": "uploads",
    "path": "/etc/passwd",
    "limit": 1 << 30,
    "policy": RestartPolicy(),
    "device": "irk4c1d4c1d4c1d",
    "table": "irkit_5f0c5f0c_4c1d4c1d4c1d",
    "limits": Allowance(cpu_quota=10_000, pids=20),
    "kind": "volume",
    "name": "uploads",
    "source": "/srv/uploads",
    "destination": "/uploads",
    "addresses": {"front": "10.77.1.50"},
    "seconds": 30.0,
    "changed": 30 * 86_400.0,
    "log_limit": 4 << 20,
    "since": "24h",
    "process_limit": 1 << 30,
}
_SITUATIONS: Final = (
    ("", EXAMPLE),
    ("where it was paused", msgspec.structs.replace(EXAMPLE, state="paused")),
    ("with --rm", msgspec.structs.replace(EXAMPLE, auto_remove=True)),
)


def example_of(kind: type[Any]) -> Operation:
    """An operation of that kind, on the example container."""
    wanted = [field.name for field in msgspec.structs.fields(kind) if field.required]
    found: Operation = kind(**{name: _VALUES[name] for name in wanted})
    return found


def tag_of(kind: type[Any]) -> str:
    """What the log calls that kind of operation."""
    return str(kind.__struct_config__.tag)


def undo_words(kind: type[Any]) -> str:
    """What takes it back, in each situation in which that differs."""
    if kind.touch is Touch.READ:
        return ""
    operation = example_of(kind)
    said: list[str] = []
    usual = ""
    for situation, container in _SITUATIONS:
        words = ", then ".join(f"`{tag_of(type(one))}`" for one in operation.undo(container)) or "none"
        if not situation:
            usual = words
            said.append(words)
        elif words != usual:
            said.append(f"{situation}: {words}")
    return "; ".join(said)


# Words ------------------------------------------------------------------------------------------------------------


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def doc(thing: object) -> str:
    """A docstring, each paragraph in one line."""
    return "\n\n".join(" ".join(part.split()) for part in (inspect.getdoc(thing) or "").split("\n\n"))


def code(text: object) -> str:
    """A piece of code within a line."""
    return f"`{text}`"


def traces(found: frozenset[do.Trace]) -> str:
    """Kinds of evidence, by name."""
    return ", ".join(sorted(found))


def fenced(kind: str, text: str) -> str:
    """A block of code."""
    return f"```{kind}\n{text.rstrip()}\n```\n"


# The reference ----------------------------------------------------------------------------------------------------

_SCOPES: Final = {
    Scope.CONTAINER: "once for each container",
    Scope.IMAGE: "once for each image of the targets",
    Scope.HOST: "once for each host of the targets",
}


def operations_of(action: type[Action]) -> list[type[Any]]:
    """The kinds of operation that an action may plan: those that its module imports."""
    module = vars(sys.modules[action.__module__])
    return [kind for kind in all_operations() if kind in module.values()]


def cases_of(name: str) -> list[dict[str, Any]]:
    """The cases of an action, where there are any (tests/actions/test_cases.py says what a case holds)."""
    path = CASES / f"{name}.yaml"
    found = yaml.safe_load(path.read_text(encoding="utf-8").replace("$ID", _ID)) if path.is_file() else []
    return [one for one in found if isinstance(one, dict)]


def sample(schema: Mapping[str, Any]) -> Any:
    """A value that a schema takes."""
    if "anyOf" in schema:
        return sample(next(one for one in schema["anyOf"] if one.get("type") != "null"))
    if found := schema.get("examples", schema.get("enum")):
        return found[0]
    if schema.get("type") == "array":
        return [sample(schema["items"])]
    text = "/etc/passwd" if schema.get("pattern") == "^/" else "text"
    return {"integer": schema.get("minimum", 1), "boolean": True}.get(str(schema.get("type")), text)


def example_step(action: type[Action]) -> dict[str, Any]:
    """A step with that action: the first case that gives parameters, or else what must be given."""
    name = action.name.rpartition(".")[2].replace("_", "-")
    step: dict[str, Any] = {"id": "around" if name == HOST_STEP else name, "action": action.name}
    schema = action_schema(action)
    given: dict[str, Any] = {name: sample(schema["properties"][name]) for name in schema["required"]}
    for case in cases_of(action.name):
        if case.get("with") and case.get("plans"):
            given = case["with"]
            break
    return {**step, "with": given} if given else step


def yaml_of(value: Any) -> str:
    """A value as the YAML that a responder would write."""
    return str(yaml.safe_dump(value, sort_keys=False, width=WIDTH))


def parameter_rows(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Name, values, default and meaning of every parameter."""
    for name, one in schema["properties"].items():
        default = "must be given" if name in schema["required"] else "none" if one.get("default") is None else ""
        default = default or code(json.dumps(one["default"]))
        yield code(name), expected(one), default, one.get("description", "")


def operation_rows(kinds: Sequence[type[Any]]) -> Iterator[tuple[str, ...]]:
    """What an operation does, for a table."""
    for kind in kinds:
        yield (
            f"[`{tag_of(kind)}`](../operations.md#{tag_of(kind)})",
            str(kind.touch),
            str(kind.rank),
            traces(kind.collects),
            traces(kind.destroys),
            undo_words(kind),
        )


def case_rows(action: type[Action]) -> Iterator[tuple[str, str, str]]:
    """What the cases say: in words, what is given, and what comes out."""
    for case in cases_of(action.name):
        given = [f"{key}: {flow(case[key])}" for key in ("container", "with", "run") if key in case]
        if "plans" in case:
            out = "; ".join(operation_text(one) for one in case["plans"]) or "nothing to do"
        elif "refuses" in case:
            out = f"refused: {case['refuses']}"
        else:
            out = f"a mistake: {case.get('wrong', '')}"
        yield str(case.get("case", "")), "; ".join(map(code, given)), safe(out)


def flow(value: Any) -> str:
    """A value as YAML in one line."""
    return " ".join(str(yaml.safe_dump(value, default_flow_style=True, width=10**6)).split())


def operation_text(said: Any) -> str:
    """An operation as a plan shows it, from its text or its fields."""
    if isinstance(said, str):
        return said
    operation: Operation = msgspec.convert(said, do.AnyOperation)
    return operation.text()


def action_page(action: type[Action]) -> str:
    """The reference page of one action."""
    kinds = operations_of(action)
    touch = max((kind.touch for kind in kinds), key=lambda one: one.degree, default=Touch.READ)
    schema = action_schema(action)
    source = f"irkit/actions/{action.__module__.rpartition('.')[2]}.py"
    about = [("phase", str(action.phase)), ("planned", _SCOPES[action.scope]), ("touch", str(touch))]
    about.append(("time for one operation", action.timeout or "the usual ([timeouts](../playbooks.md#timeout))"))
    parts = [MADE.format(source=source), f"# {action.name}\n", doc(action) + "\n", table(("", ""), about)]
    parts.append("## Parameters\n")
    rows = list(parameter_rows(schema))
    parts.append(table(("parameter", "value", "default", "meaning"), rows) if rows else "None.\n")
    parts.append("## Operations\n")
    head = ("operation", "touch", "rank", "collects", "destroys", "undo")
    parts.append(table(head, list(operation_rows(kinds))))
    parts += ["## In a playbook\n", fenced("yaml", yaml_of([example_step(action)]))]
    if cases := list(case_rows(action)):
        parts += ["## Cases\n", f"From `tests/actions/cases/{action.name}.yaml`, which the tests run.\n"]
        parts.append(table(("case", "given", "planned"), cases))
    return "\n".join(parts)


def reference_index() -> str:
    """The list of actions."""
    rows = []
    for action in ACTIONS.values():
        kinds = operations_of(action)
        touch = max((kind.touch for kind in kinds), key=lambda one: one.degree, default=Touch.READ)
        first = doc(action).partition("\n")[0]
        rows.append((f"[{action.name}]({action.name}.md)", str(action.phase), str(touch), first))
    text = (
        "What a step of a playbook can do. Each page says what the action does to a host, what it destroys, how it is\n"
        "taken back, and what it takes. [Operations](../operations.md) lists the requests that actions are made of.\n"
    )
    parts = [MADE.format(source="irkit/actions"), "# Actions\n", text]
    return "\n".join([*parts, table(("action", "phase", "touch", "what it does"), rows)])


def checks_page() -> str:
    """The list of checks."""
    text = (
        "What irkit notices in the facts of a container, without touching it. `irkit inspect` shows what was found,\n"
        "and `--json` has the letters beside it, each at its place. The references are sections of the CIS Docker\n"
        "Benchmark 1.6 and techniques of MITRE ATT&CK; the answer is the playbook to plan where the container is\n"
        "suspected, as is shown beside each finding.\n"
    )
    head = ("check", "letter", "at most", "what it finds", "answer", "references")
    rows = [
        (
            code(check.id), check.flag, str(check.severity), doc(check).replace("\n\n", " "), code(check.answer),
            ", ".join(check.references),
        )
        for check in CHECKS.values()
    ]  # fmt: skip
    return "\n".join([MADE.format(source="irkit/checks"), "# Checks\n", text, table(head, rows)])


# Other whole pages ------------------------------------------------------------------------------------------------


def operations_page() -> str:
    """The closed list of operations."""
    text = (
        "This is all that irkit can do to a host: a closed list, in `irkit/core/operations.py`. A plan holds nothing\n"
        "else, a run sends nothing else, and undo is made of the same list. Reads change nothing that the engine\n"
        "knows of; `change` can be taken back, or adds something (an image); `destroy` ends something for good.\n\n"
        "The rank is the place in the [order of volatility](order-of-volatility.md). What is destroyed is destroyed\n"
        "on a container that runs; on one made with `--rm`, `stop` and `kill` destroy everything.\n"
    )
    rows, sections = [], []
    for kind in all_operations():
        tag = tag_of(kind)
        undo = undo_words(kind)
        rows.append((f"[`{tag}`](#{tag})", str(kind.touch), str(kind.rank), traces(kind.destroys), undo))
        lines = [f"## {tag}\n", doc(kind) + "\n", f"In a plan: `{example_of(kind).text()}`.\n"]
        if kind.collects:
            lines.append(f"Collects: {traces(kind.collects)}.\n")
        if path := example_of(kind).file:
            lines.append(f"Evidence: `{path}`.\n")
        if users := [name for name, action in ACTIONS.items() if kind in operations_of(action)]:
            lines.append("Planned by " + ", ".join(f"[{name}](reference/{name}.md)" for name in users) + ".\n")
        sections += lines
    head = ("operation", "touch", "rank", "destroys", "undo")
    return "\n".join(
        [MADE.format(source="irkit/core/operations.py"), "# Operations\n", text, table(head, rows), *sections]
    )


def top_context() -> click.Context:
    """What help is made in."""
    settings: dict[str, Any] = {**cli.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    return click.Context(cli, info_name="irkit", **settings)


def commands() -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every verb, and every verb of a verb, with the context that its help is made in."""
    top = top_context()
    for verb in VERBS:
        command = cli.get_command(top, verb)
        if command is None:
            continue
        context = click.Context(command, info_name=verb, parent=top)
        yield f"irkit {verb}", command, context
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                if inner is not None:
                    yield f"irkit {verb} {name}", inner, click.Context(inner, info_name=name, parent=context)


def cli_page() -> str:
    """The help of every verb."""
    text = (
        "Every verb with its help, as `irkit VERB --help` prints it. Exit statuses: [exit-status.md](exit-status.md).\n"
        "Every verb that prints a table takes `--json`; `run` and `undo` take `--events`.\n"
    )
    parts = [MADE.format(source="irkit/cli"), "# The command line\n", text, fenced("text", cli.get_help(top_context()))]
    for name, command, context in commands():
        parts += [f"## {name}\n", fenced("text", command.get_help(context))]
    return "\n".join(parts)


def schema_page() -> str:
    """The JSON Schema of playbooks."""
    return json.dumps(playbook_schema(ACTIONS), indent=2, ensure_ascii=True) + "\n"


def configuration_schema() -> dict[str, Any]:
    """The JSON Schema of config.yml, with the themes and the bindings that the terminal interface has."""
    schema = terminal_schema()
    schema["properties"]["theme"]["examples"] = theme_names()
    keys = schema["properties"]["keys"]
    keys["propertyNames"] = {"enum": sorted({str(one.id) for found in all_bindings().values() for one in found})}
    return schema


def pages() -> dict[Path, str]:
    """Every page that is made whole."""
    found = {
        DOCS / "operations.md": operations_page(),
        DOCS / "cli.md": cli_page(),
        DOCS / "playbook.schema.json": schema_page(),
        DOCS / "tui.schema.json": json.dumps(configuration_schema(), indent=2, ensure_ascii=True) + "\n",
        DOCS / "hosts.schema.json": json.dumps(inventory_schema(), indent=2, ensure_ascii=True) + "\n",
        DOCS / "reference" / "index.md": reference_index(),
        DOCS / "reference" / "checks.md": checks_page(),
    }
    found.update((DOCS / "reference" / f"{name}.md", action_page(action)) for name, action in ACTIONS.items())
    return found


# Blocks in pages written by hand ----------------------------------------------------------------------------------

_PARAMETER_TYPES: Final = {
    "string": ("text", "web"),
    "integer": ("a whole number", "3"),
    "boolean": ("true or false", "true"),
    "duration": ("so long: ms, s, m, h, d, also together", "1h30m"),
    "size": ("bytes: B, kB as KB, MB, GB, TB, or KiB, MiB, GiB, TiB", "10MiB"),
    "when": ("a duration (so long before the step begins) or a time with its offset", "2026-01-31T10:00:00Z"),
    "list": ("a list of text; on the command line with commas", "front,back"),
}


def block_parameter_types() -> str:
    """The types that a parameter of a playbook may have."""
    kinds = ParameterType.__args__  # type: ignore[attr-defined]
    rows = [(code(kind), _PARAMETER_TYPES[kind][0], code(_PARAMETER_TYPES[kind][1])) for kind in kinds]
    return table(("type", "value", "on the command line"), rows)


def block_step_keys() -> str:
    """The keys of a step."""
    step = skeleton_schema()["$defs"]["Step"]
    rows = []
    for name, one in step["properties"].items():
        default = (
            "must be given"
            if name in step["required"]
            else code(json.dumps(one["default"]))
            if "default" in one
            else ""
        )
        rows.append((code(name), expected(one), default, one["description"]))
    return table(("key", "value", "default", "meaning"), rows)


def block_playbook_keys() -> str:
    """The keys of a playbook."""
    schema = skeleton_schema()
    rows = []
    for name, one in schema["properties"].items():
        value = expected(one) if "$ref" not in one.get("additionalProperties", {}) else "a mapping of names"
        needed = "yes" if name in schema["required"] else ""
        rows.append((code(name), value, needed, one["description"]))
    return table(("key", "value", "needed", "meaning"), rows)


def block_expression_names() -> str:
    """What an expression can name, each with its value in an example."""
    context = {"container": msgspec.to_builtins(EXAMPLE), "host": msgspec.to_builtins(HOST), "run": asdict(RUN)}
    rows = []
    for root, names in expressions.names_for(()).items():
        for name in names or ():
            shown = json.dumps(context[root][name], ensure_ascii=True)
            rows.append((code(f"{root}.{name}"), code(re.sub(r"(?:[0-9a-f]{4}){8,}", "4c1d…", shown))))
    rows.append((code("params.NAME"), "the value of the playbook's parameter"))
    return table(("name", "example"), rows)


def block_functions() -> str:
    """What an expression can call."""
    rows = [
        ("functions", sorted(expressions._FUNCTIONS)),
        ("methods", sorted(expressions._METHODS)),
        ("macros", sorted(expression_syntax.MACROS)),
    ]
    return table(("", ""), [(kind, ", ".join(map(code, names))) for kind, names in rows])


def block_limits() -> str:
    """How large a playbook and an expression may be."""
    steps = skeleton_schema()["properties"]["steps"]["maxItems"]
    rows = [
        ("a playbook file", f"{yaml_document.MAX_BYTES >> 20} MiB"),
        ("values in it", str(yaml_document.MAX_VALUES)),
        ("nesting of its values", str(yaml_document.MAX_DEPTH)),
        ("steps", str(steps)),
        ("an expression", f"{expression_syntax.MAX_LENGTH} characters"),
        ("nesting in it", str(expression_syntax.MAX_NESTING)),
        ("macros within macros", str(expressions.MAX_LOOPS)),
        ("`map()` in one expression", str(expressions.MAX_MAPS)),
        ("entries that a macro within a macro goes over", str(expressions.MAX_LOOPED)),
    ]
    return table(("of", "at most"), rows)


def block_timeouts() -> str:
    """How long an operation may take where the step does not say."""
    rows = [
        ("a read", f"{bench.READ_TIME:g} s"),
        ("a change", f"{bench.CHANGE_TIME:g} s; `stop`: at least its grace and 30 s"),
        ("what moves data of unknown size", f"{bench.BULK_TIME / 3600:g} h"),
        ("any wait for the next byte of a stream", f"{bench.IDLE:g} s"),
    ]
    return table(("operation", "at most"), rows)


def block_parallel() -> str:
    """How much goes on at once."""
    limits = Limits()
    rows = [("containers worked on, on each host", f"{limits.parallel} (`--parallel`)")]
    downloads = f"{limits.bulk}, 1 with `--parallel 1`"
    rows.append(("downloads (logs, export, commit, files) beside them, on each host", downloads))
    return table(("", "at a time"), rows)


def block_volatility() -> str:
    """What is read at each rank."""
    rows = []
    for rank in sorted({kind.rank for kind in all_operations() if kind.collects}):
        kinds = [kind for kind in all_operations() if kind.rank == rank and kind.collects]
        found = frozenset().union(*(kind.collects for kind in kinds))
        rows.append(
            (str(rank), traces(found), ", ".join(f"[`{tag_of(one)}`](operations.md#{tag_of(one)})" for one in kinds))
        )
    return table(("rank", "what", "operations"), rows)


def block_playbooks() -> str:
    """The playbooks that come with irkit."""
    rows = []
    for path in sorted((ROOT / "playbooks").glob("*.yaml")):
        playbook, _ = load_playbook(path, path.name, Language(ACTIONS))
        given = ", ".join(f"`{name}` ({json.dumps(one.default)})" for name, one in playbook.parameters.items())
        steps = ", ".join(dict.fromkeys(step.action for step in playbook.steps))
        rows.append((code(playbook.name), playbook.title, steps, given or "none"))
    return table(("playbook", "what it does", "actions", "parameters (default)"), rows)


def chain() -> list[bytes]:
    """Three lines of a run log."""
    started = RunStarted(
        run=RUN.id,
        case=RUN.case,
        responder=RUN.responder,
        tool="irkit 0.1.0",
        playbook="triage",
        playbook_version=1,
        playbook_digest="",
        plan_digest="",
        hosts=("local",),
        targets=(),
        names={},
        parameters={},
    )
    lines: list[bytes] = []
    events: tuple[AnyEvent, ...] = (started, Note(text="naïve ✓"), RunFinished(outcome="done"))
    for seq, event in enumerate(events, start=1):
        prev = line_digest(lines[-1]) if lines else FIRST_PREVIOUS
        lines.append(encode_record(Record(seq=seq, at=f"2026-11-21T10:15:0{seq}.000000Z", prev=prev, event=event)))
    return lines


def block_chain() -> str:
    """A run log of three lines, and the digest of each."""
    lines = chain()
    rows = [(str(number), code(line_digest(line))) for number, line in enumerate(lines, start=1)]
    return fenced("json", b"".join(lines).decode()) + "\n" + table(("line", "SHA-256 of the line with its LF"), rows)


def block_run_facts() -> str:
    """What an action may know of its run."""
    return ", ".join(code(field.name) for field in fields(RunFacts)) + "\n"


def block_host_step() -> str:
    """The step that irkit adds."""
    return f"`{HOST_STEP}` is kept for the step that irkit adds: no step of a playbook may have that id.\n"


BLOCKS: Final[Mapping[str, Callable[[], str]]] = {
    "parameter-types": block_parameter_types,
    "playbook-keys": block_playbook_keys,
    "step-keys": block_step_keys,
    "expression-names": block_expression_names,
    "functions": block_functions,
    "limits": block_limits,
    "timeouts": block_timeouts,
    "parallel": block_parallel,
    "volatility": block_volatility,
    "playbooks": block_playbooks,
    "chain": block_chain,
    "run-facts": block_run_facts,
    "host-step": block_host_step,
    "terminal-keys": terminal_docs.block_keys,
}


# Recordings: real output, made on the lab's engine ----------------------------------------------------------------


@dataclass(frozen=True)
class Recording:
    """Commands whose output stands in the pages; `run` keeps the run's id for later ones, `picture` its title."""

    name: str
    commands: tuple[str, ...]
    run: str = ""
    picture: str = ""


_CONTAIN: Final = "irkit run contain-and-preserve web --case IR-2026-042 --approve change"
SESSION: Final = (
    Recording("ls", ("irkit ls",)),
    Recording("inspect", ("irkit inspect web",)),
    Recording("plan-triage", ("irkit plan triage web",)),
    Recording("triage", ("irkit run triage web --case IR-2026-042",), run="triage"),
    Recording("verify", ("irkit verify {triage}",)),
    Recording("plan", ("irkit plan contain-and-preserve web",), picture="The plan: every operation before it happens"),
    Recording("contain", (_CONTAIN,), run="contain"),
    Recording("log", ("irkit show {contain} --log",), picture="What was done: the run log"),
    Recording("show", ("irkit show {contain}",)),
    Recording("twice", ("irkit plan isolate web",)),
    Recording("undo-plan", ("irkit undo {contain} --dry-run",)),
    Recording("undo", ("irkit undo {contain} --approve change",)),
    Recording("undo-again", ("irkit undo {contain}",)),
    Recording("killed", ("irkit verify {killed}", "irkit seal {killed}", "irkit verify {killed}")),
    Recording("killed-undo", ("irkit undo {killed} --approve change",)),
)
_KILLED: Final = ("run", "contain-and-preserve", "db", "--case", "IR-2026-042", "--approve", "change")
_KILL_AT: Final = "pause: done"
_RUN_LINE: Final = re.compile(r"^(?:run {7}|.*  run )([0-9a-f]{12})", re.MULTILINE)


class Session:
    """A responder's session: a home of its own, and what was said so far."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self._home = home
        self._environment = {**environment, "HOME": str(home), "USER": "ada", "COLUMNS": "200"}
        self.runs: dict[str, str] = {}

    def said(self, recording: Recording) -> str:
        """The commands as typed, each with what it answered."""
        parts = []
        for command in recording.commands:
            typed = command.format(**self.runs)
            answer = self._run(typed)
            if recording.run:
                self.runs[recording.run] = self._id_in(answer)
            parts.append(f"$ {typed}\n{answer}")
        return "\n".join(parts)

    def _run(self, typed: str) -> str:
        done = subprocess.run(  # noqa: S603 - the commands are those above
            self._argv(typed.split()[1:]),
            env=self._environment,
            cwd=self._home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return self._plain(done.stdout.decode())

    def kill_a_run(self) -> None:
        """A run that is killed in its middle."""
        with subprocess.Popen(  # noqa: S603 - the same
            self._argv(_KILLED), env=self._environment, cwd=self._home, stderr=subprocess.PIPE, text=True
        ) as process:
            said = ""
            for line in process.stderr or ():
                said += line
                if _KILL_AT in line:
                    process.kill()
                    break
        self.runs["killed"] = self._id_in(said)

    def _argv(self, words: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "irkit", *words]

    def _id_in(self, text: str) -> str:
        found = _RUN_LINE.search(text)
        if found is None:
            raise SystemExit(f"docs: no run in what irkit said: {text}")
        return found.group(1)

    def _plain(self, text: str) -> str:
        """What was said, less what belongs to this machine: the home folder and the machine's name."""
        here = text.replace(str(self._home), "~").replace(f"ada@{os.uname().nodename}", "ada@desk")
        return "".join(line.rstrip() + "\n" for line in here.splitlines())


def record() -> dict[str, str] | None:
    """The recordings by name, and their pictures written; None where there is no engine of the lab."""
    from tests.lab.engine import adopted_engine  # noqa: PLC0415 - the lab is needed for this alone
    from tests.lab.suspects import Lab  # noqa: PLC0415

    engine = adopted_engine()
    if engine is None:
        return None
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="irkit-docs-") as home, Lab(engine) as lab:
        make_suspects(lab)
        session = Session(Path(home), {**os.environ, "PYTHONPATH": str(ROOT)})
        for recording in SESSION:
            if recording.name == "killed":
                session.kill_a_run()
            said = session.said(recording)
            found[recording.name] = fenced("console", said)
            if recording.picture:
                path = DOCS / "pictures" / f"{recording.name}.svg"
                path.parent.mkdir(exist_ok=True)
                path.write_text(picture(said, recording.name, recording.picture), encoding="utf-8")
        record_screens(lab, Path(home))
        allow_removal(Path(home))
    return found


def record_screens(lab: "Lab", home: Path) -> None:
    """Pictures of the terminal interface, which it makes of itself."""
    terminal_docs.make_suspects(lab)
    for name, drawn in terminal_docs.screens(home / "screens", dict(os.environ)).items():
        drawn = re.sub(r"terminal-\d+", f"irkit-{name}", drawn)  # noqa: PLW2901 - an id that is another each time
        (DOCS / "pictures" / f"{name}.svg").write_text(cleaned(drawn), encoding="utf-8")


def screens_alone() -> int:
    """The pictures of the terminal interface, and nothing else."""
    from tests.lab.engine import adopted_engine  # noqa: PLC0415 - the lab is needed for this alone
    from tests.lab.suspects import Lab  # noqa: PLC0415

    engine = adopted_engine()
    if engine is None:
        sys.stderr.write("docs: no engine of the lab: run this in python -m tests.lab exec\n")
        return 1
    with tempfile.TemporaryDirectory(prefix="irkit-docs-") as home, Lab(engine) as lab:
        make_suspects(lab)
        record_screens(lab, Path(home))
        allow_removal(Path(home))
    return 0


def make_suspects(lab: "Lab") -> None:
    """A shop of two containers, one of them suspected."""
    from tests.lab.description import Attach, Network, Suspect  # noqa: PLC0415

    lab.network(Network("front", subnet="10.77.1.0/24"))
    lab.network(Network("back", subnet="10.77.2.0/24"))
    lab.sink("mirror", "front", "10.77.1.9", 9000)
    web = Suspect(
        name="web",
        networks=(Attach("front", ipv4="10.77.1.50", aliases=("shop",)), Attach("back", ipv4="10.77.2.50")),
        publish={18080: 8080},
        listener=8080,
        outbound=("10.77.1.9", 9000),
        stdout=(b"GET / 200\n",) * 40,
        stderr=(b"upload too large\n",) * 3,
        changed={"/opt/dropper": b"#!/bin/sh\n"},
        restart="always",
    )
    lab.make(web)
    lab.make(Suspect(name="db", networks=(Attach("back", ipv4="10.77.2.60"),)))


def allow_removal(folder: Path) -> None:
    """Give back the right to write, which sealed bundles do not have."""
    for path in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        path.chmod(0o700)


def picture(said: str, name: str, title: str) -> str:
    """A terminal that shows this, as SVG without anything from elsewhere."""
    width = max(map(len, said.splitlines())) + 1
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for line in said.splitlines():
        console.print(Text(line, style="bold" if line.startswith("$ ") else ""), soft_wrap=True)
    return cleaned(console.export_svg(title=title, unique_id=f"irkit-{name}"))


def cleaned(drawn: str) -> str:
    """A picture that needs nothing from elsewhere."""
    drawn = re.sub(r"@font-face\s*\{.*?\}", "", drawn, flags=re.DOTALL).replace("Fira Code, ", "")
    return "".join(line.rstrip() + "\n" for line in re.sub(r"<!--.*?-->", "", drawn).splitlines())


def written_pages() -> list[Path]:
    """The pages that people write."""
    made = {*pages(), *(DOCS / "reference").glob("*.md")}
    return [path for path in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))] if path not in made and path.is_file()]


def filled(text: str, recorded: Mapping[str, str] | None = None) -> str:
    """A page with its blocks as they should be; recordings only where there are new ones."""

    def fill(match: re.Match[str]) -> str:
        kind, name, content = match.groups()
        if kind == "made":
            content = BLOCKS[name]()
        elif recorded is not None:
            content = recorded[name]
        content = content.strip("\n")
        return f"<!-- {kind}: {name} -->\n\n{content}\n\n<!-- end -->"

    return BLOCK.sub(fill, text)


def wanted(recorded: Mapping[str, str] | None = None) -> dict[Path, str]:
    """Every file that is made, or holds what is made, as it should be."""
    found = pages()
    found.update((path, filled(path.read_text(encoding="utf-8"), recorded)) for path in written_pages())
    return found


def stale() -> list[str]:
    """The files that are not as they should be, and those that nothing makes any more."""
    found = wanted()
    wrong = [path for path, text in found.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    orphans = [path for path in sorted((DOCS / "reference").glob("*.md")) if path not in found]
    return [path.relative_to(ROOT).as_posix() for path in (*wrong, *orphans)]


def main() -> int:
    """Write everything, or with --check say what is stale."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.docs", description="Makes the pages that come from the code."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page is stale")
    parser.add_argument("--screens", action="store_true", help="make the pictures of the terminal interface alone")
    told = parser.parse_args()
    if told.screens:
        return screens_alone()
    if told.check:
        for name in (wrong := stale()):
            sys.stderr.write(f"{name} is stale: run make docs\n")
        return 1 if wrong else 0
    recorded = record()
    if recorded is None:
        sys.stderr.write(
            "docs: no engine of the lab (make docs starts one): recordings and pictures stay as they are\n"
        )
    for path, text in wanted(recorded).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stderr.write(f"docs: wrote {path.relative_to(ROOT).as_posix()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
