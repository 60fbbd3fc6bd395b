"""Asking ssh what its configuration says: how it is called, and what happens when it does not answer as it should."""

import os
import signal
from pathlib import Path

import pytest

from irkit.adapters import ssh_config_query
from irkit.adapters.ssh_config import SshSettings, read_ssh_settings
from irkit.core.errors import UsageError
from tests.adapters.ssh_configs import WITH_OPENSSH, fake_ssh, read
from tests.lab.counting import wait_until


def ask(folder: Path, script: str, **more: str) -> SshSettings:
    """What is read where ssh is that script."""
    return read_ssh_settings("web", environment=fake_ssh(folder, script) | more, home=folder)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends(pid: int) -> bool:
    """Whether a process is gone, or goes well before it would by itself."""
    return wait_until(lambda: not lives(pid))


def test_ssh_is_called_without_a_shell_and_the_name_stands_last(tmp_path: Path) -> None:
    script = (
        f'for word; do echo "<$word>"; done > {tmp_path}/argv; cat > {tmp_path}/stdin; echo "$MARK" > {tmp_path}/env'
    )
    environment = fake_ssh(tmp_path, script) | {"MARK": "passed on", "HOME": "/x"}
    config = Path("relative config")
    read_ssh_settings("web", user="ana", port=2222, environment=environment, home=tmp_path, config=config)
    expected = [
        "-G",
        "-T",
        "-o",
        "ControlPath=%C",
        "-F",
        str(Path.cwd() / config),
        "-l",
        "ana",
        "-p",
        "2222",
        "--",
        "web",
    ]
    assert (tmp_path / "argv").read_text().splitlines() == [f"<{word}>" for word in expected]
    assert (tmp_path / "stdin").read_text() == ""
    assert (tmp_path / "env").read_text() == "passed on\n"


def test_only_what_is_asked_for_is_on_the_command_line(tmp_path: Path) -> None:
    ask(tmp_path, f'echo "$@" > {tmp_path}/argv')
    assert (tmp_path / "argv").read_text() == "-G -T -o ControlPath=%C -- web\n"


def test_an_ssh_that_leaves_values_out_has_the_usual_ones(tmp_path: Path) -> None:
    found = ask(tmp_path, "")
    assert (found.host_name, found.port, found.host_key_algorithms) == ("web", 22, ())


def test_an_older_ssh_leaves_the_home_to_be_put_in(tmp_path: Path) -> None:
    found = ask(tmp_path, "echo 'userknownhostsfile ~/.ssh/known_hosts ~/.ssh/known_hosts2'")
    assert found.user_known_hosts == (found.home / ".ssh/known_hosts", found.home / ".ssh/known_hosts2")


def test_an_ssh_that_does_not_say_what_its_hash_is_leaves_it_unknown(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="%C stands for nothing"):
        ask(tmp_path, "echo 'controlpath %C'; echo 'identityfile /k/%C'")


def test_another_ssh_than_openssh_is_not_asked_and_the_files_are_read(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    environment = fake_ssh(tmp_path, f"touch {ran}")
    program = tmp_path / "bin/ssh"
    program.write_text(f"#!/bin/sh\n[ $# = 1 ] || touch {ran}\necho 'Dropbear v2022.83' >&2\n")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").touch(0o600)
    (tmp_path / ".ssh/config").write_text("User ana\n")
    assert read_ssh_settings("web", environment=environment, home=tmp_path).user == "ana"
    assert not ran.exists()


# Faults ----------------------------------------------------------------------------------------------------------


def test_a_mistake_in_the_configuration_is_said_in_ssh_s_own_words(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, "NoSuchThing yes\n", way=WITH_OPENSSH)
    assert str(caught.value) == (
        f"ssh refuses its own configuration for web: {tmp_path}/config: line 1: Bad configuration option: nosuchthing"
    )


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("printf 'bad \\033[31m thing\\nline 2\\n' >&2; exit 255", "bad ␛[31m thing; line 2"),
        ("exit 0", "ssh -G says nothing of web"),
        ("exit 3", "it ended with status 3"),
        ("kill -9 $$", "it ended with status -9"),
        ("echo port x", "Port 'x' is not a number"),
        ("echo port", "Port '' is not a number"),
        ("printf 'user a\\007b\\n'", "User 'a␇b' holds characters"),
        ("printf 'hostname \\377\\n'", "HostName"),
        ("echo hostname -oProxyCommand=x", "neither a name nor an address"),
        ("echo proxyjump -oX", "is not an address"),
        ("echo connecttimeout never", "ConnectTimeout 'never' is not a time"),
    ],
)
def test_an_answer_that_makes_no_sense_is_one_line(tmp_path: Path, script: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        ask(tmp_path, script)
    assert reason in str(caught.value)
    assert str(caught.value).isprintable()


def test_an_answer_without_end_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="said more than 1048576 bytes"):
        ask(tmp_path, "exec yes")


def test_a_match_exec_that_does_not_end_is_given_up_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = tmp_path / "pid"
    pid.touch()
    for seconds in (1.0, 5.0, 25.0):  # on a busy machine it takes longer until there is something that does not end
        monkeypatch.setattr(ssh_config_query, "SECONDS", seconds)
        with pytest.raises(UsageError, match=f"more than {seconds:g} s to read its configuration"):
            read(tmp_path, f'Match exec "echo $$ > {pid}; exec sleep 300"\n User ana\n', way=WITH_OPENSSH)
        if pid.read_text():
            break
    assert ends(int(pid.read_text()))


def test_what_a_match_exec_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    text = f'Match exec "sleep 300 & echo $! > {pid}"\n User ana\n'
    try:
        assert read(tmp_path, text, way=WITH_OPENSSH).user == "ana"
        assert lives(int(pid.read_text()))
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


@pytest.mark.parametrize("content", [b"\x7fELF nonsense", b"#!/no/such/interpreter\n"])
def test_an_ssh_that_cannot_be_run_is_said(tmp_path: Path, content: bytes) -> None:
    environment = fake_ssh(tmp_path, "")
    (tmp_path / "bin/ssh").write_bytes(content)
    with pytest.raises(UsageError, match="bin/ssh cannot be run"):
        read_ssh_settings("web", environment=environment, home=tmp_path)


def test_an_environment_that_no_program_can_have_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be run"):
        ask(tmp_path, "", BAD="a\0b")
