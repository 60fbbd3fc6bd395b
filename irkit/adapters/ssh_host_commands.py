"""Commands of a host run as root over SSH: directly where one is root there, else by `sudo -n`."""

from collections.abc import Callable, Sequence

from irkit.adapters.host_commands import LIMIT, SUDO, check_words, checked, why_not
from irkit.adapters.ssh_command import run_command
from irkit.adapters.ssh_link import Link
from irkit.core.ports import Deadline, Ran


class SshCommands:
    """The commands of one host. `link` gives the connection to run one on, well; threads may share it."""

    def __init__(self, link: Callable[[Deadline], Link]) -> None:
        self._link = link

    def run(self, argv: Sequence[str], deadline: Deadline, *, input: bytes = b"") -> Ran:
        """A command to its end."""
        words = check_words(argv)
        link = self._link(deadline)
        is_root = link.settings.user == "root"
        asked = words if is_root else (*SUDO, *words)
        return checked(run_command(link, asked, deadline, input=input, limit=LIMIT), words, sudo=not is_root)

    def why_not(self, deadline: Deadline) -> str:
        """Why there is no root there; empty where there is."""
        return why_not(self, deadline)
