"""The operations that change a host, as requests to its engine's API."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from irkit.adapters.engine_answer import decoded
from irkit.adapters.engine_facts import container_of
from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.host_side import check_is_answer
from irkit.core.container import Attachment, Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import (
    Commit,
    Connect,
    Disconnect,
    Kill,
    Pause,
    RemoveImage,
    SetRestartPolicy,
    Start,
    Stop,
    Unpause,
)
from irkit.core.ports import Deadline, Intake, Outcome

_API_MAC, _API_GATEWAY_PRIORITY = (1, 44), (1, 48)
_DONE = Outcome()
_TIMES, _BETWEEN = 10, 0.08
"""How often a change is sent to a restarting container before its facts are read, and seconds in between: less than a
start takes. Each refusal is a line in the engine's own log."""
_PAUSE, _NOTICED = 0.03, 1.0
"""Seconds between two attempts on a restarting container, and from which a wait is worth telling."""
_CONNECT, _DISCONNECT = "/connect", "/disconnect"
_HALF_CONNECTED = "network inspection mismatch"
_ASLEEP = "Podman answers this for a paused container as if it were done, and changes nothing: unpause it first"
_FELL_ASLEEP = "the container was paused meanwhile: Podman answers as if it were done, and may have changed nothing"
_NO_PAUSE = "this engine cannot pause the container while its files are read: give `pause: false` to do without"


def disconnect(api: EngineApi, operation: Disconnect, intake: Intake, deadline: Deadline) -> Outcome:
    """Take a container off a network."""
    path = f"/networks/{part(operation.network)}{_DISCONNECT}"
    body = {"Container": operation.container, "Force": False}
    return _change_network(api, operation.container, path, body, deadline)


def _change_network(api: EngineApi, container: str, path: str, body: object, deadline: Deadline) -> Outcome:
    """A disconnect or a connect: for a paused container Podman does neither and says that it did.

    Its inspect says so too. Until namespaces are looked at, nothing else tells, so it is not asked for.
    """

    def send(seen: Container) -> None:
        if is_podman and seen.state == "paused":
            raise TargetError(_ASLEEP, Refusal.UNSUPPORTED)
        try:
            api.send("POST", path, deadline, body)
        except TargetError as error:
            if is_podman and error.kind is Refusal.REFUSED:
                _clear_half_connect(api, container, path, deadline)
            raise
        if is_podman and _facts(api, container, deadline).state == "paused":
            raise TargetError(_FELL_ASLEEP, Refusal.REFUSED)

    is_podman = api.is_podman(deadline)
    # A connect between two starts leaves an endpoint behind.
    return _while_up(api, container, deadline, send, is_harmless=path.endswith(_DISCONNECT) and not is_podman)


def _clear_half_connect(api: EngineApi, container: str, path: str, deadline: Deadline) -> None:
    """Take away what Podman before 5.8 keeps of a connect that it refused.

    With it, it can neither inspect the container nor list any. A disconnect clears that, and fails all the same.
    """
    try:
        _facts(api, container, deadline)
    except TargetError as error:
        if _HALF_CONNECTED in error.reason and path.endswith(_CONNECT):
            with suppress(TargetError):
                api.send("POST", path.removesuffix(_CONNECT) + _DISCONNECT, deadline, {"Container": container})


def _while_up(
    api: EngineApi, container: str, deadline: Deadline, send: Callable[[Container], object], *, is_harmless: bool
) -> Outcome:
    """Send a change when the container is not between two starts, waiting for the next one where it is.

    Between starts an engine refuses to disconnect it, though it will be attached again; a connect leaves an endpoint
    behind that nothing owns; a pause is refused (all seen with Docker 20.10). An inspect waits for a start under way,
    so what is sent right after it finds the container up. Engines wait up to a minute between starts.

    One that ends at once is missed that way. What is harmless between starts (`is_harmless`) is sent again and again:
    an engine keeps the request that meets a start until the container is up, before it takes note of its end.
    """
    begun = time.monotonic()
    while True:
        seen = (_facts if is_harmless else _facts_when_up)(api, container, deadline)
        try:
            (_send_often if seen.state == "restarting" else _send_once)(send, seen, deadline)
        except TargetError as error:
            # Only an answer tells that nothing was done. Without one, what follows must not take this error's place.
            if error.kind not in (Refusal.ALREADY, Refusal.REFUSED) or not _has_ended(api, seen, deadline):
                raise
            continue
        waited = time.monotonic() - begun
        return Outcome(detail=f"at its next start, after {waited:.1f} s") if waited > _NOTICED else _DONE


