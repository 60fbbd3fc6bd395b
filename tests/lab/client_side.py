"""Where the responder sits: a home of the lab's own with ssh_config and known_hosts, so that no other is touched."""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .counting import wait_until
from .hosts import LabHost
from .tools import LabError, clean_environment, run, tool

# OpenSSH takes the home from the password database, so all that would come from there is said.
GENERAL = """Host *
    UserKnownHostsFile {known_hosts}
    GlobalKnownHostsFile /dev/null
    IdentitiesOnly yes
    StrictHostKeyChecking yes
    ConnectTimeout 10
"""
# By itself OpenSSH 9 agrees on keys in a way that takes five times as long as all else that it does here.
QUICK = "KexAlgorithms=curve25519-sha256"


@dataclass
class ClientSide:
    """A home for one test. Hosts that are added can be reached by their names."""

    home: Path

    def __post_init__(self) -> None:
        self.config.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.known_hosts.touch(mode=0o600)
        self.config.write_text(GENERAL.format(known_hosts=self.known_hosts), encoding="utf-8")

    @property
    def config(self) -> Path:
        return self.home / ".ssh" / "config"

    @property
    def known_hosts(self) -> Path:
        return self.home / ".ssh" / "known_hosts"

    def add(
        self,
        host: LabHost,
        name: str = "",
        *,
        user: str = "root",
        jump: str = "",
        address: str = "",
        port: int = 0,
        trust: bool = True,
        options: Mapping[str, str] | None = None,
    ) -> str:
        """Name a host in ssh_config, and put its keys into known_hosts where it is trusted; the name.

        `address` and `port` are those of a proxy before it, if there is one.
        """
        alias, place, door = name or host.name, address or host.address, port or host.port
        lines = {"HostName": place, "Port": str(door), "User": user, "IdentityFile": str(host.client_key)}
        lines |= ({"ProxyJump": jump} if jump else {}) | dict(options or {})
        block = "".join(f"    {key} {value}\n" for key, value in lines.items())
        # The first value counts in ssh_config, so what is general stays last.
        self.config.write_text(f"Host {alias}\n{block}{self.config.read_text(encoding='utf-8')}", encoding="utf-8")
        if trust:
            self.trust(*host.known_hosts_lines(place, door))
        return alias

    def trust(self, *lines: str) -> None:
        """Add lines to known_hosts."""
        with self.known_hosts.open("a", encoding="utf-8") as known:
            known.writelines(f"{line}\n" for line in lines)

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """For a command that shall see this home and no other: no agent, no engine, no settings of the machine."""
        kept = {
            key: value for key, value in clean_environment().items() if not key.startswith(("SSH_", "XDG_", "IRKIT_"))
        }
        return kept | {"HOME": str(self.home), "IRKIT_SSH_CONFIG": str(self.config)} | dict(extra or {})

    def ssh_argv(self, name: str, *command: str, options: Sequence[str] = ()) -> list[str]:
        """The OpenSSH client's command line. `options` such as `Compression=yes` win over what is configured."""
        more = [word for option in (*options, "BatchMode=yes") for word in ("-o", option)]
        return [tool("ssh"), "-F", str(self.config), *more, name, *command]

    def ssh(
        self,
        name: str,
        *command: str,
        options: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
        check: bool = True,
        input: bytes | None = None,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command on a host with the OpenSSH client; exit status 255 is the client's own."""
        argv = self.ssh_argv(name, *command, options=(*options, QUICK))
        return run(argv, check=check, input=input, timeout=timeout, env=self.environment(variables))

    def passphrase_program(self, secret: str) -> dict[str, str]:
        """Variables that make OpenSSH take this as the answer to whatever it asks."""
        program = self.home / "answer"
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{secret}\nEND\n", encoding="utf-8")
        program.chmod(0o700)
        return {"SSH_ASKPASS": str(program), "SSH_ASKPASS_REQUIRE": "force"}

    @contextlib.contextmanager
    def agent(self, *keys: Path) -> Iterator[Path]:
        """An ssh-agent that holds these keys while the block runs; its socket, for SSH_AUTH_SOCK."""
        socket = self.home / "agent.sock"
        argv = [tool("ssh-agent"), "-D", "-a", str(socket)]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                if not wait_until(socket.exists):
                    raise LabError("ssh-agent did not start")
                for key in keys:
                    run([tool("ssh-add"), "-q", str(key)], env=self.environment({"SSH_AUTH_SOCK": str(socket)}))
                yield socket
            finally:
                process.terminate()
        socket.unlink(missing_ok=True)
