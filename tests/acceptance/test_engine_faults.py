"""Engines that are not there, refuse, are something else, are hostile, hang or die: told apart in one line each."""

import itertools
import json
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.bundles import events, item, playbook, stored
from tests.acceptance.command import WITHOUT_POWERS, Ended, Irkit
from tests.acceptance.fake_engine import ID, FakeEngine, chunked, honest, http, inspected, listed
from tests.lab.description import Suspect
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

SLEEP = ("sleep", "1000")
MEMORY = ("bash", "-c", 'ulimit -v 1500000; exec "$@"', "limited")
"""Runs a command that may have 1.5 GB of address space."""


def check_said(ended: Ended, words: str, status: int = 3) -> None:
    assert ended.status == status, ended.err + ended.out[:500]
    assert len(ended.error_lines) == 1 and ended.out == "", ended.err[:2000]
    assert words in ended.err, ended.err
    assert len(ended.err) < 1000 and "Traceback" not in ended.err and "\x1b" not in ended.err


def at(place: Path | str, tmp_path: Path) -> Irkit:
    return Irkit(f"unix://{place}", tmp_path / "evidence")


def test_every_reason_that_no_engine_is_reached_has_its_words(tmp_path: Path, socket_path: Path) -> None:
    check_said(at("/nowhere/docker.sock", tmp_path).here("ls", status=None), "there is no such socket")
    check_said(at("/etc/passwd", tmp_path).here("ls", status=None), "that is not a socket")
    check_said(at("/" + "x" * 200, tmp_path).here("ls", status=None), "no engine at")
    check_said(Irkit("tcp://10.0.0.1:2375", tmp_path / "e").here("ls", status=None), "without TLS is refused", status=2)
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(socket_path))
    check_said(at(socket_path, tmp_path)("ls", status=None), "nothing listens")
    for verb in (("inspect", "x"), ("plan", "triage", "x"), ("run", "triage", "x")):
        check_said(at(socket_path, tmp_path).here(*verb, status=None), "nothing listens")
    assert not (tmp_path / "evidence").exists()


def test_an_engine_that_may_not_be_used_says_who_may(tmp_path: Path, socket_path: Path) -> None:
    with FakeEngine(socket_path):
        socket_path.chmod(0)
        ended = at(socket_path, tmp_path)("ls", status=None, before=WITHOUT_POWERS)
        check_said(ended, "run as root or as a member of the socket's group")


DEEP = b"[" * 200_000 + b"]" * 200_000
TOO_OLD_FOR_IT = {"message": "client version 1.47 is too old. Minimum supported API version is 1.60"}
WRONG: dict[str, tuple[Any, str]] = {
    "an IMAP server": (b"* OK IMAP4rev1 ready\r\n", "not HTTP"),
    "random bytes": (bytes(range(256)) * 100, "not HTTP"),
    "nothing": (b"", "the connection ended before the answer did"),
    "a web server": (http(b"<html>hello</html>", headers={"Api-Version": ""}), "no container engine"),
    "a web server that has no such page": (http(b"<html>404</html>", "404 Not Found"), "404"),
    "too old": (http(b"OK", headers={"Api-Version": "1.30"}), "too old: it speaks API 1.30, irkit needs 1.40"),
}
HOSTILE: dict[str, tuple[Any, str]] = {
    "too new": (http(TOO_OLD_FOR_IT, "400 Bad Request"), "Minimum supported API version is 1.60"),
    "a server's own failure": (http({"message": "out of \x1b[31m memory"}, "500 Oh"), "the engine says: out of"),
    "an object": (http({"Id": ID}), "expected form"),
    "text": (http(b"hello"), "expected form"),
    "no id": (http([{"Names": ["/x"]}]), "expected form"),
    "an id that is a path": (http([listed(Id="../../etc/passwd")]), "no id"),
    "an id in capitals": (http([listed(Id="A" * 64)]), "no id"),
    "an id with a control": (http([listed(Id="\x1b]0;x\x07" * 10)]), "no id"),
    "names that are numbers": (http([listed(Names=[1, 2])]), "expected form"),
    "labels that are a list": (http([listed(Labels=["a"])]), "expected form"),
    "a number too large": (http([listed(Created=10**30)]), "expected form"),
    "a port too large": (http([listed(Ports=[{"PrivatePort": 10**18}])]), "expected form"),
    "a fraction": (http([listed(Created=1.5)]), "expected form"),
    "nested too deep": (http(DEEP), "expected form"),
    "nested too deep where nobody looks": (http(b'[{"x":' + DEEP + b"}]"), "expected form"),
    "a lone surrogate": (http(b'[{"Id": "\\ud800"}]'), "expected form"),
    "bytes that are no text": (http(b'[{"Id": "\xff\xfe"}]'), "expected form"),
    "cut short": (http([listed()], length=10**6), "the connection ended before the answer did"),
    "chunks cut short": (chunked(b'[{"Id"', end=b""), "the connection ended before the answer did"),
    "whole chunks of half a list": (chunked(b'[{"Id": "'), "expected form"),
    "without an end": (b"HTTP/1.1 200 OK\r\n\r\n[]", "does not tell where it ends"),
    "a negative chunk": (chunked(b"[", end=b"-1\r\n]"), "not HTTP"),
}