def _send_once(send: Callable[[Container], object], seen: Container, deadline: Deadline) -> None:
    send(seen)


def _send_often(send: Callable[[Container], object], seen: Container, deadline: Deadline) -> None:
    """Send it a few times, without asking for facts in between: it is such a request that must meet the start."""
    for _ in range(_TIMES - 1):
        try:
            return _send_once(send, seen, deadline)
        except TargetError as error:
            if error.kind not in (Refusal.ALREADY, Refusal.REFUSED):
                raise
        time.sleep(min(_BETWEEN, deadline.remaining()))
    return _send_once(send, seen, deadline)


def _has_ended(api: EngineApi, seen: Container, deadline: Deadline) -> bool:
    """Whether the container ended since it was seen; no, where that cannot be told."""
    try:
        now = _facts(api, seen.id, deadline)
    except TargetError:
        return False
    return now.state == "restarting" or now.started_at != seen.started_at


def _facts_when_up(api: EngineApi, container: str, deadline: Deadline) -> Container:
    while (found := _facts(api, container, deadline)).state == "restarting":
        time.sleep(min(_PAUSE, deadline.remaining()))
    return found


def _facts(api: EngineApi, container: str, deadline: Deadline) -> Container:
    body = api.read(f"/containers/{part(container)}/json", deadline)
    return container_of(body, "", podman=api.is_podman(deadline))


def connect(api: EngineApi, operation: Connect, intake: Intake, deadline: Deadline) -> Outcome:
    """Put a container on a network, asking for exactly what was asked for before, and nothing the engine chose."""
    wanted = operation.attachment
    body = {"Container": operation.container, "EndpointConfig": _endpoint(wanted, api.version(deadline))}
    path = f"/networks/{part(wanted.network)}{_CONNECT}"
    return _change_network(api, operation.container, path, body, deadline)


def _endpoint(wanted: Attachment, version: tuple[int, int]) -> dict[str, Any]:
    ipam: dict[str, Any] = {
        "IPv4Address": wanted.fixed_ipv4,
        "IPv6Address": wanted.fixed_ipv6,
        "LinkLocalIPs": list(wanted.link_local),
    }
    asked: dict[str, Any] = {
        "IPAMConfig": {key: value for key, value in ipam.items() if value},
        "Aliases": list(wanted.aliases),
        "Links": list(wanted.links),
    }
    if version >= _API_MAC:
        asked["MacAddress"] = wanted.mac
    if version >= _API_GATEWAY_PRIORITY:
        asked["GwPriority"] = wanted.gateway_priority
    given = {key: value for key, value in asked.items() if value}
    # None and {} are told apart by the engine's own inspect, so they are kept apart.
    return given if wanted.driver_options is None else {**given, "DriverOpts": wanted.driver_options}


def pause(api: EngineApi, operation: Pause, intake: Intake, deadline: Deadline) -> Outcome:
    """Freeze all processes."""
    path = f"/containers/{part(operation.container)}/pause"
    return _while_up(api, operation.container, deadline, lambda _: api.send("POST", path, deadline), is_harmless=False)


def unpause(api: EngineApi, operation: Unpause, intake: Intake, deadline: Deadline) -> Outcome:
    """Let the processes go on."""
    return _post(api, operation.container, "unpause", deadline)


def stop(api: EngineApi, operation: Stop, intake: Intake, deadline: Deadline) -> Outcome:
    """Stop signal, grace, SIGKILL."""
    return _post(api, operation.container, "stop", deadline, t=str(operation.grace))


def kill(api: EngineApi, operation: Kill, intake: Intake, deadline: Deadline) -> Outcome:
    """SIGKILL."""
    return _post(api, operation.container, "kill", deadline, signal="SIGKILL")


