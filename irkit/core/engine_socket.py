"""Which mounts give a container the socket of an engine: what is in it can then do whatever irkit can."""

from irkit.core.container import Container, Mount

_SOCKETS = ("/docker.sock", "/podman.sock", "/containerd.sock")
_FOLDERS = ("/", "/run", "/var/run", "/run/podman", "/run/containerd")
"""Folders of a host that have the usual sockets in them, or below them; a mount of one need not be writable."""


def socket_mounts(container: Container) -> tuple[Mount, ...]:
    """The mounts of an engine's socket itself."""
    return tuple(one for one in container.mounts if one.source.endswith(_SOCKETS) or one.destination.endswith(_SOCKETS))


def socket_folders(container: Container) -> tuple[Mount, ...]:
    """The mounts of folders that have one in them as a rule."""
    return tuple(one for one in container.mounts if one.kind == "bind" and _plain(one.source) in _FOLDERS)


def _plain(path: str) -> str:
    return path.rstrip("/") or "/"
