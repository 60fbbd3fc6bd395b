"""The files of a host over SFTP: only reads are on the wire, and a server that dies, hangs or lies does no harm."""

import contextlib
import getpass
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import paramiko
import pytest

from irkit.adapters.host_files import LocalFiles
from irkit.adapters.sftp_files import SftpFiles
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, FileFacts
from irkit.engine.deadline import Cancel
from tests.adapters.scripted_sftp import (
    ScriptedWire,
    serve,
    string,
)
from tests.adapters.sftp_servers import SftpServers, open_files, requests_of
from tests.contract.file_sites import deadline
from tests.lab.sshd import Sshd, make_key, sftp_server

MIB = 1 << 20
OPEN, CLOSE, READ, LSTAT, OPENDIR, READDIR, READLINK, EXTENDED = 3, 4, 5, 7, 11, 12, 19, 200


@pytest.fixture
def servers() -> Iterator[SftpServers]:
    with contextlib.closing(SftpServers()) as made:
        yield made


@pytest.fixture
def files(servers: SftpServers) -> Iterator[SftpFiles]:
    with SftpFiles(servers.dial) as made:
        yield made


@pytest.fixture
def tree(tmp_path: Path) -> bytes:
    """A few files of each kind."""
    (tmp_path / "file").write_bytes(b"content" * 100_000)
    (tmp_path / os.fsdecode(b"\xff\n")).write_bytes(b"odd")
    (tmp_path / "link").symlink_to(os.fsdecode(b"fi\xffle"))
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    os.utime(tmp_path / "file", ns=(1_500_000_000_123_456_789, 1_600_000_000_987_654_321))
    return bytes(tmp_path)


def read(files: SftpFiles, path: bytes, until: Deadline | None = None) -> bytes:
    return b"".join(bytes(piece) for piece in files.stream(path, until or deadline()))


def kind_of(ask: Callable[[], object]) -> Refusal:
    with pytest.raises(TargetError) as caught:
        ask()
    assert "\n" not in caught.value.reason
    assert "\x1b" not in caught.value.reason
    return caught.value.kind


# What is on the wire ------------------------------------------------------------------------------------------------


def use_everything(files: SftpFiles, tree: bytes) -> None:
    """Everything that can be asked, of everything there is, and of what is not there."""
    for name in (b"", b"/file", b"/\xff\n", b"/link", b"/folder", b"/fifo", b"/nothing", b"/file/x"):
        asks: list[Callable[[bytes], object]] = [
            lambda path: files.list(path, deadline()),
            lambda path: files.stat(path, deadline()),
            lambda path: files.read_link(path, deadline()),
            lambda path: files.read_at(path, 3, 1000, deadline()),
            lambda path: read(files, path),
            lambda path: files.free_space(path, deadline()),
        ]
        for ask in asks:
            with contextlib.suppress(TargetError):
                ask(tree + name)


def test_only_requests_that_read_are_ever_sent(servers: SftpServers, files: SftpFiles, tree: bytes) -> None:
    use_everything(files, tree)
    sent = requests_of(servers.wires[0].sent)
    assert len(servers.wires) == 1
    assert sent[0] == (1, struct.pack(">I", 3))
    assert {kind for kind, _ in sent[1:]} == {OPEN, CLOSE, READ, LSTAT, OPENDIR, READDIR, READLINK, EXTENDED}
    read_only_no_attributes = struct.pack(">II", 1, 0)
    assert {body[-8:] for kind, body in sent if kind == OPEN} == {read_only_no_attributes}
    assert {body[4:27] for kind, body in sent if kind == EXTENDED} == {string(b"statvfs@openssh.com")}


def test_only_what_was_looked_at_and_is_a_regular_file_is_opened(
    servers: SftpServers, files: SftpFiles, tree: bytes
) -> None:
    use_everything(files, tree)
    opened = {body[8:-8] for kind, body in requests_of(servers.wires[0].sent) if kind == OPEN}
    assert opened == {tree + b"/file", tree + b"/\xff\n"}


