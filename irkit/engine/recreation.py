"""What may start, replace or recreate a container behind a responder's back, by its labels, and what stops that."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from irkit.core.container import Container
from irkit.core.service import service_of

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./@-]{0,200}")
_AUTOHEAL = "autoheal"
_UNIT = "PODMAN_SYSTEMD_UNIT"
_POD, _NAMESPACE = "io.kubernetes.pod.name", "io.kubernetes.pod.namespace"
_SERVICE, _PROJECT = "com.docker.swarm.service.name", "com.docker.compose.project"
_TASKS = {"com.hashicorp.nomad.alloc_id": "Nomad", "com.amazonaws.ecs.task-arn": "Amazon ECS"}


@dataclass(frozen=True)
class Recreator:
    """Something that may bring a container back: what, on which occasion, what stops it, and whether it is prompt.

    A prompt one acts by itself, and at once, when the container ends.
    """

    what: str
    occasion: str
    remedy: str
    is_prompt: bool


def recreators(container: Container) -> Iterator[Recreator]:
    """All that the labels of a container tell of. They are its maker's word: one that lies is not known."""
    labels = container.labels
    service = service_of(labels)
    if service.startswith("Swarm"):
        name = _word(labels, _SERVICE, "SERVICE")
        yield Recreator(
            service,
            "starts another one when it ends or is found unhealthy, and ends this one when the service is changed",
            f"docker service scale {name}=0, once all is preserved: that ends this one too",
            True,
        )
    if service.startswith("Compose"):
        project = _word(labels, _PROJECT, "PROJECT")
        yield Recreator(
            service,
            "`docker compose up`, by whoever or whatever deploys it, starts or replaces it",
            f"have nobody deploy project {project}; its restart policy alone acts by itself: contain.restart_policy",
            False,
        )
    if service.startswith("Kubernetes"):
        pod, space = _word(labels, _POD, "POD"), _word(labels, _NAMESPACE, "NAMESPACE")
        yield Recreator(
            service,
            "the kubelet starts it again when it ends, and its controller replaces the pod",
            f"a network policy for it, and kubectl -n {space} label pod {pod} LABEL- so that its controller lets go",
            True,
        )
    yield from _others(labels)


def _others(labels: Mapping[str, str]) -> Iterator[Recreator]:
    if unit := labels.get(_UNIT):
        stop = f"systemctl stop {_word(labels, _UNIT, 'UNIT')}, once all is preserved: that ends this one too"
        yield Recreator(f"systemd unit {unit}", "may start it again when it ends", stop, True)
    for label, name in _TASKS.items():
        if label in labels:
            yield Recreator(f"{name} ({labels[label]})", "starts another one when it ends", f"stop it in {name}", True)
    if labels.get(_AUTOHEAL, "").lower() in ("true", "1"):
        yield Recreator("label autoheal", "who heeds it restarts it when it is unhealthy", "stop what heeds it", False)


def _word(labels: Mapping[str, str], label: str, otherwise: str) -> str:
    """A label's value for a command that is shown; what a shell could obey is not repeated."""
    value = labels.get(label, "")
    return value if _PLAIN.fullmatch(value) else otherwise
