"""What irkit can do: one file each, and one line each in this list."""

from irkit.actions.collect_changes import CollectChanges
from irkit.actions.collect_deleted_files import CollectDeletedFiles
from irkit.actions.collect_events import CollectEvents
from irkit.actions.collect_files import CollectFiles
from irkit.actions.collect_host import CollectHost
from irkit.actions.collect_inspect import CollectInspect
from irkit.actions.collect_logs import CollectLogs
from irkit.actions.collect_pcap import CollectPcap
from irkit.actions.collect_processes import CollectProcesses
from irkit.actions.collect_reach import CollectReach
from irkit.actions.collect_sockets import CollectSockets
from irkit.actions.collect_stats import CollectStats
from irkit.actions.collect_tmpfs import CollectTmpfs
from irkit.actions.contain_kill import KillContainer
from irkit.actions.contain_limit import LimitResources
from irkit.actions.contain_pause import PauseContainer
from irkit.actions.contain_restart_policy import ChangeRestartPolicy
from irkit.actions.contain_stop import StopContainer
from irkit.actions.contain_unpause import UnpauseContainer
from irkit.actions.isolate_disconnect import DisconnectNetworks
from irkit.actions.isolate_firewall import FirewallContainer
from irkit.actions.isolate_quarantine import QuarantineContainer
from irkit.actions.snapshot_changes import SnapshotChanges
from irkit.actions.snapshot_commit import SnapshotCommit
from irkit.actions.snapshot_export import SnapshotExport
from irkit.actions.snapshot_image import SnapshotImage
from irkit.actions.snapshot_memory import SnapshotMemory
from irkit.actions.snapshot_volumes import SnapshotVolumes
from irkit.core.action import Action

_ALL: tuple[type[Action], ...] = (
    CollectInspect,
    CollectProcesses,
    CollectSockets,
    CollectStats,
    CollectLogs,
    CollectDeletedFiles,
    CollectTmpfs,
    CollectPcap,
    CollectChanges,
    CollectEvents,
    CollectHost,
    CollectFiles,
    CollectReach,
    SnapshotChanges,
    SnapshotVolumes,
    SnapshotMemory,
    SnapshotExport,
    SnapshotCommit,
    SnapshotImage,
    DisconnectNetworks,
    FirewallContainer,
    QuarantineContainer,
    PauseContainer,
    UnpauseContainer,
    StopContainer,
    KillContainer,
    ChangeRestartPolicy,
    LimitResources,
)

ACTIONS: dict[str, type[Action]] = {action.name: action for action in _ALL}
