"""What is asked for of a plan, and what is known: all that planning needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from irkit.core.action import Action, RunFacts
from irkit.core.container import Container
from irkit.core.host import Host
from irkit.core.playbook import Playbook
from irkit.engine.surroundings import Surroundings


@dataclass(frozen=True)
class Request:
    """What is asked for, and what is known: all that planning needs.

    `contained` maps container keys to the run that holds them contained; `named_twice` are keys that more than one
    name selected; `unreached` the hosts that were asked for and are left out, with the reason.
    `no_root` and `no_files` say for each host on which commands cannot be run as root, or files cannot be read as root,
    why that is so. `around` is what has to be heeded beside the targets.
    """

    playbook: Playbook
    actions: Mapping[str, type[Action]]
    hosts: Sequence[Host]
    targets: Sequence[Container]
    parameters: Mapping[str, Any]
    run: RunFacts
    made_at: str
    contained: Mapping[str, str] = field(default_factory=dict)
    named_twice: frozenset[str] = frozenset()
    unreached: Mapping[str, str] = field(default_factory=dict)
    no_root: Mapping[str, str] = field(default_factory=dict)
    no_files: Mapping[str, str] = field(default_factory=dict)
    around: Surroundings = field(default_factory=Surroundings)

    def host(self, name: str) -> Host:
        """The host of that name, which must be one of those asked for."""
        return next(host for host in self.hosts if host.name == name)
