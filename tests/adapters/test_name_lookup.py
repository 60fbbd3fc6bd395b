"""Names are looked up within the time there is."""

import socket
import threading
from collections.abc import Iterator

import pytest

from irkit.adapters.name_lookup import look_up
from irkit.core.errors import Refusal, TargetError, UnreachableError

from .tls_engine import SHORT, cancelled, deadline


def test_a_name_without_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(UnreachableError, match=r"engine\.example\.org has no address"):
        look_up("engine.example.org", 2376, deadline())


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Name servers that never answer."""
    answer = threading.Event()
    real = socket.getaddrinfo

    def hang(host: str, port: int, *, type: int, flags: int = 0) -> object:
        if flags & socket.AI_NUMERICHOST:
            return real(host, port, type=type, flags=flags)
        answer.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield
    answer.set()
    for thread in threading.enumerate():
        if thread.name.startswith("look up "):
            thread.join(60)


@pytest.mark.usefixtures("hanging")
def test_a_lookup_that_hangs_is_waited_for_no_longer_than_said() -> None:
    with pytest.raises(UnreachableError, match="no name server answers"):
        look_up("engine.example.org", 2376, deadline(20, idle=SHORT))
    with pytest.raises(TargetError, match="longer than"):
        look_up("engine.example.org", 2376, deadline(SHORT))


@pytest.mark.usefixtures("hanging")
def test_a_lookup_can_be_cancelled() -> None:
    assert cancelled(lambda waits: look_up("engine.example.org", 2376, waits)).kind is Refusal.CANCELLED
