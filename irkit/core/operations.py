"""The closed list of what irkit can do to a host: the audit surface.

An operation is a value (`operation`): reads and snapshots stand in `reads`, `file_reads` and `kernel_reads`, what there
is only while a container runs in `running`, what changes one in `changes`, what firewalls it or moves it to a network
of its own in `isolation`. Nothing else can be in a plan or in a run log.
"""

from typing import Any, TypeAlias

from irkit.core.around_reads import CapturePackets, ReadHost, ReadHostByCommand, ReadImage, ReadLogFiles
from irkit.core.changes import Connect, Disconnect, Kill, Pause, SetRestartPolicy, Start, Stop, Unpause
from irkit.core.file_reads import ReadChanges, ReadVolume
from irkit.core.isolation import (
    BlockTraffic,
    MakeNetwork,
    RemoveNetwork,
    ResetConnections,
    SeeIsolated,
    SetLimits,
    UnblockTraffic,
)
from irkit.core.kernel_reads import ReadProcesses, ReadSockets
from irkit.core.operation import Operation, Touch, Trace
from irkit.core.reach import TryReach
from irkit.core.reads import (
    Commit,
    CopyOut,
    Diff,
    Export,
    Inspect,
    InspectImage,
    InspectNetwork,
    InspectVolume,
    ListProcesses,
    MeasureClock,
    ReadEngine,
    ReadEvents,
    ReadImageHistory,
    ReadLogs,
    ReadStats,
    RemoveImage,
    SaveImage,
)
from irkit.core.running import DumpMemory, DumpMemoryByCommand, ReadDeletedFiles, ReadTmpfs

__all__ = [
    "AnyOperation",
    "BlockTraffic",
    "CapturePackets",
    "Commit",
    "Connect",
    "CopyOut",
    "Diff",
    "Disconnect",
    "DumpMemory",
    "DumpMemoryByCommand",
    "Export",
    "Inspect",
    "InspectImage",
    "InspectNetwork",
    "InspectVolume",
    "Kill",
    "ListProcesses",
    "MakeNetwork",
    "MeasureClock",
    "Operation",
    "Pause",
    "ReadChanges",
    "ReadDeletedFiles",
    "ReadEngine",
    "ReadEvents",
    "ReadHost",
    "ReadHostByCommand",
    "ReadImage",
    "ReadImageHistory",
    "ReadLogFiles",
    "ReadLogs",
    "ReadProcesses",
    "ReadSockets",
    "ReadStats",
    "ReadTmpfs",
    "ReadVolume",
    "RemoveImage",
    "RemoveNetwork",
    "ResetConnections",
    "SaveImage",
    "SeeIsolated",
    "SetLimits",
    "SetRestartPolicy",
    "Start",
    "Stop",
    "Touch",
    "Trace",
    "TryReach",
    "UnblockTraffic",
    "Unpause",
    "all_operations",
]

AnyOperation: TypeAlias = (
    ReadEngine
    | MeasureClock
    | InspectImage
    | ReadImageHistory
    | InspectNetwork
    | InspectVolume
    | ReadEvents
    | Inspect
    | ReadProcesses
    | ReadSockets
    | ListProcesses
    | ReadStats
    | ReadLogs
    | Diff
    | CopyOut
    | Export
    | ReadChanges
    | ReadVolume
    | Commit
    | SaveImage
    | RemoveImage
    | Disconnect
    | Connect
    | Pause
    | Unpause
    | Stop
    | Kill
    | Start
    | SetRestartPolicy
    | MakeNetwork
    | RemoveNetwork
    | BlockTraffic
    | UnblockTraffic
    | ResetConnections
    | SeeIsolated
    | SetLimits
    | TryReach
    | ReadImage
    | ReadLogFiles
    | CapturePackets
    | ReadHost
    | ReadHostByCommand
    | DumpMemory
    | DumpMemoryByCommand
    | ReadDeletedFiles
    | ReadTmpfs
)


def all_operations() -> tuple[type[Any], ...]:
    """Every class of operation there is."""
    return tuple(AnyOperation.__args__)
