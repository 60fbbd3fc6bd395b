"""Bad input: one line on standard error, the status that docs/exit-status.md says, and nothing done."""

import os
from pathlib import Path

import pytest

from tests.acceptance.bundles import playbook
from tests.acceptance.command import WITHOUT_POWERS, Ended, Irkit
from tests.lab.description import Suspect
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

HOSTILE = sorted((Path(__file__).parents[1] / "hostile/playbooks").glob("*.yaml"))
GOOD = "name: small\nversion: 1\nsteps:\n  - {id: a, action: collect.inspect}\n"
PARAMETERS = """
name: small
version: 1
parameters:
  since: {type: when, default: 24h}
  count: {type: integer, default: 3}
  really: {type: boolean, default: false}
  kind: {type: string, default: a, choices: [a, b]}
  must: {type: string}
steps:
  - {id: a, action: collect.logs, with: {since: "${{ params.since }}", tail: "${{ params.count }}"}}
"""


@pytest.fixture(scope="module")
def victim(shared: Lab) -> str:
    return shared.make(Suspect(name="victim", command=("sleep", "1000")))


def check_refused(ended: Ended, irkit: Irkit, status: int = 2) -> str:
    """One line, the status, and no trace of a run; the line."""
    assert ended.status == status, ended.err
    assert len(ended.error_lines) == 1, ended.err
    assert "Traceback" not in ended.err and ended.out == ""
    assert not irkit.evidence.exists(), "something was begun"
    return ended.err


@pytest.mark.usefixtures("victim")
def test_every_bad_playbook_is_refused_in_one_line_by_every_verb_that_reads_one(irkit: Irkit) -> None:
    def refusal(path: Path) -> str:
        said = check_refused(irkit.here("run", str(path), "victim", "--approve", "destroy", status=None), irkit)
        assert path.name in said
        return said

    assert len(HOSTILE) > 40
    said = {path.stem: refusal(path) for path in HOSTILE}
    assert "did you mean" in said["unknown-action"] and "did you mean" in said["unknown-key"]
    for path in HOSTILE[:4]:
        check_refused(irkit.here("plan", str(path), "victim", status=None), irkit)
        assert irkit.here("playbooks", "show", str(path), status=2).out == ""
    ended = irkit.here("playbooks", "validate", str(HOSTILE[0]), "triage", status=2)
    assert ended.out == "triage: valid\n" and ended.error_lines[-1].endswith("1 of 2 playbooks are not valid")


@pytest.mark.usefixtures("victim")
def test_what_is_no_file_that_can_be_read_is_told_apart(irkit: Irkit, tmp_path: Path) -> None:
    (tmp_path / "large.yaml").write_bytes(GOOD.encode() + b"#" * (10 << 20))
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    (tmp_path / "binary.yaml").write_bytes(bytes(range(256)))
    expected = {
        "large.yaml": "larger than 1 MiB",
        "folder.yaml": "directory",
        "pipe.yaml": "not a regular file",
        "zero.yaml": "not a regular file",
        "loop.yaml": "symbolic links",
        "missing.yaml": "No such file",
        "binary.yaml": "not text in UTF-8",
        "x" * 300 + ".yaml": "File name too long",
    }
    for name, words in expected.items():
        said = check_refused(irkit.here("run", str(tmp_path / name), "victim", status=None), irkit)
        assert words in said, said
    said = check_refused(irkit.here("run", "traige", "victim", status=None), irkit)
    assert "did you mean triage?" in said
    said = check_refused(irkit.here("run", "\x1b[31mred\n", "victim", status=None), irkit)
    assert "\x1b" not in said


def test_a_file_that_may_not_be_read_says_so(irkit: Irkit, victim: str, tmp_path: Path) -> None:
    path = Path(playbook(tmp_path, "{id: a, action: collect.inspect}"))
    path.chmod(0)
    ended = irkit("run", str(path), "victim", status=None, before=WITHOUT_POWERS)
    assert "Permission denied" in check_refused(ended, irkit)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["must=x", "sinc=1h"], "did you mean since?"),
        (["must=x", "since=yesterday"], "since"),
        (["must=x", "since=2026-02-30T00:00:00Z"], "since"),
        (["must=x", "count=three"], "whole number"),
        (["must=x", "count=-1"], "tail"),
        (["must=x", "count=" + "9" * 5000], "count"),
        (["must=x", "really=maybe"], "true or false"),
        (["must=x", "kind=c"], "a, b"),
        ([], "must"),
        (["must"], "NAME=VALUE"),
        (["=x"], "NAME=VALUE"),
        (["must=x", "must=y"], "given twice"),
        (["must=x", "since=\x1b[2J\n1h"], "since"),
    ],
    ids=range(13),
)
@pytest.mark.usefixtures("victim")
def test_a_bad_parameter_is_refused_in_one_line(irkit: Irkit, tmp_path: Path, given: list[str], words: str) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(PARAMETERS)
    more = [word for one in given for word in ("--param", one)]
    said = check_refused(irkit.here("run", str(path), "victim", *more, status=None), irkit)
    assert words in said and "\x1b" not in said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["rum", "triage", "victim"], "did you mean run?"),
        (["frobnicate"], "the verbs are"),
        (["\x1b[31m"], "there is no verb"),
        (["run", "triage", "victim", "--aprove", "change"], "--approve"),
        (["run", "triage", "victim", "--approve", "everything"], "'change', 'destroy'"),
        (["run", "triage", "victim", "--approve"], "--approve"),
        (["run", "triage", "victim", "--parallel", "0"], "--parallel"),
        (["run", "triage", "victim", "--parallel", "many"], "--parallel"),
        (["run", "freeze", "victim"], "give --approve change"),
        (["run", "triage"], "TARGET"),
        (["run"], "PLAYBOOK"),
        (["ls", "--jso"], "--json"),
        (["ls", "--json=yes"], "--json"),
        (["undo", "nothing"], "no bundle or run"),
        (["undo", ""], "no bundle or run"),
        (["show", "/no/such/bundle"], "no bundle or run"),
        (["verify", "/"], "no bundle or run"),
        (["seal", "../.."], "no bundle or run"),
        (["playbooks", "shw"], "shw"),
        (["playbooks", "show", "nothing"], "there is no playbook"),
        (["completion", "csh"], "'bash', 'zsh', 'fish'"),
        (["--colour"], "--colour"),
    ],
    ids=range(22),
)
@pytest.mark.usefixtures("victim")
def test_bad_words_are_refused_in_one_line_with_a_suggestion(irkit: Irkit, words: list[str], expected: str) -> None:
    said = check_refused(irkit.here(*words, status=None), irkit)
    assert expected in said and "\x1b" not in said


@pytest.mark.usefixtures("victim")
def test_an_evidence_folder_that_cannot_be_used_is_refused_before_anything_is_done(
    irkit: Irkit, tmp_path: Path, shared: Lab
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for place, status in (("file", 2), ("file/below", 1), ("/proc/irkit", 1)):
        ended = irkit(
            "run", "freeze", "victim", "--approve", "change", "--evidence", str(tmp_path / place), status=status
        )
        assert "Traceback" not in ended.err and len(ended.err.splitlines()[-1]) < 500
    assert shared.engine.inspect("victim")["State"]["Running"]
