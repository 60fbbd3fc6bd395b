"""Channels: whatever is fed comes out, in order and within bounds, and whoever waits can be woken."""

import threading
import time
from itertools import accumulate
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irkit.adapters.ssh_channel import ChannelWire, ChunkBuffer, SshChannel
from tests.adapters.ssh_servers import as_any
from tests.adapters.ssh_side import Doing

PIECES = st.lists(st.binary(max_size=40) | st.integers(3000, 70000).map(lambda size: bytes(range(256)) * (size // 256)))


def read_all(buffer: ChunkBuffer, sizes: list[int]) -> bytes:
    """Everything up to the end, in reads of these sizes, again and again."""
    found, number = b"", 0
    while True:
        room = memoryview(bytearray(sizes[number % len(sizes)]))
        count = buffer.read_into(room, 1)
        if not count:
            return found
        found, number = found + bytes(room[:count]), number + 1


@settings(deadline=None, max_examples=60)
@given(pieces=PIECES, sizes=st.lists(st.integers(1, 100000), min_size=1, max_size=5))
def test_what_is_fed_comes_out_the_same_whatever_is_read_at_a_time(pieces: list[bytes], sizes: list[int]) -> None:
    buffer = ChunkBuffer(1 << 30)
    for piece in pieces:
        buffer.feed(piece)
    assert len(buffer) == sum(map(len, pieces))
    buffer.close()
    assert read_all(buffer, sizes) == b"".join(pieces)
    assert len(buffer) == 0


@settings(deadline=None, max_examples=30)
@given(steps=st.lists(st.binary(max_size=9) | st.integers(1, 12), max_size=60))
def test_feeding_and_reading_may_take_turns(steps: list[bytes | int]) -> None:
    buffer, fed, read = ChunkBuffer(1 << 20), b"", b""
    for step in steps:
        if isinstance(step, bytes):
            buffer.feed(step)
            fed += step
        elif buffer.read_ready():
            read += buffer.read(step)
    buffer.close()
    assert read + read_all(buffer, [7]) == fed


def test_many_threads_may_feed_while_one_reads() -> None:
    buffer = ChunkBuffer(1 << 30)
    whole = bytes(range(256)) * 4000
    cuts = list(accumulate([1, 5000, 70000] * 20))
    parts = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    def feed() -> None:
        for part in parts:
            buffer.feed(part)
        buffer.close()

    reading = Doing(read_all, buffer, [4096, 100, 262144])
    feed()
    assert reading.ended()
    assert reading.result == whole


def test_tiny_pieces_take_little_more_room_than_their_bytes() -> None:
    buffer = ChunkBuffer(1 << 20)
    for _ in range(100_000):
        buffer.feed(b"x")
    assert len(as_any(buffer)._pieces) < 10


def test_a_read_waits_no_longer_than_it_may() -> None:
    buffer = ChunkBuffer(10)
    with pytest.raises(TimeoutError):
        buffer.read_into(memoryview(bytearray(1)), 0.01)
    with pytest.raises(TimeoutError):
        buffer.read(1, 0)
    buffer.feed(b"x")
    assert buffer.read(5, 0) == b"x"


def test_what_came_before_the_end_is_read_and_then_the_end_again_and_again() -> None:
    buffer = ChunkBuffer(10)
    buffer.feed(b"rest")
    buffer.close()
    buffer.feed(b"late")
    assert [buffer.read(9), buffer.read(9), buffer.read(9)] == [b"rest", b"", b""]


def test_dropping_forgets_what_was_not_read() -> None:
    buffer = ChunkBuffer(10)
    buffer.feed(b"one")
    assert buffer.read(1) == b"o"
    buffer.drop()
    buffer.feed(b"late")
    assert (len(buffer), buffer.read_ready(), buffer.read(9)) == (0, False, b"")


def test_a_host_that_sends_more_than_it_may_gets_no_more_room() -> None:
    buffer = ChunkBuffer(1000)
    buffer.feed(b"a" * 990)
    for _ in range(50):
        buffer.feed(b"b" * 100)
    assert len(buffer) == 990
    assert buffer.read(2000) == b"a" * 990
    with pytest.raises(ConnectionError, match="more than it may"):
        buffer.read(1)


def test_a_reader_is_woken_when_nothing_comes_any_more() -> None:
    for wake in (ChunkBuffer.close, ChunkBuffer.drop):
        buffer = ChunkBuffer(10)
        reading = Doing(buffer.read, 10, 30.0)
        wake(buffer)
        assert reading.ended()
        assert reading.result == b""


def test_a_reader_is_woken_by_more_than_is_allowed() -> None:
    buffer = ChunkBuffer(10)
    raised: list[BaseException] = []

    def read() -> None:
        try:
            buffer.read(1, 30)
        except ConnectionError as error:
            raised.append(error)

    reading = Doing(read)
    time.sleep(0.05)
    buffer.feed(b"x" * 11)
    assert reading.ended()
    assert raised


def test_a_handler_of_a_signal_may_close_what_its_own_thread_is_reading() -> None:
    buffer = ChunkBuffer(10)
    with as_any(buffer)._changed:  # as a handler finds it that interrupts a read
        buffer.close()
    assert buffer.read(1, 0) == b""


class Sent:
    """A connection that only remembers what was sent."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.unlinked: list[int] = []

    has_room = True

    def get_log_channel(self) -> str:
        return "paramiko.test"

    def _send_user_message(self, message: object) -> None:
        self.messages.append(as_any(message).asbytes())

    def _unlink_channel(self, number: int) -> None:
        self.unlinked.append(number)

    def _sanitize_packet_size(self, size: int) -> int:
        return size


def opened(window: int = 1000, told: list[str] | None = None, room: int = 0) -> tuple[SshChannel, Sent]:
    """A channel that the host has opened, with room for so many bytes to be sent."""
    closed = [] if told is None else told
    channel, sent = SshChannel(3, 2 * window, lambda: closed.append("closed")), Sent()
    as_any(channel)._set_transport(sent)
    as_any(channel)._set_window(window, 32768)
    as_any(channel)._set_remote_channel(7, room, 32768)
    return channel, sent


def errors(text: bytes) -> object:
    """A message with something on standard error."""
    taken = iter((text,))
    return SimpleNamespace(get_int=lambda: 1, get_binary=lambda: next(taken))


def test_errors_are_kept_from_their_start_only_and_never_fill_the_window() -> None:
    channel, sent = opened(window=1000)
    for _ in range(100):
        channel.take_errors(as_any(errors(b"e" * 1000)))
    assert channel.error_text() == "e" * 4096
    assert len(sent.messages) == 100  # room for what was dropped


def test_reading_tells_the_host_that_there_is_room_again() -> None:
    channel, sent = opened(window=1000)
    channel.received.feed(b"x" * 500)
    assert ChannelWire(channel).recv_into(memoryview(bytearray(500))) == 500
    assert len(sent.messages) == 1


def test_an_end_that_the_host_made_is_an_end_and_a_lost_connection_is_an_error() -> None:
    ended, _ = opened()
    ended.received.feed(b"all")
    as_any(ended)._handle_eof(None)
    as_any(ended)._unlink()  # the connection went down afterwards: what came was whole
    wire = ChannelWire(ended)
    assert [wire.recv_into(memoryview(bytearray(9))) for _ in range(2)] == [3, 0]

    lost, _ = opened()
    lost.received.feed(b"part")
    as_any(lost)._unlink()
    wire = ChannelWire(lost)
    assert wire.recv_into(memoryview(bytearray(9))) == 4
    with pytest.raises(ConnectionError, match="lost"):
        wire.recv_into(memoryview(bytearray(9)))


def test_closing_is_told_once_whoever_closes() -> None:
    for ways in (("let_go", "let_go"), ("_unlink", "let_go"), ("let_go", "_unlink"), ("close", "let_go", "_unlink")):
        told: list[str] = []
        channel, _ = opened(told=told)
        for way in ways:
            getattr(channel, way)()
        assert told == ["closed"], ways


def test_a_channel_that_was_never_opened_can_be_let_go() -> None:
    told: list[str] = []
    SshChannel(1, 10, lambda: told.append("closed")).let_go()
    assert told == ["closed"]


def test_a_channel_that_is_forgotten_sends_nothing() -> None:
    channel, sent = opened()
    del channel
    assert sent.messages == []


def test_sending_in_all_takes_no_longer_than_a_wait_may() -> None:
    channel, _ = opened(room=1)
    wire = ChannelWire(channel)
    wire.settimeout(0.2)
    stop = threading.Event()

    def trickle() -> None:  # a host that makes room for one byte at a time
        while not stop.wait(0.02):
            with channel.lock:
                channel.out_window_size += 1
                channel.out_buffer_cv.notify_all()

    trickling = Doing(trickle)
    with pytest.raises(TimeoutError):
        wire.sendall(b"x" * 1000)
    stop.set()
    assert trickling.ended()


def test_cancelling_wakes_whoever_sends_on_a_wire() -> None:
    channel, _ = opened(room=1)
    wire = ChannelWire(channel)
    wire.settimeout(30)
    raised: list[BaseException] = []

    def send() -> None:
        try:
            wire.sendall(b"xx")
        except ConnectionError as error:
            raised.append(error)

    sending = Doing(send)
    time.sleep(0.1)
    wire.cancel()
    assert sending.ended()
    assert raised


def test_sending_on_a_closed_channel_is_a_lost_connection() -> None:
    channel, _ = opened(room=100)
    wire = ChannelWire(channel)
    wire.close()
    with pytest.raises(OSError, match="closed"):
        wire.sendall(b"x")


def test_cancelling_wakes_whoever_reads_a_wire() -> None:
    channel, _ = opened()
    wire = ChannelWire(channel)
    wire.settimeout(30)
    reading = Doing(wire.recv_into, memoryview(bytearray(1)))
    time.sleep(0.05)
    wire.cancel()
    assert reading.ended()
    assert reading.result == 0
