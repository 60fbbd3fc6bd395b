"""paramiko's SSH connection as irkit uses it: fast ciphers first, watched for a dead peer, nothing without a bound.

Who the host is and whether the responder may log in are left to `ssh_link`, what goes over the connection to
`ssh_open`; whether the other end is there to `ssh_life`. Figures behind the choices are in docs/benchmarks.md.
"""

import logging
import struct
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, cast

import paramiko
from paramiko.common import MSG_CHANNEL_EXTENDED_DATA

from irkit.adapters.ssh_channel import SshChannel
from irkit.adapters.ssh_life import Life
from irkit.adapters.ssh_packets import Packets, Stream
from irkit.adapters.ssh_refused import ChannelRefusedError
from irkit.adapters.ssh_sessions import Sessions
from irkit.core.errors import HostState, Refusal, TargetError, UnreachableError
from irkit.core.ports import Deadline

CIPHERS: Final = (
    "aes128-gcm@openssh.com",  # costs less than half of what counter mode and a digest do
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
MACS: Final = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)
PACKET: Final = 128 * 1024
SMALL_WINDOW, WINDOW, FAR_WINDOW = 2 << 20, 8 << 20, 16 << 20
"""Bytes that may be on the way in a channel: for small answers, for streams, and for streams from far away."""
FAR: Final = 0.015
"""Seconds of round trip from which a host is far away."""
MOST_ASKED = 1000
"""Questions that a host may ask of this side in a minute, as it does for signs of life."""
_MINUTE: Final = 60.0
STEP: Final = 0.1
"""Seconds after which whoever waits looks whether there is still something to wait for."""
_EXTENSIONS: Final = 64
_MOST_HELD: Final = 64
"""Messages that wait for new keys, from which on no streams are sent."""
_MALFORMED: Final = (ValueError, TypeError, IndexError, KeyError, AttributeError, struct.error)

# What a host says must reach no terminal unseen to: paramiko would print its errors where nobody listens.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False
_SAID: Final = 200
"""Bytes that are kept of what a host says as it refuses a channel."""


class HostKeyRefusedError(paramiko.SSHException):
    """The host has shown that it holds a key, and the key is not accepted."""

    def __init__(self, error: UnreachableError) -> None:
        self.error = error
        super().__init__("host key refused")


CheckKey = Callable[[str, bytes], UnreachableError | None]
"""Why a host key is not accepted, from the algorithm agreed on and the key as it was sent; None where it is."""


