"""Where traffic is measured: an engine, a host beyond it, and programs in all the namespaces concerned."""

import contextlib
import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.lab import links
from tests.lab.engine import Engine
from tests.lab.leftovers import NETNS
from tests.lab.network_sides import CLONE_NEWNET
from tests.lab.tools import run, tool

from . import agent as program

ECHO, ECHO6 = 7007, 7006
SINK = 9009
PUBLISHED = 8088
"""Ports: where programs echo, where a suspect's own stream goes, and what is published on the host."""
FAR6 = "2001:db8:51::2"


class Remote:
    """A program in a network namespace, told what to do."""

    def __init__(self, namespace: str) -> None:
        argv = [tool("nsenter"), f"--net={namespace}", sys.executable, "-I", program.__file__]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, name: str, *arguments: object) -> Any:
        """What a method of the program's answers."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


class Outside:
    """The engine's host, and a host beyond it that stands for the internet."""

    def __init__(self, engine: Engine, stack: contextlib.ExitStack) -> None:
        self.engine = engine
        name = f"{engine.namespace}-out"
        run([tool("ip"), "netns", "add", name])
        stack.callback(run, [tool("ip"), "netns", "del", name], check=False)
        run([tool("ip"), "-n", name, "link", "set", "lo", "up"])
        link = links.lay_link(engine.namespace, name)
        self.address = link.inner.address
        self.near = link.outer.address
        self.device = link.outer.device
        self.near6 = "2001:db8:51::1"
        for space, device, own in ((engine.namespace, link.outer.device, self.near6), (name, link.inner.device, FAR6)):
            run([tool("ip"), "-n", space, "address", "add", f"{own}/64", "dev", device, "nodad"])
        run([tool("ip"), "-n", name, "route", "add", "default", "via", self.near])
        self.beyond = _remote(stack, str(NETNS / name))
        self.host = _remote(stack, str(NETNS / engine.namespace))
        self.beyond.ask("listen", "0.0.0.0", ECHO)
        self.host.ask("listen", "0.0.0.0", ECHO)
        self.host.ask("listen", self.near6, ECHO6)
        self.beyond.ask("listen", "0.0.0.0", SINK)


def _remote(stack: contextlib.ExitStack, namespace: str) -> Remote:
    made = Remote(namespace)
    stack.callback(made.close)
    return made


@contextlib.contextmanager
def on_network_of(engine: Engine) -> Iterator[None]:
    """Work where the engine does, as its host would: the rules that irkit makes go there."""
    libc = ctypes.CDLL(None, use_errno=True)
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(NETNS / engine.namespace, os.O_RDONLY)
    try:
        if libc.setns(there, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        libc.setns(own, CLONE_NEWNET)
        os.close(own)
        os.close(there)


@contextlib.contextmanager
def within(pid: int) -> Iterator[Remote]:
    """A program in the network namespace of that process."""
    made = Remote(f"/proc/{pid}/ns/net")
    try:
        yield made
    finally:
        made.close()


def is_there(path: str) -> bool:
    """Whether a file exists."""
    return Path(path).exists()