def start(api: EngineApi, operation: Start, intake: Intake, deadline: Deadline) -> Outcome:
    """Start it again."""
    return _post(api, operation.container, "start", deadline)


def _post(api: EngineApi, container: str, verb: str, deadline: Deadline, **query: str) -> Outcome:
    api.send("POST", f"/containers/{part(container)}/{verb}", deadline, **query)
    return _DONE


def set_restart_policy(api: EngineApi, operation: SetRestartPolicy, intake: Intake, deadline: Deadline) -> Outcome:
    """Update the restart policy, and nothing else."""
    policy = {"Name": operation.policy.name, "MaximumRetryCount": operation.policy.maximum_retries}
    path = f"/containers/{part(operation.container)}/update"
    check_update(api, path, "a restart policy", deadline)
    api.send("POST", path, deadline, {"RestartPolicy": policy})
    return _DONE


def check_update(api: EngineApi, path: str, what: str, deadline: Deadline) -> None:
    """Raise TargetError (unsupported) for an engine that has no request to update a container."""
    if api.is_podman(deadline) and not _is_route(api, path, deadline):
        raise TargetError(f"this Podman has no request to change {what} (5.4 has)", Refusal.UNSUPPORTED)


def _is_route(api: EngineApi, path: str, deadline: Deadline) -> bool:
    """Whether there is something to be posted to: a GET of it is refused in another way than one of nothing.

    What is posted to nothing may be answered before it is read, so that no answer arrives (seen with Podman 4.3).
    """
    try:
        api.read(path, deadline)
    except TargetError as error:
        if error.kind not in (Refusal.ABSENT, Refusal.REFUSED):
            raise
        return error.kind is Refusal.REFUSED
    return True


def commit(api: EngineApi, operation: Commit, intake: Intake, deadline: Deadline) -> Outcome:
    """Make an image. Labels go in the body: as changes in the query they would be parsed as a build file."""
    if operation.pause and _pauses_nothing(api, operation.container, deadline):
        raise TargetError(_NO_PAUSE, Refusal.UNSUPPORTED)
    repository, _, tag = operation.image.rpartition(":")
    query = {
        "container": operation.container,
        "repo": repository,
        "tag": tag,
        "pause": "1" if operation.pause else "0",
        "comment": "made by irkit as evidence",
    }
    body = api.send("POST", "/commit", deadline, {"Labels": operation.labels}, **query)
    intake.put(operation.file, body, source="POST /commit")
    image = str(decoded(body, Mapping[str, Any]).get("Id", ""))  # type: ignore[type-abstract]
    api.tally.wrote(f"image {operation.image}", _layer_size(api, image, deadline))
    return Outcome(detail=f"image {operation.image} is {image}")


class _Layer(msgspec.Struct, rename="pascal"):
    size: int = -1


def _layer_size(api: EngineApi, image: str, deadline: Deadline) -> int:
    """Bytes that the image takes beside those it is built on, as its engine tells; -1 where it does not."""
    try:
        history = decoded(api.read(f"/images/{part(image)}/history", deadline), list[_Layer])
    except TargetError as error:
        check_is_answer(error)
        return -1
    return history[0].size if history else -1


class _Info(msgspec.Struct, rename="pascal"):
    cgroup_driver: str | None = None


def _pauses_nothing(api: EngineApi, container: str, deadline: Deadline) -> bool:
    """Whether Docker would commit a container that goes on meanwhile, and not say so: it has no control groups."""
    if decoded(api.read("/info", deadline), _Info).cgroup_driver != "none":
        return False
    return _facts(api, container, deadline).state == "running"


def remove_image(api: EngineApi, operation: RemoveImage, intake: Intake, deadline: Deadline) -> Outcome:
    """Remove the tag, and with it the layers nothing else uses; the parents stay."""
    api.send("DELETE", f"/images/{part(operation.image)}", deadline, noprune="1")
    api.tally.unwrote(f"image {operation.image}")
    return Outcome(detail=f"image {operation.image} removed")
