"""What a container is an instance of: so that another one that takes its place is known for what it is."""

import re
from collections.abc import Mapping
from typing import Final

_COMPOSE_PROJECT: Final = "com.docker.compose.project"
_COMPOSE_SERVICE: Final = "com.docker.compose.service"
_SWARM_SERVICE: Final = "com.docker.swarm.service.id"
_POD: Final = "io.kubernetes.pod.name"
_POD_NAMESPACE: Final = "io.kubernetes.pod.namespace"
_POD_CONTAINER: Final = "io.kubernetes.container.name"
_CHANCE: Final = "[bcdfghjklmnpqrstvwxz2456789]"
_POD_TAIL: Final = re.compile(f"(?:-{_CHANCE}{{6,10}})?-{_CHANCE}{{5}}$")
"""What a controller puts behind the name that it gives its pods: the hash of a template, and five letters by chance."""


def service_of(labels: Mapping[str, str]) -> str:
    """The service of an orchestrator that a container runs, from its labels; empty where it runs none."""
    if labels.get(_SWARM_SERVICE):
        return f"Swarm service {labels.get('com.docker.swarm.service.name') or labels[_SWARM_SERVICE]}"
    if labels.get(_COMPOSE_PROJECT) and labels.get(_COMPOSE_SERVICE):
        return f"Compose service {labels[_COMPOSE_PROJECT]}/{labels[_COMPOSE_SERVICE]}"
    if labels.get(_POD):
        owner = _POD_TAIL.sub("", labels[_POD])
        return f"Kubernetes pod {labels.get(_POD_NAMESPACE, '')}/{owner}, container {labels.get(_POD_CONTAINER, '')}"
    return ""


def why_same(name: str, labels: Mapping[str, str], other_name: str, other_labels: Mapping[str, str]) -> str:
    """Why another container stands for the first, or empty: it runs the same service, or has taken its name."""
    service = service_of(labels)
    if service and service == service_of(other_labels):
        return f"it runs the same {service}"
    return f"it has its name {name}" if name == other_name else ""
