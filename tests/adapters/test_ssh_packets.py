"""What comes and goes over a stream: the same bytes whatever the stream makes of them, and never without a bound."""

import threading

import paramiko
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramiko.packet import NeedRekeyException

from irkit.adapters.ssh_cut import why_cut
from irkit.adapters.ssh_packets import MOST_IN_PACKET, ROOM, Packets
from tests.adapters.ssh_servers import as_any


class Played:
    """A stream that plays what it is given: bytes, nothing for a while (None), or an error. Sends so much at a time."""

    def __init__(self, *plays: bytes | OSError | None, sends: int = 1 << 20) -> None:
        self.plays = list(plays)
        self.sent, self.sends = b"", sends
        self.fails: OSError | None = None
        self.is_closed = False

    def settimeout(self, seconds: float | None, /) -> None: ...

    def recv(self, count: int, /) -> bytes:
        if not self.plays:
            return b""
        play = self.plays.pop(0)
        if play is None:
            raise TimeoutError
        if isinstance(play, OSError):
            raise play
        if len(play) > count:
            self.plays.insert(0, play[count:])
        return play[:count]

    def send_ready(self) -> bool:
        return True

    def send(self, data: bytes, /) -> int:
        if self.fails:
            raise self.fails
        if not self.sends:
            raise TimeoutError
        taken = bytes(data[: self.sends])
        self.sent += taken
        return len(taken)

    def close(self) -> None:
        self.is_closed = True


@given(pieces=st.lists(st.binary(min_size=1, max_size=30) | st.none()), sizes=st.lists(st.integers(0, 40), max_size=9))
def test_bytes_are_the_same_however_they_are_cut(pieces: list[bytes | None], sizes: list[int]) -> None:
    whole = b"".join(piece for piece in pieces if piece)
    packets, read = Packets(Played(b"SSH-2.0-x\r\n" + whole[:7], *_rest(pieces, 7))), b""
    assert packets.readline(1) == "SSH-2.0-x"
    for size in sizes:
        if len(read) + size > len(whole):
            with pytest.raises(EOFError):
                packets.read_all(size)
            return
        read += packets.read_all(size)
    assert whole.startswith(read)


def _rest(pieces: list[bytes | None], skipped: int) -> list[bytes | None]:
    """The pieces without their first bytes."""
    left: list[bytes | None] = []
    for piece in pieces:
        cut = piece[skipped:] if piece else piece
        skipped = max(0, skipped - len(piece or b""))
        left += [cut] if cut or piece is None else []
    return left


def test_a_packet_larger_than_any_is_refused_before_it_is_read() -> None:
    played = Played(b"x" * 10)
    with pytest.raises(paramiko.SSHException, match="4294967000 bytes"):
        Packets(played).read_all(4294967000)
    assert played.plays == [b"x" * 10]
    assert Packets(Played(b"x" * MOST_IN_PACKET)).read_all(MOST_IN_PACKET)


def test_a_size_below_nothing_is_nothing() -> None:
    packets = Packets(Played(b"SSH-2.0-x\nrest"))
    packets.readline(1)
    assert packets.read_all(-5) == b""
    assert packets.read_all(4) == b"rest"


def test_silence_is_told_and_word_is_noted() -> None:
    packets, told = Packets(Played(None, None, b"ab", None, b"c")), []
    packets.when_quiet = lambda: told.append(packets.heard_at)
    before = packets.heard_at = packets.heard_at - 100
    assert packets.read_all(3) == b"abc"
    assert told[:2] == [before, before]
    assert len(told) == 3
    assert packets.heard_at > before + 50


def test_new_keys_are_agreed_on_between_packets_only() -> None:
    packets = Packets(Played(None, b"ab", None, b"c"))
    as_any(packets)._trigger_rekey()
    with pytest.raises(NeedRekeyException):
        packets.read_all(3, check_rekey=True)
    assert packets.read_all(3, check_rekey=True) == b"abc"


@pytest.mark.parametrize("end", [b"", ConnectionResetError(104, "reset")])
def test_an_end_ends_reading(end: bytes | OSError) -> None:
    with pytest.raises((EOFError, OSError)):
        Packets(Played(b"a", end)).read_all(2)


