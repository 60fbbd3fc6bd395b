"""One attempt to log in over an SSH connection, as the connection's thread and the one that waits share it.

paramiko lets a key that signs nothing end the connection, takes as many questions as a host likes, and has them
answered on the connection's own thread. What is attempted, and in which order, is left to `ssh_auth`.
"""

import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.common import cMSG_USERAUTH_INFO_RESPONSE, cMSG_USERAUTH_REQUEST

from irkit.adapters.ssh_transport import STEP, SshTransport
from irkit.core.errors import HostState, UnreachableError
from irkit.core.ports import Deadline

SILENT: Final = 30.0
"""Seconds in which a host decides."""
_QUESTIONS: Final = 16
_ROUNDS: Final = 8
"""Times that a host may ask within one attempt."""
_UNSIGNED: Final = (paramiko.SSHException, OSError, ValueError, TypeError, IndexError, struct.error)


@dataclass(frozen=True)
class Question:
    """What a host asks at once: prompts, under a title. Foreign text."""

    title: str
    prompts: tuple[str, ...]


Answer = Callable[[Question], list[str]]
Begin = Callable[["Attempt", threading.Event], None]
"""How an attempt is begun: one of its methods, with all but the event filled in."""


def answer_nothing(question: Question) -> list[str]:
    """For attempts in which nothing is asked."""
    return [""] * len(question.prompts)


class Attempt(AuthHandler):
    """An attempt; one more needs another.

    `problem` says why nothing was sent at all, `is_wanted` that a key that was offered would be taken.
    """

    def __init__(self, transport: SshTransport) -> None:
        super().__init__(transport)
        self._connection = transport
        self._question: Question | None = None
        self._offered = b""
        self._is_signing = False
        self.problem: Exception | None = None
        self.is_wanted = False
        transport.auth_handler = self

    def auth_offer(self, user: str, public: bytes, event: threading.Event) -> None:
        """Ask whether a key would be taken, from its public half: nothing is signed for it."""
        self._offered = public
        self.auth_publickey(user, cast("Any", None), event)

    def run(self, begin: Begin, answer: Answer, deadline: Deadline) -> tuple[str, ...]:
        """What is still asked for; nothing where the responder is in.

        Raises paramiko's SSHException, EOFError, OSError as the attempt failed; UnreachableError where the host does
        not decide, TargetError.
        """
        happened = threading.Event()
        begin(self, happened)
        patience, rounds = time.monotonic() + SILENT, 0
        while self._connection.is_active():
            if not happened.wait(min(STEP, deadline.remaining())):
                if self._is_signing:  # which an agent may ask its owner about first
                    patience = time.monotonic() + SILENT
                elif time.monotonic() > patience:
                    raise UnreachableError(f"it does not decide within {SILENT:.0f} s whether to let anybody in")
                continue
            question, self._question = self._question, None
            if question is None:
                break
            happened.clear()
            rounds += 1
            if rounds > _ROUNDS:
                raise UnreachableError(f"it asks one thing after another, more than {_ROUNDS} times", HostState.AUTH)
            self._reply(answer(question))
            patience = time.monotonic() + SILENT
        self.password = None
        if self.is_wanted:
            return ()
        return tuple(map(str, self.wait_for_response(happened)))

    def _reply(self, answers: list[str]) -> None:
        message = paramiko.Message()
        message.add_byte(cMSG_USERAUTH_INFO_RESPONSE)
        message.add_int(len(answers))
        for text in answers:
            message.add_string(text.encode("utf-8", "surrogateescape"))
        cast("Any", self._connection)._send_message(message)

    # What paramiko calls, on the connection's thread:

    def _parse_service_accept(self, m: paramiko.Message) -> None:
        self._is_signing = True
        try:
            if self._offered:
                return self._offer()
            super()._parse_service_accept(m)  # type: ignore[misc]
        except EOFError:
            raise
        except _UNSIGNED as error:
            self.problem = error
            if self.auth_event is not None:
                self.auth_event.set()
        finally:
            self._is_signing = False

    def _offer(self) -> None:
        kind = paramiko.Message(self._offered).get_text()
        message = paramiko.Message()
        message.add_byte(cMSG_USERAUTH_REQUEST)
        message.add_string(self.username or "")
        message.add_string("ssh-connection")
        message.add_string("publickey")
        message.add_boolean(False)
        message.add_string(cast("Any", self)._finalize_pubkey_algorithm(kind))
        message.add_string(self._offered)
        cast("Any", self._connection)._send_message(message)

    def _parse_userauth_info_request(self, m: paramiko.Message) -> None:
        """A message of this number has another meaning with each method."""
        if self.auth_event is None or self.auth_method == "password":
            raise paramiko.SSHException("it wants the password changed first")
        if self._offered:
            self.is_wanted = True
            self.auth_event.set()
            return
        title, instruction, _ = _text(m), _text(m), m.get_binary()
        count = m.get_int()
        if self.auth_method != "keyboard-interactive" or count > _QUESTIONS:
            raise paramiko.SSHException(f"{count} questions out of turn")
        prompts = tuple((_text(m), m.get_boolean())[0] for _ in range(count))
        self._question = Question(" ".join(filter(None, (title, instruction))), prompts)
        self.auth_event.set()


def _text(m: paramiko.Message) -> str:
    return m.get_binary().decode("utf-8", "replace")
