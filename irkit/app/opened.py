"""How the terminal interface is opened: what a responder says on the command line and in their configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Opened:
    """On which hosts, for which case, by whom, and what may be done.

    With `read_only` nothing can be armed. `keys` are keys by the id of their binding, in place of the usual ones;
    `playbooks` playbooks by the action that opens them at once (`isolate`, `collect`, `snapshot`). `places` says where
    in the configuration a value stands, as `file:line:column` by the way to it: `theme`, `keys.plan.isolate`.
    """

    hosts: tuple[str, ...] = ()
    case: str = ""
    responder: str = ""
    read_only: bool = False
    theme: str = ""
    no_color: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)
    playbooks: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
