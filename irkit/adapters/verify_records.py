"""Whether what a bundle says of itself agrees: log, items, bundle.json, bag-info.txt, plan and playbook.

Whether the files are those that were sealed is `verify_files`' concern; here digests found there are compared.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from irkit.adapters import bag
from irkit.adapters.digests import Digests
from irkit.adapters.report import Check
from irkit.adapters.run_log import BrokenChainError, check_chain
from irkit.adapters.storage import open_regular, read_regular
from irkit.core import codec
from irkit.core.events import OperationFailed, OperationFinished, Record, RunFinished, RunStarted
from irkit.core.evidence import Evidence

_MOST_MISSING: Final = 1000
_LINE_LIMIT: Final = 1 << 24
_FILE_LIMIT: Final = 1 << 26
_UNREADABLE: Final = (OSError, ValueError, RecursionError)


class LogSummary(msgspec.Struct, kw_only=True):
    """What the checks that follow need of the log. `whole` says that its chain held to the end."""

    whole: bool = False
    records: int = 0
    head: str = codec.FIRST_PREVIOUS
    started: RunStarted | None = None
    outcome: str = ""
    evidence: dict[str, tuple[int, Evidence]] = {}
    missing: dict[str, int] = {}


class _LogClaim(msgspec.Struct):
    lines: int
    head: str


class _PayloadClaim(msgspec.Struct):
    files: int
    bytes: int


class _Claims(msgspec.Struct):
    """What bundle.json claims that can be checked."""

    bundle: str
    format: int
    log: _LogClaim
    payload: _PayloadClaim


def check_log(check: Check, found: dict[str, Digests]) -> LogSummary:
    """The chain of the run log, and what it says."""
    log = LogSummary()
    if bag.LOG not in found:
        return log
    try:
        for record, digest in check_chain(_lines(check.root / bag.LOG), bag.LOG):
            log.records, log.head = record.seq, digest
            _take_record(log, record, found)
    except BrokenChainError as error:
        check.wrong(bag.LOG, error.reason, error.line)
    except _UNREADABLE as error:
        check.wrong(bag.LOG, str(error), log.records + 1)
    # What an altered log says of other files is nothing to blame them for.
    log.whole = bag.LOG not in check.doubtful
    return log


def _take_record(log: LogSummary, record: Record, found: dict[str, Digests]) -> None:
    match record.event:
        case RunStarted() as event:
            log.started = event
        case RunFinished(outcome=outcome):
            log.outcome = outcome
        case OperationFinished(evidence=items) | OperationFailed(evidence=items):
            for item in items:
                if item.path in found:
                    log.evidence[item.path] = record.seq, item
                elif len(log.missing) < _MOST_MISSING:
                    log.missing[item.path] = record.seq
        case _:
            pass


def check_evidence(check: Check, log: LogSummary, found: dict[str, Digests]) -> None:
    """The evidence that the log describes is there, and as it describes it."""
    if not log.whole:
        return
    for path, seq in log.missing.items():
        if path not in check.doubtful:
            check.wrong(path, f"missing: line {seq} of the run log describes it")
    for path, (seq, item) in log.evidence.items():
        if path not in check.doubtful and found[path] != _digests_of(item):
            check.wrong(path, f"is not what line {seq} of the run log describes")


def _digests_of(item: Evidence) -> Digests:
    return Digests(item.sha256, item.sha512, item.size)


def _lines(path: Path) -> Iterator[bytes]:
    """Lines that end with an LF and are canonical JSON. Raises OSError, ValueError."""
    with os.fdopen(open_regular(path), "rb") as file:
        while line := file.readline(_LINE_LIMIT):
            if not line.endswith(b"\n"):
                raise ValueError("cut short")
            if not _is_canonical(line[:-1]):
                raise ValueError("not in canonical form")
            yield line


def _is_canonical(line: bytes) -> bool:
    value = msgspec.json.decode(line)
    # The quick way differs from RFC 8785 in rare numbers and keys only: what it can't confirm, the slow way decides.
    return msgspec.json.encode(value, order="sorted") == line or codec.canonical(value) == line


def check_items(check: Check, log: LogSummary, found: dict[str, Digests]) -> None:
    """Every payload file but the log has one line in items.jsonl, which agrees with it and with the log."""
    if bag.ITEMS not in found:
        return
    missing = {path for path in found if path.startswith("data/")} - {bag.LOG}
    partial, number = 0, 0
    try:
        for number, line in enumerate(_lines(check.root / bag.ITEMS), 1):
            values = codec.decode(line, dict[str, Any])
            seq, item = values.pop("seq", None), msgspec.convert(values, Evidence)
            partial += bool(item.partial)
            if item.path not in missing and item.path not in check.doubtful:
                check.wrong(bag.ITEMS, "describes a file that is not there, or one twice", number)
            elif item.path not in check.doubtful:
                _check_item(check, number, item, seq, log, found[item.path])
            missing.discard(item.path)
    except _UNREADABLE as error:
        check.wrong(bag.ITEMS, str(error), number + 1)
        return
    for path in sorted(missing - check.doubtful):
        check.wrong(bag.ITEMS, f"does not describe {path}", about=path)
    if partial:
        check.notes.append(f"{partial} items are partial")


def _check_item(check: Check, number: int, item: Evidence, seq: Any, log: LogSummary, digests: Digests) -> None:
    if digests != _digests_of(item):
        check.wrong(bag.ITEMS, f"is not what {item.path} is", number)
    elif log.whole and log.evidence.get(item.path, (0, item)) != (seq, item):
        check.wrong(bag.ITEMS, f"is not what the run log says of {item.path}", number)


def check_description(check: Check, log: LogSummary, found: dict[str, Digests]) -> str:
    """bundle.json and bag-info.txt against the log and the payload; the bundle's name."""
    claims, info = _read_claims(check, found), _read_info(check, found)
    if claims is not None and info is not None and log.whole:
        _check_head(check, log, claims.log, info.get("Irkit-Log-Head", ""))
    payload = [one.size for path, one in found.items() if path.startswith("data/")]
    if claims is not None and (claims.payload.files, claims.payload.bytes) != (len(payload), sum(payload)):
        _blame(check, bag.BUNDLE, "payload: there are other files than it says")
    if info is not None and info.get("Payload-Oxum") != f"{sum(payload)}.{len(payload)}":
        _blame(check, bag.INFO, "Payload-Oxum: there are other files than it says")
    if info is not None and info.get("Irkit-Format") != bag.FORMAT:
        _blame(check, bag.INFO, "Irkit-Format: not a format that this version knows")
    return claims.bundle if claims is not None else ""