def test_it_tells_what_the_host_itself_tells_but_for_parts_of_seconds(files: SftpFiles, tree: bytes) -> None:
    with LocalFiles() as local:
        for path in (tree, b"/dev", b"/etc", b"/", b"/usr/bin"):
            wanted = {one.name: rounded(one) for one in local.list(path, deadline())}
            assert {one.name: rounded(one) for one in files.list(path, deadline())} == wanted
    assert files.stat(tree + b"/file", deadline()).modified_ns == 1_600_000_000 * 10**9


def rounded(one: FileFacts) -> tuple[object, ...]:
    return (one.kind, one.size, one.mode, one.uid, one.gid, one.modified_ns // 10**9)


# Sessions -----------------------------------------------------------------------------------------------------------


def test_no_server_is_asked_for_before_it_is_needed(servers: SftpServers, files: SftpFiles) -> None:
    stream = files.stream(b"/etc/passwd", deadline())
    assert servers.wires == []
    with pytest.raises(TargetError):
        files.stat(b"relative", deadline())
    assert servers.wires == []
    assert bytes(next(stream)).startswith(b"root:")
    assert len(servers.wires) == 1


def test_a_session_that_died_is_begun_again_once(servers: SftpServers, files: SftpFiles) -> None:
    for begun in range(1, 20):
        assert files.stat(b"/", deadline()).name == b"/"
        assert len(servers.wires) == begun
        servers.processes[-1].kill()
        servers.processes[-1].wait()


def test_no_descriptor_is_left_by_sessions_that_died(servers: SftpServers, files: SftpFiles, tree: bytes) -> None:
    before = open_files()
    for _ in range(20):
        assert read(files, tree + b"/file") == b"content" * 100_000
        servers.processes[-1].kill()
        servers.processes[-1].wait()
    files.stat(b"/", deadline())
    files.close()
    assert open_files() <= before  # what another test left may have been closed meanwhile


def test_a_host_whose_servers_all_die_is_lost(files: SftpFiles) -> None:
    dialled: list[ScriptedWire] = []

    def dial(until: Deadline) -> ScriptedWire:
        until.remaining()
        dialled.append(ScriptedWire(lambda kind, number, body: iter(())))
        return dialled[-1]

    with SftpFiles(dial) as dying:
        assert kind_of(lambda: dying.stat(b"/", deadline())) is Refusal.LOST
        assert kind_of(lambda: read(dying, b"/")) is Refusal.LOST
    assert [one.closed for one in dialled] == [1, 1, 1, 1]


def test_a_stream_that_breaks_off_is_not_taken_up_again_with_what_may_be_another_file(
    servers: SftpServers, files: SftpFiles, tmp_path: Path
) -> None:
    (tmp_path / "big").write_bytes(bytes(30 * MIB))
    stream = files.stream(bytes(tmp_path / "big"), deadline())
    next(stream)
    servers.processes[-1].kill()
    assert kind_of(lambda: list(stream)) is Refusal.LOST
    assert len(servers.wires) == 1
    assert files.stat(bytes(tmp_path / "big"), deadline()).size == 30 * MIB


def test_handles_are_let_go_of_also_when_time_is_up(servers: SftpServers, files: SftpFiles, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(30 * MIB))
    path = bytes(tmp_path / "big")
    files.stat(path, deadline())
    for _ in range(5):
        cancel = Cancel()
        stream = files.stream(path, Late(cancel))
        next(stream)
        cancel.is_set = True
        assert kind_of(lambda stream=stream: list(stream)) is Refusal.CANCELLED  # type: ignore[misc]
        with contextlib.suppress(TargetError):
            files.list(path, deadline())
    files.stat(path, deadline())
    process = Path(f"/proc/{servers.processes[0].pid}/fd")
    assert not [one for one in process.iterdir() if one.readlink() == tmp_path / "big"]
    assert len(servers.wires) == 1


class Late:
    """A deadline that is over once its switch says so, and closes nothing."""

    def __init__(self, cancel: Cancel) -> None:
        self._cancel = cancel

    def remaining(self) -> float:
        if self._cancel.is_set:
            raise TargetError("stopped", Refusal.CANCELLED)
        return 60.0

    def on_cancel(self, close: Callable[[], None]) -> Callable[[], None]:
        return lambda: None


# Servers that hang --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def stopped(servers: SftpServers) -> Iterator[None]:
    process = servers.processes[-1]
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def test_a_server_that_hangs_is_waited_for_no_longer_than_allowed_and_then_replaced(
    servers: SftpServers, files: SftpFiles
) -> None:
    files.stat(b"/", deadline())
    with stopped(servers):
        assert kind_of(lambda: files.stat(b"/", deadline(seconds=0.2))) is Refusal.TIMEOUT
        assert files.stat(b"/", deadline()).name == b"/"
    assert [one.is_closed for one in servers.wires] == [True, False]


def test_a_server_that_hangs_on_one_file_does_not_take_others_with_it(
    servers: SftpServers, files: SftpFiles, tmp_path: Path
) -> None:
    """A FIFO put in a file's place between the look and the opening: the server waits for a writer, for ever."""
    content = os.urandom(30 * MIB)
    (tmp_path / "big").write_bytes(content)
    stream = files.stream(bytes(tmp_path / "big"), deadline())
    got = bytes(next(stream))
    with stopped(servers):
        assert kind_of(lambda: files.stat(b"/", deadline(seconds=0.2))) is Refusal.TIMEOUT
        assert not servers.wires[0].is_closed
    assert got + b"".join(bytes(piece) for piece in stream) == content
    assert servers.wires[0].is_closed


def test_cancelling_wakes_who_waits_at_once(servers: SftpServers, files: SftpFiles) -> None:
    files.stat(b"/", deadline())
    cancel = Cancel()
    threading.Timer(0.2, cancel.set).start()
    with stopped(servers):
        assert kind_of(lambda: files.stat(b"/", deadline(cancel))) is Refusal.CANCELLED
    assert files.stat(b"/", deadline()).name == b"/"


def test_cancelling_needs_no_lock_that_who_waits_may_hold() -> None:
    """A signal's handler runs on the thread that waits."""
    cancel = Cancel()

    class Silent(ScriptedWire):
        def recv_into(self, buffer: memoryview, /) -> int:
            if len(self.sent) > 1:
                cancel.set()
                return 0 if self.cancelled else 1
            return super().recv_into(buffer)

    wire = Silent(serve(b""))
    with SftpFiles(lambda until: wire) as files:
        assert kind_of(lambda: files.stat(b"/", deadline(cancel))) is Refusal.CANCELLED
    assert (wire.cancelled, wire.closed) == (1, 1)


def test_all_who_wait_for_a_server_that_dies_are_told(servers: SftpServers, files: SftpFiles) -> None:
    files.stat(b"/", deadline())
    found: list[object] = []
    with stopped(servers):
        threads = [threading.Thread(target=lambda: found.append(files.stat(b"/", deadline()).name)) for _ in range(5)]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        servers.processes[0].kill()
        for thread in threads:
            thread.join(60)
    assert found == [b"/"] * 5
    assert len(servers.wires) == 2


def test_a_server_that_takes_in_nothing_more_is_given_up(servers: SftpServers) -> None:
    class Full(ScriptedWire):
        def sendall(self, data: bytes, seconds: float, /) -> None:
            if len(self.sent) > 2:
                raise TimeoutError
            super().sendall(data, seconds)

    wire = Full(serve(b"x" * 1000), hangs=True)
    with SftpFiles(lambda until: wire) as files:
        assert kind_of(lambda: read(files, b"/file")) is Refusal.TIMEOUT
    assert wire.closed == 1


def test_a_request_waits_no_longer_than_its_own_deadline_while_another_waits_for_longer() -> None:
    sent: list[float] = []
    waits, answered = threading.Event(), threading.Event()

    class Busy(ScriptedWire):
        def sendall(self, data: bytes, seconds: float, /) -> None:
            super().sendall(data, seconds)
            sent.append(seconds)
            if len(sent) > 2:
                raise TimeoutError

        def recv_into(self, buffer: memoryview, /) -> int:
            if len(sent) > 1:
                waits.set()
                assert answered.wait(60)
            return super().recv_into(buffer)

    with SftpFiles(lambda until: Busy(serve(b""))) as files:
        reader = threading.Thread(target=files.stat, args=(b"/folder", deadline(seconds=60)))
        reader.start()
        assert waits.wait(60)
        assert kind_of(lambda: files.stat(b"/folder", deadline(seconds=5))) is Refusal.TIMEOUT
        answered.set()
        reader.join(60)
    assert sent[2] <= 5 < sent[1]


# Over SSH -----------------------------------------------------------------------------------------------------------


class ParamikoWire:
    """paramiko's own channel as a wire."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel

    def settimeout(self, seconds: float | None, /) -> None:
        self._channel.settimeout(seconds)

    def recv_into(self, buffer: memoryview, /) -> int:
        data = self._channel.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def sendall(self, data: bytes, seconds: float, /) -> None:
        del seconds  # its timeout is one for both ways
        self._channel.sendall(data)

    def cancel(self) -> None:
        self._channel.close()

    def close(self) -> None:
        self._channel.close()


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[paramiko.Transport]:
    """A connection to a real sshd on loopback, whose host key is compared with what it was made with."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port: int = free.getsockname()[1]
    (tmp_path / "authorized_keys").write_text(make_key(tmp_path / "user"), encoding="ascii")
    options: dict[str, str | Sequence[str] | None] = {
        "AuthorizedKeysFile": str(tmp_path / "authorized_keys"),
        "StrictModes": "no",
        "UsePAM": "no",
        "Subsystem": f"sftp {sftp_server()}",
    }
    sshd = Sshd(tmp_path, "127.0.0.1", port, (), options)
    sshd.make_host_keys(["ssh-ed25519"])
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    sshd.start()
    transport = paramiko.Transport(socket.create_connection(("127.0.0.1", port)))
    try:
        transport.start_client(timeout=60)
        found = transport.get_remote_server_key()
        assert f"{found.get_name()} {found.get_base64()}" == sshd.host_keys["ssh-ed25519"]
        key = paramiko.Ed25519Key.from_private_key_file(str(tmp_path / "user"))
        transport.auth_publickey(getpass.getuser(), key)
        yield transport
    finally:
        transport.close()
        sshd.stop()


@pytest.mark.parametrize("way", ["subsystem", "command"])
def test_files_are_read_over_a_real_ssh_connection(
    connection: paramiko.Transport, tmp_path: Path, tree: bytes, way: str
) -> None:
    content = os.urandom(40 * MIB + 7)
    (tmp_path / "big").write_bytes(content)

    def dial(until: Deadline) -> ParamikoWire:
        channel = connection.open_session(timeout=until.remaining())
        if way == "subsystem":
            channel.invoke_subsystem("sftp")
        else:
            channel.exec_command(f"{sftp_server()} -R")
        return ParamikoWire(channel)

    with SftpFiles(dial) as files, LocalFiles() as local:
        assert read(files, bytes(tmp_path / "big")) == content
        assert files.read_at(bytes(tmp_path / "big"), MIB - 1, 5 * MIB, deadline()) == content[MIB - 1 : 6 * MIB - 1]
        wanted = {one.name: rounded(one) for one in local.list(tree, deadline())}
        assert {one.name: rounded(one) for one in files.list(tree, deadline())} == wanted
        assert b"sftp-server" in read(files, b"/proc/self/status")
        cancel = Cancel()
        stream = files.stream(bytes(tmp_path / "big"), deadline(cancel))
        next(stream)
        cancel.set()
        assert kind_of(lambda: list(stream)) is Refusal.CANCELLED
        assert files.stat(bytes(tmp_path / "big"), deadline()).size == len(content)
