"""A container whose every word is an attack on whoever looks at it (the real engine).

Whatever it says is evidence and is kept as it was; what a terminal is sent of it, a terminal only shows.
"""

import json
from pathlib import Path

import pytest

from irkit.adapters.clock import SystemClock
from irkit.adapters.engine_http import EngineApi
from irkit.adapters.engine_wire import dial_unix
from irkit.engine.deadline import Cancel, OperationDeadline
from tests.acceptance.bundles import playbook, stored
from tests.acceptance.command import Irkit
from tests.acceptance.terminal import obeyed, obeyed_on_terminal, on_terminal
from tests.lab.counting import wait_until
from tests.lab.description import Attach, Network, Suspect
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

MARKED = "[red]markup[/red]:skull:[/]"
ATTACK = (
    f"\x1b[38;5;123mcolour \x1b[2J\x1b]0;title\x07 \x1b]52;c;Z290Y2hh\x07 \x9b31m \x9d8;;x\x9c \u202egpj\u2066 \u200b"
    f"\r\ncarriage\rback\x08\x08\x7f \u2028 \U000e0041 {MARKED} local/ FAKE"
)
LONG = ATTACK + "x" * 100_000
SECRET = "hunter2-0a4b9f-secret"


@pytest.fixture(scope="module")
def hostile(shared: Lab) -> str:
    shared.network(Network("front"))
    image = image_with_label(shared)
    script = 'printf "%s\\n" "$1"; printf "%s\\n" "$1" >&2; exec sh -c "sleep 5000; :" "$1"'
    made = shared.make(
        Suspect(
            name="hostile",
            image=image,
            networks=(Attach("front"),),
            labels={"attack": LONG, "\x1b[31m\x9bkey": "value"},
            env={"ATTACK": ATTACK, "API_TOKEN": SECRET, f"NAME_{SECRET}": "x"},
            command=("sh", "-c", script, "sh", LONG),
        )
    )
    wait_for_logs(shared, made)
    return made


def wait_for_logs(lab: Lab, container: str) -> None:
    """Until it has said all on both streams."""
    said = LONG.encode() + b"\n"
    assert wait_until(lambda: (done := lab.engine.docker("logs", container)).stdout == said == done.stderr)


def image_with_label(lab: Lab) -> str:
    """By a commit, whose labels come as JSON: a build file could not hold these bytes."""
    lab.make(Suspect(name="mould", command=("true",), state="created"))
    deadline = OperationDeadline(SystemClock(), 20, 20, Cancel())
    api = EngineApi(dial_unix(str(lab.engine.socket)))
    query = {"container": "mould", "repo": "irkit-lab/labelled", "tag": "1"}
    api.send("POST", "/commit", deadline, {"Labels": {"image-attack": ATTACK}}, **query)
    return "irkit-lab/labelled:1"


def check_plain(*texts: str) -> None:
    for text in texts:
        assert obeyed(text) == set()
        assert "x" * 1500 not in text, "not cut"


def small(folder: Path) -> str:
    paths = json.dumps(["/etc/passwd", f"/no/{MARKED}"])
    steps = [
        "{id: facts, action: collect.inspect}",
        "{id: processes, action: collect.processes}",
        "{id: logs, action: collect.logs}",
        "{id: changes, action: collect.changes}",
        f"{{id: files, action: collect.files, with: {{paths: {paths}}}}}",
        "{id: freeze, action: contain.pause}",
        "{id: disk, action: snapshot.export}",
    ]
    return playbook(folder, *steps)


def test_no_verb_sends_a_pipe_what_a_terminal_would_obey(hostile: str, irkit: Irkit, tmp_path: Path) -> None:
    attack = ("--case", ATTACK, "--responder", ATTACK)
    texts = []
    looks = [("look", "hostile", what) for what in ("processes", "network", "files", "logs")]
    for words in (("ls",), ("inspect", "hostile"), ("plan", small(tmp_path), "hostile", *attack), *looks):
        ended = irkit(*words)
        texts += [ended.out, ended.err]
    assert MARKED in "".join(texts)
    ended = irkit("run", small(tmp_path), "hostile", "--approve", "change", *attack, status=1)
    (bundle,) = irkit.evidence.glob("*irb-*")
    texts += [ended.out, ended.err]
    for words in (("show",), ("show", "--log"), ("show", "--items"), ("verify",), ("undo", "--dry-run")):
        ended = irkit(words[0], str(bundle), *words[1:])
        texts += [ended.out, ended.err]
    texts.append(irkit("run", "triage", ATTACK, status=2).err)  # it has a slash: what is before it is no host
    ended = irkit("undo", str(bundle), "--approve", "change")
    check_plain(*texts, ended.out, ended.err)
    whole = [irkit(*words, "--json").out for words in (*looks, ("look", "hostile", "inspect"))]
    assert set().union(*map(obeyed, whole)) == set() and "x" * 1500 in whole[0]
    check_evidence(str(bundle), hostile)
    check_no_secrets(bundle, texts)


