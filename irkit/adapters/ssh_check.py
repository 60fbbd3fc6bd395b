"""What a check learns of a host over SSH beside what its engine tells: who one is there, and what that allows.

A check runs three small commands on the host (`id -u`, `id -G -n` and, for whoever is not root, `sudo -n true`).
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from irkit.adapters.sftp_files import SftpFiles
from irkit.adapters.ssh_command import run_command
from irkit.adapters.ssh_link import Link
from irkit.core.errors import Refusal, TargetError
from irkit.core.host import Host
from irkit.core.host_check import HostFacts
from irkit.core.ports import Deadline
from irkit.core.text import safe

_ROOT: Final = "0"


@dataclass(frozen=True)
class Privileges:
    """Who one is on a host: `sudo` says that root is had without a password."""

    uid: str = ""
    groups: tuple[str, ...] = ()
    sudo: bool = False
    unknown: str = ""

    @property
    def is_root(self) -> bool:
        """Whether root's files can be read, one way or another."""
        return self.uid == _ROOT or self.sudo

    @property
    def text(self) -> str:
        """In the words of a list."""
        if self.unknown:
            return f"not known: {self.unknown}"
        if self.uid == _ROOT:
            return "root"
        groups = [name for name in self.groups if name in ("docker", "podman", "sudo", "wheel", "adm")]
        return ", ".join([f"uid {self.uid}", *groups, "sudo without a password" if self.sudo else "no sudo"])


def read_privileges(link: Link, deadline: Deadline) -> Privileges:
    """Who one is there. Raises TargetError only where time is up or the run was told to stop."""
    try:
        uid = run_command(link, ("id", "-u"), deadline).out.strip()
        groups = run_command(link, ("id", "-G", "-n"), deadline).out.split()
        sudo = uid != _ROOT and run_command(link, ("sudo", "-n", "true"), deadline).status == 0
    except TargetError as error:
        if error.kind in (Refusal.TIMEOUT, Refusal.CANCELLED, Refusal.LOST):
            raise
        return Privileges(unknown=error.reason)
    return Privileges(uid=safe(uid, 20), groups=tuple(safe(name, 40) for name in groups[:50]), sudo=sudo)


def with_host_facts(facts: HostFacts, host: Host, link: Link, files: SftpFiles, deadline: Deadline) -> HostFacts:
    """The facts with what SSH tells of the host, and what irkit cannot do there for it."""
    privileges = read_privileges(link, deadline)
    cannot = list(facts.cannot)
    free = facts.free_bytes
    try:
        free = files.free_space(facts.data_folder.encode("utf-8", "surrogateescape") or b"/", deadline)[0]
    except TargetError as error:
        if error.kind in (Refusal.TIMEOUT, Refusal.CANCELLED, Refusal.LOST):
            raise
        if error.kind is Refusal.UNSUPPORTED:
            cannot.append(error.reason[:1].upper() + error.reason[1:] + ".")
    if not privileges.is_root and not privileges.unknown:
        cannot.append("Files that only root may read stay unread: there is no sudo without a password.")
    if not host.route.startswith("socket "):
        cannot.append("Requests do not go straight to the engine's socket: each starts a process on the host.")
    return msgspec.structs.replace(
        facts,
        address=f"{link.settings.host_name}:{link.settings.port}",
        route=host.route,
        host_key=link.fingerprint,
        free_bytes=free,
        user=link.settings.user,
        privileges=privileges.text,
        cannot=tuple(cannot),
        notes=(*facts.notes, *link.notes),
    )
