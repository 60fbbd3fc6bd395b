"""What is loaded when, what help and version say, and how irkit ends when its surroundings fail it."""

import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import irkit as package
from irkit.cli import SUMMARIES, VERBS
from tests.acceptance.fake_engine import http, listed
from tests.cli.running import NAMES, Command, irkit_at

IN_FRONT: Any = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None}
"""As a shell starts what is not in the background."""
HEAVY = {"docker", "yaml", "jsonschema", "cel", "rich", "textual", "paramiko", "backports"}


def imported(err: str) -> set[str]:
    """The packages that `-X importtime` tells of."""
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in err.splitlines() if "import time:" in line}


@pytest.mark.parametrize(
    ("words", "may"),
    [
        ((), set[str]()),
        (("--help",), set[str]()),
        (("ls",), set[str]()),
        (("ls", "--json"), set[str]()),
        (("inspect", "web-1"), set[str]()),
        (("run", "--help"), set[str]()),
        (("nonsense",), set[str]()),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_quick_verb_loads_nothing_heavy(irkit: Command, words: tuple[str, ...], may: set[str]) -> None:
    _, _, err = irkit(*words, python=("-X", "importtime"))
    found = imported(err)
    assert "click" in found and "irkit" in found
    if words == ("inspect", "web-1"):
        return  # the fake engine knows no such container: what counts is that nothing was loaded to say so
    assert found & HEAVY <= may, found & HEAVY


def test_the_package_of_verbs_loads_nothing_heavy(irkit: Command) -> None:
    code = "import irkit.cli, sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    _, out, _ = irkit(code=code)
    assert set(out.split()) & (HEAVY | {"msgspec", "http", "email"}) == set()


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_that_begins_with_its_summary(irkit: Command, verb: str) -> None:
    status, out, err = irkit(verb, "--help")
    assert status == 0 and err == ""
    assert out.startswith(f"Usage: irkit {verb}")
    assert len(SUMMARIES[verb]) <= 80
    assert max(len(line) for line in out.splitlines()) <= 80
    assert "Show this message" in out


def test_help_lists_every_verb_with_its_summary(irkit: Command) -> None:
    for words in ((), ("--help",), ("-h",)):
        status, out, _ = irkit(*words)
        assert status == 0
        for verb in VERBS:
            assert re.search(rf"^  {verb} +{re.escape(SUMMARIES[verb][:30])}", out, re.MULTILINE), verb


def test_version_names_what_irkit_depends_on(irkit: Command) -> None:
    status, out, _ = irkit("--version")
    assert status == 0 and out.startswith(f"irkit {package.__version__} (python 3.")
    for name in ("click", "msgspec", "pyyaml", "jsonschema", "rich", "common-expression-language"):
        assert re.search(rf"{name} [0-9]+\.[0-9]", out), name
    assert "pytest" not in out and "not installed" not in out


def test_a_reader_that_has_gone_ends_it_quietly(place: Path) -> None:
    def thousand(method: str, path: str) -> bytes | None:
        rows = [listed(Id=f"{number:064x}", Names=[f"/c{number}"]) for number in range(3000)]
        return http(rows) if "containers/json" in path else None

    with irkit_at(place, thousand) as irkit:
        for size in (0, 1000):
            with irkit.start("ls") as process:
                assert process.stdout and process.stderr
                process.stdout.read(size)
                process.stdout.close()
                said = process.stderr.read()
            assert said == "" and process.returncode == 1


@pytest.mark.parametrize(
    "words", [("ls",), ("ls", "--json"), ("--help",), ("playbooks", "list"), ("completion", "bash")]
)
def test_a_full_disk_under_the_output_is_one_line(irkit: Command, words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        status, _, err = irkit(*words, stdout=full)
    assert status == 1
    assert err == "irkit: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize("words", [("ls",), ("inspect", "web-1"), ("hosts", "check"), ("plan", "triage", "all")])
def test_an_interrupt_ends_the_wait_for_an_engine_that_hangs(place: Path, words: tuple[str, ...]) -> None:
    asked, over = threading.Event(), threading.Event()

    def hang(method: str, path: str) -> Iterator[bytes]:
        asked.set()
        over.wait(120)
        yield b""

    with irkit_at(place, hang) as irkit, irkit.start(*words, **IN_FRONT) as process:
        assert asked.wait(60)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        over.set()
    assert process.returncode == 130 and err.strip() == "irkit: interrupted"


def test_closed_streams_are_no_reason_to_fail(irkit: Command) -> None:
    for closed in (">&-", "2>&-", ">&- 2>&-", "<&-"):
        done = subprocess.run(
            ["sh", "-c", f'"$0" -m irkit ls {closed}', irkit.start.__globals__["sys"].executable],
            env=irkit.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 and "Traceback" not in done.stderr, closed


def test_a_terminal_without_unicode_shows_escapes(place: Path) -> None:
    encoding = "latin-1"

    def odd(method: str, path: str) -> bytes | None:
        return http([listed(Names=["/naïve-✓"], Image="x" * 300)]) if "containers/json" in path else None

    with irkit_at(place, odd) as irkit:
        status, out, err = irkit("ls", extra={"PYTHONIOENCODING": encoding}, encoding=encoding)
        assert status == 0 and err == ""
        assert "\\u2713" in out
        status, _, err = irkit("ls", "✗", extra={"PYTHONIOENCODING": encoding}, encoding=encoding)
        assert status == 3 and "\\u2717" in err


BUG = """
import sys
import irkit.app.listing
def explode(*args, **more):
    secret = "hunter2"
    raise ZeroDivisionError(f"with the {secret} in its text")
irkit.app.listing.list_containers = explode
from irkit.cli import main
sys.argv = ["irkit", *sys.argv[1:]]
main()
"""


def test_a_bug_is_one_line_with_the_path_of_a_report_that_holds_no_values(irkit: Command, place: Path) -> None:
    status, out, err = irkit("ls", "name:secret-argument", code=BUG)
    assert status == 70 and out == ""
    (line,) = err.splitlines()
    found = re.fullmatch(r"irkit: a bug: ZeroDivisionError; a report to send is at (.+)", line)
    assert found
    report = Path(found[1])
    assert report.is_relative_to(place.parent) and report.stat().st_mode & 0o777 == 0o600
    text = report.read_text()
    assert "ZeroDivisionError" in text and f"irkit {package.__version__}" in text and "verb ls" in text
    assert "explode" in text and "list_containers(" in text
    assert "hunter2" not in text.replace('secret = "hunter2"', "") and "secret-argument" not in text


def test_a_bug_where_no_report_can_be_written_is_still_one_line(irkit: Command) -> None:
    nowhere = {"HOME": "/proc/none", "TMPDIR": "/proc/none"}
    status, _, err = irkit(
        "ls", code="import tempfile; tempfile.gettempdir = lambda: '/proc/none'" + BUG, extra=nowhere
    )
    assert status == 70 and err.startswith("irkit: a bug: ZeroDivisionError") and err.count("\n") == 1


def test_the_list_is_what_the_engine_says(irkit: Command) -> None:
    status, out, err = irkit("ls")
    assert status == 0 and err == ""
    head, *rows = out.splitlines()
    assert head.split() == ["ID", "NAME", "STATE", "IMAGE", "AGE", "NETWORKS", "PORTS"]
    assert {row.split()[1] for row in rows} == set(NAMES)
