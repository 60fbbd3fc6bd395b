"""Logging in to a real sshd in every way there is, and to false ones: one line says what was tried and is missing."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from irkit.adapters import ssh_attempt
from irkit.adapters.ssh_auth import LoginEndedError
from irkit.adapters.ssh_link import connect
from irkit.adapters.ssh_transport import SshTransport
from irkit.core.errors import HostState, Refusal
from irkit.engine.deadline import Cancel
from tests.adapters import made_keys
from tests.adapters.made_keys import Keys, keygen
from tests.adapters.ssh_agents import LabAgent, false_agent, start_agent
from tests.adapters.ssh_servers import as_any, fake_host
from tests.adapters.ssh_side import Asked, Doing, deadline, host_of, linked, refusal, ways
from tests.lab.client_side import ClientSide
from tests.lab.counting import LONG, Held, wait_released, wait_until
from tests.lab.fixtures import needed
from tests.lab.host_start import User, start_host
from tests.lab.hosts import LabHost
from tests.lab.setup import ensure_packages

pytestmark = [pytest.mark.engine]
SECRET = f"Hunter2-{os.urandom(8).hex()}"
"""Of this process alone, as one test looks for it in the command lines of all."""
keys = made_keys.keys


@pytest.fixture(scope="module")
def web() -> Iterator[LabHost]:
    """ana has a key and a password, bob a password alone, root a key alone."""
    needed()
    ensure_packages()
    users = [User("root"), User("ana", password=SECRET), User("bob", password=SECRET, authorized=False)]
    with start_host(name="web", users=users, sshd={"MaxAuthTries": "6"}) as host:
        yield host


@pytest.fixture
def agent() -> Iterator[LabAgent]:
    with start_agent() as started:
        yield started


@pytest.fixture
def with_sshd(web: LabHost) -> Iterator[LabHost]:
    """The host, whose sshd has its own settings again afterwards."""
    kept = dict(web.sshd.options)
    yield web
    web.sshd.options = kept
    web.restart_sshd()


def encrypted(folder: Path, key: Path, phrase: str = SECRET) -> Path:
    """A copy of a key under a passphrase."""
    path = folder / "locked"
    path.write_bytes(key.read_bytes())
    path.chmod(0o600)
    assert keygen("-q", "-p", "-N", phrase, "-f", path).returncode == 0
    return path


# Keys:


def test_a_plain_key_lets_in(client: ClientSide, web: LabHost) -> None:
    for user in ("root", "ana"):
        client.add(web, user, user=user)
        with linked(client, user) as link:
            assert link.transport.is_authenticated()
            assert link.settings.user == user


def test_an_encrypted_key_is_asked_for_once_for_all_hosts(client: ClientSide, web: LabHost, tmp_path: Path) -> None:
    locked = encrypted(tmp_path, web.client_key)
    client.add(web, "one", options={"IdentityFile": str(locked)})
    client.config.write_text(client.config.read_text().replace(f"    IdentityFile {web.client_key}\n", ""))
    asked = Asked(locked=SECRET)
    way = ways(client, asked)
    threads = [Doing(connect, host_of("one"), way, deadline()) for _ in range(4)]
    assert all(one.ended() for one in threads)
    assert [one.error for one in threads] == [None] * 4
    for one in threads:
        one.result.end()
    assert asked.prompts == [f"Passphrase of the key {locked}: "]


@pytest.mark.parametrize("answers", [["wrong", SECRET], ["wrong", "worse", "worst"], [None], None])
def test_a_passphrase_that_is_wrong_or_not_told(
    client: ClientSide, web: LabHost, tmp_path: Path, answers: list[str | None] | None
) -> None:
    locked = encrypted(tmp_path, web.client_key)
    client.config.write_text(f"Host locked\n    IdentityFile {locked}\n{client.config.read_text()}")
    client.add(web, "locked")
    client.config.write_text(client.config.read_text().replace(f"    IdentityFile {web.client_key}\n", ""))
    way = ways(client, Asked(locked=answers) if answers else None)
    if answers and SECRET in answers:
        with linked(client, "locked", way) as link:
            assert link.is_well
        return
    error = refusal(client, "locked", way)
    assert error.state is HostState.AUTH
    assert str(locked) in error.reason
    wanted = "3 wrong passphrases" if answers and len(answers) == 3 else "--ask-pass"
    assert wanted in error.reason


def test_nobody_is_asked_for_the_passphrase_of_a_key_that_the_host_does_not_take(
    client: ClientSide, web: LabHost, keys: Keys, tmp_path: Path
) -> None:
    locked = encrypted(tmp_path, keys.file("stranger_ed25519"))
    client.add(web, options={"IdentityFile": str(locked)})
    client.config.write_text(client.config.read_text().replace(f"    IdentityFile {web.client_key}\n", ""))
    asked = Asked(locked=SECRET)
    error = refusal(client, "web", ways(client, asked))
    assert not any("Passphrase" in prompt for prompt in asked.prompts)
    assert str(locked) in error.reason


def test_a_key_that_others_can_read_is_not_used_and_that_is_said(
    client: ClientSide, web: LabHost, tmp_path: Path
) -> None:
    shown = tmp_path / "shown"
    shown.write_bytes(web.client_key.read_bytes())
    shown.chmod(0o644)
    client.add(web, options={"IdentityFile": str(shown)})
    client.config.write_text(client.config.read_text().replace(f"    IdentityFile {web.client_key}\n", ""))
    error = refusal(client, "web")
    assert f"chmod 600 {shown}" in error.reason
    assert error.state is HostState.AUTH


def test_a_certificate_of_the_hosts_authority_lets_in(
    client: ClientSide, with_sshd: LabHost, keys: Keys, tmp_path: Path
) -> None:
    trusted = with_sshd.root / "user_ca.pub"
    trusted.write_text(keys.public("ca_ed25519").read_text())
    with_sshd.restart_sshd(TrustedUserCAKeys=str(trusted))
    certificate = keys.sign("mine_ed25519", "ca_ed25519", "-n", "root", "-V", "-1h:+1h", place="login")
    shown = f"    IdentityFile {keys.file('mine_ed25519')}\n    CertificateFile {certificate}\n"
    client.config.write_text(f"Host web\n{shown}{client.config.read_text()}")
    client.add(with_sshd)
    client.config.write_text(client.config.read_text().replace(f"    IdentityFile {with_sshd.client_key}\n", ""))
    with linked(client, "web") as link:
        assert link.is_well
    words = "Accepted certificate", "Accepted publickey for root"
    assert wait_until(lambda: any(one in with_sshd.log() for one in words))
    locked = encrypted(tmp_path, keys.file("mine_ed25519"))
    text = client.config.read_text().replace(str(keys.file("mine_ed25519")), str(locked))
    client.config.write_text(text)
    with linked(client, "web", ways(client, Asked(locked=SECRET))) as link:
        assert link.is_well


@pytest.mark.parametrize("says_so", [True, False])
def test_a_key_of_a_type_that_the_host_does_not_take_leaves_the_next_one_its_turn(
    client: ClientSide, with_sshd: LabHost, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says_so: bool
) -> None:
    if says_so:
        shown = {"server-sig-algs": b"ssh-ed25519"}
        monkeypatch.setattr(SshTransport, "_parse_ext_info", lambda self, _: setattr(self, "server_extensions", shown))
    else:
        with_sshd.restart_sshd(PubkeyAcceptedAlgorithms="ssh-ed25519")
    locked = encrypted(tmp_path, keys.file("locked_rsa"))
    client.add(with_sshd)
    text = f"Host web\n    IdentityFile {locked}\n    IdentityFile {keys.file('plain_rsa')}\n"
    client.config.write_text(text + client.config.read_text())
    asked = Asked(locked=SECRET)
    with linked(client, "web", ways(client, asked)) as link:
        assert link.is_well
    assert asked.prompts == []
    client.config.write_text(client.config.read_text().replace(f"    IdentityFile {with_sshd.client_key}\n", ""))
    reason = refusal(client, "web", ways(client, asked)).reason
    assert str(keys.file("plain_rsa")) in reason
    assert ("of no use" in reason) is says_so
    assert not any("Passphrase" in prompt for prompt in asked.prompts)


# An agent:


def with_agent(client: ClientSide, web: LabHost, *, only_these: bool = False) -> None:
    """A host to which only what the agent holds leads."""
    client.add(web, options={"IdentitiesOnly": "yes" if only_these else "no"})
    if not only_these:
        text = client.config.read_text()
        client.config.write_text(text.replace(f"IdentityFile {web.client_key}\n", "IdentityFile none\n"))


def test_a_key_that_an_agent_holds_lets_in(client: ClientSide, web: LabHost, agent: LabAgent) -> None:
    with_agent(client, web)
    assert "nothing to try" in refusal(client, "web").reason
    agent.add(web.client_key)
    with linked(client, "web", ways(client, extra=agent.environment)) as link:
        assert link.is_well


def test_only_the_named_key_of_an_agent_is_tried_where_that_is_configured(
    client: ClientSide, web: LabHost, agent: LabAgent, keys: Keys
) -> None:
    for number in range(8):
        agent.add(keys.file(f"agent{number}_ed25519"))
    agent.add(web.client_key)
    with_agent(client, web, only_these=True)
    before = len(web.log())
    with linked(client, "web", ways(client, extra=agent.environment)) as link:
        assert link.is_well
    assert "Failed publickey" not in web.log()[before:]


def test_too_many_keys_of_an_agent_are_an_error_that_says_what_to_do(
    client: ClientSide, web: LabHost, agent: LabAgent, keys: Keys
) -> None:
    for number in range(8):
        agent.add(keys.file(f"agent{number}_ed25519"))
    agent.add(web.client_key)
    with_agent(client, web)
    error = refusal(client, "web", ways(client, extra=agent.environment))
    assert error.state is HostState.AUTH
    assert "Too many authentication failures" in error.reason
    assert "IdentitiesOnly" in error.reason


def test_a_key_that_the_agent_does_not_sign_with_leaves_the_next_one_its_turn(
    client: ClientSide, web: LabHost, agent: LabAgent, keys: Keys
) -> None:
    agent.add("-c", web.client_key)  # to be confirmed, and nobody is there to do it
    client.add(web, options={"IdentitiesOnly": "no"})
    client.config.write_text(
        client.config.read_text().replace(f"IdentityFile {web.client_key}", f"IdentityFile {keys.file('none_ed25519')}")
    )
    error = refusal(client, "web", ways(client, extra=agent.environment))
    assert error.state is HostState.AUTH
    assert "of no use" in error.reason
    assert str(keys.file("none_ed25519")) in error.reason  # which was tried as well


def test_an_agent_that_hangs_is_not_waited_for_once_told_to_stop(client: ClientSide, web: LabHost) -> None:
    public = made_keys.blob_of(web.client_key.with_suffix(".pub"))
    listed = b"\x0c\x00\x00\x00\x01" + made_keys.strings(public, b"hangs")
    with_agent(client, web)
    with false_agent(made_keys.string(listed), b"") as place:
        before, cancel = Held(), Cancel()
        way = ways(client, extra={"SSH_AUTH_SOCK": str(place)})
        connecting = Doing(connect, host_of("web"), way, deadline(60, cancel))
        assert not connecting.ended(1)
        cancel.set()
        assert connecting.ended()
        assert connecting.error is not None
        assert connecting.error.kind is Refusal.CANCELLED
        assert wait_until(lambda: "thread" not in Held().more(before))


def test_an_agent_may_take_longer_than_a_host(
    client: ClientSide, web: LabHost, agent: LabAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = paramiko.agent.AgentKey.sign_ssh_data

    def slowly(self: paramiko.agent.AgentKey, data: bytes, algorithm: str | None = None) -> object:
        with pytest.MonkeyPatch.context() as meanwhile:  # the host itself has its time
            meanwhile.setattr(ssh_attempt, "SILENT", 0.3)
            time.sleep(0.8)
        return sign(self, data, algorithm)

    monkeypatch.setattr(paramiko.agent.AgentKey, "sign_ssh_data", slowly)
    agent.add(web.client_key)
    with_agent(client, web)
    with linked(client, "web", ways(client, extra=agent.environment)) as link:
        assert link.is_well


def test_an_agent_that_is_gone_is_noted(client: ClientSide, web: LabHost, tmp_path: Path) -> None:
    client.add(web)
    with linked(client, "web", ways(client, extra={"SSH_AUTH_SOCK": str(tmp_path / "gone")})) as link:
        assert any("no agent answers" in note for note in link.notes)


# What is asked:


def test_a_password_lets_in_and_is_asked_once(client: ClientSide, web: LabHost) -> None:
    client.add(web, user="bob")
    asked = Asked(Password=SECRET)
    way = ways(client, asked)
    for _ in range(2):
        with linked(client, "web", way) as link:
            assert link.is_well
    assert asked.prompts == [f"Password of bob@{web.address}:22 (web): "]


def test_a_password_goes_to_nobody_but_the_host_that_it_was_asked_for(client: ClientSide) -> None:
    """Two hosts with one private address, each reached in its own way."""
    with fake_host(client, "a") as one, fake_host(client, "b") as other:
        for host, name in ((one, "siteA"), (other, "siteB")):
            host.rules.lets_in, host.rules.allowed = False, "password"
            client.trust(f"{name} {host.key.get_name()} {host.key.get_base64()}")
            client.config.write_text(
                f"Host {name}\n    HostName 192.0.2.5\n    User pat\n    HostKeyAlias {name}\n"
                f"    ProxyCommand socat - TCP:127.0.0.1:{host.port}\n{client.config.read_text()}"
            )
        asked = Asked(siteA=[SECRET])
        way = ways(client, asked)
        one.rules.check_auth_password = lambda *_: paramiko.common.AUTH_SUCCESSFUL  # type: ignore[method-assign]
        with linked(client, "siteA", way) as link:
            assert link.is_well
        assert refusal(client, "siteB", way).state is HostState.AUTH
        assert asked.prompts == [f"Password of pat@192.0.2.5:22 (site{letter}): " for letter in "AB"]
        assert "password" not in other.rules.logins


def test_a_wrong_password_is_asked_for_again_and_then_refused(client: ClientSide, web: LabHost) -> None:
    client.add(web, user="bob")
    with linked(client, "web", ways(client, Asked(Password=["wrong", SECRET]))) as link:
        assert link.is_well
    asked = Asked(Password=["Wrong-One", "Wrong-Two", "Wrong-Three"])
    way = ways(client, asked)
    error = refusal(client, "web", way)
    assert error.state is HostState.AUTH
    assert "a password" in error.reason
    assert len(asked.prompts) == 3
    assert asked.prompts[1].startswith("That was wrong. ")
    assert not any(word in error.reason for word in ("Wrong-One", "Wrong-Two", "Wrong-Three"))


def test_where_nobody_is_asked_it_is_said_that_a_password_would_do(client: ClientSide, web: LabHost) -> None:
    client.add(web, user="bob")
    for asked in (None, Asked()):
        error = refusal(client, "web", ways(client, asked))
        assert error.state is HostState.AUTH
        assert "password" in error.reason
    assert "--ask-pass" in refusal(client, "web").reason


def test_a_host_that_asks_itself_is_answered(client: ClientSide, with_sshd: LabHost) -> None:
    with_sshd.restart_sshd(KbdInteractiveAuthentication="yes", PasswordAuthentication="no")
    client.add(with_sshd, user="bob")
    asked = Asked(Password=["wrong", SECRET])
    with linked(client, "web", ways(client, asked)) as link:
        assert link.is_well
    assert len(asked.prompts) == 2
    assert wait_until(lambda: "keyboard-interactive" in with_sshd.log())
    error = refusal(client, "web")
    assert "--ask-pass" in error.reason


def test_a_key_and_a_password_may_both_be_wanted(client: ClientSide, with_sshd: LabHost) -> None:
    with_sshd.restart_sshd(AuthenticationMethods="publickey,password")
    client.add(with_sshd, user="ana")
    with linked(client, "web", ways(client, Asked(Password=SECRET))) as link:
        assert link.is_well
    assert "password" in refusal(client, "web").reason
    client.add(with_sshd, "bob", user="bob")
    error = refusal(client, "bob", ways(client, Asked(Password=SECRET)))
    assert "the host allows publickey" in error.reason


def test_a_password_and_then_a_key_may_be_wanted(client: ClientSide, with_sshd: LabHost) -> None:
    with_sshd.restart_sshd(AuthenticationMethods="password,publickey")
    client.add(with_sshd, user="ana")
    with linked(client, "web", ways(client, Asked(Password=SECRET))) as link:
        assert link.is_well
    assert "tried a password" in refusal(client, "web", ways(client, Asked(Password=["wrong"] * 3))).reason


def test_a_host_that_always_wants_one_thing_more_is_left(client: ClientSide, monkeypatch: pytest.MonkeyPatch) -> None:
    def one_more(username: str, password: str) -> int:
        host.rules.logins.append("password")
        return paramiko.common.AUTH_PARTIALLY_SUCCESSFUL

    with fake_host(client) as host:
        host.rules.lets_in = False
        monkeypatch.setattr(host.rules, "check_auth_password", one_more)
        host.rules.allowed = "password"
        error = refusal(client, "fake", ways(client, Asked(Password=SECRET)))
        assert error.state is HostState.AUTH
        assert len(host.rules.logins) < 20


def test_methods_that_are_configured_off_are_not_tried(client: ClientSide, web: LabHost) -> None:
    client.add(web, user="ana", options={"PubkeyAuthentication": "no", "PasswordAuthentication": "no"})
    asked = Asked(Password=SECRET)
    error = refusal(client, "web", ways(client, asked))
    assert "there was nothing to try" in error.reason
    assert asked.prompts == []


def test_a_login_that_the_host_gave_up_while_somebody_typed_is_made_again(
    client: ClientSide, with_sshd: LabHost
) -> None:
    client.add(with_sshd, user="bob")

    class Slowly(Asked):
        def __call__(self, prompt: str) -> str | None:
            for pid in with_sshd.session_pids():
                os.kill(pid, signal.SIGALRM)  # as when LoginGraceTime is over
            assert with_sshd.wait_sessions(0) == 0
            return super().__call__(prompt)

    asked = Slowly(Password=SECRET)
    with linked(client, "web", ways(client, asked)) as link:
        assert link.is_well
    assert len(asked.prompts) == 1


def test_a_host_that_lets_nobody_in_is_told(client: ClientSide, with_sshd: LabHost) -> None:
    with_sshd.restart_sshd(AllowUsers="nobody")
    client.add(with_sshd)
    error = refusal(client, "web")
    assert error.state is HostState.AUTH
    assert f"root@{with_sshd.address}:22 is not let in" in error.reason


def test_who_is_not_let_in_is_told_what_was_tried_and_what_to_do_next(client: ClientSide, web: LabHost) -> None:
    client.add(web, user="bob")
    reason = refusal(client, "web").reason
    assert (
        f"bob@{web.address}:22 is not let in: the host allows publickey, password; tried {web.client_key}; " in reason
    )
    assert "IdentityFile" in reason and "ssh-add" in reason and "--ask-pass" in reason
    assert reason.endswith("; to see more, by hand: ssh -v bob@web")
    client.add(web, "other", user="bob", options={"PubkeyAuthentication": "no"})
    reason = refusal(client, "other", ways(client, Asked())).reason
    assert "ssh-add" not in reason and "--ask-pass" not in reason and "ssh -v bob@other" in reason


@pytest.mark.parametrize(("count", "state"), [(1, HostState.DOWN), (3, HostState.AUTH)])
def test_a_login_that_ends_without_a_word_was_cut_unless_much_was_tried(
    client: ClientSide, keys: Keys, monkeypatch: pytest.MonkeyPatch, count: int, state: HostState
) -> None:
    tried: list[str] = []

    def check(username: str, key: paramiko.PKey) -> int:
        tried.append(username)
        if len(tried) == count:
            host.transports[-1].sock.close()
        return paramiko.common.AUTH_FAILED

    with fake_host(client) as host:
        host.rules.lets_in = False
        monkeypatch.setattr(host.rules, "check_auth_publickey", check, raising=False)
        for number in range(4):
            key = f"    IdentityFile {keys.file(f'agent{number}_ed25519')}\n"
            client.config.write_text(client.config.read_text().replace("Host fake\n", f"Host fake\n{key}"))
        error = refusal(client, "fake")
    assert error.state is state and len(tried) == count
    assert isinstance(error, LoginEndedError) and "IdentitiesOnly" not in error.reason
    told = "the host ended the connection after 3 attempts" if count == 3 else "the connection was cut while logging in"
    assert error.reason.startswith(f"fake: {told}"), error.reason


# Secrets stay secret:


def test_a_secret_is_in_no_error_log_description_or_command_line(
    client: ClientSide, web: LabHost, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    seen: list[str] = []
    run = ssh_attempt.Attempt.run

    def spy(self: ssh_attempt.Attempt, *rest: object) -> object:
        lines = [Path(f"/proc/{pid}/cmdline") for pid in os.listdir("/proc") if pid.isdecimal()]  # noqa: PTH208
        seen.append(repr(self) + repr(rest))
        for line in lines:
            try:
                seen.append(line.read_bytes().decode("utf-8", "replace"))
            except OSError:
                continue
        return run(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(ssh_attempt.Attempt, "run", spy)
    caplog.set_level(0)
    client.add(web, user="bob")
    way = ways(client, Asked(Password=SECRET))
    with linked(client, "web", way) as link:
        seen += [repr(link), repr(way), repr(link.transport), repr(vars(link.transport.auth_handler))]
    seen += [refusal(client, "web", ways(client, Asked(Password=["Not-" + SECRET] * 3))).reason]
    seen += [caplog.text, *capfd.readouterr()]
    assert not any(SECRET in text for text in seen)


# False hosts:


@pytest.fixture
def undecided(client: ClientSide) -> Iterator[None]:
    with fake_host(client) as host:
        host.rules.lets_in = False
        real = as_any(paramiko.auth_handler.AuthHandler)._send_auth_result
        as_any(paramiko.auth_handler.AuthHandler)._send_auth_result = lambda *_: None
        yield
        as_any(paramiko.auth_handler.AuthHandler)._send_auth_result = real


@pytest.mark.usefixtures("undecided")
def test_a_host_that_does_not_decide_is_not_waited_for(client: ClientSide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_attempt, "SILENT", 0.3)
    assert "does not decide" in refusal(client, "fake").reason


@pytest.mark.usefixtures("undecided")
def test_being_told_to_stop_or_late_ends_a_login(client: ClientSide) -> None:
    cancel = Cancel()
    stopped = Doing(connect, host_of("fake"), ways(client), deadline(60, cancel))
    late = Doing(connect, host_of("fake"), ways(client), deadline(0.6))
    time.sleep(0.5)
    cancel.set()
    assert stopped.ended()
    assert late.ended()
    assert stopped.error is not None
    assert late.error is not None
    assert (stopped.error.kind, late.error.kind) == (Refusal.CANCELLED, Refusal.TIMEOUT)


@pytest.mark.parametrize("count", [17, 4_000_000_000])
def test_a_host_that_asks_too_much_is_not_answered(
    client: ClientSide, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(self: object, result: object, *_: object) -> None:
        message = paramiko.Message()
        message.add_byte(b"\x3c")
        for text in ("title", "instructions", ""):
            message.add_string(text)
        message.add_int(count)
        as_any(self).transport._send_message(message)

    monkeypatch.setattr(paramiko.auth_handler.AuthHandler, "_send_auth_result", ask)
    before = Held()
    with fake_host(client) as host:
        host.rules.lets_in = False
        error = refusal(client, "fake", ways(client, Asked(t=SECRET)))
        assert "questions" in error.reason or "made no sense" in error.reason
    assert wait_released(before) == {}


def test_questions_of_a_host_are_shown_safely_and_answered_in_order(
    client: ClientSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(self: object, username: str, submethods: str) -> object:
        return paramiko.server.InteractiveQuery("\x1b[31mBank\r\n", "tell", ("One: ", True), ("Two: ", False))

    answers: list[list[str]] = []

    def answered(self: object, responses: list[str]) -> int:
        answers.append(responses)
        return paramiko.common.AUTH_SUCCESSFUL

    with fake_host(client) as host:
        host.rules.lets_in = False
        monkeypatch.setattr(type(host.rules), "check_auth_interactive", check, raising=False)
        monkeypatch.setattr(type(host.rules), "check_auth_interactive_response", answered, raising=False)
        asked = Asked(One="first", Two="second")
        with linked(client, "fake", ways(client, asked)) as link:
            assert link.is_well
        asks = f'root@127.0.0.1:{host.port} (fake) asks "'
        assert [prompt.startswith(asks) for prompt in asked.prompts] == [True, True]
    assert answers == [["first", "second"]]
    assert all(prompt.isprintable() for prompt in asked.prompts)


def test_what_a_host_asks_cannot_be_taken_for_a_question_of_irkits(
    client: ClientSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = "Passphrase of the key /root/.ssh/id_ed25519: "
    query = paramiko.server.InteractiveQuery("", "", (f'{" " * 150}\r"{fake}', False), ("x" * 5000, False))
    with fake_host(client) as host:
        host.rules.lets_in = False
        monkeypatch.setattr(type(host.rules), "check_auth_interactive", lambda *_: query, raising=False)
        asked = Asked(Passphrase="first")
        refusal(client, "fake", ways(client, asked))
        where = f"root@127.0.0.1:{host.port} (fake)"
    assert asked.prompts == [
        f'{where} asks "\'{fake.strip()}"; what you type goes to that host: ',
        f'{where} asks "{"x" * 79}…"; what you type goes to that host: ',
    ]


@pytest.mark.parametrize("prompts", [(), (("Code: ", True),)])
def test_a_host_that_asks_again_and_again_is_left(
    client: ClientSide, monkeypatch: pytest.MonkeyPatch, prompts: tuple[tuple[str, bool], ...]
) -> None:
    query, rounds = paramiko.server.InteractiveQuery("", "", *prompts), []

    def answered(self: object, responses: list[str]) -> object:
        rounds.append(responses)
        return query

    with fake_host(client) as host:
        host.rules.lets_in = False
        monkeypatch.setattr(type(host.rules), "check_auth_interactive", lambda *_: query, raising=False)
        monkeypatch.setattr(type(host.rules), "check_auth_interactive_response", answered, raising=False)
        error = refusal(client, "fake", ways(client, Asked(Code="1")))
    assert "asks one thing after another" in error.reason and error.state is HostState.AUTH
    assert len(rounds) == 8


def test_a_question_that_nobody_answers_is_not_answered_with_nothing(
    client: ClientSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[list[str]] = []
    query = paramiko.server.InteractiveQuery("", "", ("Code: ", False))

    def answered(self: object, responses: list[str]) -> int:
        answers.append(responses)
        return paramiko.common.AUTH_FAILED

    with fake_host(client) as host:
        host.rules.lets_in = False
        monkeypatch.setattr(type(host.rules), "check_auth_interactive", lambda *_: query, raising=False)
        monkeypatch.setattr(type(host.rules), "check_auth_interactive_response", answered, raising=False)
        error = refusal(client, "fake", ways(client, Asked()))
        assert error.state is HostState.AUTH
        assert "Code:" in error.reason
    assert answers == []
    assert "password" not in host.rules.logins


def test_while_one_is_asked_the_others_go_on(client: ClientSide, web: LabHost) -> None:
    client.add(web, "asks", user="bob")
    client.add(web, "plain")
    going_on, answer = threading.Event(), threading.Event()

    class Waiting(Asked):
        def __call__(self, prompt: str) -> str | None:
            going_on.set()
            answer.wait(LONG)
            return super().__call__(prompt)

    way = ways(client, Waiting(Password=SECRET))
    slow = Doing(connect, host_of("asks"), way, deadline())
    assert going_on.wait(LONG)
    quick = Doing(connect, host_of("plain"), way, deadline())
    assert quick.ended()
    assert quick.error is None
    quick.result.end()
    answer.set()
    assert slow.ended()
    slow.result.end()
    assert wait_until(lambda: web.sessions() == 0)
