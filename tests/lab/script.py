"""The shell script that a suspect runs, made from its description. Knows no engine."""

import base64
import posixpath
from collections.abc import Iterator, Mapping

from . import hostile
from .description import Suspect
from .hostile import quoted

# The last thing a script starts. Seen in the process list it says "ready" and touches neither files nor logs.
READY = "sleep 2147483647"
LISTENER_ANSWER = b"lab suspect listening\n"
DELETED_EXECUTABLE = "/tmp/.x"
SINK_DIRECTORY = "/sink"
HEADER = "#!/bin/sh\ntrap 'exit 0' TERM\n"


def script(suspect: Suspect) -> bytes:
    """All that the suspect does, in order, ending in the state it shall have."""
    parts = [HEADER, *_files(suspect.deleted, suspect.changed)]
    if suspect.hostile_files:
        parts += hostile.lines(sparse=suspect.hostile_sparse)
    if suspect.deleted_executable:
        parts.append(_deleted_executable())
    parts += (_output(chunk, "") for chunk in suspect.stdout)
    parts += (_output(chunk, " >&2") for chunk in suspect.stderr)
    if suspect.listener is not None:
        parts.append(_listener(suspect.listener))
    if suspect.outbound is not None:
        parts.append(_outbound(suspect.name, *suspect.outbound))
    # One that ends at once is up for less time than a request takes on a busy machine (docs/undo.md).
    parts.append("sleep 0.4; exit 1" if suspect.state == "restarting" else _rest())
    return "\n".join(parts).encode("ascii") + b"\n"


def sink_script(port: int) -> bytes:
    """Takes any number of connections and keeps what each of them says in a file of its own."""
    handler = f"'exec cat >> {SINK_DIRECTORY}/$$'"
    return f"{HEADER}mkdir -p {SINK_DIRECTORY}\n{_serve(port, handler)}\n{_rest()}\n".encode("ascii")


def _rest() -> str:
    # In the background, so that the shell goes on hearing SIGTERM.
    return f"{READY} &\nwait"


def _document(raw: bytes) -> str:
    return f"<<'END'\n{base64.encodebytes(raw).decode('ascii')}END"


def _output(chunk: bytes, where: str) -> str:
    return f"base64 -d{where} {_document(chunk)}"


def _files(deleted: tuple[str, ...], changed: Mapping[str, bytes]) -> Iterator[str]:
    for path in deleted:
        yield f"rm -rf {quoted(path.encode())}"
    for path, content in changed.items():
        yield f"mkdir -p {quoted(posixpath.dirname(path).encode() or b'/')}"
        yield f"base64 -d > {quoted(path.encode())} {_document(content)}"


def _deleted_executable() -> str:
    # busybox goes by its first argument; the file may go only when the new program runs.
    place = DELETED_EXECUTABLE
    return (
        f"cp /bin/busybox {place}\n(exec -a sleep {place} 100000) </dev/null >/dev/null 2>&1 &\n"
        f'until [ "$(readlink /proc/$!/exe)" = {place} ]; do sleep 0.02; done\nrm {place}'
    )


def _serve(port: int, handler: str) -> str:
    # Ready means ready to be connected to: wait for the port in the kernel's table.
    return (
        f"nc -ll -p {port} -e /bin/sh -c {handler} </dev/null >/dev/null 2>&1 &\n"
        f"until grep -qs ':{port:04X} .* 0A ' /proc/net/tcp /proc/net/tcp6; do sleep 0.02; done"
    )


def _listener(port: int) -> str:
    answer = LISTENER_ANSWER.decode("ascii").strip()
    return _serve(port, f"'echo \"{answer}\"; exec cat > /dev/null'")


def _outbound(name: str, host: str, port: int) -> str:
    return (
        "(turn=0; while :; do turn=$((turn+1))\n"
        '  (beat=0; while :; do beat=$((beat+1)); echo "'
        f'{name} connection $turn line $beat"; sleep 0.1; done) | nc -w 3 {host} {port}\n'
        "  sleep 0.2\ndone) </dev/null >/dev/null 2>&1 &"
    )
