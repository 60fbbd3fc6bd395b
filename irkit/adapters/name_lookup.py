"""The addresses of a machine, looked up within the time there is: the system's own call cannot be told to stop."""

import queue
import socket
import threading
from typing import Any

from irkit.core.errors import UnreachableError
from irkit.core.ports import Deadline
from irkit.core.text import safe

Addresses = list[tuple[Any, ...]]
"""As `socket.getaddrinfo` gives them."""


def look_up(host: str, port: int, deadline: Deadline) -> Addresses:
    """The addresses, the preferred one first. Raises UnreachableError, TargetError.

    A lookup that hangs is left behind in its thread, which ends with it.
    """
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        pass  # it is a name
    found: queue.SimpleQueue[Addresses | Exception | None] = queue.SimpleQueue()
    threading.Thread(target=_ask, args=(host, port, found), name=f"look up {host}", daemon=True).start()
    forget = deadline.on_cancel(lambda: found.put(None))
    try:
        answer = found.get(timeout=deadline.remaining())
    except queue.Empty:
        answer = None
    finally:
        forget()
    if isinstance(answer, list):
        return answer
    if answer is None:
        deadline.remaining()  # says so where the whole time is up, or the run was told to stop
        raise UnreachableError(f"{safe(host, 100)} cannot be looked up: no name server answers")
    raise UnreachableError(f"{safe(host, 100)} has no address: its name is not known here") from answer


def _ask(host: str, port: int, found: "queue.SimpleQueue[Addresses | Exception | None]") -> None:
    try:
        found.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        found.put(error)
