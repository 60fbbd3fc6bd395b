"""Shell completion: scripts that a shell can read, and words that are there."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.fake_engine import http, listed
from tests.cli.running import NAMES, Command, irkit_at

SHELLS = ("bash", "zsh", "fish")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_that_the_shell_reads(irkit: Command, shell: str) -> None:
    status, out, err = irkit("completion", shell)
    assert status == 0 and err == ""
    assert f"_IRKIT_COMPLETE={shell}_complete" in out
    if shutil.which(shell):  # the other shells' grammar is checked where they are installed
        done = subprocess.run([shell, "-n"], input=out, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and done.stderr == ""


def complete(irkit: Command, *words: str, patience: float = 60) -> list[str]:
    """What is offered in place of the last word."""
    asked = {
        "_IRKIT_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["irkit", *words]),
        "COMP_CWORD": str(len(words)),
    }
    status, out, err = irkit(extra=asked, patience=patience)
    assert status == 0 and err == ""
    return [line.partition(",")[2] for line in out.splitlines() if line]


def test_verbs_options_playbooks_and_containers_are_completed(irkit: Command) -> None:
    assert complete(irkit, "ver") == ["verify"]
    assert complete(irkit, "run", "tri") == ["triage"]
    assert set(complete(irkit, "plan", "")) >= {"triage", "isolate", "freeze", "contain-and-preserve", "preserve-disk"}
    assert complete(irkit, "run", "triage", "web") == ["web-1", "web-2"]
    assert sorted(complete(irkit, "ls", "")) == sorted(NAMES)
    assert "--approve" in complete(irkit, "run", "triage", "web-1", "--a")
    assert complete(irkit, "run", "triage", "web-1", "--approve", "") == ["change", "destroy"]


def test_hosts_are_completed_from_what_is_written_down(irkit: Command, place: Path) -> None:
    inventory = place.parent / "hosts.yml"
    inventory.write_text("hosts:\n  - {name: web1, groups: [web]}\n  - {name: web2}\n  - {name: db}\n")
    known = Command({**irkit.environment, "IRKIT_HOSTS": str(inventory)})
    assert complete(known, "ls", "-H", "we") == ["web1", "web2"]
    assert complete(known, "ls", "--host", "") == ["local", "all", "web1", "web2", "db", "group:web"]
    assert complete(known, "ls", "--host", "db,w") == ["db,web1", "db,web2"]
    assert complete(known, "hosts", "check", "gr") == ["group:web"]
    assert complete(irkit, "ls", "-H", "l") == ["local"]
    assert complete(irkit, "hosts", "") == ["add", "check", "list", "trust"]


def test_a_broken_inventory_completes_no_host(irkit: Command, place: Path) -> None:
    inventory = place.parent / "hosts.yml"
    inventory.write_text("hosts: {")
    assert complete(Command({**irkit.environment, "IRKIT_HOSTS": str(inventory)}), "ls", "-H", "") == []


def test_containers_of_a_host_that_is_not_this_machine_are_not_asked_for(irkit: Command) -> None:
    assert complete(irkit, "ls", "-H", "root@127.0.0.1", "we") == []
    far = Command({**irkit.environment, "DOCKER_HOST": "ssh://root@127.0.0.1:1"})
    assert complete(far, "ls", "we") == []


def test_bash_itself_completes_with_the_script(irkit: Command, place: Path) -> None:
    _, script, _ = irkit("completion", "bash")
    folder = place.parent / "bin"
    folder.mkdir()
    command = folder / "irkit"
    python = irkit("-c", code="import sys; print(sys.executable)")[1].strip()
    command.write_text(f'#!/bin/sh\nexec {python} -m irkit "$@"\n')
    command.chmod(0o755)
    ask = 'COMP_WORDS=(irkit run triage we); COMP_CWORD=3; _irkit_completion irkit; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{ask}"],
        env={**irkit.environment, "PATH": f"{folder}:/usr/bin:/bin"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["web-1", "web-2"], done.stderr


def test_a_name_that_is_more_than_a_word_is_not_offered_to_a_shell(place: Path) -> None:
    names = ["good", "$(id)", "a b", "new\nline", "\x1b[31m", "plain,good2", "`id`", "web;id"]

    def answers(method: str, path: str) -> bytes | None:
        rows = [listed(Id=f"{number:064x}", Names=[f"/{name}"]) for number, name in enumerate(names)]
        return http(rows) if "containers/json" in path else None

    with irkit_at(place, answers) as irkit:
        assert complete(irkit, "ls", "") == ["good"]


def trickle(method: str, path: str) -> Iterator[bytes]:
    for _ in range(2000):
        time.sleep(0.05)
        yield b"H"


def test_an_engine_that_is_absent_or_hangs_completes_nothing_and_soon(place: Path, irkit: Command) -> None:
    gone = Command({**irkit.environment, "DOCKER_HOST": "unix:///nowhere"})
    assert complete(gone, "ls", "") == []
    other = place.with_name("other")
    with irkit_at(other, trickle) as hung:
        # A look at an engine may take 30 s, a completion not.
        assert complete(hung, "ls", "", patience=25) == []
