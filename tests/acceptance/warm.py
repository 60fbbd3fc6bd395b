"""A process that has irkit loaded and forks itself for each command: loading takes longer than most commands do.

What is forked is a process like any other, with arguments, environment, streams, folder and status of its own. Loading
is not tried that way, nor Python taking apart at the end what it had loaded. `run_warm` has a command run;
`python -m tests.acceptance.warm` is what forks: it is asked on its standard input, a socket, and ends when that does.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import irkit
from irkit.__main__ import main

PROJECT = Path(__file__).resolve().parents[2]
ONLY_WHEN_NEEDED = ("cel", "jsonschema", "paramiko", "rfc8785", "rich.progress", "yaml", "backports.zstd")
NUMBER = struct.Struct("!i")


class Warm:
    """The forking process of this one, started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._asking, self._answering = socket.socketpair()

    def ask(self, request: Mapping[str, Any], streams: Sequence[int]) -> socket.socket:
        """Begin a command whose output and errors go to those streams; what tells its process id, and its status."""
        told, telling = socket.socketpair()
        raw = json.dumps(dict(request)).encode()
        with telling, self._lock:
            if self._process is None:
                argv = [sys.executable, "-m", __name__]
                self._process = subprocess.Popen(
                    argv, stdin=self._answering.fileno(), cwd=PROJECT, start_new_session=True
                )
                self._answering.close()
                atexit.register(self._end)
            socket.send_fds(self._asking, [NUMBER.pack(len(raw))], [*streams, telling.fileno()])
            self._asking.sendall(raw)
        return told

    def _end(self) -> None:
        self._asking.close()
        if self._process is not None:
            self._process.wait(timeout=10)


_warm = Warm()


def run_warm(words: Sequence[str], environment: Mapping[str, str], timeout: float) -> tuple[int, bytes, bytes]:
    """irkit's status (less than 0: the signal that ended it), output and errors. TimeoutExpired where it was killed."""
    request = {"words": words, "environment": dict(environment), "folder": str(Path.cwd())}
    out, err = _Pipe(), _Pipe()
    with out, err, _warm.ask(request, [out.write, err.write]) as told:
        pid = _read_number(told)
        end = time.monotonic() + timeout
        try:
            _read_both(out, err, end)
            told.settimeout(max(end - time.monotonic(), 0.1))
            status = _read_number(told)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(list(words), timeout) from None
    return status, bytes(out.said), bytes(err.said)


class _Pipe:
    """A pipe, and what came through it."""

    def __init__(self) -> None:
        self.said = bytearray()
        self.read, self.write = os.pipe()
        self._open = {self.read, self.write}

    def close(self, *ends: int) -> None:
        for end in self._open.intersection(ends):
            os.close(end)
        self._open.difference_update(ends)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self.close(self.read, self.write)


def _read_both(out: _Pipe, err: _Pipe, end: float) -> None:
    """To the end of both, which is when the last process has closed them. Raises TimeoutError."""
    with selectors.DefaultSelector() as waiting:
        for pipe in (out, err):
            pipe.close(pipe.write)
            waiting.register(pipe.read, selectors.EVENT_READ, pipe)
        while waiting.get_map():
            ready = waiting.select(max(end - time.monotonic(), 0))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                piece = os.read(key.fd, 1 << 16)
                key.data.said += piece
                if not piece:
                    waiting.unregister(key.fd)


def _read_number(stream: socket.socket) -> int:
    (number,) = NUMBER.unpack(_read(stream, NUMBER.size))
    return int(number)


def _read(stream: socket.socket, size: int) -> bytes:
    raw = b""
    while len(raw) < size:
        piece = stream.recv(size - len(raw))
        if not piece:
            raise EOFError("the other side has ended")
        raw += piece
    return raw


def load() -> None:
    """All of irkit but its terminal interface."""
    found = (module.name for module in pkgutil.walk_packages(irkit.__path__, "irkit."))
    for name in (*found, *ONLY_WHEN_NEEDED):
        if not (name.startswith("irkit.tui") or name.endswith("__main__")):
            importlib.import_module(name)
    gc.freeze()


def serve(asked: socket.socket) -> bool:
    """Fork for each request until there are no more. True in a child, which has become what it shall be."""
    children: dict[int, tuple[int, socket.socket]] = {}
    with selectors.DefaultSelector() as waiting:
        waiting.register(asked, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fd != asked.fileno():
                    waiting.unregister(key.fd)
                    _tell_status(key.fd, *children.pop(key.fd))
                    continue
                header, streams, _flags, _sender = socket.recv_fds(asked, NUMBER.size, 3)
                if not header:
                    return False
                request = json.loads(_read(asked, *NUMBER.unpack(header)))
                if (pid := os.fork()) == 0:
                    _become(request, streams, [asked, *(one for _, one in children.values())])
                    return True
                telling = socket.socket(fileno=streams.pop())
                for stream in streams:
                    os.close(stream)
                telling.sendall(NUMBER.pack(pid))
                watch = os.pidfd_open(pid)
                children[watch] = (pid, telling)
                waiting.register(watch, selectors.EVENT_READ)


def _tell_status(watch: int, pid: int, telling: socket.socket) -> None:
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with telling, contextlib.suppress(BrokenPipeError):
        telling.sendall(NUMBER.pack(status))
    os.close(watch)


def _become(request: Mapping[str, Any], streams: Sequence[int], foreign: Sequence[socket.socket]) -> None:
    """What a new process of irkit's would be."""
    for one in foreign:
        one.detach()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(streams[0], 1)
    os.dup2(streams[1], 2)
    os.closerange(3, 1024)
    # Anew, as Python makes them: what these are like was found out when the process began.
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        like, mode = getattr(sys, name), "w" if number else "r"
        made = os.fdopen(number, mode, 1 if number == 2 else -1, like.encoding, like.errors, closefd=False)
        setattr(sys, name, made)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    sys.argv = ["irkit", *request["words"]]


def run_and_end() -> NoReturn:
    """irkit, and the end that Python puts to a process, without freeing all its memory first."""
    status = 0
    try:
        main()
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:  # noqa: BLE001 - as Python itself ends then
        traceback.print_exc()
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]  # what waits for threads, at every end
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        status = 120
    os._exit(status)


if __name__ == "__main__":
    load()
    if serve(socket.socket(fileno=os.dup(0))):
        run_and_end()
