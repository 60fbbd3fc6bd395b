"""Lab hosts, through the real OpenSSH client: what they promise to the tests that build on them."""

import contextlib
import email.utils
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.lab import processes
from tests.lab.client_side import ClientSide
from tests.lab.counting import LONG, wait_until
from tests.lab.engine import Engine
from tests.lab.fixtures import USERS, ThreeHosts
from tests.lab.host_start import User, start_host
from tests.lab.hosts import LabHost
from tests.lab.leftovers import NETNS
from tests.lab.links import End
from tests.lab.sshd import KEY_TYPES
from tests.lab.tools import LabError, tool

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine")]

ENGINE_ID = "docker info --format '{{.ID}}'"


@pytest.fixture
def bare(client: ClientSide) -> Iterator[LabHost]:
    """A host without an engine, which the client knows as `host` (root), `ana`, `bob` and `eve`."""
    with start_host(users=USERS) as host:
        client.add(host)
        for user in USERS:
            client.add(host, user.name, user=user.name, trust=False)
        yield host


@contextlib.contextmanager
def session(client: ClientSide, name: str, command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs on a host, with pipes to it."""
    argv = client.ssh_argv(name, command)
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, env=client.environment()) as process:
        try:
            yield process
        finally:
            process.kill()


def say(process: subprocess.Popen[bytes], line: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(line)
    process.stdin.flush()


def hear(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


def test_users_and_their_ways_to_the_engine(ssh_host: LabHost, client: ClientSide) -> None:
    for user in USERS:
        client.add(ssh_host, user.name, user=user.name)
    assert ssh_host.engine is not None
    wanted = ssh_host.engine.docker("info", "--format", "{{.ID}}").stdout
    assert client.ssh("root", ENGINE_ID).stdout == wanted
    assert client.ssh("ana", ENGINE_ID).stdout == wanted
    assert client.ssh("bob", f"sudo -n {ENGINE_ID}").stdout == wanted
    for name in ("bob", "eve"):
        assert b"permission denied" in client.ssh(name, "docker ps", check=False).stderr
    assert client.ssh("ana", "stat -c '%F %a %G' /var/run/docker.sock").stdout == b"socket 660 docker\n"


def test_the_socket_can_be_shown_again_after_the_engine_was_started_anew(client: ClientSide) -> None:
    with start_host(engine=True, socket="/run/user/0/docker.sock") as host:
        client.add(host)
        assert host.engine is not None
        ask = "docker -H unix:///run/user/0/docker.sock info --format '{{.ID}}'"
        before = client.ssh("host", ask).stdout
        host.engine.restart()
        assert client.ssh("host", ask, check=False).returncode != 0
        host.show_socket()
        assert client.ssh("host", ask).stdout == before
        own = host.engine
    assert own.stopped


def test_a_host_behind_another_is_reached_through_it_alone(three_hosts: ThreeHosts, client: ClientSide) -> None:
    client.add(three_hosts.jump)
    client.add(three_hosts.other)
    client.add(three_hosts.inner, jump="jump")
    client.add(three_hosts.inner, "direct")
    ask = f"hostname; {ENGINE_ID}"
    said = [client.ssh(name, ask).stdout.split() for name in ("jump", "other", "inner")]
    assert [name for name, _engine in said] == [b"jump", b"other", b"inner"]
    assert len({engine for _name, engine in said}) == 3
    assert b"No route to host" in client.ssh("direct", "true", check=False).stderr


def test_several_hosts_may_show_one_engine(engine: Engine, client: ClientSide) -> None:
    with start_host(name="one", engine=engine) as one, start_host(name="two", engine=engine) as two:
        client.add(one)
        client.add(two)
        assert client.ssh("one", ENGINE_ID).stdout == client.ssh("two", ENGINE_ID).stdout
        assert one.address != two.address
        assert client.ssh("two", "hostname").stdout == b"two\n"
    assert wait_until(engine.ping)


def test_a_host_has_users_rules_and_places_of_its_own(bare: LabHost, client: ClientSide) -> None:
    assert client.ssh("bob", "sudo -n id -un").stdout == b"root\n"
    refused = client.ssh("eve", "sudo -n true", check=False)
    assert refused.returncode == 1
    assert b"password is required" in refused.stderr
    assert client.ssh("ana", "id -nG").stdout.split() == [b"ana", b"docker"]
    assert client.ssh("ana", "pwd; hostname; cat /etc/hostname").stdout == b"/home/ana\nhost\nhost\n"
    shown = client.ssh("host", "ls -A / /run /root /home; ip -br address").stdout.decode()
    assert "docker.sock" not in shown
    assert "irkit-lab" not in shown
    assert bare.address in shown
    assert "eth0" not in shown
    (bare.home("ana") / "note").write_text("from outside")
    assert client.ssh("ana", "cat ~/note").stdout == b"from outside"
    assert bare.run("id", "-un", "2001") == b"ana\n"
    assert not Path("/home/ana").exists()
    assert "/home/ana" not in Path("/etc/passwd").read_text()


def test_sudo_may_be_for_one_program_and_a_password_may_open_an_account(client: ClientSide) -> None:
    ann = User("ann", sudo="ALL=(root) NOPASSWD: /usr/bin/id", password="pass word", authorized=False)
    with start_host(users=[ann]) as host:
        client.add(host, user="ann")
        assert client.ssh("host", "true", check=False).returncode == 255
        told = client.passphrase_program("pass word")
        asked = client.ssh("host", "sudo -n id -u; sudo -n true", options=["BatchMode=no"], variables=told, check=False)
        assert (asked.returncode, asked.stdout) == (1, b"0\n")
        host.restart_sshd(KbdInteractiveAuthentication="yes", PasswordAuthentication="no")
        assert client.ssh("host", "true", options=["BatchMode=no"], variables=told).returncode == 0
        wrong = client.passphrase_program("another")
        assert client.ssh("host", "true", options=["BatchMode=no"], variables=wrong, check=False).returncode == 255


def test_an_agent_opens_accounts_too(bare: LabHost, client: ClientSide) -> None:
    client.add(bare, "by-agent", options={"IdentityFile": "none", "IdentitiesOnly": "no"}, trust=False)
    assert client.ssh("by-agent", "true", check=False).returncode == 255
    with client.agent(bare.client_key) as socket:
        assert client.ssh("by-agent", "true", variables={"SSH_AUTH_SOCK": str(socket)}).returncode == 0


def test_a_shell_may_print_a_banner(client: ClientSide) -> None:
    with start_host(users=[User("root", banner="Welcome \x1b[31m%s\n"), User("ann", banner="no newline")]) as host:
        client.add(host)
        client.add(host, "ann", user="ann")
        assert client.ssh("host", "echo done").stdout == b"Welcome \x1b[31m%s\ndone\n"
        assert client.ssh("ann", "echo done").stdout == b"no newlinedone\n"


def test_programs_can_be_missing(engine: Engine, client: ClientSide) -> None:
    with start_host(engine=engine, docker_client=False, without=("socat", "no-such-program")) as host:
        client.add(host)
        missing = client.ssh("host", "docker info", check=False)
        assert (missing.returncode, missing.stderr) == (127, b"bash: line 1: docker: command not found\n")
        assert (
            client.ssh("host", "PATH=/usr/bin:/bin command -v docker socat sudo", check=False).stdout
            == b"/usr/bin/sudo\n"
        )


def sftp(client: ClientSide, name: str) -> subprocess.CompletedProcess[bytes]:
    argv = [tool("sftp"), "-F", str(client.config), "-b", "-", name]
    return subprocess.run(argv, input=b"ls /etc/passwd\n", capture_output=True, env=client.environment(), check=False)


def test_sshd_can_be_given_any_line(bare: LabHost, client: ClientSide) -> None:
    assert b"/etc/passwd" in sftp(client, "host").stdout
    bare.restart_sshd(
        ForceCommand="echo forced", Subsystem=None, AllowTcpForwarding="no", tail="Match User bob\nForceCommand id -un"
    )
    assert client.ssh("host", "id").stdout == b"forced\n"
    assert client.ssh("bob", "echo").stdout == b"bob\n"
    assert sftp(client, "host").returncode != 0
    assert b"ForceCommand echo forced" in bare.run("cat", str(bare.sshd.config))
    bare.restart_sshd(ForceCommand=None, tail="")
    assert client.ssh("host", "echo own").stdout == b"own\n"
    with pytest.raises(LabError, match="NoSuchOption") as caught:
        bare.restart_sshd(NoSuchOption="yes")
    assert "\n" not in str(caught.value)


def test_force_command_and_sftp_are_said_at_the_start_too(client: ClientSide) -> None:
    with start_host(force_command="echo only this", subsystem_sftp=False, port=2222) as host:
        client.add(host)
        assert client.ssh("host", "id").stdout == b"only this\n"
        assert host.known_hosts_line().startswith(f"[{host.address}]:2222 ssh-ed25519 ")
        assert sftp(client, "host").returncode != 0


@pytest.mark.parametrize("key_type", KEY_TYPES)
def test_each_host_key_is_shown_and_can_be_changed(bare: LabHost, client: ClientSide, key_type: str) -> None:
    algorithm = "rsa-sha2-512" if key_type == "ssh-rsa" else key_type
    options = [f"HostKeyAlgorithms={algorithm}"]
    client.known_hosts.write_text(bare.known_hosts_line(key_type) + "\n")
    assert client.ssh("host", "true", options=options).returncode == 0
    before = bare.host_keys
    bare.new_host_key(key_type)
    assert {each for each in KEY_TYPES if bare.host_keys[each] != before[each]} == {key_type}
    refused = client.ssh("host", "true", options=options, check=False)
    assert b"REMOTE HOST IDENTIFICATION HAS CHANGED" in refused.stderr
    client.known_hosts.write_text(bare.known_hosts_line(key_type, marker="@revoked") + "\n")
    assert b"is marked as revoked" in client.ssh("host", "true", options=options, check=False).stderr
    client.known_hosts.write_text("")
    assert b"Host key verification failed" in client.ssh("host", "true", options=options, check=False).stderr


def test_a_cut_wire_loses_frames_without_a_sign(bare: LabHost, client: ClientSide) -> None:
    with session(client, "host", "cat") as cat:
        say(cat, b"before\n")
        assert hear(cat) == b"before\n"
        bare.link_down()
        say(cat, b"during\n")
        assert not wait_until(lambda: cat.poll() is not None, 1.5)
        assert bare.wait_sessions(1) == 1
        timed_out = client.ssh("host", "true", options=["ConnectTimeout=1"], check=False)
        assert b"Connection timed out" in timed_out.stderr
        bare.link_up()
        assert hear(cat) == b"during\n"


LISTEN = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
    listener.bind((sys.argv[1], 9999))
    print("ready", flush=True)
    sys.stdin.readline()
    listener.settimeout(1)
    try:
        print(listener.recv(99).decode())
    except TimeoutError:
        print("silence")
"""


def datagram(sender: End, receiver: End) -> str:
    """What becomes of one frame from one end of a wire to the other."""
    argv = [*inside(receiver), sys.executable, "-c", LISTEN, receiver.address]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdin is not None and listener.stdout is not None
        listener.stdout.readline()
        subprocess.run([*inside(sender), "bash", "-c", f"echo arrived >/dev/udp/{receiver.address}/9999"], check=True)
        print("sent", file=listener.stdin, flush=True)  # from here on it waits, as long as a frame may take
        return listener.stdout.readline().strip()


def inside(end: End) -> list[str]:
    return [tool("nsenter"), f"--net={NETNS / end.namespace}"] if end.namespace else []


def test_a_cut_wire_loses_frames_of_each_direction() -> None:
    with start_host() as outer, start_host(behind=outer) as inner:
        for host in (outer, inner):
            near, far = host.link.outer, host.link.inner
            for wanted, change in (("arrived", host.link_up), ("silence", host.link_down), ("arrived", host.link_up)):
                change()
                assert (datagram(near, far), datagram(far, near)) == (wanted, wanted)


def test_sessions_and_processes_are_counted(ssh_host: LabHost, client: ClientSide) -> None:
    for name in ("root", "ana"):
        client.add(ssh_host, name, user=name)
    assert ssh_host.wait_sessions(0) == 0
    with session(client, "root", "cat") as one, session(client, "ana", "docker system dial-stdio") as two:
        say(one, b"here\n")
        hear(one)
        assert wait_until(lambda: len(ssh_host.processes("dial-stdio")) == 1)
        assert ssh_host.wait_sessions(2) == 2
        assert [argv[0] for argv in ssh_host.processes("dial-stdio").values()] == ["docker"]
        ssh_host.restart_sshd(keep_sessions=True)
        assert ssh_host.wait_sessions(2) == 2
        say(one, b"still here\n")
        assert hear(one) == b"still here\n"
        ssh_host.end_sessions()
        assert (one.wait(LONG), two.wait(LONG)) == (255, 255)
    assert ssh_host.wait_sessions(0) == 0
    assert client.ssh("root", "true").returncode == 0
    client.ssh("root", "setsid sleep 1001 >/dev/null 2>&1 </dev/null &")
    assert wait_until(lambda: list(ssh_host.processes("1001").values()) == [["sleep", "1001"]])
    processes.end(ssh_host.processes("1001"), grace=1)
    assert ssh_host.wait_no_processes("1001") == {}
    assert "Accepted publickey for ana" in ssh_host.log()


def test_zone_and_clock_of_an_engine_can_be_wrong(client: ClientSide) -> None:
    with start_host(engine=True, zone="Asia/Tokyo", engine_clock_offset=-3 * 3600) as host:
        client.add(host)
        told = client.ssh("host", "docker info --format '{{.SystemTime}}'; date +%z").stdout.decode().split()
        moment = datetime.fromisoformat(told[0][:26] + told[0][-6:])
        assert told[0].endswith("+09:00")
        assert round((moment - datetime.now(UTC)).total_seconds() / 60) == -180
        assert told[1] == "+0900"
        assert b"REPOSITORY" in client.ssh("host", "docker images").stdout
        assert host.engine is not None
        assert client.ssh("host", ENGINE_ID).stdout == host.engine.docker("info", "--format", "{{.ID}}").stdout
        assert abs((date_told(host.source) - datetime.now(UTC)).total_seconds() + 3 * 3600) < 600


def date_told(path: Path | None) -> datetime:
    """The Date that stands over an answer of an engine."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"GET /_ping HTTP/1.1\r\nHost: lab\r\n\r\n")
        found = re.search(r"\r\nDate: ([^\r]+)\r\n", connection.makefile("rb").read().decode("ascii"))
    assert found is not None
    return email.utils.parsedate_to_datetime(found[1])
