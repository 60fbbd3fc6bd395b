"""A target over a container engine's API: what the engine is asked for each operation is in the modules it lists."""

from collections.abc import Callable
from typing import Any, Final

from irkit.adapters import engine_changes as changes
from irkit.adapters import engine_reads as reads
from irkit.adapters import engine_streams as streams
from irkit.adapters.engine_facts import container_of, summaries_of
from irkit.adapters.engine_http import Dial, EngineApi, part
from irkit.core import operations as do
from irkit.core.container import Container, Summary
from irkit.core.host import Host
from irkit.core.ports import Clock, Deadline, Intake, Outcome

Handler = Callable[[EngineApi, Any, Intake, Deadline], Outcome]

HANDLERS: Final[dict[type[do.Operation], Handler]] = {
    do.ReadEngine: reads.read_engine,
    do.InspectImage: reads.inspect_image,
    do.ReadImageHistory: reads.read_image_history,
    do.InspectNetwork: reads.inspect_network,
    do.InspectVolume: reads.inspect_volume,
    do.ReadEvents: reads.read_events,
    do.Inspect: reads.inspect,
    do.ListProcesses: reads.list_processes,
    do.ReadStats: reads.read_stats,
    do.ReadLogs: streams.read_logs,
    do.Diff: streams.diff,
    do.CopyOut: streams.copy_out,
    do.Export: streams.export,
    do.SaveImage: streams.save_image,
    do.Commit: changes.commit,
    do.RemoveImage: changes.remove_image,
    do.Disconnect: changes.disconnect,
    do.Connect: changes.connect,
    do.Pause: changes.pause,
    do.Unpause: changes.unpause,
    do.Stop: changes.stop,
    do.Kill: changes.kill,
    do.Start: changes.start,
    do.SetRestartPolicy: changes.set_restart_policy,
}


class DockerEngine:
    """The live way to one host's engine."""

    def __init__(self, host: Host, dial: Dial, clock: Clock) -> None:
        self._host, self._api = host, EngineApi(dial)
        self._handlers: dict[type[do.Operation], Handler] = {**HANDLERS, do.MeasureClock: reads.MeasuresClock(clock)}

    @property
    def host(self) -> Host:
        """The host it reaches."""
        return self._host

    def list_containers(self, deadline: Deadline) -> list[Summary]:
        """All containers, running or not, in one request, without sizes: those make the engine walk every file."""
        return summaries_of(self._api.read("/containers/json", deadline, all="1"), self._host.name)

    def examine(self, container: str, deadline: Deadline) -> Container:
        """The facts of a container, by full id, as they are now."""
        return container_of(self._api.read(f"/containers/{part(container)}/json", deadline), self._host.name)

    def apply(self, operation: do.Operation, intake: Intake, deadline: Deadline) -> Outcome:
        """Carry out one operation."""
        return self._handlers[type(operation)](self._api, operation, intake, deadline)
