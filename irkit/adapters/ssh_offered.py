"""The host keys that a host shows, without logging in: what `irkit hosts trust` has a responder compare.

Nothing is accepted here: each connection ends as soon as the host has proved that it holds the key.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from irkit.adapters.known_hosts import Verdict
from irkit.adapters.ssh_config import SshSettings
from irkit.adapters.ssh_host_key import KEY_ORDER, Identity, place_of
from irkit.adapters.ssh_link import NoCommonKeyError, connect_hops, open_transport, stream_to
from irkit.adapters.ssh_transport import SshTransport
from irkit.adapters.ssh_way import Ways, settings_of
from irkit.core.errors import HostState, UnreachableError, UsageError
from irkit.core.host import Host
from irkit.core.ports import Deadline
from irkit.core.text import safe


@dataclass(frozen=True)
class Offered:
    """A key that a host has proved to hold, what the known_hosts files say of it, and where it would be recorded.

    `hop` is the place of a hop (`ana@10.0.0.5:22`) where the key is one's: of the first on the way that is not known
    yet. `hashed` says that the name is not to be read off the file.
    """

    kind: str
    blob: bytes
    verdict: Verdict
    name: str
    port: int
    file: Path
    hashed: bool = False
    hop: str = ""


class _SeenError(UnreachableError):
    """Ends a connection once the key was seen."""

    def __init__(self, algorithm: str, blob: bytes) -> None:
        self.algorithm, self.blob = algorithm, blob
        super().__init__("seen", HostState.KEY_UNKNOWN)


def offered_keys(host: Host, ways: Ways, deadline: Deadline) -> list[Offered]:
    """One key of each type that the host has, or the first hop on the way to it that is not known.

    Raises UnreachableError where it shows none, TargetError, UsageError.
    """
    way = settings_of(host, ways)
    hops, settings = connect_hops(host, way, ways, deadline)
    try:
        found = _shown_by(settings, hops, ways, deadline, is_hop=settings is not way[-1])
    finally:
        for hop in reversed(hops):
            hop.end()
    if not found:
        raise UnreachableError(f"{safe(place_of(settings), 100)} shows no host key of a type that irkit knows")
    return found


def _shown_by(
    settings: SshSettings, hops: list[SshTransport], ways: Ways, deadline: Deadline, *, is_hop: bool
) -> list[Offered]:
    place, found, identity = place_of(settings), dict[str, Offered](), Identity.of(settings)
    if not settings.user_known_hosts:
        raise UsageError(f"UserKnownHostsFile names no file in which a key of {safe(place, 100)} could be recorded")
    offered = partial(
        Offered,
        name=identity.name,
        port=identity.port,
        file=settings.user_known_hosts[0],
        hashed=settings.hash_known_hosts,
        hop=f"{settings.user}@{place}" if is_hop else "",
    )
    for algorithm in KEY_ORDER:
        blob = _shown(identity, algorithm, hops, ways, deadline)
        kind = "ssh-rsa" if algorithm.startswith("rsa-") else algorithm
        if blob and kind not in found:
            found[kind] = offered(kind, blob, identity.verdict(algorithm, blob))
    return list(found.values())


def _shown(identity: Identity, algorithm: str, hops: list[SshTransport], ways: Ways, deadline: Deadline) -> bytes:
    """The key for an algorithm; empty where the host has none. Raises UnreachableError, TargetError, UsageError."""
    stream = stream_to(identity.settings, hops, ways, deadline)
    try:
        open_transport(stream, identity.settings, (algorithm,), _SeenError, deadline).end()
    except _SeenError as seen:
        return seen.blob
    except NoCommonKeyError:
        return b""
    return b""
