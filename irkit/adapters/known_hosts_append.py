"""A host key recorded at the end of a known_hosts file. Whether it should be is the responder's to say."""

import base64
import os
import re
import stat
from pathlib import Path
from typing import Final

from irkit.adapters.known_hosts_file import FILE_LIMIT
from irkit.adapters.known_hosts_names import hash_name, lookup_name
from irkit.adapters.ssh_certificate import parse_host_key
from irkit.adapters.ssh_key_blob import KeyFormatError, type_of_algorithm
from irkit.adapters.storage import FILE_MODE, make_folder, storing, sync_folder, write_all
from irkit.core.errors import StorageError, UsageError
from irkit.core.text import safe

_NAME: Final = re.compile(r"(?!@)[!-~]{1,255}")
_MEANT_OTHERWISE: Final = frozenset(',*?!|#[]"')
_PORTS: Final = range(1, 65536)
_SALT: Final = 20


def append_host_key(path: Path, name: str, port: int, key_type: str, key_blob: bytes, *, hashed: bool = False) -> Path:
    """Record a host's key, on disk; no other line is touched. Of a certificate the key inside is recorded.

    The folder and the file are made where they are missing, for their owner alone. A link is followed, as ssh does:
    the file that was written to is given back. `name`, `port` and `key_type` are as for `KnownHosts.check`; `hashed`
    keeps the name from being read off the file (`HashKnownHosts`). Raises UsageError for what cannot be recorded and
    StorageError where the file cannot be written.
    """
    line = _make_line(name, port, key_type, key_blob, hashed=hashed)
    try:
        place = path.resolve()
    except (OSError, ValueError, RuntimeError):  # a NUL in the path, links that lead to each other
        raise UsageError(f"{safe(path, 200)}: the path cannot be used") from None
    with storing(safe(place, 200)):
        if not place.parent.exists():
            make_folder(place.parent)
        _append(place, line)
    return place


def _make_line(name: str, port: int, key_type: str, key_blob: bytes, *, hashed: bool) -> bytes:
    if not _NAME.fullmatch(name) or _MEANT_OTHERWISE & set(name):
        raise UsageError(f"no key can be recorded for {safe(name, 200)!r}: it has a letter that no host name has")
    if port not in _PORTS:
        raise UsageError(f"no key can be recorded for port {port} of {name}: ports are 1 to 65535")
    try:
        key, certificate = parse_host_key(key_blob)
    except KeyFormatError as error:
        raise UsageError(f"the key of {name} cannot be recorded: {error}") from None
    if type_of_algorithm(key_type) != (certificate.type if certificate else key.type):
        raise UsageError(f"the key of {name} cannot be recorded: it is not of type {safe(key_type, 100)}")
    looked_up = lookup_name(name, port)
    field = hash_name(looked_up, os.urandom(_SALT)) if hashed else looked_up.decode("ascii")
    return f"{field} {key.type} {base64.b64encode(key.blob).decode('ascii')}\n".encode("ascii")


def _append(place: Path, line: bytes) -> None:
    is_new = not place.exists()
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW
    descriptor = os.open(place, flags, FILE_MODE)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise StorageError(f"{safe(place, 200)}: not a regular file, so no key can be recorded in it")
        if status.st_size + len(line) >= FILE_LIMIT:
            raise StorageError(f"{safe(place, 200)}: it would be longer than {FILE_LIMIT} bytes and not be read again")
        ends = not status.st_size or os.pread(descriptor, 1, status.st_size - 1) == b"\n"
        write_all(descriptor, line if ends else b"\n" + line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        sync_folder(place.parent)
