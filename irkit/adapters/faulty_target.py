"""A target that fails as told, for tests: what an operation did, and what is known of it, may then differ."""

import threading
from collections.abc import Iterator

from irkit.core import operations as do
from irkit.core.container import Container, Summary
from irkit.core.engine_event import EngineEvent
from irkit.core.footprint import Footprint
from irkit.core.host import Host
from irkit.core.kernel import KernelFacts
from irkit.core.network import NetworkFacts
from irkit.core.ports import Deadline, Intake, Outcome, Target


class FaultyTarget:
    """A target that fails at the calls told: before the call took hold, or after.

    `faults` maps the number of an `apply` call (from 1) to what is raised and when: `(error, "before" | "after")`.
    """

    def __init__(self, inner: Target, faults: dict[int, tuple[BaseException, str]]) -> None:
        self.inner, self.faults, self.calls = inner, faults, 0
        self._lock = threading.Lock()

    @property
    def host(self) -> Host:
        """The host of the target within."""
        return self.inner.host

    def list_containers(self, deadline: Deadline) -> list[Summary]:
        """As the target within."""
        return self.inner.list_containers(deadline)

    def examine(self, container: str, deadline: Deadline) -> Container:
        """As the target within."""
        return self.inner.examine(container, deadline)

    def examine_network(self, network: str, deadline: Deadline) -> NetworkFacts:
        """As the target within."""
        return self.inner.examine_network(network, deadline)

    def see_kernel(self, container: Container, deadline: Deadline) -> KernelFacts | None:
        """As the target within."""
        return self.inner.see_kernel(container, deadline)

    def check_rules(self, operation: do.BlockTraffic, container: Container, deadline: Deadline) -> str | None:
        """As the target within."""
        return self.inner.check_rules(operation, container, deadline)

    def why_no_root(self, deadline: Deadline) -> str:
        """As the target within."""
        return self.inner.why_no_root(deadline)

    def why_no_files(self, deadline: Deadline) -> str:
        """As the target within."""
        return self.inner.why_no_files(deadline)

    def footprint(self) -> Footprint:
        """As the target within."""
        return self.inner.footprint()

    def watch(self, since: str, deadline: Deadline) -> Iterator[EngineEvent]:
        """As the target within."""
        return self.inner.watch(since, deadline)

    def apply(self, operation: do.Operation, intake: Intake, deadline: Deadline) -> Outcome:
        """As the target within, but for the faults."""
        with self._lock:
            self.calls += 1
            error, when = self.faults.get(self.calls, (None, ""))
        if error is not None and when == "before":
            raise error
        outcome = self.inner.apply(operation, intake, deadline)
        if error is not None:
            raise error
        return outcome
