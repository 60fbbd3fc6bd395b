"""What is read out of a host's files: mounts, sockets that listen, interfaces, logins, users. Bytes in, values out.

Formats: proc(5), utmp(5), passwd(5). What cannot be read is left out: the files themselves are kept beside this.
"""

import ipaddress
import struct
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from irkit.core.values import utc_text

_LISTENS: Final = "0A"
_TCP_WORDS, _UNIX_WORDS, _MOUNT_WORDS, _USER_WORDS = 10, 7, 6, 7
_UNIX_LISTENS: Final = 0x10000
_LOGIN: Final = struct.Struct("<hxxi32s4s32s256shhiii16s20x")
"""A record of utmp, the same on all machines of 64 bits whose last byte comes first."""
LOGIN_SIZE: Final = _LOGIN.size
_LOGIN_KINDS: Final = {1: "run level", 2: "boot", 5: "init", 6: "login prompt", 7: "user", 8: "ended"}
_MOST: Final = 10_000


def text_of(raw: bytes) -> str:
    """Foreign bytes as text, whatever they are."""
    return raw.decode("utf-8", "backslashreplace")


def mounts_of(raw: bytes) -> Iterator[dict[str, Any]]:
    """The mounts of /proc/1/mountinfo."""
    for line in raw.split(b"\n"):
        before, dash, after = line.partition(b" - ")
        words, kinds = before.split(b" "), after.split(b" ")
        if dash and len(words) >= _MOUNT_WORDS and len(kinds) > 1:
            yield {
                "device": text_of(words[2]),
                "root": text_of(_unescaped(words[3])),
                "at": text_of(_unescaped(words[4])),
                "options": text_of(words[5]),
                "kind": text_of(kinds[0]),
                "source": text_of(_unescaped(kinds[1])),
            }


def _unescaped(word: bytes) -> bytes:
    """A word of mountinfo, in which blanks, tabs, newlines and backslashes are written in octal."""
    for escaped, plain in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        word = word.replace(escaped, plain)
    return word


def listening_of(kept: Mapping[bytes, bytes]) -> Iterator[dict[str, Any]]:
    """The sockets that take connections or datagrams, from the tables of /proc/net by their names."""
    for name in (b"tcp", b"tcp6", b"udp", b"udp6"):
        for line in kept.get(name, b"").splitlines()[1:]:
            words = line.decode("ascii", "replace").split()
            is_open = len(words) >= _TCP_WORDS and (words[3] == _LISTENS or name.startswith(b"udp"))
            if is_open and (place := address_of(words[1])):
                told = {"protocol": name.decode(), "address": place[0], "port": place[1]}
                yield {**told, "uid": _number(words[7]), "inode": _number(words[9])}
    yield from _unix_of(kept.get(b"unix", b""))


def _unix_of(table: bytes) -> Iterator[dict[str, Any]]:
    for line in table.splitlines()[1:]:
        words = line.split(None, _UNIX_WORDS)
        # A path may hold anything, a line feed too, so that what follows need not be a line of the kernel's.
        if len(words) >= _UNIX_WORDS and _flags(words[3]) & _UNIX_LISTENS and words[6].isdigit():
            yield {"protocol": "unix", "address": text_of(b"".join(words[7:])), "inode": int(words[6])}


def _flags(word: bytes) -> int:
    try:
        return int(word, 16)
    except ValueError:
        return 0


def _number(word: str | bytes) -> int:
    return int(word) if word.isdigit() else 0


def address_of(text: str) -> tuple[str, int] | None:
    """`0100007F:0016` as address and port."""
    address, _, port = text.partition(":")
    try:
        raw, number = bytes.fromhex(address), int(port, 16)
        words = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
        return str(ipaddress.ip_address(words)), number
    except ValueError:
        return None


def multicast_members(igmp: bytes) -> dict[str, int]:
    """The interfaces of /proc/PID/net/igmp that are up, with their numbers."""
    found = {}
    for line in igmp.split(b"\n"):
        number, tab, rest = line.partition(b"\t")
        if tab and number.isdigit():
            found[text_of(rest.partition(b" ")[0].rstrip(b":"))] = int(number)
    return found


def logins_of(raw: bytes) -> Iterator[dict[str, Any]]:
    """The records of utmp, wtmp or btmp, first to last."""
    whole = len(raw) // LOGIN_SIZE * LOGIN_SIZE
    for number, record in enumerate(_LOGIN.iter_unpack(raw[:whole])):
        kind, pid, line, _, user, host, _, _, session, seconds, micros, address = record
        if number < _MOST and kind in _LOGIN_KINDS:
            moment = datetime.fromtimestamp(max(seconds, 0) + min(max(micros, 0), 999_999) / 10**6, UTC)
            yield {
                "kind": _LOGIN_KINDS[kind],
                "pid": pid,
                "line": _word(line),
                "user": _word(user),
                "from": _word(host),
                "address": _login_address(address),
                "session": session,
                "at": utc_text(moment),
            }


def _word(field: bytes) -> str:
    return text_of(field.partition(b"\0")[0])


def _login_address(raw: bytes) -> str:
    if not raw.strip(b"\0"):
        return ""
    return str(ipaddress.ip_address(raw[:4] if not raw[4:].strip(b"\0") else raw))


def users_of(passwd: bytes) -> Iterator[dict[str, Any]]:
    """The users of /etc/passwd."""
    for line in passwd.split(b"\n"):
        words = line.split(b":")
        if len(words) >= _USER_WORDS and words[2].isdigit():
            yield {
                "name": text_of(words[0]),
                "uid": int(words[2]),
                "gid": _number(words[3]),
                "home": text_of(words[5]),
                "shell": text_of(words[6]),
            }
