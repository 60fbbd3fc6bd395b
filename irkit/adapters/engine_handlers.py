"""What an engine is asked for each operation: the table of handlers."""

from collections.abc import Callable
from typing import Any, Final

from irkit.adapters import engine_changes as changes
from irkit.adapters import engine_limits as limits
from irkit.adapters import engine_networks as networks
from irkit.adapters import engine_reads as reads
from irkit.adapters import engine_streams as streams
from irkit.adapters.engine_deleted import ReadsDeleted
from irkit.adapters.engine_firewall import Firewall
from irkit.adapters.engine_http import EngineApi
from irkit.adapters.engine_image import ReadsImages
from irkit.adapters.engine_layer import ReadsChanges
from irkit.adapters.engine_memory import DumpsMemory
from irkit.adapters.engine_processes import ListsProcesses
from irkit.adapters.engine_reach import TriesReach
from irkit.adapters.engine_tmpfs import ReadsTmpfs
from irkit.adapters.engine_volumes import ReadsVolume
from irkit.adapters.host_around import ReadsHost
from irkit.adapters.host_by_command import ReadsHostByCommand
from irkit.adapters.host_side import HostSide
from irkit.adapters.image_digests import ImageDigests
from irkit.adapters.log_files import ReadsLogFiles
from irkit.adapters.packet_capture import CapturesPackets
from irkit.adapters.read_processes import ReadsProcesses
from irkit.adapters.read_sockets import ReadsSockets
from irkit.core import operations as do
from irkit.core.ports import Deadline, Intake, Outcome

Handler = Callable[[EngineApi, Any, Intake, Deadline], Outcome]

HANDLERS: Final[dict[type[do.Operation], Handler]] = {
    do.ReadEngine: reads.read_engine,
    do.InspectImage: reads.inspect_image,
    do.ReadImageHistory: reads.read_image_history,
    do.InspectNetwork: reads.inspect_network,
    do.InspectVolume: reads.inspect_volume,
    do.ReadEvents: reads.read_events,
    do.Inspect: reads.inspect,
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
    do.MakeNetwork: networks.make_network,
    do.RemoveNetwork: networks.remove_network,
    do.SetLimits: limits.set_limits,
    do.SeeIsolated: reads.see_isolated,
}


def handlers(side: HostSide, firewall: Firewall) -> dict[type[do.Operation], Handler]:
    """A handler for every operation there is."""
    digests = ImageDigests()
    return {
        **HANDLERS,
        do.MeasureClock: reads.MeasuresClock(side.clock),
        do.ReadChanges: ReadsChanges(side.files, digests),
        do.ReadVolume: ReadsVolume(side.files),
        do.ReadImage: ReadsImages(digests),
        do.CapturePackets: CapturesPackets(side),
        do.ReadHost: ReadsHost(side),
        do.ReadHostByCommand: ReadsHostByCommand(side),
        do.ReadLogFiles: ReadsLogFiles(side.files),
        do.ListProcesses: ListsProcesses(side),
        do.ReadProcesses: ReadsProcesses(side),
        do.ReadSockets: ReadsSockets(side),
        do.BlockTraffic: firewall.block,
        do.UnblockTraffic: firewall.unblock,
        do.ResetConnections: firewall.reset,
        do.TryReach: TriesReach(side),
        do.DumpMemory: DumpsMemory(side),
        do.DumpMemoryByCommand: DumpsMemory(side),
        do.ReadDeletedFiles: ReadsDeleted(side),
        do.ReadTmpfs: ReadsTmpfs(side),
    }
