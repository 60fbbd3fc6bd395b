"""The keys a responder may log in with: those of an agent, and those in files. Trying them is left to `ssh_auth`.

Reading a private key is `ssh_key_file`'s subject, speaking with an agent `ssh_agent`'s.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import paramiko
from paramiko.agent import AgentKey
from paramiko.pkey import PublicBlob

from irkit.adapters.ssh_agent import Agent, with_blob
from irkit.adapters.ssh_certificate import parse_certificate
from irkit.adapters.ssh_key_blob import KeyFormatError
from irkit.adapters.ssh_key_file import EncryptedKeyError, read_key, read_public
from irkit.adapters.ssh_secrets import Secrets
from irkit.core.errors import StorageError
from irkit.core.ports import Deadline
from irkit.core.text import safe

_PASSPHRASES: Final = 3


@dataclass(frozen=True)
class Candidate:
    """A key to try, with the words that name it; `asks_first` says that signing may take its owner's consent."""

    name: str
    public: bytes
    signer: paramiko.PKey
    asks_first: bool = False


@dataclass(frozen=True)
class LockedKey:
    """A key file that needs a passphrase; `offers` are the public halves it would be shown with, as far as known."""

    path: Path
    offers: tuple[bytes, ...]


@dataclass
class KeyRing:
    """The keys to try, best first; `notes` says what was left out."""

    keys: list[Candidate] = field(default_factory=list)
    locked: list[LockedKey] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    certificates: tuple[Path, ...] = ()

    def unlock(self, key: LockedKey, secrets: Secrets, deadline: Deadline) -> Iterator[Candidate]:
        """The key in an encrypted file, once its passphrase is known; nothing where nobody tells it.

        Raises TargetError.
        """
        path, wrong = key.path, None
        for _ in range(_PASSPHRASES):
            phrase = secrets.ask_for(f"passphrase {path}", f"Passphrase of the key {path}: ", deadline, wrong=wrong)
            if phrase is None:
                self.notes.append(f"{path} is encrypted, and nobody told its passphrase (ssh-add, or --ask-pass)")
                return
            try:
                found = read_key(path, phrase)
            except EncryptedKeyError:
                wrong = phrase
                continue
            except StorageError as error:
                self.notes.append(str(error))
                return
            yield from self._with_certificates(path, found)
            return
        secrets.forget(f"passphrase {path}")
        self.notes.append(f"{path}: {_PASSPHRASES} wrong passphrases")

    def add_file(self, path: Path) -> None:
        """Take in a key file, or say why not."""
        try:
            self.keys += self._with_certificates(path, read_key(path, None))
        except EncryptedKeyError:
            public = read_public(path)
            offers = (*(blob for _, blob in self._certificates_of(path, public)), public) if public else ()
            self.locked.append(LockedKey(path, offers))
        except StorageError as error:
            self.notes.append(str(error))

    def add_agent(self, keys: Sequence[AgentKey]) -> None:
        """Take in keys that an agent holds, each with the certificates that are configured for it first."""
        shown = {key.public for key in self.keys}
        for key in keys:
            name = f"agent key {safe(key.comment or key.name, 60)}"
            for place, blob in self._certificates_of(None, bytes(key.blob)):
                if blob in shown or any(blob == other.blob for other in keys):
                    continue
                self.keys.append(Candidate(f"{name} with {place.name}", blob, with_blob(key, blob), asks_first=True))
            self.keys.append(Candidate(name, bytes(key.blob), key, asks_first=True))

    def _with_certificates(self, path: Path, key: paramiko.PKey) -> Iterator[Candidate]:
        """The key with its certificates first, as its owner's own ssh offers them, then the key alone."""
        public = key.asbytes()
        for place, blob in self._certificates_of(path, public):
            certified = copy.copy(key)
            certified.public_blob = PublicBlob(parse_certificate(blob).type, blob)
            yield Candidate(f"{path} with {place.name}", blob, certified)
        yield Candidate(str(path), public, key)

    def _certificates_of(self, path: Path | None, public: bytes) -> Iterator[tuple[Path, bytes]]:
        """The certificates of a key: those that are configured, and the one beside its file."""
        beside = (path.with_name(path.name + "-cert.pub"),) if path else ()
        for place in dict.fromkeys((*self.certificates, *beside)):
            blob = read_public(place)
            if blob and _plain(blob) == public != blob:
                yield place, blob


def _plain(blob: bytes) -> bytes:
    """The key in a certificate, or the key itself."""
    try:
        return parse_certificate(blob).key.blob
    except KeyFormatError:
        return blob


def gather(files: Sequence[Path], certificates: Sequence[Path], agent: Agent | None, *, only_these: bool) -> KeyRing:
    """The keys to try, in the order of OpenSSH: the agent's that are named, the agent's other ones, then files."""
    ring = KeyRing(certificates=tuple(certificates))
    held = agent.keys if agent is not None else []
    named = [_plain(blob) for path in (*files, *certificates) if (blob := read_public(path))]
    first = sorted((key for key in held if _plain(key.blob) in named), key=lambda key: named.index(_plain(key.blob)))
    ring.add_agent(first)
    if not only_these:
        ring.add_agent([key for key in held if key not in first])
    in_agent = {bytes(key.blob) for key in held}
    for path in files:
        if read_public(path) not in in_agent and path.exists():
            ring.add_file(path)
    return ring


@contextmanager
def open_agent(wanted: str, environment: Mapping[str, str], notes: list[str]) -> Iterator[Agent | None]:
    """The responder's agent, None where there is none. `wanted` is an IdentityAgent: empty for the usual."""
    path = environment.get("SSH_AUTH_SOCK", "") if wanted in ("", "SSH_AUTH_SOCK") else wanted
    if path in ("", "none"):
        yield None
        return
    try:
        agent = Agent(path)
    except StorageError as error:
        notes.append(str(error))
        yield None
        return
    try:
        yield agent
    finally:
        agent.close()
