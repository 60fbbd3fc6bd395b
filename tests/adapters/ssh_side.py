"""The responder's side in tests of SSH: deadlines, answers to what is asked, and targets made from a lab's settings."""

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from irkit.adapters.clock import SystemClock
from irkit.adapters.ssh_link import Link, connect
from irkit.adapters.ssh_secrets import Secrets
from irkit.adapters.ssh_target import SshTarget
from irkit.adapters.ssh_way import Ways
from irkit.core.errors import TargetError, UnreachableError
from irkit.core.host import Host
from irkit.engine.deadline import Cancel, OperationDeadline
from tests.lab.client_side import ClientSide

SOON = 20.0
"""Seconds in which a test sees that something has ended well before the minute that it may take."""


def deadline(seconds: float = 60.0, cancel: Cancel | None = None) -> OperationDeadline:
    return OperationDeadline(SystemClock(), seconds, seconds, cancel or Cancel())


class Asked:
    """Somebody who is asked: the first answer whose key is part of the prompt, each list from its front."""

    def __init__(self, **answers: str | Sequence[str | None] | None) -> None:
        self._answers = {
            key: [value] * 9 if isinstance(value, str) else list(value or ()) for key, value in answers.items()
        }
        self.prompts: list[str] = []

    def __call__(self, prompt: str) -> str | None:
        self.prompts.append(prompt)
        for key, answers in self._answers.items():
            if key in prompt and answers:
                return answers.pop(0)
        return None


def ways(client: ClientSide, ask: Asked | None = None, extra: Mapping[str, str] | None = None) -> Ways:
    return Ways(client.environment(extra), client.home, client.config, Secrets(ask))


def host_of(name: str, **more: Any) -> Host:
    return Host(name=name, reach="ssh", **more)


@contextlib.contextmanager
def linked(client: ClientSide, name: str, way: Ways | None = None, seconds: float = 60, **more: Any) -> Iterator[Link]:
    """A connection, ended afterwards."""
    link = connect(host_of(name, **more), way or ways(client), deadline(seconds))
    try:
        yield link
    finally:
        link.end()


@contextlib.contextmanager
def target_of(client: ClientSide, name: str, way: Ways | None = None, **more: Any) -> Iterator[SshTarget]:
    """A target that nothing was asked of yet, closed afterwards."""
    target = SshTarget(host_of(name, **more), way or ways(client), SystemClock())
    try:
        yield target
    finally:
        target.close()


def refusal(
    client: ClientSide, name: str, way: Ways | None = None, seconds: float = 60, **more: Any
) -> UnreachableError:
    """Why there is no connection, in one line."""
    with pytest.raises(UnreachableError) as caught, linked(client, name, way, seconds, **more):
        pass
    return one_line(caught.value)


def one_line(error: UnreachableError) -> UnreachableError:
    """The error, once it was seen to be fit for a terminal."""
    text = str(error)
    assert error.reason == text
    assert len(text) < 700
    assert text.isprintable(), text
    return error


class Doing:
    """Something done on a thread of its own, and what came of it."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.result: Any = None
        self.error: TargetError | None = None
        self._thread = threading.Thread(target=self._run, args=(function, *arguments), daemon=True)
        self._thread.start()

    def _run(self, function: Any, *arguments: Any) -> None:
        try:
            self.result = function(*arguments)
        except TargetError as error:
            self.error = error

    def ended(self, seconds: float = SOON) -> bool:
        """Whether it ends in that time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()