class SshTransport(paramiko.Transport):
    """One SSH connection, as a thread of its own once `start_client` was called.

    `key_order` are the host key algorithms asked for, best first. No key is accepted that `check_key` refuses, in the
    first exchange as in every later one; `refusal` is why the last one was not. `farewell` is what the host said when
    it ended the connection. Foreign text.
    """

    _preferred_ciphers = CIPHERS
    _preferred_macs = MACS
    # paramiko calls what is in this table, and not what a channel has in its place.
    _channel_handler_table: ClassVar = {
        **cast("Any", paramiko.Transport)._channel_handler_table,
        MSG_CHANNEL_EXTENDED_DATA: SshChannel.take_errors,
    }

    def __init__(self, stream: Stream, key_order: Sequence[str], check_key: CheckKey) -> None:
        self.host_key_blob = b""
        self.refusal: UnreachableError | None = None
        self.farewell = ""
        self.sessions = Sessions()
        self._key_order, self._check_key = tuple(key_order), check_key
        self._refused: dict[int, tuple[int, str]] = {}
        self._abandoned: dict[int, SshChannel] = {}
        self._held: list[paramiko.Message] = []
        self._answered = threading.Event()
        self._minute_began = 0.0
        self._questions = 0
        super().__init__(
            cast("Any", stream),
            default_window_size=SMALL_WINDOW,
            default_max_packet_size=PACKET,
            packetizer_class=cast("Any", Packets),
        )
        self.daemon = True
        self._life = Life(self.packets, self._send_user_message, self.end)
        self.packets.is_dead = lambda: self._life.is_dead

    @property
    def packets(self) -> Packets:
        """What comes and goes."""
        return cast("Packets", self.packetizer)

    # What paramiko calls:

    @property
    def preferred_keys(self) -> Sequence[str]:
        """What is asked for, in this order: paramiko itself would ask for certificates last."""
        return self._key_order

    def get_exception(self) -> Exception | None:
        """What ended the connection, as an error that SSH is expected to raise."""
        error = super().get_exception()
        if error is None or isinstance(error, (paramiko.SSHException, EOFError, OSError)):
            return error
        wrapped = paramiko.SSHException(f"what it sent made no sense ({type(error).__name__})")
        wrapped.__cause__ = error
        return wrapped

    def _verify_key(self, host_key: bytes, sig: bytes) -> None:
        """Called in every key exchange, before anything else is said.

        paramiko checks that the host holds the key, and nothing more: not whose it is, nor that it stays the same.
        """
        blob = bytes(host_key)
        try:
            super()._verify_key(host_key, sig)  # type: ignore[misc]
        except _MALFORMED as wrong:
            raise paramiko.SSHException("a host key that is none") from wrong
        error = self._check_key(str(self.host_key_type), blob)
        if error is None and self.host_key_blob and blob != self.host_key_blob:
            error = UnreachableError("the host showed another key within one connection", HostState.KEY_CHANGED)
        if error is not None:
            self.refusal = error
            raise HostKeyRefusedError(error)
        self.host_key_blob = blob

    def _parse_ext_info(self, msg: paramiko.Message) -> None:
        count = msg.get_int()
        if count > _EXTENSIONS:
            raise paramiko.SSHException(f"{count} extensions")
        msg.rewind()
        super()._parse_ext_info(msg)  # type: ignore[misc]

    def _parse_disconnect(self, m: paramiko.Message) -> None:
        m.get_int()
        self.farewell = m.get_string().decode("utf-8", "replace")

    def _parse_newkeys(self, m: paramiko.Message) -> None:
        super()._parse_newkeys(m)  # type: ignore[misc]
        with self.clear_to_send_lock:
            held, self._held = self._held, []
            for message in held:
                self._send_message(message)

    def _send_user_message(self, data: paramiko.Message) -> None:
        """Send it, after the keys were exchanged where that is under way. Waits for nothing.

        paramiko would wait, and where its own thread does, for itself.
        """
        with self.clear_to_send_lock:
            if not self.active:
                return
            if self._held or not self.clear_to_send.is_set():
                self._held.append(data)
            else:
                self._send_message(data)

    def _send_message(self, data: paramiko.Message) -> None:
        super()._send_message(data)  # type: ignore[misc]

    def _parse_channel_open_success(self, m: paramiko.Message) -> None:
        number = m.get_int()
        m.rewind()
        super()._parse_channel_open_success(m)  # type: ignore[misc]
        late = self._abandoned.pop(number, None)
        if late is not None:
            late.let_go()

    def _parse_channel_open_failure(self, m: paramiko.Message) -> None:
        number, code, said = m.get_int(), m.get_int(), m.get_string()
        if number in self.channel_events:
            self._refused[number] = (code, said[:_SAID].decode("utf-8", "replace"))
        m.rewind()
        super()._parse_channel_open_failure(m)  # type: ignore[misc]
        late = self._abandoned.pop(number, None)
        if late is not None:
            self._refused.pop(number, None)
            late.let_go()

    def _parse_global_request(self, m: paramiko.Message) -> None:
        """A question, which is answered with no. Who asks without end wants to keep this side busy."""
        if time.monotonic() - self._minute_began > _MINUTE:
            self._minute_began, self._questions = time.monotonic(), 0
        self._questions += 1
        if self._questions > MOST_ASKED:
            raise paramiko.SSHException("it asks without end")
        super()._parse_global_request(m)  # type: ignore[misc]

    def _parse_request_success(self, m: paramiko.Message) -> None:
        self._answered.set()
        super()._parse_request_success(m)  # type: ignore[misc]

    def _parse_request_failure(self, m: paramiko.Message) -> None:
        self._answered.set()
        super()._parse_request_failure(m)  # type: ignore[misc]

    # Channels:

    def add_channel(
        self, limit: int, window: int, when_closed: Callable[[], None]
    ) -> tuple[SshChannel, threading.Event]:
        """A channel that is about to be asked for, and what is set once the host has answered."""
        inner = cast("Any", self)
        with self.lock:
            number: int = inner._next_channel()
            channel = SshChannel(number, limit, when_closed)
            cast("Any", channel)._set_transport(self)
            cast("Any", channel)._set_window(window, PACKET)
            event = self.channel_events[number] = threading.Event()
            self.channels_seen[number] = True
            # Last, and as paramiko does not: from here on it may be closed by a connection that ends at this moment.
            inner._channels.put(number, channel)
        return channel, event

    def take_refusal(self, channel: SshChannel) -> ChannelRefusedError | None:
        """Why the host did not open a channel, once it has answered."""
        refused = self._refused.pop(channel.chanid, None)
        return None if refused is None else ChannelRefusedError(*refused)

    def abandon(self, channel: SshChannel) -> None:
        """Nobody waits for it any more: closed now, or where the host has not answered yet, as soon as it does."""
        with self.lock:
            is_open = channel.chanid not in self.channel_events
            if not is_open:
                self._abandoned[channel.chanid] = channel
        if is_open:
            channel.let_go()

    @property
    def has_room(self) -> bool:
        """Whether more of a stream may be sent, rather than pile up here. Raises EOFError where it is sent in vain.

        Streams take half of the room: they alone never keep the connection from being read.
        """
        return self.packets.has_room(share=2) and len(self._held) < _MOST_HELD

    def send(self, message: paramiko.Message) -> None:
        """Send something, waiting for nothing. Raises TargetError."""
        try:
            self._send_user_message(message)
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise TargetError("the SSH connection was lost", Refusal.LOST) from error

    # Signs of life:

    def watch(self) -> None:
        """Ask for signs of life from now on, and end the connection where none comes."""
        self.packets.when_quiet = self._life.look

    @property
    def silence(self) -> float:
        """Seconds since anything came."""
        return self._life.silence

    @property
    def is_alive_and_well(self) -> bool:
        """Whether it is worth asking something over it."""
        return bool(self.is_active() and not self._life.is_silent)

    def end(self) -> None:
        """End it at once, without a word to the host; readers see that their streams were lost."""
        self.active = False
        self.packetizer.close()
        for channel in cast("Any", self)._channels.values():
            channel._unlink()

    def check_active(self) -> None:
        """Raise TargetError where the connection was lost."""
        if not self.is_active():
            raise TargetError("the SSH connection was lost", Refusal.LOST)

    def round_trip(self, deadline: Deadline) -> float:
        """Seconds that a question and its answer take. Raises TargetError."""
        self._answered.clear()
        begun = time.monotonic()
        self._life.ask()
        while not self._answered.wait(min(STEP, deadline.remaining())):
            self.check_active()
        return time.monotonic() - begun
