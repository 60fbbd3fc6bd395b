"""Logging in over an SSH connection whose host key has been accepted: keys first, then what the responder is asked for.

Which keys there are is `ssh_keys`' subject. Nothing here decides whom to trust.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import paramiko

from irkit.adapters.ssh_attempt import Answer, Attempt, Begin, Question, answer_nothing
from irkit.adapters.ssh_config import SshSettings
from irkit.adapters.ssh_cut import CutError, is_end, why_cut
from irkit.adapters.ssh_keys import Candidate, KeyRing, LockedKey, gather, open_agent
from irkit.adapters.ssh_secrets import Secrets
from irkit.adapters.ssh_transport import SshTransport
from irkit.core.errors import HostState, UnreachableError
from irkit.core.ports import Deadline
from irkit.core.text import safe

_PASSWORDS: Final = 3
_PORT: Final = 22
_STEPS: Final = 4
"""Methods that a host may want one after another."""
_SHOWN: Final = 3
_SHOWN_OF_QUESTION, _READ_OF_QUESTION = 80, 1000
_MANY: Final = 3
"""Attempts after which a connection that ends without a word was ended by the host rather than by the network."""
_REJECTED: Final = (paramiko.SSHException, OSError, EOFError, ValueError)


class LoginEndedError(CutError):
    """The connection ended in the middle of a login; `after_asking`: while somebody was being asked."""

    def __init__(self, reason: str, state: HostState, *, after_asking: bool) -> None:
        self.after_asking = after_asking
        super().__init__(reason, state)


@dataclass
class Login:
    """One login: who, where (`ana@10.0.0.5:22`), with what, and what has been tried so far.

    `called` is what the responder calls the host, `over` the hops before it with their keys.
    """

    transport: SshTransport
    settings: SshSettings
    secrets: Secrets
    environment: Mapping[str, str]
    where: str
    deadline: Deadline
    called: str = ""
    over: str = ""
    tried: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    allowed: tuple[str, ...] = ()
    _steps: int = 0
    _asked: bool = False
    _declined: bool = False
    _wrong: str | None = field(default=None, repr=False)

    def run(self) -> None:
        """Log in. Raises UnreachableError with what was tried, TargetError."""
        if self._try_none():
            return
        for steps in range(_STEPS):
            if self._try_keys() or self._try_questions() or self._try_passwords():
                return
            if self._steps <= steps:
                break  # nothing has come of it, and nothing more would
        self.secrets.forget(self._password_name)
        if not self.transport.is_active():
            raise self._broken(self.transport.get_exception())
        raise self._refused()

    def _try_none(self) -> bool:
        """Ask what is allowed; a host that lets everybody in is content with this."""
        return self._attempt(lambda attempt, event: attempt.auth_none(self.settings.user, event))

    def _may(self, method: str, *, wanted: bool) -> bool:
        return wanted and method in self.allowed and self.transport.is_active()

    # Keys:

    def _try_keys(self) -> bool:
        if not self._may("publickey", wanted=self.settings.public_key):
            return False
        with open_agent(self.settings.identity_agent, self.environment, self.notes) as agent:
            ring = gather(
                self.settings.identity_files,
                self.settings.certificate_files,
                agent,
                only_these=self.settings.identities_only,
            )
            found = any(self._try_key(key) for key in ring.keys) or any(
                self._try_locked(ring, key) for key in ring.locked
            )
        self.notes += ring.notes
        return found

    def _try_key(self, key: Candidate) -> bool:
        if "publickey" not in self.allowed:
            return False  # it has done its part already, and another method is asked for now
        self.tried.append(key.name)
        if key.asks_first and not self._is_wanted(key.public):
            return False
        return self._attempt(lambda attempt, event: attempt.auth_publickey(self.settings.user, key.signer, event))

    def _try_locked(self, ring: KeyRing, key: LockedKey) -> bool:
        """A key that needs a passphrase: nobody is asked for it where the host would not take the key."""
        if "publickey" not in self.allowed:
            return False
        self.tried.append(str(key.path))
        if key.offers and not any(self._is_wanted(public) for public in key.offers):
            return False
        self._asked = self._asked or self.secrets.can_ask
        return any(self._try_key(found) for found in ring.unlock(key, self.secrets, self.deadline))

    def _is_wanted(self, public: bytes) -> bool:
        """Whether the host would take a key, if it were shown to be held."""
        attempt = Attempt(self.transport)
        self._run(attempt, lambda attempt, event: attempt.auth_offer(self.settings.user, public, event), answer_nothing)
        return attempt.is_wanted

    # What the responder is asked for:

    @property
    def _password_name(self) -> str:
        """The same for one host only: an address may be that of several, in networks of their own."""
        return f"password {self.where} {self.called} {self.over} {self.transport.host_key_blob.hex()}"

    @property
    def _place(self) -> str:
        """Where, as a responder tells it from others."""
        is_plain = self.called in ("", self.where, self.where.partition("@")[2]) or f"@{self.called}:" in self.where
        return self.where if is_plain else f"{self.where} ({safe(self.called, 100)})"

    def _password(self) -> str | None:
        self._asked = self._asked or self.secrets.can_ask
        prompt = f"Password of {self._place}: "
        answer = self.secrets.ask_for(self._password_name, prompt, self.deadline, wrong=self._wrong)
        self._declined = answer is None
        self._wrong = answer if answer is not None else self._wrong  # until it turns out to be right
        return answer

    def _try_questions(self) -> bool:
        """What the host itself asks: a password as a rule, or a one-time code."""
        for _ in range(_PASSWORDS):
            if self._declined or not self._may("keyboard-interactive", wanted=self.settings.keyboard_interactive):
                break
            if not self.secrets.can_ask and not self.secrets.knows(self._password_name, but=self._wrong):
                break
            self.tried.append("the host's questions")
            if self._attempt(
                lambda attempt, event: attempt.auth_interactive(self.settings.user, _no_handler, event), self._answer
            ):
                return True
        return False

    def _answer(self, question: Question) -> list[str]:
        if len(question.prompts) == 1 and "assword" in question.prompts[0]:
            # The plain case: the same password as the method of that name asks for.
            return [self._told(question.prompts[0], self._password())]
        return [self._ask(question.title, prompt) for prompt in question.prompts]

    def _ask(self, title: str, prompt: str) -> str:
        self._asked = self._asked or self.secrets.can_ask
        asks = f"{self._place} asks {_quoted(f'{title} {prompt}')}; what you type goes to that host: "
        return self._told(prompt, self.secrets.ask(asks, self.deadline))

    def _told(self, prompt: str, answer: str | None) -> str:
        """The answer. Raises UnreachableError where there is none: an empty one would count as a wrong one."""
        if answer is None:
            reason = (
                f"the host asks {safe(prompt.strip(), 100)!r}, and nobody tells (on a terminal, or with --ask-pass)"
            )
            raise UnreachableError(reason, HostState.AUTH)
        return answer

    def _try_passwords(self) -> bool:
        for _ in range(_PASSWORDS):
            if self._declined or not self._may("password", wanted=self.settings.password):
                break
            password = self._password()
            if password is None:
                break
            self.tried.append("a password")
            if self._attempt(_with_password(self.settings.user, password)):
                return True
        return False

    # One attempt:

    def _attempt(self, begin: Begin, answer: Answer = answer_nothing) -> bool:
        """True once the responder is in. What is asked for next changes with what was one step on the way."""
        further = self._run(Attempt(self.transport), begin, answer)
        if further:
            self.allowed, self._wrong = further, None
            self._steps += 1
        return self.transport.is_authenticated()

    def _run(self, attempt: Attempt, begin: Begin, answer: Answer) -> tuple[str, ...]:
        try:
            return attempt.run(begin, answer, self.deadline)
        except paramiko.BadAuthenticationType as error:
            self.allowed = tuple(map(str, error.allowed_types))
            return ()
        except UnreachableError as error:
            raise UnreachableError(f"{self.where}: {error.reason}", error.state) from error
        except _REJECTED as error:
            if not self.transport.is_active():
                raise self._broken(error) from error
            if attempt.problem is not None:
                name = self.tried[-1] if self.tried else "a key"
                self.notes.append(f"{name} was of no use: {safe(attempt.problem, 100) or 'it signs nothing'}")
            return ()

    def _refused(self) -> UnreachableError:
        allowed = safe(", ".join(self.allowed), 100) or "nothing"
        parts = [f"{self.where} is not let in: the host allows {allowed}", _listed(self.tried)]
        return UnreachableError(
            "; ".join([*parts, *dict.fromkeys(self.notes[:_SHOWN]), *self._advice()]), HostState.AUTH
        )

    def _advice(self) -> Iterator[str]:
        """What may be done about it, and how to see more."""
        if "publickey" in self.allowed and self.settings.public_key:
            yield "name a key that it takes (IdentityFile in ssh's configuration, or ssh-add)"
        if not self.secrets.can_ask and {"password", "keyboard-interactive"} & set(self.allowed):
            yield "a password can be asked for on a terminal, or with --ask-pass"
        port = f"-p {self.settings.port} " if self.settings.port != _PORT else ""
        yield f"to see more, by hand: ssh -v {port}{safe(f'{self.settings.user}@{self.settings.alias}', 200)}"

    def _broken(self, error: BaseException | None) -> UnreachableError:
        """Why the connection ended: by the host, which says so or was asked many times, else it was cut on the way."""
        farewell = safe(self.transport.farewell, 150)
        # paramiko's own word for a stream that ended.
        ended = is_end(error) or isinstance(error, paramiko.AuthenticationException)
        if ended and not farewell and len(self.tried) < _MANY:
            reason = f"the connection was cut while logging in: {why_cut(error)} ({self.where})"
            return LoginEndedError(reason, HostState.DOWN, after_asking=self._asked)
        why = farewell or ("without a word" if ended else safe(error, 150))
        tried = f" after {len(self.tried)} attempts" if self.tried else ""
        reason = f"the host ended the connection{tried} ({why})"
        if "oo many" in farewell and self.tried:
            reason += "; IdentitiesOnly and IdentityFile in ssh's configuration say which key to use"
        state = HostState.AUTH if self.tried else HostState.DOWN
        return LoginEndedError(f"{reason} ({self.where})", state, after_asking=self._asked)


def _with_password(user: str, password: str) -> Begin:
    return lambda attempt, event: attempt.auth_password(user, password, event)


def _no_handler(title: str, instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
    """`Attempt` has the questions answered elsewhere."""
    del title, instructions
    return [""] * len(prompts)


def _quoted(text: str) -> str:
    """What a host asks, so that it cannot be taken for what irkit asks: short, and without blanks that wrap a line."""
    words = safe(" ".join(text[:_READ_OF_QUESTION].split()), _READ_OF_QUESTION).replace('"', "'")
    return f'"{words if len(words) <= _SHOWN_OF_QUESTION else words[: _SHOWN_OF_QUESTION - 1] + "…"}"'


def _listed(tried: Sequence[str]) -> str:
    if not tried:
        return "there was nothing to try"
    shown = list(dict.fromkeys(tried))
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return f"tried {', '.join(shown[:_SHOWN])}{more}"
