"""What the terminal interface shows, on the plain command line and as JSON: risks, all runs, and the case."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from irkit.app.case import take_note
from irkit.cli import cli
from irkit.core.container import Mount
from irkit.core.errors import IrkitError, UnreachableError
from tests.app.hosts_in_memory import Place, fails
from tests.app.test_evidence_seen import carried_out
from tests.cli.hosts_in_memory import Ended, irkit
from tests.engine.world import container

SOCKET = Mount(kind="bind", source="/var/run/docker.sock", destination="/docker.sock", writable=True)


def place() -> Place:
    return Place(
        {
            "a@x": [container("plain", host="a@x", user="1000"), container("web", host="a@x", privileged=True)],
            "b@x": [container("ci", host="b@x", mounts=(SOCKET,), state="exited")],
        }
    )


def evidence(folder: Path, *words: str) -> Ended:
    """A verb that needs no host."""
    done = CliRunner().invoke(cli, [*words, "--evidence", str(folder)], prog_name="irkit", standalone_mode=False)
    error = done.exception
    if error is not None and not isinstance(error, IrkitError):
        raise error
    return Ended(error.exit_status if error else done.exit_code, done.stdout, done.stderr, str(error or ""))


def test_findings_come_with_the_riskiest_first_over_all_hosts() -> None:
    done = irkit(place(), "ls", "--findings", "--host", "a@x", "--host", "b@x")
    names = [line.split()[4] for line in done.lines[1:]]
    assert done.status == 0 and sorted(names[:2]) == ["ci", "web"] and names[2] == "plain"
    (web,) = [line for line in done.lines if " web " in line]
    assert web.split()[1].startswith("P") and "privileged" in web


def test_findings_as_json_have_risk_flags_and_facts_they_rest_on() -> None:
    done = irkit(place(), "ls", "--findings", "--json", "--host", "a@x", "--host", "b@x")
    ci = next(one for one in done.json if one["name"] == "ci")
    assert ci["flags"][2] == "D" and ci["risk"] in ("high", "critical") and ci["examined"]
    assert any("docker.sock" in fact for found in ci["findings"] for fact in found["because"])
    assert all(found["answer"] for found in ci["findings"])
    plain = next(one for one in done.json if one["name"] == "plain")
    assert plain["risk"] in (None, "low")


def test_a_host_that_is_down_does_not_hide_the_others() -> None:
    where = place()
    where = Place(where.containers, {"c@x": fails(UnreachableError("no route to host"))})
    done = irkit(where, "ls", "--findings", "--host", "a@x", "--host", "c@x")
    assert done.status == 1 and "web" in done.out and "no route to host" in done.err
    done = irkit(where, "ls", "--findings", "--json", "--host", "a@x", "--host", "c@x")
    assert [one for one in done.json if one.get("error") == "no route to host"]


def test_findings_of_those_meant_alone() -> None:
    done = irkit(place(), "ls", "web", "--findings", "--host", "a@x")
    assert [line.split()[4] for line in done.lines[1:]] == ["web"]


def test_without_a_run_all_runs_are_shown_and_what_they_left_changed(tmp_path: Path) -> None:
    where = Place({"a@x": [container("web", host="a@x")]})
    carried_out(where, tmp_path, "triage")
    carried_out(where, tmp_path, "contain-and-preserve")
    broken = tmp_path / "irb-broken"
    (broken / "data/log").mkdir(parents=True)
    (broken / "data/log/run.jsonl").write_text("{}\n")
    done = evidence(tmp_path, "show")
    assert done.status == 0 and len(done.lines) == 4
    assert "CANNOT BE READ" in done.lines[1] and "contain-and-preserve" in done.lines[2] and "triage" in done.lines[3]
    found = json.loads(evidence(tmp_path, "show", "--json").out)
    assert [one["readable"] for one in found] == [False, True, True]
    assert found[1]["to_undo"] > 0 and found[2]["to_undo"] == 0 and found[2]["finished"]["outcome"] == "done"


@pytest.mark.parametrize("option", ["--log", "--items"])
def test_what_is_of_one_run_needs_its_name(tmp_path: Path, option: str) -> None:
    assert "name it" in evidence(tmp_path, "show", option).error


def test_a_case_is_a_timeline_of_its_runs_and_notes(tmp_path: Path) -> None:
    assert evidence(tmp_path, "case", "IR-1", "--note", " saw a shell ", "--responder", "ann@desk").status == 0
    carried_out(Place({"a@x": [container("web", host="a@x")]}), tmp_path, "triage", "IR-1")
    done = evidence(tmp_path, "case", "IR-1")
    assert "saw a shell" in done.lines[0] and "ann@desk" in done.lines[0]
    assert "triage" in done.lines[1] and done.out.count("saw a shell") == 1
    found = json.loads(evidence(tmp_path, "case", "IR-1", "--json").out)
    assert found["problems"] == [] and found["entries"][0]["record"]["event"]["text"] == "saw a shell"
    assert found["entries"][1]["bundle"].startswith("irb-")


def test_cases_are_listed_with_how_many_runs(tmp_path: Path) -> None:
    carried_out(Place({"a@x": [container("web", host="a@x")]}), tmp_path, "triage", "IR-1")
    take_note(Place().setting(tmp_path), "IR 2/b", "at night", "ann@desk")
    assert [line.split() for line in evidence(tmp_path, "case").lines] == [
        ["CASE", "RUNS"],
        ["IR-1", "1"],
        ["IR", "2/b", "0"],
    ]
    assert json.loads(evidence(tmp_path, "case", "--json").out)[1] == {"case": "IR 2/b", "runs": 0}


def test_a_case_whose_notes_were_altered_is_shown_and_ends_with_the_status_of_a_failed_verification(
    tmp_path: Path,
) -> None:
    setting = Place().setting(tmp_path)
    take_note(setting, "IR-1", "first", "ann@desk")
    take_note(setting, "IR-1", "second", "ann@desk")
    carried_out(Place({"a@x": [container("web", host="a@x")]}), tmp_path, "triage", "IR-1")
    (file,) = (tmp_path / "notes").iterdir()
    file.write_bytes(file.read_bytes().replace(b"first", b"FIRST"))
    done = evidence(tmp_path, "case", "IR-1")
    assert done.status == 4 and "first" in done.out and "altered" in done.error
    altered = file.read_bytes()
    assert evidence(tmp_path, "case", "IR-1", "--note", "third").status == 4
    assert file.read_bytes() == altered


def test_what_makes_no_sense_is_a_line(tmp_path: Path) -> None:
    assert "no run and no note" in evidence(tmp_path, "case", "IR-9").error
    assert "for which CASE" in evidence(tmp_path, "case", "--note", "x").error
    assert "empty" in evidence(tmp_path, "case", "IR-1", "--note", " ").error


def test_a_hostile_note_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    take_note(Place().setting(tmp_path), "IR-1", "a\x1b]52;c;eA==\x07\n\u202eb", "x\x1b[2J")
    out = evidence(tmp_path, "case", "IR-1").out
    assert "\x1b" not in out and "\u202e" not in out and len(out.splitlines()) == 1
