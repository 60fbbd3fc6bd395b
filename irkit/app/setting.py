"""What a verb runs in: environment, folders, the hosts there are, who is at work, and with which versions."""

from __future__ import annotations  # see the imports for types only, below

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import irkit
from irkit.core.errors import UsageError

if TYPE_CHECKING:
    from irkit.app.fleet import Fleet
    from irkit.app.reach import Opener
    from irkit.core.host import Host
    from irkit.core.ports import Ask, Clock

TOOL = f"irkit {irkit.__version__}"
JOBS = 16
"""Hosts that are reached and looked at at once, where nothing else is said."""


@dataclass
class Setting:
    """What a verb runs in: the environment, the folder that evidence goes to, and how hosts are found and reached.

    `ask` asks the responder for secrets; None where nobody can be asked. `tell` tells them a line of what they should
    know meanwhile. `opener` makes targets in place of the usual one.
    """

    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    evidence: Path | None = None
    inventory: Path | None = None
    jobs: int = JOBS
    ask: Ask | None = None
    tell: Callable[[str], None] | None = None
    opener: Opener | None = None

    @property
    def folder(self) -> Path:
        """The evidence folder: as asked for, else IRKIT_EVIDENCE, else below the XDG data folder."""
        if self.evidence is not None:
            return self.evidence
        if named := self.environment.get("IRKIT_EVIDENCE"):
            return Path(named)
        from platformdirs import user_data_path

        return user_data_path("irkit") / "evidence"

    @property
    def home(self) -> Path:
        """The responder's home folder."""
        return home_folder()

    @property
    def inventory_file(self) -> Path:
        """The inventory: as asked for, else IRKIT_HOSTS, else hosts.yml in the XDG configuration folder."""
        if self.inventory is not None:
            return self.inventory
        if named := self.environment.get("IRKIT_HOSTS"):
            return Path(named)
        from platformdirs import user_config_path

        return user_config_path("irkit") / "hosts.yml"

    @property
    def has_inventory(self) -> bool:
        """Whether there is an inventory: one that was asked for must be there, and reading it says so if not."""
        is_asked_for = self.inventory is not None or bool(self.environment.get("IRKIT_HOSTS"))
        return is_asked_for or self.inventory_file.exists()

    @property
    def ssh_config(self) -> Path | None:
        """The SSH configuration where it is not the responder's own."""
        named = self.environment.get("IRKIT_SSH_CONFIG")
        return Path(named) if named else None

    def hosts(self, selectors: Sequence[str] = ()) -> list[Host]:
        """The hosts meant; the engine of this machine where none is. Raises UsageError, NoTargetError.

        One that the inventory leaves out is a UsageError here, and a failure of that host in a fleet.
        """
        from irkit.app.hosts import Hosts

        known = Hosts(self)
        chosen = known.choose(selectors)
        for reason in known.left_out(chosen).values():
            raise UsageError(reason)
        return chosen

    def fleet(self, selectors: Sequence[str | Host] = (), clock: Clock | None = None) -> Fleet:
        """The hosts meant, or these, to be worked on at once: a context. Raises UsageError, NoTargetError.

        `clock` is what its deadlines go by, where that is not the machine's.
        """
        from irkit.app.fleet import Fleet
        from irkit.app.hosts import Hosts

        known = Hosts(self)
        chosen = known.choose(selectors)
        known.tell_notes(host.name for host in chosen)
        return Fleet(self, chosen, left_out=known.left_out(chosen), clock=clock)

    def playbook_folders(self) -> list[Path]:
        """Where the responder's own playbooks are."""
        from platformdirs import user_config_path

        return [user_config_path("irkit") / "playbooks"]


def home_folder() -> Path:
    """The home folder; the root folder for an account that has none."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def responder_name(environment: Mapping[str, str]) -> str:
    """Who is at work, where nothing else is said: the login name and this machine's name."""
    name = environment.get("SUDO_USER") or environment.get("USER") or environment.get("LOGNAME") or f"uid{os.getuid()}"
    return f"{name}@{os.uname().nodename}"


def versions() -> dict[str, str]:
    """irkit's own version, Python's, and those of what it depends on."""
    import platform
    import re
    from importlib import metadata

    found = {"irkit": irkit.__version__, "python": platform.python_version()}
    try:
        needed = metadata.requires("irkit") or []
    except metadata.PackageNotFoundError:
        return found
    for text in needed:
        name = re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0]
        if "extra ==" in text:
            continue
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