def check_each(tmp_path: Path, replies: dict[str, tuple[Any, str]], where: str) -> None:
    """`irkit ls` at an engine for each reply."""
    for reply, words in replies.values():
        with tempfile.TemporaryDirectory(prefix="irkit-fake-") as folder:
            place = Path(folder) / "sock"
            with FakeEngine(place, lambda method, path, reply=reply: reply if where in path else None):  # type: ignore[misc]
                check_said(at(place, tmp_path).here("ls", status=None), words)


def test_what_is_no_engine_is_told_apart(tmp_path: Path) -> None:
    check_each(tmp_path, WRONG, "")


def test_a_list_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    check_each(tmp_path, HOSTILE, "containers/json")


NONSENSE: list[dict[str, Any]] = [
    {"Id": "f" * 64 + "/.."},
    {"State": {"Status": "running", "Pid": 10**40}},
    {"HostConfig": {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 2**60}}},
    {"NetworkSettings": {"Networks": {"a": {"GwPriority": 2**63}}}},
    {"Name": 7},
]


@pytest.mark.parametrize("more", NONSENSE, ids=range(5))
def test_facts_that_make_no_sense_are_refused_and_nothing_is_begun(
    tmp_path: Path, socket_path: Path, more: dict[str, Any]
) -> None:
    with FakeEngine(socket_path, lambda method, path: http(inspected(**more)) if path.endswith(f"{ID}/json") else None):
        ended = at(socket_path, tmp_path).here("run", "freeze", "victim", "--approve", "change", status=3)
        assert len(ended.error_lines) == 1 and "the engine" in ended.err
    assert not (tmp_path / "evidence").exists()


ODD_FACTS = inspected(
    Name="/\x1b[31m../../x\x00\u202e",
    Mounts=[{"Type": "volume", "Name": "../../\ud7ff\x00", "Destination": "\x9b31m"}],
    NetworkSettings={
        "Networks": {"../..": {"Aliases": ["\x1b]52;c;eA==\x07"]}, "": {}, "x" * 100_000: {}, "null": None},
        "Ports": {"9" * 5000 + "/tcp": [{"HostPort": "9" * 5000}], "80/\x1b": [{"HostPort": "٣"}], "x": None},
    },
    Config={"Image": "\r\nevil", "Labels": {"\x1b": "\x07" * 10_000}, "User": "\u202e"},
    Image="sha256:../../../etc",
    Created="\x1b[2J",
)