def _blame(check: Check, path: str, reason: str) -> None:
    """Note it, unless files that were altered or are missing explain it."""
    if not check.problems:
        check.wrong(path, reason)


def _check_head(check: Check, log: LogSummary, claim: _LogClaim, head: str) -> None:
    in_bundle, in_info = (claim.lines, claim.head) == (log.records, log.head), head == log.head
    if not in_bundle and not in_info:
        check.wrong(bag.LOG, "does not end with the line that bundle.json and bag-info.txt name")
    elif not in_bundle:
        check.wrong(bag.BUNDLE, "log: names another last line than the run log has")
    elif not in_info:
        check.wrong(bag.INFO, "Irkit-Log-Head: names another last line than the run log has")


def _read_claims(check: Check, found: dict[str, Digests]) -> _Claims | None:
    if bag.BUNDLE not in found:
        return None
    try:
        claims = codec.decode(read_regular(check.root / bag.BUNDLE, _FILE_LIMIT), _Claims)
    except _UNREADABLE as error:
        check.wrong(bag.BUNDLE, str(error))
        return None
    if str(claims.format) != bag.FORMAT:
        check.wrong(bag.BUNDLE, f"format {claims.format}: not one that this version knows")
    return claims


def _read_info(check: Check, found: dict[str, Digests]) -> dict[str, str] | None:
    if bag.INFO not in found:
        return None
    try:
        return bag.parse_info(read_regular(check.root / bag.INFO, _FILE_LIMIT))
    except _UNREADABLE as error:
        check.wrong(bag.INFO, str(error))
        return None


def check_sources(check: Check, log: LogSummary, found: dict[str, Digests]) -> None:
    """Plan and playbook are those that the log's first record names."""
    started = log.started
    if started is None:
        check.notes.append("the run log does not say how the run began")
        return
    if started.plan_digest and bag.PLAN in found.keys() - check.doubtful:
        try:
            plan = msgspec.json.decode(read_regular(check.root / bag.PLAN, _FILE_LIMIT))
            digest = hashlib.sha256(codec.canonical(plan)).hexdigest()
        except _UNREADABLE as error:
            check.wrong(bag.PLAN, str(error))
            return
        if digest != started.plan_digest:
            check.wrong(bag.PLAN, "is not the plan that the run log names")
    # A run that takes another back is made from that run's log, and names its playbook.
    playbook = found.get(bag.PLAYBOOK)
    names_it = started.playbook_digest and not started.undoes and bag.PLAYBOOK not in check.doubtful
    if playbook is not None and names_it and playbook.sha256 != started.playbook_digest:
        check.wrong(bag.PLAYBOOK, "is not the playbook that the run log names")
