"""Host keys, as a responder meets them: one that is recorded lets them in, any other ends it and is not recorded."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.command import Irkit
from tests.acceptance.told import RAW, check_lists, check_says
from tests.lab.client_side import ClientSide
from tests.lab.description import Suspect
from tests.lab.engine import Engine
from tests.lab.host_start import User, start_host
from tests.lab.hosts import LabHost
from tests.lab.sshd import make_key
from tests.lab.suspects import Lab
from tests.lab.tools import run, tool

pytestmark = pytest.mark.engine

TRUST = "irkit hosts trust web"


@pytest.fixture(scope="module")
def host(engine: Engine) -> Iterator[LabHost]:
    with Lab(engine) as made, start_host(name="web", engine=engine, users=(User("root"),)) as host:
        made.make(Suspect("victim", command=("sh", "-c", "exec sleep 100000")))
        yield host


@pytest.fixture
def irkit(client: ClientSide, tmp_path: Path) -> Irkit:
    """The responder's irkit; it has no engine of its own."""
    return Irkit("", tmp_path / "evidence", client)


@dataclass(frozen=True)
class Keyring:
    """What the keys of a host are recorded as, or not."""

    host: LabHost
    client: ClientSide
    authority: Path

    def line(self, kind: str = "ssh-ed25519", *, marker: str = "", port: int = 0) -> str:
        return self.host.known_hosts_line(kind, port=port, marker=marker)

    def authority_line(self, pattern: str = "", marker: str = "@cert-authority") -> str:
        public = " ".join(self.authority.with_suffix(".pub").read_text(encoding="ascii").split()[:2])
        return f"{marker} {pattern or self.host.address} {public}"

    def other_key(self) -> str:
        """The line of another host's key under this one's name."""
        made = make_key(self.client.home / "other")
        return f"{self.host.address} {' '.join(made.split()[:2])}"

    def certify(self, *options: str) -> None:
        """Have the host show a certificate of its key."""
        copy = self.host.root / "shown.pub"
        copy.write_text(self.host.host_keys["ssh-ed25519"] + "\n", encoding="ascii")
        run([tool("ssh-keygen"), "-q", "-s", str(self.authority), "-I", "lab", "-h", *options, str(copy)])
        self.host.restart_sshd(HostCertificate=str(self.host.root / "shown-cert.pub"))

    def fingerprint(self, kind: str = "ssh-ed25519") -> str:
        """As ssh-keygen tells it."""
        said = run([tool("ssh-keygen"), "-lf", f"{self.host.sshd.key_file(kind)}.pub"]).stdout
        return said.decode("ascii").split()[1]


@pytest.fixture
def keyring(host: LabHost, client: ClientSide, tmp_path: Path) -> Iterator[Keyring]:
    make_key(tmp_path / "authority")
    client.add(host, trust=False)
    yield Keyring(host, client, tmp_path / "authority")
    if host.sshd.options.get("HostCertificate"):
        host.restart_sshd(HostCertificate=None)


def recorded(keyring: Keyring) -> None:
    keyring.client.trust(keyring.line())


def hashed(keyring: Keyring) -> None:
    keyring.client.trust(*keyring.host.known_hosts_lines())
    run([tool("ssh-keygen"), "-q", "-H", "-f", str(keyring.client.known_hosts)])
    assert keyring.host.address not in keyring.client.known_hosts.read_text(encoding="ascii")


def known_by_rsa_alone(keyring: Keyring) -> None:
    keyring.client.trust(keyring.line("ssh-rsa"))


def certified(keyring: Keyring) -> None:
    keyring.certify("-n", keyring.host.address)
    keyring.client.trust(keyring.authority_line())


def unknown(keyring: Keyring) -> None:
    """Nothing is recorded at all."""


def known_on_another_port(keyring: Keyring) -> None:
    keyring.client.trust(keyring.line(port=2222))


def changed(keyring: Keyring) -> None:
    keyring.client.trust(keyring.other_key())


def revoked(keyring: Keyring) -> None:
    keyring.client.trust(keyring.line(), keyring.line(marker="@revoked"))


def certified_for_another(keyring: Keyring) -> None:
    keyring.certify("-n", "10.9.9.9")
    keyring.client.trust(keyring.authority_line())


def certified_for_yesterday(keyring: Keyring) -> None:
    keyring.certify("-n", keyring.host.address, "-V", "20200101:20200102")
    keyring.client.trust(keyring.authority_line())


def certified_by_a_stranger(keyring: Keyring) -> None:
    keyring.certify("-n", keyring.host.address)
    make_key(keyring.authority)
    keyring.client.trust(keyring.authority_line())


def certified_by_one_revoked(keyring: Keyring) -> None:
    keyring.certify("-n", keyring.host.address)
    keyring.client.trust(keyring.authority_line(), keyring.authority_line(marker="@revoked"))


@pytest.mark.parametrize("record", [recorded, hashed, known_by_rsa_alone, certified])
def test_a_host_whose_key_is_recorded_is_reached(
    irkit: Irkit, keyring: Keyring, record: Callable[[Keyring], None]
) -> None:
    record(keyring)
    check_lists(irkit.here("ls", "-H", "web", "--json"))


@pytest.mark.parametrize(
    ("record", "state", "says"),
    [
        (unknown, "host key unknown", ("no key", TRUST)),
        (known_on_another_port, "host key unknown", ("no key", TRUST)),
        (changed, "host key CHANGED", ("known_hosts:1", "remove that line", TRUST)),
        (revoked, "host key REVOKED", ("revoked", "known_hosts:2")),
        (certified_for_another, "host key unknown", ("10.9.9.9",)),
        (certified_for_yesterday, "host key unknown", ("2020",)),
        (certified_by_a_stranger, "host key unknown", ("SHA256:",)),
        (certified_by_one_revoked, "host key REVOKED", ("revoked", "known_hosts:2")),
    ],
)
def test_a_key_that_is_not_to_be_trusted_ends_it_with_its_fingerprint_and_what_to_do(
    irkit: Irkit, keyring: Keyring, record: Callable[[Keyring], None], state: str, says: tuple[str, ...]
) -> None:
    record(keyring)
    before = keyring.client.known_hosts.read_bytes()
    shown = () if record.__name__.startswith("certified") else (keyring.fingerprint(),)
    check_says(irkit.here("ls", "-H", "web", status=None), *says, *shown)
    (alone,) = irkit.here("ls", "-H", "web", "--json", status=3).json
    assert (alone["host"], alone["state"]) == ("web", state)
    keyring.client.add(keyring.host, "well", trust=False, options={"HostKeyAlias": "well.example"})
    keyring.client.trust(keyring.host.known_hosts_line(name="well.example"))
    if state == "host key REVOKED":  # a key that is revoked is so by whatever name
        return
    ended = irkit.here("ls", "-H", "web", "-H", "well", "--json", status=1)
    failed, listed = ended.json
    assert (failed["host"], failed["state"]) == ("web", state) and listed["name"] == "victim"
    assert len(ended.error_lines) == 1 and not RAW.search(ended.err + ended.out)
    assert keyring.client.known_hosts.read_bytes().startswith(before), "nothing was recorded unseen"
