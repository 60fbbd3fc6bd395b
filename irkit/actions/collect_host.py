"""collect.host: the host around the containers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from irkit.core.action import Action, Phase, RunFacts, Scope
from irkit.core.host import Host
from irkit.core.operations import Operation, ReadHost, ReadHostByCommand
from irkit.core.values import Duration, Size, bytes_of, check_moment, seconds_of


@dataclass(frozen=True)
class CollectHost(Action):
    """Collect the host around the containers: what an attacker who got out of one would have changed.

    The engine's settings and units and who may open its socket, the kernel with its parameters, mounts, sockets that
    listen, interfaces with the container at the other end of each veth pair, logins, users and their keys, jobs and
    units with what was changed lately, and the newest part of the system's logs: all from files of the host, kept raw
    in one archive, and told in `host.json`. Password hashes are not read. Nothing is run on the host, unless `commands`
    is set: firewall rules and the engine's journal are told by its own commands alone (nft, iptables-save, journalctl).
    """

    name = "collect.host"
    phase = Phase.COLLECT
    scope = Scope.HOST
    timeout = "10m"
    reads_files = True
    needs_root = True

    changed: Annotated[Duration, Meta(description="How far back a change counts as one of lately.")] = "30d"
    log_limit: Annotated[Size, Meta(description="Of each log of the system at most so much, the newest.")] = "4MiB"
    commands: Annotated[bool, Meta(description="Run commands of the host for its firewall rules and journal.")] = False
    since: Annotated[Duration, Meta(description="How far back the engine's journal is read by its command.")] = "24h"

    @classmethod
    def may_need_root(cls, arguments: Mapping[str, Any]) -> bool:
        return bool(arguments.get("commands"))

    def __post_init__(self) -> None:
        check_moment(self.changed)
        check_moment(self.since)
        if bytes_of(self.log_limit) > bytes_of("32MiB"):
            raise ValueError("log_limit is 32MiB at most: collect.files is for more")

    def plan_host(self, host: Host, run: RunFacts) -> Iterator[Operation]:
        yield ReadHost(seconds_of(self.changed), bytes_of(self.log_limit))
        if self.commands:
            yield ReadHostByCommand(self.since)
