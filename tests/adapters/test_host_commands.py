"""Commands of this machine as root: run to their end, bounded, and never more than plain words."""

import os
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from irkit.adapters import host_process
from irkit.adapters.host_commands import LocalCommands, NoCommands, Sudo, checked, why_not
from irkit.adapters.tally import Tally
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Ran
from irkit.engine.deadline import Cancel
from tests.adapters.ssh_side import SOON, deadline
from tests.lab.counting import wait_until

pytestmark = pytest.mark.engine


def refusal(*argv: str, seconds: float = 60, cancel: Cancel | None = None) -> TargetError:
    with pytest.raises(TargetError) as caught:
        LocalCommands().run(argv, deadline(seconds, cancel))
    return caught.value


def test_a_command_gets_its_input_and_gives_its_output_and_its_end() -> None:
    commands = LocalCommands()
    assert commands.run(("cat",), deadline(), input=b"some rules\n") == Ran(0, "some rules\n")
    ran = commands.run(("cat", "/no/such/file"), deadline())
    assert ran.status == 1 and "No such file" in ran.err
    assert commands.run(("true",), deadline(), input=b"x" * 1_000_000).status == 0
    assert commands.why_not(deadline()) == ""


def test_who_is_not_root_goes_by_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert LocalCommands().run(("id", "-u"), deadline()).out == "0\n"
    assert LocalCommands().why_not(deadline()) == ""


def test_where_irkit_is_root_no_command_is_run_to_find_that_out(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = Tally()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert LocalCommands(tally).why_not(deadline()) == "" and not tally.footprint().commands
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert LocalCommands(tally).why_not(deadline()) == "" and tally.footprint().commands


def is_running(*argv: str) -> bool:
    wanted = b"".join(word.encode() + b"\0" for word in argv)
    with_words = [path for path in Path("/proc").glob("[0-9]*/cmdline") if wanted in read_of(path)]
    return bool(with_words)


def read_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended
        return b""


def test_one_that_only_its_host_may_end_is_ended_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def may_not(process: subprocess.Popen[bytes]) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(subprocess.Popen, "kill", may_not)
    found = refusal("sleep", "61.25", seconds=0.6)
    assert (found.kind, found.reason) == (Refusal.TIMEOUT, "sudo does not end")
    assert wait_until(lambda: not is_running("sleep", "61.25"), SOON)
    cancel = Cancel()
    threading.Timer(0.3, cancel.set).start()
    assert refusal("sleep", "61.5", seconds=3, cancel=cancel).kind is Refusal.CANCELLED
    assert wait_until(lambda: not is_running("sleep", "61.5"), SOON)


def test_a_rule_of_sudo_that_allows_the_commands_alone_is_kept_to() -> None:
    asked: list[Sequence[str]] = []

    def go(words: Sequence[str]) -> Ran:
        asked.append(words)
        return Ran(1, "", "sudo: a password is required\n") if "timeout" in words else Ran(0, "0\n")

    sudo = Sudo()
    for _ in range(2):
        assert sudo.run(("id", "-u"), deadline(), go).out == "0\n"
    assert [words[:3] for words in asked] == [("sudo", "-n", "timeout"), ("sudo", "-n", "id"), ("sudo", "-n", "id")]
    with pytest.raises(TargetError, match="sudo wants a password"):
        sudo.run(("id", "-u"), deadline(), lambda words: Ran(1, "", "sudo: a password is required\n"))


@pytest.mark.parametrize("status", [124, 137])
def test_one_that_the_host_ended_did_not_end(status: int) -> None:
    with pytest.raises(TargetError, match="nft does not end") as caught:
        Sudo().run(("nft", "-f", "-"), deadline(), lambda words: Ran(status, ""))
    assert caught.value.kind is Refusal.TIMEOUT


@pytest.mark.parametrize(
    "word", ["", "a b", "$HOME", "`id`", "a;b", "a&b", "a|b", "*", "~", "'", '"', "a\nb", "ä", "{"]
)
def test_nothing_but_plain_words_is_run(word: str) -> None:
    with pytest.raises(ValueError, match="no plain word"):
        LocalCommands().run(("echo", word), deadline())


def test_what_is_not_there_is_told() -> None:
    assert refusal("no-such-command").reason == "no-such-command cannot be run here: No such file or directory"
    within = refusal("nsenter", "-t", str(os.getpid()), "-n", "no-such-command")
    assert within.reason == "there is no no-such-command on the host" and within.kind is Refusal.UNSUPPORTED


def test_one_that_does_not_end_is_ended() -> None:
    assert refusal("sleep", "60", seconds=0.2).kind is Refusal.TIMEOUT
    cancel = Cancel()
    threading.Timer(0.3, cancel.set).start()
    assert refusal("sleep", "60", cancel=cancel).kind is Refusal.CANCELLED


def test_one_that_is_slow_to_read_gets_all_of_its_input(tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    slow.write_text(f"#!/bin/sh\nsleep {3 * host_process._STEP}\nexec cat\n")
    slow.chmod(0o755)
    rules = b"a rule\n" * 100_000  # more than a pipe holds: a part of it is sent late, too
    assert LocalCommands().run((str(slow),), deadline(), input=rules) == Ran(0, rules.decode())


def test_one_that_says_too_much_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_process, "LIMIT", 1000)
    assert refusal("seq", "1000").kind is Refusal.GARBLED


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("sudo: a password is required\n", "root is had by sudo only, and sudo wants a password"),
        ("Error: Could not process rule\n", ""),
        ("Sorry, user x may not run sudo on y.\n", "root is had by sudo only, and sudo does not allow it"),
        ("\nA lecture\n\nsudo: a password is required\n", "root is had by sudo only, and sudo wants a password"),
        ("sudo: sorry, you must have a tty to run sudo\n", "root is had by sudo only, and sudo wants a terminal"),
        ("sudo: unable to resolve host x\n", "root is had by sudo only, and sudo: unable to resolve host x"),
        ("sudo: nft: command not found\n", "there is no nft on the host"),
        ("bash: line 1: sudo: command not found\n", "there is no sudo on the host"),
    ],
)
def test_what_sudo_says_is_told_in_a_line(said: str, reason: str) -> None:
    ran = Ran(1, "", said)
    if not reason:
        assert checked(ran, ("nft",), sudo=True) == ran
        return
    with pytest.raises(TargetError) as caught:
        checked(ran, ("nft",), sudo=True)
    assert caught.value.reason == reason and caught.value.kind is Refusal.UNSUPPORTED


