"""What the lines about a host make of the key that it showed. Which lines those are is left to `known_hosts`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from irkit.adapters.known_hosts_file import Line, Marker
from irkit.adapters.ssh_certificate import Certificate
from irkit.adapters.ssh_key_blob import KeyFormatError, PublicKey, type_of_algorithm
from irkit.core.text import safe

_SHOWN: Final = 3
State = Literal["trusted", "unknown", "changed", "revoked"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a host key: why, in one line, and the `file:line` that decided it, where one did.

    Only `trusted` is; the other three say in which way it is not.
    """

    state: State
    reason: str
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The key that a host showed, where `algorithm` was agreed on. `host` is for messages, `name` has no port."""

    host: str
    name: str
    algorithm: str
    key: PublicKey
    certificate: Certificate | None

    def __str__(self) -> str:
        return f"{self.key.type} {self.key.fingerprint}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The lines about a host, and those about its name on the usual port where it is on another: what these record
    does not count, what they revoke does."""

    lines: Sequence[Line]
    usual_port: Sequence[Line]

    def marked(self, marker: Marker) -> list[Line]:
        """The lines about the host that say that of their key."""
        return [line for line in self.lines if line.marker is marker]


def judge(shown: Shown, known: Known, now: datetime) -> Verdict:
    """What is known of the key that a host showed."""
    revoked = _find_revoked(shown, known)
    if revoked is not None:
        return revoked
    found = shown.certificate.type if shown.certificate else shown.key.type
    if type_of_algorithm(shown.algorithm) != found:
        wanted = safe(shown.algorithm, 100)
        return Verdict("unknown", f"{shown.host} showed a key of type {found} where {wanted} was agreed on")
    if shown.certificate is None:
        return _judge_key(shown, known)
    return _judge_both(shown, shown.certificate, known, now)


def _judge_both(shown: Shown, certificate: Certificate, known: Known, now: datetime) -> Verdict:
    """Of a certificate that does not count, though it is a true one, the key inside may."""
    try:
        certificate.check_signature()
    except KeyFormatError as error:
        return Verdict("unknown", f"the certificate that {shown.host} showed cannot be believed: {error}")
    verdict = _judge_certificate(shown, certificate, known, now)
    if verdict.state == "trusted":
        return verdict
    by_key = _judge_key(shown, known)
    return replace(by_key, reason=f"{by_key.reason}; {verdict.reason}")


def _find_revoked(shown: Shown, known: Known) -> Verdict | None:
    authority = shown.certificate.authority if shown.certificate else None
    for line in (*known.lines, *known.usual_port):
        if line.marker is not Marker.REVOKED:
            continue
        if line.key.blob == shown.key.blob:
            return Verdict("revoked", f"the key of {shown.host} ({shown}) is revoked in {line.where}", line.where)
        if authority is not None and line.key.blob == authority.blob:
            what = f"the authority that signed the certificate of {shown.host} ({authority.fingerprint})"
            return Verdict("revoked", f"{what} is revoked in {line.where}", line.where)
    return None


def _judge_certificate(shown: Shown, certificate: Certificate, known: Known, now: datetime) -> Verdict:
    authority = certificate.authority
    line = next((each for each in known.marked(Marker.AUTHORITY) if each.key.blob == authority.blob), None)
    if line is None:
        why = f"its authority ({authority.fingerprint}) is not recorded for {shown.host}"
    else:
        why = certificate.refusal(shown.name, now)
    if line is None or why:
        return Verdict("unknown", f"its certificate does not count: {why}")
    return Verdict("trusted", f"{shown.host} has a certificate of the authority in {line.where}", line.where)


def _judge_key(shown: Shown, known: Known) -> Verdict:
    recorded = known.marked(Marker.KEY)
    for line in recorded:
        if line.key.blob == shown.key.blob:
            return Verdict("trusted", f"{shown.host} has the key recorded in {line.where}", line.where)
    return _changed(shown, recorded) if recorded else _unknown(shown, known)


def _changed(shown: Shown, recorded: list[Line]) -> Verdict:
    same_type = [line for line in recorded if line.key.type == shown.key.type]
    first = (same_type or recorded)[0]
    others = "; ".join(f"{line.key.type} {line.key.fingerprint} ({line.where})" for line in recorded[:_SHOWN])
    more = f" and {len(recorded) - _SHOWN} more" if len(recorded) > _SHOWN else ""
    if same_type:
        said = f"showed another key than the one recorded in {first.where}: {shown} in place of {first.key.fingerprint}"
    else:
        said = f"showed a key of a type that is not recorded for it: {shown}; recorded are {others}{more}"
    return Verdict("changed", f"{shown.host} {said}; it was set up anew, or somebody is in between", first.where)


def _unknown(shown: Shown, known: Known) -> Verdict:
    said = f"no key of {shown.host} is recorded; it showed {shown}"
    authorities = known.marked(Marker.AUTHORITY)
    if authorities and shown.certificate is None:
        said += f" without a certificate of the authority in {authorities[0].where}"
    for line in known.usual_port:
        if line.marker is Marker.KEY and line.key.blob == shown.key.blob:
            said += f"; the same key is recorded for the usual port only, in {line.where}"
            break
    return Verdict("unknown", said)
