"""collect.logs on the real engine: both streams byte for byte, every driver, windows, and writers that never end."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.bundles import item, playbook, stored
from tests.acceptance.command import Irkit
from tests.lab.counting import wait_until
from tests.lab.description import Suspect
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

LONG = bytes(33 + number % 90 for number in range(40 * 1024)) + b"\n"
FAKE_FRAMES = b"\x01\x00\x00\x00\x00\x00\x00\x05fake\n\x02\x00\x00\x00\x7f\xff\xff\xff\n"
STDOUT = (b"one\n", LONG, FAKE_FRAMES, b"\n\n", b"two\n")
STDERR = (b"careful\n", LONG, b"\x00\x07\x1b[31mred\n", "naïve ✓\n".encode())
BINARY = (bytes(range(256)) + b"\n", b"\xff\xfe\xfd\n", b"a\xc3\n", LONG)


@pytest.fixture(scope="module")
def loud(shared: Lab) -> Lab:
    shared.make(Suspect(name="both", stdout=STDOUT, stderr=STDERR))
    shared.make(Suspect(name="only-stderr", stderr=STDERR))
    shared.make(Suspect(name="silent"))
    shared.make(Suspect(name="terminal", stdout=(b"hello\n", LONG, b"no stamp\r\n2026-01-01T00:00:00Z x\n"), tty=True))
    shared.make(Suspect(name="binary", stdout=BINARY, stderr=(b"\x80\n",), log_driver="local"))
    return shared


def as_the_engine_keeps(raw: bytes) -> bytes:
    """The json-file driver keeps text only: what is no UTF-8 became U+FFFD before it was stored."""
    return raw.decode("utf-8", "replace").encode()


def check_times(bundle: str, name: str) -> None:
    """The sidecar says where every record lies, without gap or overlap, to the last byte of both streams."""
    at = {"stdout": 0, "stderr": 0}
    for line in stored(bundle, name, "logs/times.jsonl").splitlines():
        record = json.loads(line)
        assert record["offset"] == at[record["stream"]]
        at[record["stream"]] += record["bytes"]
        assert record["time"].startswith("20") and record["time"].endswith("Z")
    for stream, size in at.items():
        assert len(stored(bundle, name, f"logs/{stream}.log")) == size


def test_both_streams_are_kept_apart_and_byte_for_byte(loud: Lab, irkit: Irkit, tmp_path: Path) -> None:
    names = ("both", "only-stderr", "silent", "terminal", "binary")
    bundle = irkit.run(playbook(tmp_path, "{id: logs, action: collect.logs}"), *names)["bundle"]
    expected = {
        "both": (b"".join(STDOUT), b"".join(STDERR)),
        "only-stderr": (b"", b"".join(STDERR)),
        "silent": (b"", b""),
        "terminal": (
            b"hello\r\n" + LONG.replace(b"\n", b"\r\n") + b"no stamp\r\r\n2026-01-01T00:00:00Z x\r\n",
            b"",
        ),
        # Docker's local driver forgets the newline that ends a line which came in pieces.
        "binary": (b"".join(BINARY).removesuffix(b"\n"), b"\x80\n"),
    }
    for name, (out, err) in expected.items():
        keep = (lambda raw: raw) if name == "binary" else as_the_engine_keeps
        assert stored(bundle, name, "logs/stdout.log") == keep(out), name
        assert stored(bundle, name, "logs/stderr.log") == keep(err), name
        check_times(bundle, name)
    assert stored(bundle, "binary", "logs/stdout.log") == loud.engine.docker("logs", "binary").stdout


def test_a_driver_that_keeps_nothing_is_a_stated_failure_and_the_rest_goes_on(
    loud: Lab, lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    lab.make(Suspect(name="mute", stdout=(b"lost\n",), log_driver="none"))
    steps = ("{id: logs, action: collect.logs}", "{id: changes, action: collect.changes}")
    summary = irkit.run(playbook(tmp_path, *steps), "mute", "both", status=1)
    (failure,) = summary["failures"]
    assert failure["step"] == "logs" and "does not support reading" in failure["reason"]
    assert stored(summary["bundle"], "mute", "changes.json")
    assert stored(summary["bundle"], "both", "logs/stdout.log") == as_the_engine_keeps(b"".join(STDOUT))
    shown = irkit("show", summary["bundle"]).out
    assert "FAILED    mute logs: the engine says: configured logging driver does not support reading" in shown


@pytest.fixture(scope="module")
def slow(shared: Lab) -> list[tuple[str, str]]:
    """A container that says five words over time: each with its time stamp as the engine keeps it."""
    script = 'for word in one two three four five; do echo "$word"; sleep 0.3; done; sleep 1000'
    shared.make(Suspect(name="slow", command=("sh", "-c", script)))
    assert wait_until(lambda: shared.engine.docker("logs", "slow").stdout.endswith(b"five\n"))
    said = shared.engine.docker("logs", "--timestamps", "slow").stdout.decode().splitlines()
    assert len(said) == 5
    return [(line.split(" ")[0], line.split(" ")[1]) for line in said]


@pytest.mark.parametrize(
    ("since", "until", "tail", "words"),
    [
        (1, None, 0, "two three four five"),
        (None, 2, 0, "one two three"),
        (1, 3, 0, "two three four"),
        (None, None, 2, "four five"),
        (None, None, 99, "one two three four five"),
        (3, 1, 0, ""),
    ],
)
def test_a_window_and_a_tail_are_kept_to(
    slow: list[tuple[str, str]], irkit: Irkit, tmp_path: Path, since: Any, until: Any, tail: int, words: str
) -> None:
    """`since` and `until` are time stamps of records themselves: both ends belong to the window."""
    asked = [f"tail: {tail}"]
    asked += [] if since is None else [f'since: "{slow[since][0]}"']
    asked += [] if until is None else [f'until: "{rounded_up(slow[until][0])}"']
    step = f"{{id: logs, action: collect.logs, with: {{{', '.join(asked)}}}}}"
    bundle = irkit.run(playbook(tmp_path, step), "slow")["bundle"]
    assert stored(bundle, "slow", "logs/stdout.log").decode().split() == words.split()


def rounded_up(stamp: str) -> str:
    """A time stamp at the next microsecond, the precision that windows have."""
    second, _, fraction = stamp.rstrip("Z").partition(".")
    return f"{second}.{int(fraction[:6].ljust(6, '0')) + 1:06d}Z"


def test_a_duration_reaches_back_from_the_begin_of_the_step(
    slow: list[tuple[str, str]], irkit: Irkit, tmp_path: Path
) -> None:
    steps = ("{id: a, action: collect.logs, with: {since: 7d}}", "{id: b, action: collect.logs, with: {until: 1h}}")
    bundle = irkit.run(playbook(tmp_path, *steps), "slow")["bundle"]
    assert stored(bundle, "slow", "logs/stdout.log").split() == b"one two three four five".split()
    assert stored(bundle, "slow", "logs/stdout-2.log") == b""


def test_a_writer_that_never_ends_is_left_at_the_begin_of_the_step(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    script = "while :; do yes line after line after line | head -n 1000; sleep 0.05; done"
    lab.make(Suspect(name="endless", command=("sh", "-c", script)))
    assert wait_until(lambda: bool(lab.engine.docker("logs", "--tail", "1", "endless").stdout))
    summary = irkit.run(playbook(tmp_path, "{id: logs, action: collect.logs}"), "endless")
    (end,) = [line for line in irkit("show", summary["bundle"], "--log").out.splitlines() if "read logs: done" in line]
    out = stored(summary["bundle"], "endless", "logs/stdout.log")
    assert out and set(out.splitlines()) == {b"line after line after line"}
    check_times(summary["bundle"], "endless")
    last = json.loads(stored(summary["bundle"], "endless", "logs/times.jsonl").splitlines()[-1])["time"]
    told = end.partition("up to ")[2][:26]
    assert last[:26] <= told


def test_a_log_that_the_engine_cannot_read_on_is_a_stated_failure(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    suspect = lab.make(Suspect(name="damaged", stdout=(b"before\n", b"after\n")))
    log = Path(lab.engine.inspect(suspect)["LogPath"])
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(lines[0] + bytes(100) + b"\n" + lines[1])
    assert lab.engine.docker("logs", "damaged").stdout != b"before\nafter\n", "this engine reads past the damage"
    summary = irkit.run(playbook(tmp_path, "{id: logs, action: collect.logs}"), "damaged", status=1)
    assert "part of it is damaged" in summary["failures"][0]["reason"]
    assert "part of it is damaged" in item(summary["bundle"], "stdout.log.zst")["partial"]
    assert stored(summary["bundle"], "damaged", "logs/stdout.log") == b"before\n"