def test_odd_names_lead_to_no_path_and_no_control(tmp_path: Path, socket_path: Path) -> None:
    """An engine that lies: names that are paths, and numbers of five thousand digits."""

    def answers(method: str, path: str) -> bytes | None:
        return http(ODD_FACTS) if path.endswith(f"{ID}/json") else None

    with FakeEngine(socket_path, answers) as engine:
        irkit = at(socket_path, tmp_path)
        shown = irkit("inspect", ID)
        assert not set("\x1b\x07\x9b\u202e\x00\r") & set(shown.out)
        irkit("inspect", ID, "--json").out.encode("ascii")
        small = playbook(tmp_path, "{id: a, action: collect.inspect}", "{id: cut, action: isolate.disconnect}")
        ended = irkit("run", small, ID, "--approve", "change", status=1)
        assert not set("\x1b\x07\x9b\u202e\x00\r") & set(ended.err + ended.out)
        assert all(" /v1." in one or "_ping" in one for one in engine.requests)
        assert not any("/../" in one for one in engine.requests)
    (bundle,) = (tmp_path / "evidence").glob("*irb-*")
    inside = tmp_path / "evidence"
    assert all(path.is_relative_to(inside) for path in bundle.rglob("*"))
    assert irkit("verify", str(bundle)).status == 0
    for line in (bundle / "metadata/items.jsonl").read_bytes().splitlines():
        assert set(json.loads(line)["path"]) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-/")


def test_a_million_containers_and_a_huge_answer_do_not_take_all_memory(tmp_path: Path, socket_path: Path) -> None:
    def many() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n"
        one = json.dumps(listed()).encode() + b","
        piece = one * 5000
        for _ in range(200):
            yield b"%x\r\n%s\r\n" % (len(piece), piece)
        yield b"2\r\n]\n\r\n0\r\n\r\n"

    with FakeEngine(socket_path, lambda method, path: many() if "containers/json" in path else None):
        ended = at(socket_path, tmp_path)("ls", status=None, before=MEMORY)
        check_said(ended, "longer than 67108864 bytes")

    def huge() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 2147483648\r\n\r\n" + b'{"Id": "'
        for _ in range(2048):
            yield bytes(1 << 20)

    other = socket_path.with_name("other")
    with FakeEngine(other, lambda method, path: huge() if path.endswith(f"{ID}/json") else None):
        check_said(at(other, tmp_path)("inspect", "victim", status=None, before=MEMORY), "longer than 67108864 bytes")


# Engines that hang or die ----------------------------------------------------------------------------------------


def test_a_hung_request_ends_with_its_step_and_other_containers_go_on(
    lab: Lab, irkit: Irkit, tmp_path: Path, socket_path: Path
) -> None:
    hung = lab.make(Suspect(name="hung", command=SLEEP))
    lab.make(Suspect(name="well", command=SLEEP))

    def answers(method: str, path: str) -> Any:
        return engine.trickle(b"H") if path.endswith((f"{hung}/changes", f"{hung}/pause")) else None

    steps = ("{id: changes, action: collect.changes, timeout: 5s}", "{id: freeze, action: contain.pause, timeout: 5s}")
    with FakeEngine(socket_path, answers, behind=lab.engine.socket) as engine:
        summary = at(socket_path, tmp_path).run(playbook(tmp_path, *steps), "hung", "well", status=1)
    assert [one["reason"] for one in summary["failures"]] == ["it took longer than 5 s"] * 2
    assert {one["key"] for one in summary["failures"]} == {f"local/{hung}"}
    assert stored(summary["bundle"], "well", "changes.json")
    assert lab.engine.inspect("well")["State"]["Paused"]
    pause = next(one for one in summary["changes"] if one["key"].endswith(hung))
    assert pause["took_hold"] == "in doubt"
    irkit("undo", summary["bundle"], "--approve", "change")
    assert lab.engine.inspect("well")["State"]["Status"] == "running"


def begin(irkit: Irkit, *words: str) -> "subprocess.Popen[bytes]":
    return irkit.begin("run", *words, "--approve", "change", "--events")


