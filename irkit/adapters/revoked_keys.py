"""Host keys that the responder's own configuration names as revoked (`RevokedHostKeys`, ssh_config(5)).

A file of public keys is read here; a key revocation list in OpenSSH's binary form is asked of `ssh-keygen -Q`. As with
ssh itself, a file that cannot be read revokes every key: nobody could tell which it would have named. So does one that
is too long to be read to its end.
"""

import base64
import binascii
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from irkit.adapters.ssh_certificate import parse_host_key
from irkit.adapters.ssh_key_blob import KeyFormatError

_LIMIT: Final = 16 * 1024 * 1024
_KRL: Final = b"SSHKRL\n\x00"
_SECONDS: Final = 10.0
_KEY_FIELDS: Final = 2


def why_revoked(paths: Sequence[Path], blob: bytes) -> str:
    """Why a host key is revoked by these files, or empty. A certificate is by its key, and by its authority's."""
    try:
        key, certificate = parse_host_key(blob)
    except KeyFormatError:
        return ""  # refused as no key at all
    blobs = [key.blob, *([certificate.authority.blob] if certificate else [])]
    for path in paths:
        try:
            with path.open("rb") as file:
                content = file.read(_LIMIT + 1)
        except OSError as error:
            return f"RevokedHostKeys {path} cannot be read ({error.strerror}), so no key is accepted"
        if len(content) > _LIMIT:
            return f"RevokedHostKeys {path} has more than {_LIMIT} bytes and is not read, so no key is accepted"
        is_binary = content.startswith(_KRL)
        reason = _asked(path, [blob, *blobs]) if is_binary else _listed(path, content, blobs)
        if reason:
            return reason
    return ""


def _listed(path: Path, content: bytes, blobs: Sequence[bytes]) -> str:
    for number, line in enumerate(content.splitlines(), start=1):
        fields = line.split()
        if len(fields) >= _KEY_FIELDS and not line.startswith(b"#") and _decoded(fields[1]) in blobs:
            return f"it is revoked by RevokedHostKeys {path}:{number}"
    return ""


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _asked(path: Path, blobs: Sequence[bytes]) -> str:
    """What ssh-keygen says of the keys, which has read such lists for as long as there are any."""
    keygen = shutil.which("ssh-keygen")
    if keygen is None:
        return f"RevokedHostKeys {path} is a binary list, and there is no ssh-keygen to read it: no key is accepted"
    for blob in dict.fromkeys(blobs):
        with tempfile.NamedTemporaryFile("w", prefix="irkit-key-", suffix=".pub") as file:
            file.write(f"{_type_of(blob)} {base64.b64encode(blob).decode()}\n")
            file.flush()
            try:
                done = subprocess.run(  # noqa: S603 - a file of our own, a path of the responder's configuration
                    [keygen, "-Q", "-f", str(path), file.name],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=_SECONDS,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired):
                return f"RevokedHostKeys {path} cannot be asked, so no key is accepted"
        if done.returncode:
            return f"it is revoked by RevokedHostKeys {path}"
    return ""


def _type_of(blob: bytes) -> str:
    """The name that a key's blob begins with."""
    size = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + size].decode("ascii", "replace")
