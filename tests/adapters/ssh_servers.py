"""SSH servers that do what no honest one does: paramiko's server on loopback, or bytes as they are told."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.lab.client_side import ClientSide
from tests.lab.counting import LONG

STREAM = "direct-streamlocal@openssh.com"
Serve = Callable[[paramiko.Channel, str], None]


def new_key(folder: Path) -> paramiko.Ed25519Key:
    """A host key of its own."""
    path = folder / f"key-{len(list(folder.iterdir()))}"
    made = Ed25519PrivateKey.generate()
    path.write_bytes(
        made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
    )
    return paramiko.Ed25519Key.from_private_key_file(str(path))


class Rules(paramiko.ServerInterface):
    """Who is let in, and what they may open. Opened channels are served on threads of their own."""

    def __init__(self, serve: Serve) -> None:
        self.serve = serve
        self.kinds: dict[int, str] = {}
        self.commands: dict[int, str] = {}
        self.refuse_after = 1 << 30
        self.allowed = "publickey,password,keyboard-interactive"
        self.lets_in = True
        self.logins: list[str] = []

    def get_allowed_auths(self, username: str) -> str:
        return self.allowed

    def check_auth_none(self, username: str) -> int:
        self.logins.append("none")
        return paramiko.common.AUTH_SUCCESSFUL if self.lets_in else paramiko.common.AUTH_FAILED

    def check_auth_password(self, username: str, password: str) -> int:
        self.logins.append("password")
        return paramiko.common.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        if len(self.kinds) >= self.refuse_after:
            return paramiko.common.OPEN_FAILED_CONNECT_FAILED
        self.kinds[chanid] = kind
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        return self.check_channel_request("direct-tcpip", chanid)

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.commands[channel.get_id()] = command.decode()
        threading.Thread(target=self._run, args=(channel, command.decode(), _next_sent(channel)), daemon=True).start()
        return True

    def _run(self, channel: paramiko.Channel, command: str, answered: threading.Event) -> None:
        """Not before the answer to what asked for it has been sent."""
        if answered.wait(LONG):
            self.serve(channel, command)


def _next_sent(channel: paramiko.Channel) -> threading.Event:
    """What is set once the thread of the channel's connection, which calls this, has sent something."""
    transport, sent = as_any(channel.get_transport()), threading.Event()
    send = transport._send_user_message

    def send_and_tell(message: paramiko.Message) -> None:
        is_next = threading.current_thread() is transport
        try:
            send(message)
        finally:
            if is_next:
                transport._send_user_message = send
                sent.set()

    transport._send_user_message = send_and_tell
    return sent


class FakeHost:
    """An SSH server on loopback; `rules` may be changed while it runs. `serve` has each channel to a socket."""

    def __init__(self, folder: Path, serve: Serve, make: type[paramiko.Transport] = paramiko.Transport) -> None:
        self.key = new_key(folder)
        self.rules = Rules(serve)
        self.transports: list[paramiko.Transport] = []
        self.accepted: list[paramiko.Channel] = []
        self._make = make
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def line(self) -> str:
        """As known_hosts has it."""
        return f"[127.0.0.1]:{self.port} {self.key.get_name()} {self.key.get_base64()}"

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            transport = self._make(connection)
            transport.add_server_key(self.key)
            self.transports.append(transport)
            with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                transport.start_server(event=threading.Event(), server=self.rules)
            threading.Thread(target=self._accept, args=(transport,), daemon=True).start()

    def _accept(self, transport: paramiko.Transport) -> None:
        while transport.is_active():
            channel = transport.accept(0.1)
            if channel is None:
                continue
            self.accepted.append(channel)
            kind = self.rules.kinds.get(channel.get_id(), "")
            if kind != "session":
                threading.Thread(target=self._serve, args=(channel, kind), daemon=True).start()

    def _serve(self, channel: paramiko.Channel, kind: str) -> None:
        # The client may hang up while it is being answered.
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self.rules.serve(channel, kind)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        for transport in self.transports:
            transport.close()
            transport.join(5)


def nothing(channel: paramiko.Channel, kind: str) -> None:
    """A channel that nothing comes of."""
    del channel, kind


def answer_pings(channel: paramiko.Channel, kind: str) -> None:
    """An engine that knows how to say that it is there."""
    del kind
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += channel.recv(4096) or b"\r\n\r\n"
        body = b"OK" if b"/_ping" in asked else b"[]"
        head = f"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: {len(body)}\r\n\r\n"
        channel.sendall(head.encode() + body)
        channel.close()


@contextlib.contextmanager
def fake_host(client: ClientSide, name: str = "fake", serve: Serve = answer_pings, **more: Any) -> Iterator[FakeHost]:
    """A server, named and trusted in the responder's settings."""
    folder = client.home / "fake"
    folder.mkdir(exist_ok=True)
    host = FakeHost(folder, serve, **more)
    try:
        client.config.write_text(
            f"Host {name}\n    HostName 127.0.0.1\n    Port {host.port}\n    User root\n{client.config.read_text()}"
        )
        client.trust(host.line)
        yield host
    finally:
        host.close()


@contextlib.contextmanager
def raw_server(client: ClientSide, talk: Callable[[socket.socket], object], name: str = "raw") -> Iterator[int]:
    """A port on which `talk` has each connection, named in the responder's settings."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = int(listener.getsockname()[1])
    taken: list[socket.socket] = []

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            taken.append(connection)
            with contextlib.suppress(OSError):
                talk(connection)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    client.config.write_text(
        f"Host {name}\n    HostName 127.0.0.1\n    Port {port}\n    User root\n{client.config.read_text()}"
    )
    try:
        yield port
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in taken:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        thread.join(5)


def as_any(thing: object) -> Any:
    """Something of paramiko's whose inner parts a test has to reach."""
    return cast("Any", thing)
