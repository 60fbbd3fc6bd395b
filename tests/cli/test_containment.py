"""What is said at the end of a run: how sure each containment is, and what is not isolated, whatever the names are."""

import io
from contextlib import redirect_stderr, redirect_stdout

from irkit.cli.containment import contained_json, contained_lines, say_not_isolated
from irkit.cli.options import ascii_json
from irkit.cli.record_text import RecordText
from irkit.cli.render import run_text
from irkit.core.events import OperationFailed, OperationFinished, OperationStarted, RunFinished
from irkit.core.operations import Disconnect, Pause
from irkit.core.run import Run, replay
from tests.acceptance.terminal import obeyed
from tests.cli.test_texts import EVIL, ID, ONE, begun, record

TWO = {**ONE, "number": 1}


def run_of(*events: object) -> Run:
    return replay(record(event, seq) for seq, event in enumerate((begun(), *events), start=1))


CONTAINED = run_of(
    OperationStarted(**ONE, operation=Disconnect(ID, EVIL)),
    OperationFinished(**ONE, milliseconds=1, proof="proven", because=EVIL),
    OperationStarted(**TWO, operation=Pause(ID)),
    OperationFinished(**TWO, milliseconds=1, proof="asserted by the engine only"),
    RunFinished(outcome="done"),
)
NOT_SO = run_of(
    OperationStarted(**ONE, operation=Disconnect(ID, "front")),
    OperationFailed(**ONE, milliseconds=1, reason=f"NOT isolated: it has {EVIL}", kind="not-verified",
                    took_hold="in doubt"),
)  # fmt: skip


def said(run: Run, *, err: bool = False) -> tuple[str, str]:
    """What goes to standard output and to standard error."""
    out, other = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(other):
        say_not_isolated(run, err=err)
    return out.getvalue(), other.getvalue()


def test_a_container_has_one_line_with_what_was_done_and_how_sure_it_is() -> None:
    (line,) = contained_lines(CONTAINED, {f"local/{ID}": "web"})
    assert line.startswith("contained web: proven: disconnect from network ")
    assert line.endswith("; asserted by the engine only: pause")
    assert obeyed(line) == set()


def test_the_lines_are_in_the_sum_up_of_a_run_and_harmless() -> None:
    text = run_text(CONTAINED, 2)
    assert text.count("\ncontained ") == 1
    assert obeyed(text) == set()


def test_the_line_of_an_operation_says_what_its_proof_rests_on() -> None:
    text = RecordText()
    events = [
        OperationStarted(**ONE, operation=Pause(ID)),
        OperationFinished(**ONE, milliseconds=1, proof="proven", because="its control group is frozen"),
    ]
    assert [text.line(record(one)) for one in (begun(), *events)][-1].endswith(
        "pause: done, proven: its control group is frozen"
    )


def test_what_is_not_isolated_is_said_on_a_line_of_its_own() -> None:
    out, err = said(NOT_SO)
    assert out.startswith("NOT isolated: ") and out.count("\n") == 1 and err == ""
    assert obeyed(out.rstrip("\n")) == set()
    out, err = said(NOT_SO, err=True)
    assert out == "" and err.startswith("NOT isolated: ")


def test_where_all_is_isolated_nothing_is_said() -> None:
    assert said(CONTAINED) == ("", "")


def test_programs_are_told_the_same_with_what_each_proof_rests_on() -> None:
    (found,) = contained_json(CONTAINED)
    assert (found["key"], found["proof"]) == (f"local/{ID}", "asserted by the engine only")
    assert [(one.proof, one.because) for one in found["measures"]] == [
        ("proven", EVIL),
        ("asserted by the engine only", ""),
    ]
    (found,) = contained_json(NOT_SO)
    assert found["proof"] == "wrong" and found["not_isolated"].startswith("it has ")
    assert obeyed(ascii_json(found)) == set()