def check_evidence(bundle: str, container: str) -> None:
    """As it was, to the byte."""
    facts = json.loads(stored(bundle, "hostile", "inspect.json"))
    assert facts["Id"] == container and facts["Config"]["Labels"]["attack"] == LONG
    assert f"ATTACK={ATTACK}" in facts["Config"]["Env"] and f"API_TOKEN={SECRET}" in facts["Config"]["Env"]
    for stream in ("stdout", "stderr"):
        assert stored(bundle, "hostile", f"logs/{stream}.log") == LONG.encode() + b"\n"
    (image,) = Path(bundle).glob("data/local/host/images/*/image.json")
    assert json.loads(image.read_bytes())["Config"]["Labels"]["image-attack"] == ATTACK
    titles = [one["command"] for one in json.loads(stored(bundle, "hostile", "processes.json"))["processes"]]
    assert any("x" * 100_000 in title for title in titles)


def check_no_secrets(bundle: Path, texts: list[str]) -> None:
    for text in texts:
        assert SECRET not in text
    described = [bundle / "data/log/run.jsonl", *(bundle / "metadata").iterdir(), *bundle.glob("*.txt")]
    assert len(described) > 8
    for path in described:
        assert SECRET.encode() not in path.read_bytes(), path.name


def test_json_is_ascii_and_holds_what_was_said(hostile: str, irkit: Irkit, tmp_path: Path) -> None:
    path = small(tmp_path)
    attack = ("--case", ATTACK, "--responder", ATTACK)
    outs = {
        "ls": irkit("ls", "--json").out,
        "inspect": irkit("inspect", "hostile", "--json").out,
        "plan": irkit("plan", path, "hostile", *attack, "--json").out,
    }
    events = irkit("run", path, "hostile", *attack, "--approve", "change", "--events", status=1)
    (bundle,) = irkit.evidence.glob("*irb-*")
    outs["show"] = irkit("show", str(bundle), "--json", "--log").out
    outs["verify"] = irkit("verify", str(bundle), "--json").out
    outs["undo"] = irkit("undo", str(bundle), "--approve", "change", "--json").out
    for text in outs.values():
        assert text.isascii() and obeyed(text) == set()
        json.loads(text)
        assert SECRET not in text
    assert events.out.isascii() and obeyed(events.out) == set() and events.err == ""
    log = (bundle / "data/log/run.jsonl").read_bytes().splitlines()
    assert [json.loads(line) for line in events.out.splitlines()] == [json.loads(line) for line in log]
    (found,) = json.loads(outs["inspect"])
    assert found["labels"]["attack"] == LONG and json.loads(outs["plan"])["case"] == ATTACK


def test_a_terminal_is_sent_the_bars_and_nothing_of_the_container_that_it_obeys(
    hostile: str, irkit: Irkit, tmp_path: Path
) -> None:
    for words in (("ls",), ("inspect", "hostile"), ("plan", small(tmp_path), "hostile")):
        status, shown = on_terminal(irkit, *words)
        assert status == 0 and obeyed_on_terminal(shown) == set()
        assert "\x1b" not in shown
    status, shown = on_terminal(irkit, "run", small(tmp_path), "hostile", "--case", ATTACK, answer="hostile")
    assert status == 1 and "Type hostile to go on" in shown
    assert "\x1b[?25l" in shown, "no bars were drawn"
    assert obeyed_on_terminal(shown) == set()
    assert "\x1b[38;5;123m" not in shown and "Z290Y2hh\x07" not in shown
    assert f"Could not find the file /no/{MARKED}" in shown, "markup or an emoji name was taken for an order"
    (bundle,) = irkit.evidence.glob("*irb-*")
    for words in (("show",), ("show", "--log"), ("show", "--items"), ("verify",)):
        status, shown = on_terminal(irkit, words[0], str(bundle), *words[1:])
        assert status == 0 and obeyed_on_terminal(shown) == set() and "\x1b" not in shown
    status, shown = on_terminal(irkit, "undo", str(bundle), answer="hostile")
    assert status == 0 and obeyed_on_terminal(shown) == set()


def test_what_is_typed_wrong_is_no_approval(hostile: str, irkit: Irkit, shared: Lab) -> None:
    for answer in ("yes", "y", "hostil", "Hostile"):
        status, shown = on_terminal(irkit, "run", "freeze", "hostile", answer=answer)
        assert status == 2 and "not confirmed: nothing was done" in shown
    assert not irkit.evidence.exists()
    assert shared.engine.inspect("hostile")["State"]["Status"] == "running"
