"""collect.processes: the container's processes as its host sees them."""

from collections.abc import Iterator
from dataclasses import dataclass

from irkit.core.action import Action, Phase, RunFacts
from irkit.core.container import Container
from irkit.core.operations import ListProcesses, Operation, ReadProcesses


@dataclass(frozen=True)
class CollectProcesses(Action):
    """Collect the processes: from the host's /proc where it can be read as root, and the engine's list of them.

    From /proc, of every process and with its tree: command line, environment, working directory, root, executable with
    its SHA-256, start time, users, capabilities, seccomp, namespaces, control groups, limits, maps, threads and open
    files; raw in `processes/proc.tar`, decoded in `processes/processes.jsonl`. Processes of `docker exec`, those that
    left the container's control group and those that joined its namespaces from elsewhere are among them, each with why
    it counts. The engine's list (`processes.json`) is the host's `ps`, never the container's; Podman's would be, and is
    not asked for. Who is in one list and not in the other is said: something hides it. Titles are what processes say of
    themselves. A container that is not running has none, and the step says so.
    """

    name = "collect.processes"
    phase = Phase.COLLECT
    reads_files = True
    timeout = "5m"  # a host may have very many processes

    def plan(self, container: Container, run: RunFacts) -> Iterator[Operation]:
        yield ReadProcesses(container.id)
        yield ListProcesses(container.id)
