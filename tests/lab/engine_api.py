"""Requests to an engine, for what the lab asks so often that starting the docker command line each time would count."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any, NamedTuple

from .tools import LabError, last_words

NO_SUCH = 404


class Answer(NamedTuple):
    """What an engine answered."""

    status: int
    raw: bytes

    @property
    def ok(self) -> bool:
        return self.status < 400

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def said(self) -> str:
        """The engine's reason for refusing."""
        try:
            return str(self.json["message"])
        except (ValueError, LookupError, TypeError):
            return last_words(self.raw)


class _Connection(http.client.HTTPConnection):
    def __init__(self, place: Path, timeout: float) -> None:
        super().__init__("lab", timeout=timeout)
        self.place = place

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.place))


def ask(place: Path, method: str, path: str, *, check: bool = True, timeout: float = 60) -> Answer:
    """Ask the engine at that socket; no answer, or a refusal where `check` is set, is a LabError."""
    connection = _Connection(place, timeout)
    try:
        connection.request(method, path)
        with connection.getresponse() as response:
            answer = Answer(response.status, response.read())
    except TimeoutError as error:
        raise LabError(f"no answer within {timeout:g} s: {method} {path}") from error
    except (OSError, http.client.HTTPException) as error:
        raise LabError(f"{method} {path}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if check and not answer.ok:
        raise LabError(f"{method} {path}: {answer.status}: {answer.said}")
    return answer
