"""What a container is an instance of, and what stands for it."""

import pytest

from irkit.core.service import service_of, why_same

COMPOSE = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
SWARM = {"com.docker.swarm.service.id": "s1", "com.docker.swarm.service.name": "shop_web"}


def pod(name: str, container: str = "web", namespace: str = "shop") -> dict[str, str]:
    return {
        "io.kubernetes.pod.name": name,
        "io.kubernetes.pod.namespace": namespace,
        "io.kubernetes.container.name": container,
    }


@pytest.mark.parametrize(
    ("labels", "service"),
    [
        ({}, ""),
        ({"com.docker.compose.project": "shop"}, ""),
        (COMPOSE, "Compose service shop/web"),
        (SWARM, "Swarm service shop_web"),
        ({"com.docker.swarm.service.id": "s1"}, "Swarm service s1"),
        (pod("web-7d4b9c8f6-x7k2p"), "Kubernetes pod shop/web, container web"),
        (pod("node-exporter-x7k2p"), "Kubernetes pod shop/node-exporter, container web"),
        (pod("db-0"), "Kubernetes pod shop/db-0, container web"),
    ],
)
def test_the_service_is_told_by_the_labels_of_the_orchestrator(labels: dict[str, str], service: str) -> None:
    assert service_of(labels) == service


@pytest.mark.parametrize(
    ("labels", "others", "name", "why"),
    [
        (COMPOSE, {**COMPOSE, "com.docker.compose.container-number": "2"}, "b", "it runs the same Compose service"),
        (COMPOSE, {**COMPOSE, "com.docker.compose.service": "db"}, "b", ""),
        (pod("web-7d4b9c8f6-x7k2p"), pod("web-5c8d7f9b4-zz2wq"), "b", "it runs the same Kubernetes pod"),
        (pod("web-7d4b9c8f6-x7k2p"), pod("web-7d4b9c8f6-zz2wq", "sidecar"), "b", ""),
        ({}, {}, "b", ""),
        ({}, {}, "a", "it has its name a"),
        (COMPOSE, {}, "a", "it has its name a"),
    ],
)
def test_another_stands_for_it_by_its_service_or_by_its_name(
    labels: dict[str, str], others: dict[str, str], name: str, why: str
) -> None:
    said = why_same("a", labels, name, others)
    assert said.startswith(why) and bool(said) == bool(why)
