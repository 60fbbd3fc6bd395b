"""exposure.host_mounts: a container that can write to files of its host."""

import posixpath
from collections.abc import Iterator

from irkit.core.check import Check
from irkit.core.container import Container, Mount
from irkit.core.engine_socket import socket_mounts
from irkit.core.finding import Finding, Severity

_SYSTEM = (
    "/etc", "/root", "/boot", "/dev", "/proc", "/sys", "/var", "/var/lib/docker", "/usr", "/lib", "/lib32", "/lib64",
    "/libx32", "/bin", "/sbin", "/home",
)  # fmt: skip
"""Folders of a host of which each gives it away to whoever can write there."""
_WITHIN = (
    "/boot", "/proc", "/sys", "/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/var/lib/docker",
    "/var/lib/containerd", "/var/lib/kubelet", "/var/spool/cron", "/root/.ssh", "/etc/cron.d", "/etc/cron.daily",
    "/etc/cron.hourly", "/etc/crontab", "/etc/ld.so.preload", "/etc/pam.d", "/etc/passwd", "/etc/profile.d",
    "/etc/shadow", "/etc/ssh", "/etc/sudoers", "/etc/sudoers.d", "/etc/systemd", "/run/systemd",
)  # fmt: skip
"""Places of which each thing within does so too."""


class HostMounts(Check):
    """A container that has files of its host to write to.

    Critical where these are the root folder, one of the system's own, or one above it; high for what within these
    gives the host away too, such as cron's tables, and medium for all else. An engine's volumes are not the host's
    files in this sense, and an engine's socket is another check's.
    """

    id = "exposure.host_mounts"
    severity = Severity.CRITICAL
    flag = "W"
    answer = "contain-and-preserve"
    references = ("cis-docker-1.6:5.6", "attack:T1611")

    def examine(self, container: Container) -> Iterator[Finding]:
        sockets = socket_mounts(container)
        graded: dict[Severity, list[Mount]] = {}
        for mount in container.mounts:
            if mount.kind == "bind" and mount.writable and mount not in sockets:
                graded.setdefault(_gravity(mount.source), []).append(mount)
        for severity in (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM):
            if mounts := graded.get(severity):
                yield self._found(container, mounts, severity)

    def _found(self, container: Container, mounts: list[Mount], severity: Severity) -> Finding:
        named = ", ".join(dict.fromkeys(one.source for one in mounts))
        means = "" if severity is Severity.MEDIUM else ": who is in it can take the host over"
        because = tuple(f"writable mount of {one.source} on {one.destination}" for one in mounts)
        remedy = "mount it read-only, or a folder that holds nothing else"
        return self.found(container, f"it can write to its host's {named}{means}", because, remedy, severity)


def _gravity(source: str) -> Severity:
    path = posixpath.normpath(f"/{source}").replace("//", "/")
    if any(path == one or _is_within(one, path) for one in _SYSTEM):
        return Severity.CRITICAL
    return Severity.HIGH if any(path == one or _is_within(path, one) for one in _WITHIN) else Severity.MEDIUM


def _is_within(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")
