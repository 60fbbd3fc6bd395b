"""Commands of a host run as root over SSH: directly where one is root there, else by `sudo -n`."""

from collections.abc import Callable, Iterator, Sequence

from irkit.adapters.host_commands import SUDO, Sudo, check_end, check_words, checked, why_not
from irkit.adapters.host_process import LIMIT
from irkit.adapters.ssh_command import run_command, stream_command
from irkit.adapters.ssh_link import Link
from irkit.core.ports import Deadline, Ran


class SshCommands:
    """The commands of one host. `link` and `bulk` give the connections to run one on, well; threads may share it.

    What prints much goes over `bulk`.
    """

    def __init__(self, link: Callable[[Deadline], Link], bulk: Callable[[Deadline], Link] | None = None) -> None:
        self._link, self._bulk = link, bulk or link
        self._sudo = Sudo()

    def run(self, argv: Sequence[str], deadline: Deadline, *, input: bytes = b"") -> Ran:
        """A command to its end."""
        words = check_words(argv)
        link = self._link(deadline)

        def go(asked: Sequence[str]) -> Ran:
            return run_command(link, asked, deadline, input=input, limit=LIMIT)

        if link.settings.user == "root":
            return checked(go(words), words, sudo=False)
        return self._sudo.run(words, deadline, go)

    def stream(
        self, argv: Sequence[str], deadline: Deadline, *, told: Callable[[str], None] | None = None
    ) -> Iterator[memoryview]:
        """What a command prints, as it comes."""
        words = check_words(argv)
        link = self._bulk(deadline)
        is_root = link.settings.user == "root"
        ended = yield from stream_command(link, words if is_root else (*SUDO, *words), deadline)
        check_end(ended, words, sudo=not is_root, told=told)

    def why_not(self, deadline: Deadline) -> str:
        """Why there is no root there; empty where there is."""
        return why_not(self, deadline)
