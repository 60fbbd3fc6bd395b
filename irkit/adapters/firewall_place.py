"""Where a container's traffic can be dropped, as its host shows it: its process and its control group.

All of it is looked at as root by commands of the host. Rules in the wrong network namespace would cut off somebody
else, or the host: so the process is checked to be the container's own before anything is done, and again afterwards.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from irkit.core.container import SHORT_ID
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, HostCommands

ALL_CAPABILITIES: Final = (1 << 64) - 1
"""What counts where capabilities cannot be read."""
_SETS: Final = ("CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:")
_HEXADECIMAL: Final = re.compile(r"[0-9a-f]{1,16}")
_START_TIME: Final = 19
"""Which word of /proc/PID/stat after the name of the program is the start time (proc(5), field 22)."""


@dataclass(frozen=True)
class Process:
    """A container's first process. `namespace` is its network namespace, `here` the one that commands run in.

    `hosts` is that of process 1, where that may be read: the same, but where the engine has a network of its own.
    """

    pid: int
    groups: str
    capabilities: int
    started: str
    namespace: str
    here: str
    hosts: str

    @property
    def has_own_network(self) -> bool:
        """Whether its network namespace is neither the host's nor the one that commands run in."""
        return self.namespace not in (self.here, self.hosts)

    @property
    def within(self) -> tuple[str, ...]:
        """The words that run a command in its network namespace, with the host's own programs."""
        return ("nsenter", "-t", str(self.pid), "-n")


def find_process(commands: HostCommands, container: str, pid: int, deadline: Deadline) -> Process:
    """The container's process by the number that its engine told. Raises TargetError where that is not its own."""
    if pid <= 1:
        raise TargetError("it does not run: it has no process", Refusal.ABSENT)
    folder = f"/proc/{pid}"
    ran = commands.run(("cat", f"{folder}/cgroup", f"{folder}/status", f"{folder}/stat"), deadline)
    groups, _, rest = ran.out.partition("\nName:")
    if ran.status or container not in groups:
        reason = f"process {pid} on the host is not container {container[:SHORT_ID]}'s own"
        raise TargetError(f"{reason} (it may have ended, or the engine runs on another machine)", Refusal.REFUSED)
    namespaces = [f"/proc/{which}/ns/net" for which in (pid, "self", 1)]
    links = commands.run(("readlink", *namespaces), deadline).out.split("\n")
    after_name = rest.rpartition(")")[2].split(" ")
    try:
        namespace, here, *hosts = filter(None, links)
        capabilities, started = capabilities_in(rest), after_name[_START_TIME + 1]
        return Process(pid, groups, capabilities, started, namespace, here, "".join(hosts))
    except (ValueError, IndexError) as error:
        raise TargetError(f"process {pid} cannot be looked at on the host", Refusal.GARBLED) from error


@contextmanager
def after_rules() -> Iterator[None]:
    """Whatever fails from here on, rules are in: no error may say that nothing was done."""
    try:
        yield
    except TargetError as error:
        raise TargetError(error.reason, Refusal.GARBLED if error.is_final else error.kind) from error


def capabilities_in(status: str) -> int:
    """All capabilities that the lines of /proc/PID/status tell, of one process or several: had, or to be had.

    A program's name is in there too, in any bytes: the kernel ends a line by a line feed alone, and writes one in a
    name as `\\n`. What a process gave up for its children (CapBnd) it may have itself (CapPrm). Raises ValueError.
    """
    words = [line.split("\t") for line in status.split("\n") if line.startswith(_SETS)]
    if not any(word[0] == "CapBnd:" for word in words):
        raise ValueError("no capabilities are told")
    found = 0
    for name, *values in words:
        if len(values) != 1 or not _HEXADECIMAL.fullmatch(values[0]):
            raise ValueError(f"{name} is not understood")
        found |= int(values[0], 16)
    return found


def check_same(commands: HostCommands, container: str, before: Process, deadline: Deadline) -> None:
    """See that a process is still what it was; it may give up capabilities meanwhile. Raises TargetError."""
    now = find_process(commands, container, before.pid, deadline)
    if replace(now, capabilities=before.capabilities) != before:
        raise TargetError("the container was started anew, or changed its control group, meanwhile", Refusal.REFUSED)


def control_group(process: Process, container: str) -> tuple[int, tuple[str, ...]]:
    """The container's control group of version 2: how deep it lies, and what nft may know it by, likeliest first.

    nft looks below /sys/fs/cgroup, where version 2 is mounted, or `unified` is: beside version 1. Raises TargetError
    where the container has no group of its own.
    """
    lines = [line.split(":", 2) for line in process.groups.split("\n")]
    path = next((words[2] for words in lines if words[:2] == ["0", ""] and len(words) > 2), "")  # noqa: PLR2004
    parts = path.strip("/").split("/")
    depth = next((number for number, word in enumerate(parts, start=1) if container in word), 0)
    if not depth:
        reason = "its control group of version 2 is not its own: this host tells containers apart by version 1 only"
        raise TargetError(reason, Refusal.UNSUPPORTED)
    is_beside = any(container in line and not line.startswith("0:") for line in process.groups.split("\n"))
    group = "/".join(parts[:depth])
    places = (group, f"unified/{group}")
    return depth, places[::-1] if is_beside else places
