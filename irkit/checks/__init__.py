"""What irkit can notice: one file each, and one line each in this list."""

from irkit.checks.capabilities import Capabilities
from irkit.checks.engine_socket import EngineSocket
from irkit.checks.host_mounts import HostMounts
from irkit.checks.host_namespaces import HostNamespaces
from irkit.checks.privileged import Privileged
from irkit.checks.root_user import RootUser
from irkit.checks.several_ways import SeveralWays
from irkit.core.check import Check

_ALL: tuple[type[Check], ...] = (
    Privileged,
    HostNamespaces,
    EngineSocket,
    HostMounts,
    Capabilities,
    RootUser,
    SeveralWays,
)

CHECKS: dict[str, type[Check]] = {check.id: check for check in _ALL}