def test_there_may_be_no_way_at_all() -> None:
    nowhere = NoCommands("it is far away")
    assert nowhere.why_not(deadline()) == why_not(nowhere, deadline()) == "it is far away"


# What a command prints, as it comes:


def test_what_a_command_prints_comes_as_it_is() -> None:
    said = b"".join(bytes(one) for one in LocalCommands().stream(("head", "-c", "3000000", "/dev/zero"), deadline()))
    assert said == bytes(3_000_000)
    assert list(LocalCommands().stream(("true",), deadline())) == []


def test_a_stream_that_does_not_end_well_says_so_after_all_that_came() -> None:
    stream = LocalCommands().stream(("dd", "if=/no/such/file"), deadline())
    with pytest.raises(TargetError, match="dd ended with 1: dd: failed to open"):
        list(stream)
    with pytest.raises(TargetError, match="cannot be run here"):
        list(LocalCommands().stream(("no-such-command",), deadline()))
    with pytest.raises(TargetError) as caught:
        list(LocalCommands().stream(("sleep", "60"), deadline(0.2)))
    assert caught.value.kind is Refusal.TIMEOUT


def test_a_stream_that_nobody_wants_more_of_ends_its_command() -> None:
    mark = f"{600 + os.getpid()}.5"
    stream = LocalCommands().stream(("timeout", mark, "cat", "/dev/zero"), deadline())
    assert len(next(stream)) > 0
    stream.close()  # type: ignore[attr-defined]
    running = [one.read_bytes() for one in Path("/proc").glob("[0-9]*/cmdline")]
    assert not [one for one in running if one.startswith(b"timeout\0" + mark.encode())]
