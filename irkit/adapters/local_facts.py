"""What this machine tells of itself to a check of its engine: free space, and who the responder is on it."""

import os
import pwd

import msgspec

from irkit.core.host_check import HostFacts


def with_local_facts(facts: HostFacts) -> HostFacts:
    """The facts of an engine on this machine, with those of the machine."""
    is_root = os.geteuid() == 0
    return msgspec.structs.replace(
        facts,
        free_bytes=_free_bytes(facts.data_folder),
        user=_user_name(),
        privileges="root" if is_root else "the engine's socket",
        cannot=facts.cannot if is_root else (*facts.cannot, "Files of the host that only root may read stay unread."),
    )


def _free_bytes(folder: str) -> int | None:
    """The space that is left where the folder is; an engine in a virtual machine has its folder elsewhere."""
    try:
        found = os.statvfs(folder)
    except (OSError, ValueError):
        return None
    return found.f_bavail * found.f_frsize


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"
