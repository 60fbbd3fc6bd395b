"""Networks over an engine's API: what there is of one, making one for a container to be held on, removing it again."""

from typing import Final

import msgspec

from irkit.adapters.engine_answer import decoded
from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.engine_list import summaries_of
from irkit.core.errors import Refusal, TargetError
from irkit.core.isolation import RUN_LABEL
from irkit.core.network import Endpoint, NetworkFacts
from irkit.core.operations import MakeNetwork, RemoveNetwork
from irkit.core.ports import Deadline, Intake, Outcome
from irkit.core.proof import Proof
from irkit.core.text import safe

_DEVICE: Final = "com.docker.network.bridge.name"
_NO_ADDRESS: Final = "com.docker.network.bridge.inhibit_ipv4"
_MOST_NAMED: Final = 5


class _Pool(msgspec.Struct, rename="pascal", frozen=True):
    subnet: str = ""
    gateway: str = ""


class _Ipam(msgspec.Struct, rename="pascal", frozen=True):
    config: list[_Pool] | None = None


class _Member(msgspec.Struct, rename="pascal", frozen=True):
    name: str = ""
    ipv4: str = msgspec.field(default="", name="IPv4Address")
    ipv6: str = msgspec.field(default="", name="IPv6Address")


class _Network(msgspec.Struct, rename="pascal", frozen=True):
    name: str
    id: str
    driver: str = ""
    internal: bool = False
    ipam: _Ipam | None = msgspec.field(default=None, name="IPAM")
    containers: dict[str, _Member] | None = None
    labels: dict[str, str] | None = None


def network_of(body: bytes) -> NetworkFacts:
    """The facts in the answer to an inspect of a network."""
    seen = decoded(body, _Network)
    pools = (seen.ipam.config if seen.ipam else None) or ()
    return NetworkFacts(
        name=seen.name,
        id=seen.id,
        driver=seen.driver,
        internal=seen.internal,
        subnets=tuple(pool.subnet for pool in pools if pool.subnet),
        gateways=tuple(_address(pool.gateway) for pool in pools if pool.gateway),
        endpoints=tuple(
            Endpoint(container=container, name=one.name, ipv4=_address(one.ipv4), ipv6=_address(one.ipv6))
            for container, one in sorted((seen.containers or {}).items())
        ),
        labels=seen.labels or {},
    )


def _address(text: str) -> str:
    return text.partition("/")[0]


def examine_network(api: EngineApi, network: str, deadline: Deadline) -> NetworkFacts:
    """The facts of a network, by name or id. Raises TargetError (absent) where there is none."""
    return network_of(api.read(f"/networks/{part(network)}", deadline))


def make_network(api: EngineApi, operation: MakeNetwork, intake: Intake, deadline: Deadline) -> Outcome:
    """Make an internal bridge; without the host on it, its device has no address either."""
    options = {_DEVICE: operation.device} | ({} if operation.has_host else {_NO_ADDRESS: "true"})
    body = {
        "Name": operation.network,
        "CheckDuplicate": True,
        "Driver": "bridge",
        "Internal": True,
        "EnableIPv6": False,
        "Options": options,
        "Labels": operation.labels,
    }
    api.send("POST", "/networks/create", deadline, body)
    made = examine_network(api, operation.network, deadline)
    detail = f"{', '.join(made.subnets) or 'no subnet'}"
    if not made.internal:
        return Outcome(detail=detail, proof=Proof.wrong("NOT isolated: the engine made a network that is not internal"))
    return Outcome(detail=detail, proof=Proof.asserted("the engine calls it internal"))


def remove_network(api: EngineApi, operation: RemoveNetwork, intake: Intake, deadline: Deadline) -> Outcome:
    """Remove a network that irkit made, unless somebody else is on it by now, running or not."""
    try:
        found = examine_network(api, operation.network, deadline)
    except TargetError as error:
        if error.kind is not Refusal.ABSENT:
            raise
        return Outcome(detail="it is gone already", proof=Proof.asserted("the engine has no such network"))
    if found.name != operation.network or RUN_LABEL not in found.labels:
        raise TargetError(f"network {safe(found.name, 80)} stays: irkit did not make it", Refusal.REFUSED)
    if users := _users(api, found, deadline):
        more = f" and {len(users) - _MOST_NAMED} more" if len(users) > _MOST_NAMED else ""
        named = ", ".join(safe(one, 80) for one in users[:_MOST_NAMED]) + more
        reason = f"network {operation.network} stays, as it is in use by {named}: take them off it, then undo again"
        raise TargetError(reason, Refusal.REFUSED)
    api.send("DELETE", f"/networks/{part(operation.network)}", deadline)
    return Outcome(proof=Proof.asserted("the engine removed it"))


def _users(api: EngineApi, network: NetworkFacts, deadline: Deadline) -> list[str]:
    """Who is on it: networks tell of the containers that run, and a list of containers tells of the others."""
    listed = summaries_of(api.read("/containers/json", deadline, all="1"), "")
    stopped = {one.id: one.name for one in listed if network.name in one.networks}
    return sorted(({one.container: one.name or one.container for one in network.endpoints} | stopped).values())
