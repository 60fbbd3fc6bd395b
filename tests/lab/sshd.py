"""A real sshd of a lab host: its host keys, its configuration, its process. Where it runs is left to `hosts`."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import processes
from .tools import LabError, clean_environment, last_words, run, tool

READY_SECONDS = 60
KEY_TYPES = {
    "ssh-ed25519": ("ed25519", ()),
    "ecdsa-sha2-nistp256": ("ecdsa", ("-b", "256")),
    "ssh-rsa": ("rsa", ("-b", "2048")),
}
SFTP_SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server")
LISTENING = "0A"  # of /proc/net/tcp
Options = Mapping[str, str | Sequence[str] | None]
KeyPair = tuple[bytes, bytes]
_spare: list[KeyPair] = []  # RSA pairs of hosts that are gone: to make one takes as long as all else of a host


def sftp_server() -> str:
    """The program behind the sftp subsystem."""
    for place in SFTP_SERVERS:
        if Path(place).exists():
            return place
    raise LabError("sftp-server is not installed: install openssh-sftp-server (Debian's name)")


def make_key(path: Path, kind: str = "ed25519", more: Sequence[str] = ()) -> str:
    """Make a key pair without a passphrase; the public line."""
    path.unlink(missing_ok=True)
    run([tool("ssh-keygen"), "-q", "-t", kind, *more, "-N", "", "-C", "lab", "-f", str(path)])
    return path.with_suffix(".pub").read_text(encoding="ascii").strip()


def _write_key(path: Path, pair: KeyPair) -> str:
    """A key pair as `make_key` leaves it; the public line."""
    for place, content in zip((path, path.with_suffix(".pub")), pair, strict=True):
        place.unlink(missing_ok=True)
        place.touch(mode=0o600)
        place.write_bytes(content)
    return pair[1].decode("ascii").strip()


@dataclass
class Sshd:
    """An sshd with keys and settings below `root`; `enter` is the command that goes to where it shall run."""

    root: Path
    address: str
    port: int
    enter: Sequence[str]
    options: dict[str, str | Sequence[str] | None]
    tail: str = ""  # Match blocks, which end what stands before
    host_keys: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    rsa_keys: list[KeyPair] = field(default_factory=list, repr=False)

    @property
    def config(self) -> Path:
        return self.root / "sshd_config"

    @property
    def log_file(self) -> Path:
        return self.root / "sshd.log"

    def key_file(self, key_type: str) -> Path:
        return self.root / "hostkeys" / f"ssh_host_{KEY_TYPES[key_type][0]}_key"

    def make_host_keys(self, types: Sequence[str]) -> None:
        """Make these host keys anew; the others stay."""
        self.key_file("ssh-rsa").parent.mkdir(exist_ok=True)
        for key_type in types:
            slow = key_type == "ssh-rsa"
            line = self._make_rsa() if slow else make_key(self.key_file(key_type), *KEY_TYPES[key_type])
            self.host_keys[key_type] = " ".join(line.split()[:2])

    def _make_rsa(self) -> str:
        """One that no other host has now, and this one never had."""
        path = self.key_file("ssh-rsa")
        line = _write_key(path, _spare.pop()) if _spare else make_key(path, *KEY_TYPES["ssh-rsa"])
        self.rsa_keys.append((path.read_bytes(), path.with_suffix(".pub").read_bytes()))
        return line

    def give_keys_back(self) -> None:
        """Leave what took long to make to the hosts that come after this one."""
        _spare.extend(self.rsa_keys)
        self.rsa_keys.clear()

    def text(self) -> str:
        """The configuration. The first line for an option counts in sshd, so the wanted ones come before."""
        lines = [f"ListenAddress {self.address}:{self.port}"]
        lines += [f"HostKey {self.key_file(key_type)}" for key_type in self.host_keys]
        for name, value in self.options.items():
            if value is not None:
                lines += [f"{name} {each}" for each in ([value] if isinstance(value, str) else value)]
        lines += ["PidFile none", "UsePAM yes", "UseDNS no", "PermitRootLogin yes", "LogLevel VERBOSE"]
        lines += ["KbdInteractiveAuthentication no", "PrintMotd no", "PrintLastLog no"]
        return "\n".join([*lines, self.tail]) + "\n"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.config.write_text(self.text(), encoding="utf-8")
        argv = [*self.enter, tool("sshd"), "-D", "-f", str(self.config), "-E", str(self.log_file)]
        with (self.root / "sshd.stderr").open("wb") as errors:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                env=clean_environment(),
                cwd="/",
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self._listening():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise LabError(f"sshd did not start: {self._complaint()}")
            time.sleep(0.01)

    def _complaint(self) -> str:
        said = (self.root / "sshd.stderr").read_bytes()
        return last_words(said + self.log().encode())

    def _listening(self) -> bool:
        # Asked of the kernel: from here the host may be out of reach.
        assert self.process is not None
        wanted = f"{self.port:04X}"
        for line in processes.read_proc(self.process.pid, "net/tcp").decode("ascii").splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            place = ".".join(str(part) for part in reversed(bytes.fromhex(local.partition(":")[0])))
            if (place, local.partition(":")[2], state) == (self.address, wanted, LISTENING):
                return True
        return False

    def stop(self) -> None:
        """End what listens; connections go on."""
        if self.process is not None:
            processes.end([self.process.pid], grace=3)
            self.process.wait(timeout=5)
            self.process = None

    def log(self) -> str:
        """All that it has written."""
        try:
            return self.log_file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
