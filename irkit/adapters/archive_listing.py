"""The members of a stored archive, for a list: by the index beside it, or by its headers. Nothing is extracted.

Whatever an archive or an index claims, memory is bounded: by the limits of `tar_index`, and of a line here.
"""

from collections import deque
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final

import msgspec

from irkit.adapters.evidence_reader import bounded_lines, open_stored
from irkit.adapters.tar_index import TarIndex
from irkit.adapters.tar_member import Member
from irkit.adapters.timeline_lines import name_of
from irkit.core.errors import VerificationError
from irkit.core.listed_member import ListedMember

_PERMISSIONS: Final = 0o7777
_LINE_LIMIT: Final = 4 << 20
_LONGEST_NAME: Final = 4096
_LONGEST_TEXT: Final = 300
_MOST_TAR: Final = 256 << 20
"""Bytes of an archive that is gone through by its headers at most."""
_PIECE: Final = 1 << 16
_TYPE_LIMIT: Final = 20
_DIGEST: Final = 64


class _Line(msgspec.Struct):
    """A line of an index, of an archive's or of a tree of files, as far as a list shows it."""

    path: str
    type: str
    path_b64: str = ""
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    uname: str = ""
    gname: str = ""
    size: int = 0
    mtime: str = ""
    link: str = ""
    link_b64: str = ""
    sha256: str = ""
    change: str = ""
    opaque: bool = False
    truncated: bool = False
    grew: bool = False
    in_image: tuple[str, int, int] | None = None
    left_out: str = ""
    note: str = ""
    problem: str = ""


def read_index(path: Path) -> Generator[ListedMember, None, None]:
    """The members by an index. Raises VerificationError at a line that is none, and where it cannot be read on."""
    decoder = msgspec.json.Decoder(_Line)
    with open_stored(path) as stream:
        for number, line in enumerate(bounded_lines(stream, _LINE_LIMIT), 1):
            if line is None:
                raise VerificationError(f"line {number} is too long")
            try:
                one = decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise VerificationError(f"line {number} is not as it should be") from error
            yield _listed(one, _remarks(one))


def read_headers(path: Path, tell: Callable[[str], None]) -> Generator[ListedMember, None, None]:
    """The members by an archive's own headers; `tell` hears what is not as it should be, and where it ends early.

    Raises VerificationError where it cannot be unpacked.
    """
    found: deque[ListedMember] = deque()
    index = TarIndex(None, met=lambda member: found.append(_met(member)))
    left = _MOST_TAR
    with open_stored(path) as stream:
        while left > 0 and (piece := stream.read(_PIECE)):
            left -= len(piece)
            index.feed(piece)
            while found:
                yield found.popleft()
        is_over = left > 0 or not stream.read(1)
    summary = index.close()
    yield from found
    for warning in summary.warnings:
        tell(warning)
    if summary.problem:
        tell(f"it cannot be read on: {summary.problem}")
    elif not is_over:
        tell(f"the first {_MOST_TAR >> 20} MiB were gone through")
    elif not summary.ended:
        tell("it ends before its end mark")


def _met(member: Member) -> ListedMember:
    return _listed(member, ("the archive ends within it",) if member.truncated else ())


def _listed(one: _Line | Member, remarks: tuple[str, ...]) -> ListedMember:
    name, link = name_of(one.path, one.path_b64), name_of(one.link, one.link_b64)
    over = max(len(name), len(link)) - _LONGEST_NAME
    owner = f"{one.uname}:{one.gname}" if one.uname or one.gname else ""
    return ListedMember(
        name=name[:_LONGEST_NAME],
        type=one.type[:_TYPE_LIMIT],
        mode=None if one.mode is None else one.mode & _PERMISSIONS,
        uid=one.uid,
        gid=one.gid,
        owner=owner[:_LONGEST_TEXT],
        size=one.size,
        mtime=one.mtime[:_LONGEST_TEXT],
        link=link[:_LONGEST_NAME],
        sha256=one.sha256[:_DIGEST],
        change=one.change[:_TYPE_LIMIT] if isinstance(one, _Line) else "",
        remarks=(*remarks, f"its name goes on for {over} bytes") if over > 0 else remarks,
    )


def _remarks(one: _Line) -> tuple[str, ...]:
    """What a line of an index says beside the usual."""
    where = one.in_image[0][:_LONGEST_TEXT] if one.in_image else ""
    told = (
        one.left_out and f"not in the archive: {one.left_out}",
        where and f"its content is in {where}",
        one.problem,
        one.note,
        "the archive ends within it, or zeros stand for what could not be read" if one.truncated else "",
        "there was more of it by the time it had been read" if one.grew else "",
        "it hides what the image has in its place" if one.opaque else "",
    )
    return tuple(text[:_LONGEST_TEXT] for text in told if text)
