"""The engines that are tried: which system each comes from, and how it is set up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Maker = Literal["docker", "podman"]


@dataclass(frozen=True)
class Kind:
    """An engine to try. `note` says what sets it apart from another of the same version."""

    name: str
    maker: Maker
    suite: str
    note: str = ""
    rootless: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)  # dockerd's configuration file
    variables: Mapping[str, str] = field(default_factory=dict)  # of the engine's environment


KINDS: Final = (
    Kind("docker-bookworm", "docker", "bookworm"),
    Kind("docker-trixie", "docker", "trixie"),
    Kind("docker-sid", "docker", "sid"),
    Kind(
        "docker-sid-as-29",
        "docker",
        "sid",
        note="set as Docker 29 is: containerd's image store, oldest API 1.44",
        settings={"features": {"containerd-snapshotter": True}},
        variables={"DOCKER_MIN_API_VERSION": "1.44"},
    ),
    Kind("docker-sid-rootless", "docker", "sid", note="rootless, without control groups", rootless=True),
    Kind("podman-bookworm", "podman", "bookworm"),
    Kind("podman-trixie", "podman", "trixie"),
    Kind("podman-sid", "podman", "sid"),
    Kind("podman-sid-rootless", "podman", "sid", note="rootless, without control groups", rootless=True),
)
