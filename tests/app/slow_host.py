"""A host in memory on which nothing ends before it is told to. Loaded without pytest, by processes of their own too."""

import threading

from irkit.adapters.memory import MemoryTarget
from irkit.core.host import Host
from irkit.core.operations import Operation
from irkit.core.ports import Deadline, Intake, Outcome
from tests.app.hosts_in_memory import one_each


class Slow(MemoryTarget):
    """A host on which every operation waits for `go`."""

    def __init__(self, host: Host) -> None:
        super().__init__(one_each(host.name)[host.name], host, "engine")
        self.go, self.waits = threading.Event(), threading.Event()

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        self.waits.set()
        while not self.go.wait(0.02):
            deadline.remaining()
        return super().apply(operation, intake, deadline)
