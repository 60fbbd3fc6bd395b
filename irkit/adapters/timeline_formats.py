"""A timeline as other tools read it: Timesketch's JSON Lines, CSV with the same columns, and the Sleuth Kit's bodyfile.

Every foreign name is escaped (`escaped`), so that it is one line, one cell or one field, and can be had back.
"""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from irkit.core.text import escaped
from irkit.core.timeline import SECOND, FileTimes, Moment

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_DAYS: Final = 2_932_896  # to the end of the year 9999
_DAY: Final = 86_400 * SECOND
_LEAST_DAYS: Final = -719_162
_IN_BODYFILE: Final = "|%"
_STARTS_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_KINDS: Final = {
    "file": "r",
    "deleted file": "r",
    "directory": "d",
    "symlink": "l",
    "fifo": "p",
    "char": "c",
    "block": "b",
    "socket": "s",
}
COLUMNS: Final = (
    "datetime",
    "timestamp",
    "timestamp_desc",
    "message",
    "source",
    "host",
    "container",
    "container_id",
    "clock",
    "path",
    "sha256",
    "item",
    "nanoseconds",
)


class _Row(msgspec.Struct, kw_only=True):
    message: str
    datetime: str
    timestamp: int
    timestamp_desc: str
    source: str
    host: str
    container: str
    container_id: str
    clock: str
    path: str
    sha256: str
    item: str
    nanoseconds: str


def _row(moment: Moment) -> _Row:
    return _Row(
        message=moment.message,
        datetime=time_text(moment.at),
        timestamp=moment.at // 1000,
        timestamp_desc=moment.kind,
        source=str(moment.source),
        host=moment.where.host,
        container=moment.where.container,
        container_id=moment.where.container_id,
        clock=moment.clock,
        path=moment.path,
        sha256=moment.sha256,
        item=moment.where.item,
        # Text: numbers of that size lose their last digits in readers that know floats only.
        nanoseconds=str(moment.at),
    )


def time_text(at: int) -> str:
    """A moment as ISO 8601 with its offset; one beyond all years there are is the last or first of them."""
    days = min(max(at // _DAY, _LEAST_DAYS), _MOST_DAYS)
    within = at % _DAY if days == at // _DAY else 0
    return (_EPOCH + timedelta(days=days, microseconds=within // 1000)).isoformat(timespec="microseconds")


def jsonl_of() -> Callable[[Moment], bytes]:
    """What makes a line of JSON, without its LF."""
    encoder = msgspec.json.Encoder()
    return lambda moment: encoder.encode(_row(moment))


def csv_of() -> Callable[[Moment], bytes]:
    """What makes a row of CSV, without its end. No cell begins as a formula does."""

    def line(moment: Moment) -> bytes:
        row = _row(moment)
        return csv_line([str(getattr(row, name)) for name in COLUMNS])

    return line


def csv_line(cells: list[str]) -> bytes:
    """A row of CSV without its end."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(
        [f"'{one}" if one.startswith(_STARTS_FORMULA) else one for one in cells]
    )
    return out.getvalue().encode("utf-8", "replace")


def body_lines(found: FileTimes | Moment) -> Iterator[bytes]:
    """The bodyfile's rows: one for a file, one for each other moment, which has it as all four times."""
    yield (_body_of_file(found) if isinstance(found, FileTimes) else _body_of_moment(found)).encode("utf-8", "replace")


def _body_of_file(file: FileTimes) -> str:
    name = escaped(file.name, _IN_BODYFILE)
    if file.link:
        name += f" -> {escaped(file.link, _IN_BODYFILE)}"
    times = [_seconds(at) for at in (file.accessed, file.modified, file.changed, file.born)]
    fields = [
        "0",
        f"{_place(file.where.host, file.where.container)}{name}{' (deleted)' if file.deleted else ''}",
        str(file.inode),
        f"{_KINDS.get(file.kind, '-')}/{_letters(file)}",
        str(file.uid),
        str(file.gid),
        str(file.size),
        *times,
    ]
    return "|".join(fields)


def _place(host: str, container: str) -> str:
    """The containers of several hosts are in one file."""
    return escaped(f"/{host}/{container}".encode("utf-8", "surrogatepass"), _IN_BODYFILE)


def _letters(file: FileTimes) -> str:
    """The mode as `ls` writes it, its kind first."""
    text = _KINDS.get(file.kind, "-").replace("r", "-")
    for shift, special, letters in ((6, 0o4000, "sS"), (3, 0o2000, "sS"), (0, 0o1000, "tT")):
        bits = file.mode >> shift & 7
        text += ("r" if bits & 4 else "-") + ("w" if bits & 2 else "-")
        if file.mode & special:
            text += letters[0] if bits & 1 else letters[1]
        else:
            text += "x" if bits & 1 else "-"
    return text


def _seconds(at: int | None) -> str:
    return "0" if at is None else str(max(at // SECOND, 0))


def _body_of_moment(moment: Moment) -> str:
    at = _seconds(moment.at)
    # Its message is escaped once already: what is left to escape are the two characters that a bodyfile is read by.
    message = moment.message.replace("%", "\\x25").replace("|", "\\x7c")
    place = _place(moment.where.host, moment.where.container)
    kind = moment.kind.replace("%", "\\x25").replace("|", "\\x7c")
    return f"0|[{moment.source}: {kind}] {place} {message}|0|----------|0|0|0|{at}|{at}|{at}|{at}"
