"""However the terminal interface ends, the terminal is as it was, a run is sealed or goes on, and the status is right.

On real pseudo-terminals with the real driver, and hosts in memory.
"""

import json
import re
import signal
import time
from pathlib import Path

import pytest

from irkit.app import Setting, verify_bundle
from tests.tui.on_terminal import Terminal, staged
from tests.tui.staged import ENDS, SECRET

F7, F8, F9 = "\x1b[18~", "\x1b[19~", "\x1b[20~"
RUN_BEGINS, NOISE, CRASH = F7, F8, F9
UP = "on-a@x"
"""The container that is in the list once everything is up."""


def begun(scenario: str, folder: Path, **more: object) -> Terminal:
    terminal = staged(scenario, folder, **more)
    terminal.sees(UP if scenario != "deaf" else "READ-ONLY")
    return terminal


def begin_run(terminal: Terminal) -> None:
    """A run goes on, and the header says so."""
    terminal.type(RUN_BEGINS)
    terminal.sees(" done  ")


def sealed(folder: Path) -> str:
    """The outcome of the only run, whose bundle is whole."""
    (bundle,) = folder.glob("irb-*")
    assert verify_bundle(Setting(evidence=folder), str(bundle)).ok
    last = json.loads((bundle / "data/log/run.jsonl").read_bytes().splitlines()[-1])["event"]
    return f"{last['outcome']} {last.get('reason', '')}"


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2][0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_gives_the_terminal_back_and_the_status_says_so(tmp_path: Path, number: signal.Signals) -> None:
    with begun("usual", tmp_path) as terminal:
        terminal.send(number)
        assert terminal.ended() == 130
        terminal.check_restored()
        assert terminal.after_screens() == b""


@pytest.mark.parametrize("key", ["q", "\x11", "\x03"])
def test_leaving_gives_the_terminal_back(tmp_path: Path, key: str) -> None:
    with begun("usual", tmp_path) as terminal:
        terminal.type(key)
        assert terminal.ended() == 0
        terminal.check_restored()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_the_run_in_order_and_its_bundle_is_sealed(tmp_path: Path, number: signal.Signals) -> None:
    with begun("slow", tmp_path) as terminal:
        begin_run(terminal)
        terminal.send(number)
        assert terminal.ended() == 130
        terminal.check_restored()
        assert sealed(tmp_path) == f"interrupted interrupted by {number.name}"
        assert re.fullmatch(rb"bundle +\S+/irb-\S+", terminal.after_screens().strip())


def test_a_bug_in_a_screen_gives_the_terminal_back_and_a_report_without_values(tmp_path: Path) -> None:
    with begun("usual", tmp_path) as terminal:
        terminal.type(CRASH)
        assert terminal.ended() == 70
        terminal.check_restored()
        said = terminal.after_screens().decode()
        (report,) = (tmp_path / "state/irkit/reports").iterdir()
        assert said.count("\n") == 1 and "a bug: RuntimeError" in said and str(report) in said
        assert "staged.py" in report.read_text(encoding="utf-8")
        assert SECRET not in report.read_text(encoding="utf-8") and SECRET not in terminal.text()


def test_a_run_outlives_a_bug_in_a_screen(tmp_path: Path) -> None:
    with begun("stubborn", tmp_path) as terminal:
        begin_run(terminal)
        terminal.type(CRASH)
        assert terminal.ended() == 70
        terminal.check_restored()
        assert sealed(tmp_path).startswith("done")


def test_a_terminal_that_is_gone_ends_irkit_and_the_run_in_order(tmp_path: Path) -> None:
    with begun("slow", tmp_path) as terminal:
        begin_run(terminal)
        terminal.close()
        assert terminal.ended() == 130
        assert sealed(tmp_path) == "interrupted interrupted by SIGHUP"


def test_a_run_outlives_its_terminal_where_hang_ups_are_ignored(tmp_path: Path) -> None:
    with begun("stubborn", tmp_path, ignored=[signal.SIGHUP]) as terminal:
        begin_run(terminal)
        terminal.close()
        assert terminal.ended(120) == 0
        assert sealed(tmp_path).startswith("done")


def test_irkit_ends_with_its_terminal_even_where_hang_ups_are_ignored(tmp_path: Path) -> None:
    with begun("usual", tmp_path, ignored=[signal.SIGHUP]) as terminal:
        terminal.close()
        assert terminal.ended() == 130


def test_put_aside_it_leaves_the_terminal_to_others_and_comes_back(tmp_path: Path) -> None:
    with begun("usual", tmp_path) as terminal:
        for is_key in (False, True):
            terminal.type("\x1a") if is_key else terminal.send(signal.SIGTSTP)
            terminal.until(lambda: state_of(terminal.process.pid) == "T")
            terminal.read_out()
            terminal.check_restored()
            since = len(terminal.shown)
            terminal.send(signal.SIGCONT)
            terminal.sees(UP, since)
            assert terminal.modes()["1049"]
        terminal.type("q")
        assert terminal.ended() == 0
        terminal.check_restored()


def test_what_stopped_it_without_a_word_does_not_cost_the_terminal(tmp_path: Path) -> None:
    with begun("usual", tmp_path) as terminal:
        terminal.send(signal.SIGSTOP)
        terminal.until(lambda: state_of(terminal.process.pid) == "T")
        since = len(terminal.shown)
        terminal.send(signal.SIGCONT)
        terminal.sees(UP, since)
        terminal.send(signal.SIGCONT)
        time.sleep(0.5)
        terminal.send(signal.SIGTERM)
        assert terminal.ended() == 130
        terminal.check_restored()


def leave_with(terminal: Terminal, answer: int) -> None:
    """Leave while a run goes on, with the answer so many lines down."""
    begin_run(terminal)
    terminal.type("q")
    terminal.sees("What is to become of it?")
    terminal.type("j" * answer)
    time.sleep(0.3)
    terminal.type("\r")


def test_a_run_that_is_left_is_waited_for_on_the_plain_terminal(tmp_path: Path) -> None:
    with begun("stubborn", tmp_path) as terminal:
        leave_with(terminal, 1)
        terminal.sees("goes on: Ctrl-C ends it in order")
        terminal.check_restored()
        assert terminal.ended(120) == 0
        assert sealed(tmp_path).startswith("done")


@pytest.mark.parametrize("answer", [2, 3])
def test_leaving_a_run_that_is_to_end_waits_for_its_bundle(tmp_path: Path, answer: int) -> None:
    with begun("slow", tmp_path) as terminal:
        leave_with(terminal, answer)
        assert terminal.ended() == 130
        terminal.check_restored()
        assert sealed(tmp_path) == "interrupted ended by the responder"


def test_an_interrupt_on_the_plain_terminal_ends_the_run_in_order(tmp_path: Path) -> None:
    with begun("slow", tmp_path) as terminal:
        leave_with(terminal, 1)
        terminal.sees("goes on: Ctrl-C ends it in order")
        terminal.type("\x03")
        assert terminal.ended() == 130
        assert sealed(tmp_path) == "interrupted interrupted by SIGINT"


def test_a_second_interrupt_waits_for_nothing_more(tmp_path: Path) -> None:
    with begun("hung", tmp_path) as terminal:
        leave_with(terminal, 1)
        terminal.sees("goes on: Ctrl-C ends it in order")
        terminal.type("\x03")
        terminal.until((tmp_path / ENDS).exists)  # two at once would count as one
        time.sleep(1)
        assert terminal.process.poll() is None, "a change under way is waited for"
        terminal.type("\x03")
        assert terminal.ended(20) == 130
        assert sealed(tmp_path) == "interrupted interrupted by SIGINT"


def test_nothing_but_the_screens_writes_on_the_terminal(tmp_path: Path) -> None:
    with begun("usual", tmp_path) as terminal:
        terminal.type(NOISE)
        log = tmp_path / "state/irkit/log/terminal.log"
        terminal.until(lambda: log.is_file() and "a bug: ValueError" in log.read_text(encoding="utf-8"))
        time.sleep(0.5)
        terminal.type("q")
        assert terminal.ended() == 0
        terminal.check_restored()
        told = log.read_text(encoding="utf-8")
        assert "noise" not in terminal.text() and "warning to be" not in terminal.text()
        assert "noise of asyncio" in told and "a warning to be seen by nobody" in told and "\x1b" not in told
        assert SECRET not in told + terminal.text()
        (report,) = (tmp_path / "state/irkit/reports").iterdir()
        assert SECRET not in report.read_text(encoding="utf-8")


def test_a_host_that_never_answers_holds_nobody_up_who_leaves(tmp_path: Path) -> None:
    with begun("deaf", tmp_path) as terminal:
        terminal.type("q")
        assert terminal.ended() == 0
        terminal.check_restored()


def test_a_terminal_that_takes_nothing_holds_up_no_signal(tmp_path: Path) -> None:
    with begun("slow", tmp_path) as terminal:
        begin_run(terminal)
        terminal.is_read = False
        for width in range(100, 300, 2):
            terminal.resize(width, 100)
            time.sleep(0.02)
        terminal.send(signal.SIGTERM)
        assert terminal.ended() == 130
        assert sealed(tmp_path) == "interrupted interrupted by SIGTERM"


SIZES = ((10, 5), (300, 100), (59, 15), (60, 14), (60, 15), (1, 1), (80, 24), (200, 5), (10, 100))


def test_any_size_at_any_time_on_every_screen(tmp_path: Path) -> None:
    with begun("slow", tmp_path) as terminal:
        begin_run(terminal)
        for keys in ("1", "2", "l", "i", "t", "f", "w", "3", "5", "X", "\x1b", "6", "7", "8", ";", "\x1b", "?", "\x1b",
                     ":", "\x1b", "1P", "\r", "4"):  # fmt: skip
            terminal.type(keys)
            for size in SIZES:
                terminal.resize(*size)
                time.sleep(0.03)
            assert terminal.process.poll() is None, terminal.text()[-2000:]
            terminal.resize(80, 24)
            time.sleep(0.3)
        terminal.send(signal.SIGTERM)
        assert terminal.ended() == 130
        terminal.check_restored()
        assert sealed(tmp_path) == "interrupted interrupted by SIGTERM"


def test_a_terminal_that_is_too_small_says_so_and_the_run_goes_on(tmp_path: Path) -> None:
    with begun("slow", tmp_path) as terminal:
        begin_run(terminal)
        since = len(terminal.shown)
        terminal.resize(59, 24)
        terminal.sees("irkit needs 60x15: this is 59x24", since)
        terminal.sees("run triage goes on", since)
        terminal.type("qX5")
        time.sleep(0.5)
        assert terminal.process.poll() is None
        since = len(terminal.shown)
        terminal.resize(60, 15)
        terminal.sees(UP, since)
        terminal.send(signal.SIGTERM)
        assert terminal.ended() == 130
        assert [one.name for one in (tmp_path / "state/irkit").iterdir()] == ["log"], "nobody wrote a report"


@pytest.mark.parametrize("answer", [1, 2])
def test_a_run_that_is_ended_from_its_screen_is_sealed_and_irkit_stays(tmp_path: Path, answer: int) -> None:
    with begun("slow", tmp_path) as terminal:
        begin_run(terminal)
        terminal.type("5")
        terminal.sees("goes on, ")
        terminal.type("X")
        terminal.sees("How is the run to end?")
        terminal.type("j" * answer)
        time.sleep(0.3)
        terminal.type("\r")
        terminal.sees("; bundle")
        assert sealed(tmp_path) == "interrupted ended by the responder"
        terminal.type("q")
        assert terminal.ended() == 0
        terminal.check_restored()
