"""Whether the key that a host shows is accepted, and what a responder is told where it is not.

Nothing is accepted unseen: a key that the responder's known_hosts files do not hold ends the attempt, and there is no
setting that changes it. What the files say is `known_hosts`' subject.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from irkit.adapters.known_hosts import KnownHosts, Verdict, fingerprint
from irkit.adapters.revoked_keys import why_revoked
from irkit.adapters.ssh_config import SshSettings
from irkit.adapters.ssh_key_blob import KeyFormatError
from irkit.core.errors import HostState, UnreachableError
from irkit.core.text import safe

PORT: Final = 22
KEY_ORDER: Final = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
_STATES: Final = {
    "unknown": HostState.KEY_UNKNOWN,
    "changed": HostState.KEY_CHANGED,
    "revoked": HostState.KEY_REVOKED,
}
_ADVICE: Final = {
    "unknown": "compare it with what the host's owner says, then run irkit hosts trust {name}",
    "changed": "if its owner confirms the new key, remove that line, then run irkit hosts trust {name}",
    "revoked": "it is not to be trusted",
}


def place_of(settings: SshSettings) -> str:
    """Where a host is, as text: `10.0.0.5:22`."""
    name = f"[{settings.host_name}]" if ":" in settings.host_name else settings.host_name
    return f"{name}:{settings.port or PORT}"


@dataclass(frozen=True)
class Identity:
    """What is known of a host's keys, and the name and port that it is looked up by.

    `pinned` is the key that it has shown before in this run: it has to be the same. `called` is what the responder
    calls the host.
    """

    settings: SshSettings
    known: KnownHosts
    name: str
    port: int
    pinned: bytes = b""
    called: str = ""

    @classmethod
    def of(cls, settings: SshSettings, pinned: bytes = b"", called: str = "") -> "Identity":
        """What the files say now."""
        known = KnownHosts.read((*settings.user_known_hosts, *settings.global_known_hosts))
        name = settings.host_key_alias or settings.host_name
        port = PORT if settings.host_key_alias else settings.port or PORT
        return cls(settings, known, name, port, pinned, called or settings.alias)

    @property
    def order(self) -> tuple[str, ...]:
        """The algorithms to ask for: those the host is known by first, as otherwise a known host looks changed."""
        wanted = (*self.known.key_types(self.name, self.port), *KEY_ORDER)
        allowed = self.settings.host_key_algorithms
        kept = tuple(dict.fromkeys(kind for kind in wanted if not allowed or kind in allowed))
        return kept or KEY_ORDER

    def verdict(self, kind: str, blob: bytes) -> Verdict:
        """What the files say of a key, where `kind` is the algorithm that was agreed on."""
        if why := why_revoked(self.settings.revoked_host_keys, blob):
            return Verdict("revoked", f"the key of {safe(place_of(self.settings), 100)} is not accepted: {why}")
        return self.known.check(self.name, self.port, kind, blob, datetime.now(UTC))

    def refusal(self, kind: str, blob: bytes) -> UnreachableError | None:
        """Why a key is not accepted; None where it is."""
        place, finger = safe(place_of(self.settings), 100), _finger(blob)
        if self.pinned and blob != self.pinned:
            reason = f"{place} shows the key {finger}, and showed another one before in this run"
            return UnreachableError(f"{reason}: somebody may be in between", HostState.KEY_CHANGED)
        verdict = self.verdict(kind, blob)
        if verdict.state == "trusted":
            return None
        where = f"{place}: " if self.settings.host_key_alias else ""
        shown = "" if finger in verdict.reason else f" (it showed {finger})"
        advice = _ADVICE[verdict.state].format(name=safe(self.called, 100))
        return UnreachableError(f"{where}{verdict.reason}{shown}; {advice}", _STATES[verdict.state])


def _finger(blob: bytes) -> str:
    try:
        return fingerprint(blob)
    except KeyFormatError:
        return "a key that is none"