def wait_for(process: "subprocess.Popen[bytes]", event: str, step: str) -> dict[str, Any]:
    assert process.stdout
    for line in process.stdout:
        found: dict[str, Any] = json.loads(line)["event"]
        if found["event"] == event and found.get("step") == step:
            return found
    raise AssertionError(f"no {event} of {step}")


def test_an_engine_that_freezes_is_given_up_on_and_goes_on_once_it_thaws(
    lab: Lab, tmp_path: Path, socket_path: Path
) -> None:
    lab.make(Suspect(name="victim", command=SLEEP))
    steps = ("{id: use, action: collect.stats}", "{id: again, action: collect.stats, timeout: 2s}")
    turns = itertools.count(1)

    def freeze(method: str, path: str) -> None:
        """As each of them is asked for: the first has time, and the engine goes on before that is over."""
        if "/stats" not in path or (turn := next(turns)) > len(steps):
            return
        lab.engine.freeze()
        if turn == 1:
            threading.Timer(0.3, lab.engine.thaw).start()

    with FakeEngine(socket_path, freeze, behind=lab.engine.socket):
        small = playbook(tmp_path, *steps, "{id: facts, action: collect.inspect}")
        process = begin(at(socket_path, tmp_path), small, "victim")
        wait_for(process, "operation-finished", "use")
        failed = wait_for(process, "operation-failed", "again")
        assert failed["kind"] == "timeout" and failed["took_hold"] == "no"
        lab.engine.thaw()
        assert process.stdout
        rest = [json.loads(line)["event"] for line in process.stdout]
        assert process.wait(60) == 1
    assert rest[-1]["outcome"] == "done"
    assert any(one["event"] == "operation-finished" and one["step"] == "facts" for one in rest)
    process.stdout.close()
    assert process.stderr
    process.stderr.close()


def test_an_engine_that_goes_half_way_ends_the_run_in_order(
    lab: Lab, irkit: Irkit, tmp_path: Path, socket_path: Path
) -> None:
    """From one request on nothing listens any more; the pause before it is kept, and can be taken back."""
    lab.make(Suspect(name="victim", command=SLEEP))

    def answers(method: str, path: str) -> bytes | None:
        if path.endswith("/export"):
            socket_path.unlink()
            return chunked(b"x" * 10_000, end=b"fff\r\nyyy")
        return None

    steps = ("{id: freeze, action: contain.pause}", "{id: disk, action: snapshot.export, retries: 1}")
    with FakeEngine(socket_path, answers, behind=lab.engine.socket):
        through = at(socket_path, tmp_path)
        ended = through("run", playbook(tmp_path, *steps), "victim", "--approve", "change", status=1)
    assert "the connection ended before the answer did, trying again" in ended.err
    assert "there is no such socket" in ended.err
    (bundle,) = (tmp_path / "evidence").glob("*irb-*")
    partial = [one for one in events(bundle) if one["event"] == "operation-failed" and one["evidence"]]
    assert partial[0]["evidence"][0]["source_size"] == 10_003
    assert item(bundle, "rootfs.tar.zst")["partial"] == "the connection ended before the answer did"
    assert irkit("verify", str(bundle)).status == 0
    irkit("undo", str(bundle), "--approve", "change")
    assert lab.engine.inspect("victim")["State"]["Status"] == "running"


def test_an_interrupt_ends_a_hung_read_at_once(tmp_path: Path, socket_path: Path) -> None:
    with FakeEngine(socket_path) as engine:

        def answers(method: str, path: str) -> Any:
            return engine.hang() if path.endswith("/changes") else honest(method, path)

        engine.answers = answers
        process = begin(
            at(socket_path, tmp_path), playbook(tmp_path, "{id: c, action: collect.changes, timeout: 10m}"), "victim"
        )
        wait_for(process, "operation-started", "c")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)  # the step itself may take longer
    assert process.returncode == 130
    assert json.loads(out.splitlines()[-1])["event"]["outcome"] == "interrupted"
