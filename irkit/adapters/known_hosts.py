"""Whether a host is the one it should be: the host key it showed, against all lines of the known_hosts files.

The rules are those of OpenSSH's client (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT; PROTOCOL.certkeys) in their strict
reading. What is revoked is so whatever else is known. A certificate counts through a line `@cert-authority` only;
where it doesn't, the key inside may still be one that is recorded for the host. Three things are stricter than in
OpenSSH 9: a key recorded for a name counts on the usual port only, not on others too; a key revoked for a name is
revoked on all its ports; a certificate without names is for no host, as OpenSSH has it since 10.3. Addresses are not
looked up beside names (`CheckHostIP`), and nothing is ever trusted or recorded because it is new.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from irkit.adapters.known_hosts_append import append_host_key
from irkit.adapters.known_hosts_file import Line, Marker, read_known_hosts
from irkit.adapters.known_hosts_names import DEFAULT_PORT, lookup_name
from irkit.adapters.known_hosts_verdict import Known, Shown, Verdict, judge
from irkit.adapters.ssh_certificate import parse_host_key
from irkit.adapters.ssh_key_blob import HOST_KEY_ALGORITHMS, KeyFormatError, certificate_type, type_of_algorithm
from irkit.core.text import safe

__all__ = ["KnownHosts", "Verdict", "append_host_key", "fingerprint"]


class KnownHosts:
    """What known_hosts files say. `notes` is what the responder must be told of them."""

    def __init__(self, lines: Sequence[Line], notes: Sequence[str] = ()) -> None:
        self._lines = tuple(lines)
        self.notes = tuple(notes)

    @classmethod
    def read(cls, paths: Iterable[Path]) -> "KnownHosts":
        """What these files say. None has to be there; what cannot be read is among the notes."""
        lines: list[Line] = []
        notes: list[str] = []
        for path in dict.fromkeys(paths):
            found, problems = read_known_hosts(path)
            lines += found
            notes += problems
        return cls(lines, notes)

    def key_types(self, name: str, port: int) -> tuple[str, ...]:
        """The algorithms by which the host can be recognised, best first, certificates before keys.

        Asked for before others, they keep a host that is known by a key of one type from showing one of another.
        `name` and `port` are as for `check`.
        """
        lines = self._about(name, port)
        recorded = {line.key.type for line in lines if line.marker is Marker.KEY}
        plain = tuple(each for each in HOST_KEY_ALGORITHMS if type_of_algorithm(each) in recorded)
        has_authority = any(line.marker is Marker.AUTHORITY for line in lines)
        return (*(map(certificate_type, HOST_KEY_ALGORITHMS) if has_authority else ()), *plain)

    def check(self, name: str, port: int, key_type: str, key_blob: bytes, now: datetime) -> Verdict:
        """What is known of a key that a host showed. Never raises, whatever the host sent. `now` has a time zone.

        `name` is what would be looked up: what the configuration makes of the host's name. Where there is a
        HostKeyAlias it is that, with port 22, as ssh looks an alias up without a port. `key_type` is the algorithm
        that was agreed on with the host, `key_blob` the key or certificate as it came.
        """
        host = safe(lookup_name(name, port).decode("utf-8", "replace"), 200)
        try:
            key, certificate = parse_host_key(key_blob)
        except KeyFormatError as error:
            return Verdict("unknown", f"the key that {host} showed cannot be used: {error}")
        shown = Shown(host=host, name=name, algorithm=key_type, key=key, certificate=certificate)
        usual_port = self._about(name, DEFAULT_PORT) if port != DEFAULT_PORT else ()
        return judge(shown, Known(lines=self._about(name, port), usual_port=usual_port), now)

    def _about(self, name: str, port: int) -> list[Line]:
        wanted = lookup_name(name, port)
        return [line for line in self._lines if line.names.include(wanted)]


def fingerprint(blob: bytes) -> str:
    """`SHA256:...` of a key or of the key in a certificate, as `ssh-keygen -l` prints it. Raises KeyFormatError."""
    key, _ = parse_host_key(blob)
    return key.fingerprint