def test_a_closed_stream_is_an_end_and_no_error() -> None:
    for play in (None, OSError(9, "bad descriptor")):
        packets = Packets(Played(play))
        packets.close()
        with pytest.raises(EOFError):
            packets.read_all(1)


def test_a_greeting_without_an_end_is_not_kept() -> None:
    packets = Packets(Played(*[b"x" * 1000] * 100))
    with pytest.raises(paramiko.SSHException, match="without an end"):
        packets.readline(1)
    assert len(as_any(packets)._rest) < 10_000


def test_what_is_said_in_the_place_of_a_greeting_is_remembered() -> None:
    packets = Packets(Played(b"Exceeded MaxStartups\r\n\xff\xfe\n", b""))
    assert packets.readline(1) == "Exceeded MaxStartups"
    assert packets.readline(1) == "��"
    assert packets.said == "��"
    with pytest.raises(EOFError):
        packets.readline(1)


def test_a_greeting_that_does_not_come_is_waited_for_no_longer_than_that() -> None:
    with pytest.raises(TimeoutError):
        Packets(Played(*[None] * 1000)).readline(-1)


def test_all_is_sent_in_as_many_pieces_as_it_takes() -> None:
    played = Played(sends=7)
    Packets(played).write_all(b"0123456789" * 5)
    assert played.sent == b"0123456789" * 5


def test_what_a_stream_does_not_take_waits_for_it_and_nobody_else_does() -> None:
    played = Played(None, b"ab", sends=0)
    packets = Packets(played)
    packets.write_all(b"one")
    packets.write_all(b"two")
    assert (played.sent, packets.waiting, packets.stuck > 0) == (b"", 6, True)
    played.sends = 4
    assert packets.read_all(2) == b"ab"
    assert (played.sent, packets.waiting, packets.stuck) == (b"onetwo", 0, 0.0)


def test_nothing_is_read_from_a_host_that_does_not_read() -> None:
    played = Played(b"ab", sends=0)
    packets, quiet = Packets(played), iter(range(99))

    def read_at_last() -> None:
        played.sends = 1 << 20 if next(quiet) == 2 else 0

    packets.when_quiet = read_at_last
    packets.write_all(b"x" * (ROOM + 1))
    assert packets.read_all(2) == b"ab"
    assert next(quiet) == 3
    assert len(played.sent) == ROOM + 1


def test_what_waits_is_bounded() -> None:
    packets = Packets(Played(sends=0))
    with pytest.raises(EOFError):
        for _ in range(1000):
            packets.write_all(b"x" * ROOM)
    with pytest.raises(EOFError):
        packets.write_all(b"x")


def test_a_peer_that_takes_nothing_for_long_is_the_end() -> None:
    packets = Packets(Played(b"ab", sends=0))
    packets.write_all(b"x")
    packets.is_dead = lambda: packets.stuck > 0
    with pytest.raises(EOFError):
        packets.read_all(1)
    closed = Packets(Played(sends=0))
    closed.close()
    with pytest.raises(EOFError):
        closed.write_all(b"x")


def test_a_failure_to_send_is_told_to_whoever_sends_and_what_came_is_read_still() -> None:
    played = Played(b"ab", b"")
    packets = Packets(played)
    played.fails = ConnectionResetError(104, "reset")
    for _ in range(2):
        with pytest.raises(EOFError) as caught:
            packets.write_all(b"x")
        assert why_cut(caught.value) == "reset"
    assert packets.read_all(2) == b"ab"
    with pytest.raises(EOFError) as caught:
        packets.read_all(1)
    assert why_cut(caught.value) == "reset"


def test_the_time_for_the_handshake_takes_no_thread() -> None:
    before = set(threading.enumerate())  # some of another test may be ending yet
    packets = Packets(Played(None, b"x"))
    packets.start_handshake(100)
    assert not packets.handshake_timed_out()
    packets.complete_handshake()
    packets.start_handshake(-1)
    assert packets.handshake_timed_out()
    with pytest.raises(EOFError):
        packets.read_all(1)
    packets.complete_handshake()
    assert packets.read_all(1) == b"x"
    assert set(threading.enumerate()) <= before
