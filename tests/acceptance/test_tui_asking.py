"""Passwords, passphrases and host keys in the terminal interface: asked for in the terminal proper, on real hosts."""

import json
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.command import Irkit
from tests.lab.client_side import ClientSide
from tests.lab.description import Suspect
from tests.lab.engine import Engine
from tests.lab.host_start import User, start_host
from tests.lab.hosts import LabHost
from tests.lab.sshd import make_key
from tests.lab.suspects import Lab
from tests.lab.tools import run, tool
from tests.tui.on_terminal import Terminal

pytestmark = pytest.mark.engine

PASSWORD, PASSPHRASE, WRONG = "pale-heron-7", "grey-plover-3", "not-that-one"
ASKED = "Password of pia"


@pytest.fixture(scope="module")
def host(engine: Engine) -> Iterator[LabHost]:
    users = (User("root"), User("pia", groups=("docker",), password=PASSWORD, authorized=False))
    with Lab(engine) as made, start_host(name="web", engine=engine, users=users) as host:
        made.make(Suspect("victim", command=("sh", "-c", "exec sleep 100000")))
        yield host


@pytest.fixture
def irkit(client: ClientSide, tmp_path: Path) -> Irkit:
    return Irkit("", tmp_path / "evidence", client)


def opened(irkit: Irkit) -> Terminal:
    return Terminal([sys.executable, "-m", "irkit", "-H", "web", "--case", "IR-1"], irkit.environment())


def answered(terminal: Terminal, question: str, answer: str) -> None:
    """Wait for a question in the terminal proper, and answer it there."""
    since = terminal.answered
    terminal.until(lambda: question in terminal.text(since) and not terminal.modes()["1049"])
    time.sleep(0.3)
    terminal.answered = len(terminal.shown)
    terminal.type(answer + "\n")


def nowhere(secret: str, terminal: Terminal, *folders: Path) -> None:
    """The secret was shown to nobody, is no word of a command, and is in no file."""
    assert secret not in terminal.text() and secret.encode() not in terminal.shown
    for name in ("cmdline", "environ"):
        assert secret.encode() not in Path(f"/proc/{terminal.process.pid}/{name}").read_bytes()
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert [path for path in files if secret.encode() in path.read_bytes()] == []


def test_a_wrong_password_is_asked_for_again_and_a_plan_asks_for_none(
    host: LabHost, client: ClientSide, irkit: Irkit, tmp_path: Path
) -> None:
    client.add(host, user="pia")
    with opened(irkit) as terminal:
        answered(terminal, ASKED, WRONG)
        answered(terminal, f"That was wrong. {ASKED}", PASSWORD)
        terminal.sees("victim", terminal.answered)
        since = len(terminal.shown)
        terminal.type("jC")
        terminal.sees("Plan triage v1", since)
        assert ASKED not in terminal.text(since), "a plan asks for nothing that was told already"
        terminal.type("\r")
        terminal.sees("Enter begins it", since)
        terminal.type("\r")
        terminal.sees("; bundle", since)
        nowhere(PASSWORD, terminal, irkit.evidence, client.home, tmp_path)
        nowhere(WRONG, terminal, irkit.evidence, client.home, tmp_path)
        terminal.type("q")
        assert terminal.ended() == 0, terminal.after_screens()
        terminal.check_restored()


def test_a_passphrase_is_asked_for(host: LabHost, client: ClientSide, irkit: Irkit, tmp_path: Path) -> None:
    key = tmp_path / "locked"
    shutil.copy(host.client_key, key)
    key.chmod(0o600)
    run([tool("ssh-keygen"), "-q", "-p", "-P", "", "-N", PASSPHRASE, "-f", str(key)])
    client.add(host)
    config = client.config.read_text(encoding="utf-8").replace(str(host.client_key), str(key))
    client.config.write_text(config, encoding="utf-8")
    with opened(irkit) as terminal:
        answered(terminal, "assphrase", PASSPHRASE)
        terminal.sees("victim", terminal.answered)
        nowhere(PASSPHRASE, terminal, client.home)
        terminal.type("q")
        assert terminal.ended() == 0, terminal.after_screens()


def test_ctrl_c_leaves_a_question_without_an_answer_and_irkit_open(
    host: LabHost, client: ClientSide, irkit: Irkit
) -> None:
    client.add(host, user="pia")
    with opened(irkit) as terminal:
        terminal.until(lambda: ASKED in terminal.text() and not terminal.modes()["1049"])
        time.sleep(0.3)
        since = len(terminal.shown)
        terminal.type("\x03")
        terminal.until(lambda: terminal.modes()["1049"])
        terminal.type("7")
        terminal.sees("r tries again", since)
        terminal.answered = len(terminal.shown)
        assert terminal.modes()["1049"] and terminal.process.poll() is None
        terminal.type("r")
        answered(terminal, ASKED, PASSWORD)
        terminal.sees("1/1", terminal.answered)
        terminal.type("q")
        assert terminal.ended() == 0, terminal.after_screens()
        terminal.check_restored()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_irkit_while_it_asks(
    host: LabHost, client: ClientSide, irkit: Irkit, number: signal.Signals
) -> None:
    client.add(host, user="pia")
    with opened(irkit) as terminal:
        terminal.sees(ASKED)
        time.sleep(0.3)
        terminal.send(number)
        assert terminal.ended() == 130
        terminal.check_restored()


def test_a_new_key_is_shown_and_recorded_only_after_a_typed_yes(
    host: LabHost, client: ClientSide, irkit: Irkit
) -> None:
    client.add(host, trust=False)
    print_ = run([tool("ssh-keygen"), "-lf", f"{host.sshd.key_file('ssh-ed25519')}.pub"]).stdout.decode().split()[1]
    with opened(irkit) as terminal:
        terminal.sees("host key unknown")
        terminal.type("7")
        terminal.sees("compare its fingerprint")
        for answer in ("y", "no"):
            terminal.type("K")
            answered(terminal, "Type yes to do so", answer)
            assert print_ in terminal.text()
            terminal.sees("nothing is recorded", terminal.answered)
            terminal.until(lambda: terminal.modes()["1049"])
            assert client.known_hosts.read_bytes() == b""
        terminal.type("K")
        answered(terminal, "Type yes to do so", "yes")
        terminal.sees("1/1", terminal.answered)
        assert {line.split()[-1] for line in client.known_hosts.read_text(encoding="ascii").splitlines()} <= {
            line.split()[2] for line in host.known_hosts_lines()
        }
        terminal.type("q")
        assert terminal.ended() == 0, terminal.after_screens()
        terminal.check_restored()


def test_a_key_that_changed_is_refused_and_stays_so(host: LabHost, client: ClientSide, irkit: Irkit) -> None:
    client.add(host, trust=False)
    other = make_key(client.home / "other")
    client.trust(f"{host.address} {' '.join(other.split()[:2])}")
    before = client.known_hosts.read_bytes()
    with opened(irkit) as terminal:
        terminal.sees("host key CHANGED")
        terminal.type("7")
        terminal.sees("REFUSED")
        terminal.type("K")
        terminal.sees("only the key of a host whose key is unknown")
        terminal.type("r")
        time.sleep(2)
        assert terminal.modes()["1049"] and client.known_hosts.read_bytes() == before
        terminal.type("q")
        assert terminal.ended() == 0, terminal.after_screens()
    assert json.loads(irkit("ls", "-H", "web", "--json", status=3).out)[0]["state"] == "host key CHANGED"
