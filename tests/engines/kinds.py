"""The engines that are tried: which system each comes from, and how it is set up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Maker = Literal["docker", "podman"]


@dataclass(frozen=True)
class Kind:
    """An engine to try. `label` sets it apart from another of the same version, and `note` says how it does."""

    name: str
    maker: Maker
    suite: str
    label: str = ""
    note: str = ""
    rootless: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)  # dockerd's configuration file
    variables: Mapping[str, str] = field(default_factory=dict)  # of the engine's environment


_ROOTLESS: Final = "rootless, without control groups: only version 2 of these can be handed to a user"
_FILES: Final = "logs and events are kept in files (`k8s-file`, `file`), as there is no journal"

KINDS: Final = (
    Kind("docker-bookworm", "docker", "bookworm"),
    Kind("docker-trixie", "docker", "trixie"),
    Kind("docker-sid", "docker", "sid"),
    Kind(
        "docker-sid-as-29",
        "docker",
        "sid",
        label="as 29",
        note="set as Docker 29 is: containerd's image store, oldest API 1.44",
        settings={"features": {"containerd-snapshotter": True}},
        variables={"DOCKER_MIN_API_VERSION": "1.44"},
    ),
    Kind("docker-sid-rootless", "docker", "sid", label="rootless", note=_ROOTLESS, rootless=True),
    Kind("podman-bookworm", "podman", "bookworm", note=_FILES),
    Kind("podman-trixie", "podman", "trixie", note=_FILES),
    Kind("podman-sid", "podman", "sid", note=_FILES),
    Kind("podman-experimental", "podman", "experimental", note=_FILES),
    Kind("podman-sid-rootless", "podman", "sid", label="rootless", note=f"{_ROOTLESS}; {_FILES}", rootless=True),
)
BY_NAME: Final = {kind.name: kind for kind in KINDS}
