"""Host keys of a real sshd: nothing is accepted unseen, and every refusal says which key, where, and what to do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from irkit.adapters.known_hosts import fingerprint
from irkit.adapters.ssh_line import Line, Trust
from irkit.core.errors import HostState, TargetError, UnreachableError
from tests.adapters.made_keys import blob_of, keygen
from tests.adapters.ssh_side import deadline, host_of, linked, one_line, refusal, ways
from tests.lab.client_side import ClientSide
from tests.lab.counting import wait_until
from tests.lab.fixtures import needed
from tests.lab.host_start import User, start_host
from tests.lab.hosts import LabHost
from tests.lab.setup import ensure_packages

pytestmark = [pytest.mark.engine]
HOUR = "-1h:+1h"


@pytest.fixture(scope="module")
def web() -> Iterator[LabHost]:
    """A host on a port of its own, without an engine."""
    needed()
    ensure_packages()
    with start_host(name="web", users=[User("root")], port=2222) as host:
        yield host


def ed25519(host: LabHost) -> bytes:
    return blob_of(host.sshd.key_file("ssh-ed25519").with_suffix(".pub"))


def refused(client: ClientSide, web: LabHost, state: HostState, name: str = "web") -> str:
    """The reason, once it was seen that nobody tried to log in."""
    assert web.wait_sessions(0) == 0  # of a test before, whose end is logged later
    assert web.wait_sessions(0) == 0  # what is logged of those before is logged by then
    before = len(web.log())
    error = refusal(client, name)
    assert error.state is state, error
    assert web.address in error.reason
    assert "2222" in error.reason
    # That a connection has ended is logged with the name of whoever tried to log in, if anybody did.
    assert wait_until(lambda: "Connection" in web.log()[before:].partition("Connection from")[2])
    assert "authenticating" not in web.log()[before:]
    assert "Accepted" not in web.log()[before:]
    return error.reason


def test_an_unknown_key_is_refused_with_its_fingerprint_and_what_to_do(client: ClientSide, web: LabHost) -> None:
    client.add(web, trust=False)
    reason = refused(client, web, HostState.KEY_UNKNOWN)
    assert fingerprint(ed25519(web)) in reason
    assert "irkit hosts trust web" in reason


def test_a_known_key_is_accepted_and_told(client: ClientSide, web: LabHost) -> None:
    client.add(web)
    with linked(client, "web") as link:
        assert link.fingerprint == keygen("-lf", web.sshd.key_file("ssh-ed25519")).stdout.split()[1]
        assert link.keys == {f"{web.address}:2222": ed25519(web)}


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
def test_a_host_that_is_known_by_one_key_of_several_shows_that_one(client: ClientSide, web: LabHost, kind: str) -> None:
    client.add(web, trust=False)
    client.trust(web.known_hosts_line(kind))
    with linked(client, "web") as link:
        assert link.host_key == blob_of(web.sshd.key_file(kind).with_suffix(".pub"))


def test_a_changed_key_is_refused_with_both_fingerprints_and_the_line(client: ClientSide, web: LabHost) -> None:
    client.add(web, trust=False)
    keygen("-q", "-t", "ed25519", "-N", "", "-f", client.home / "other")
    client.trust("# a comment first", f"[{web.address}]:2222 {(client.home / 'other.pub').read_text().strip()}")
    reason = refused(client, web, HostState.KEY_CHANGED)
    assert fingerprint(ed25519(web)) in reason
    assert fingerprint(blob_of(client.home / "other.pub")) in reason
    assert f"{client.known_hosts}:2" in reason


def test_a_revoked_key_is_refused_whatever_else_is_known(client: ClientSide, web: LabHost) -> None:
    client.add(web)
    client.trust(web.known_hosts_line(marker="@revoked"))
    reason = refused(client, web, HostState.KEY_REVOKED)
    assert f"{client.known_hosts}:4" in reason
    assert fingerprint(ed25519(web)) in reason


def test_a_key_in_a_list_of_revoked_ones_is_refused(client: ClientSide, web: LabHost) -> None:
    revoked = client.home / "revoked"
    revoked.write_text(f"{web.host_keys['ssh-ed25519']} stolen\n")
    client.add(web, options={"RevokedHostKeys": str(revoked)})
    assert f"{revoked}:1" in refused(client, web, HostState.KEY_REVOKED)


def test_a_hashed_name_counts(client: ClientSide, web: LabHost) -> None:
    client.add(web)
    assert keygen("-H", "-f", client.known_hosts).returncode == 0
    assert web.address not in client.known_hosts.read_text()
    with linked(client, "web") as link:
        assert link.is_well


def test_a_key_that_is_known_for_another_port_is_unknown(client: ClientSide, web: LabHost) -> None:
    client.add(web, trust=False)
    client.trust(*web.known_hosts_lines(port=22), *web.known_hosts_lines(port=2223))
    assert "for the usual port only" in refused(client, web, HostState.KEY_UNKNOWN)


def test_a_key_that_is_known_for_another_host_is_unknown(client: ClientSide, web: LabHost) -> None:
    client.add(web, trust=False)
    client.trust(*web.known_hosts_lines(name="10.9.9.9"))
    refused(client, web, HostState.KEY_UNKNOWN)


def test_an_alias_is_what_the_key_is_looked_up_by(client: ClientSide, web: LabHost) -> None:
    client.add(web, trust=False, options={"HostKeyAlias": "front"})
    client.trust(*web.known_hosts_lines())
    assert "front" in refused(client, web, HostState.KEY_UNKNOWN)
    client.trust(f"front {web.host_keys['ssh-ed25519']}")
    with linked(client, "web") as link:
        assert link.is_well


def test_algorithms_that_are_not_configured_are_not_asked_for(client: ClientSide, web: LabHost) -> None:
    client.add(web, options={"HostKeyAlgorithms": "ecdsa-sha2-nistp256"})
    with linked(client, "web") as link:
        assert link.transport.host_key_type == "ecdsa-sha2-nistp256"


def test_a_file_that_is_not_there_knows_nobody(client: ClientSide, web: LabHost) -> None:
    client.add(web, options={"UserKnownHostsFile": str(client.home / "none")})
    refused(client, web, HostState.KEY_UNKNOWN)


def test_settings_that_would_accept_anything_are_not_obeyed(client: ClientSide, web: LabHost) -> None:
    client.add(web, trust=False, options={"StrictHostKeyChecking": "no", "UpdateHostKeys": "yes"})
    before = client.known_hosts.read_text()
    refused(client, web, HostState.KEY_UNKNOWN)
    assert client.known_hosts.read_text() == before


# Authorities:


class Authority:
    """A key that signs those of hosts, and sshd showing what it signed."""

    def __init__(self, folder: Path, web: LabHost) -> None:
        self.key, self._web = folder / "ca", web
        keygen("-q", "-t", "ed25519", "-N", "", "-f", self.key)

    @property
    def line(self) -> str:
        return f"@cert-authority [{self._web.address}]:2222 {(self.key.with_suffix('.pub')).read_text().strip()}"

    def sign(self, *options: str) -> Path:
        """Have sshd show a certificate; where it is."""
        public = self._web.sshd.key_file("ssh-ed25519").with_suffix(".pub")
        made = keygen("-q", "-s", self.key, "-I", "web", "-h", *options, public)
        assert made.returncode == 0, made.stderr
        certificate = public.with_name(public.stem + "-cert.pub")
        self._web.restart_sshd(HostCertificate=str(certificate))
        return certificate


@pytest.fixture
def authority(client: ClientSide, web: LabHost) -> Iterator[Authority]:
    client.add(web, trust=False)
    yield Authority(client.home, web)
    web.restart_sshd(HostCertificate=None)


def test_a_certificate_of_a_known_authority_is_accepted(client: ClientSide, web: LabHost, authority: Authority) -> None:
    certificate = authority.sign("-n", web.address, "-V", HOUR)
    client.trust(authority.line)
    with linked(client, "web") as link:
        assert link.host_key == blob_of(certificate)
        assert link.fingerprint == fingerprint(ed25519(web))


@pytest.mark.parametrize(
    ("options", "said"),
    [(("-n", "10.9.9.9", "-V", HOUR), "10.9.9.9"), (("-n", "*", "-V", "-2h:-1h"), "expired"), (("-V", HOUR), "")],
    ids=["another name", "expired", "no name"],
)
def test_a_certificate_that_does_not_count_is_refused(
    client: ClientSide, web: LabHost, authority: Authority, options: tuple[str, ...], said: str
) -> None:
    authority.sign(*options)
    client.trust(authority.line)
    reason = refused(client, web, HostState.KEY_UNKNOWN)
    assert "certificate does not count" in reason
    assert fingerprint(ed25519(web)) in reason
    assert said in reason or said == "expired"


def test_a_certificate_of_another_authority_is_refused(
    client: ClientSide, web: LabHost, authority: Authority, tmp_path: Path
) -> None:
    authority.sign("-n", web.address, "-V", HOUR)
    other = Authority(tmp_path, web)
    client.trust(other.line)
    reason = refused(client, web, HostState.KEY_UNKNOWN)
    assert fingerprint(blob_of(authority.key.with_suffix(".pub"))) in reason


def test_a_certificate_of_a_revoked_authority_is_refused(
    client: ClientSide, web: LabHost, authority: Authority
) -> None:
    authority.sign("-n", web.address, "-V", HOUR)
    client.trust(authority.line, authority.line.replace("@cert-authority", "@revoked"))
    reason = refused(client, web, HostState.KEY_REVOKED)
    assert fingerprint(ed25519(web)) in reason


# Keys that change on the way:


def test_a_key_that_changes_between_two_connections_ends_the_hosts_part_at_once(
    client: ClientSide, web: LabHost
) -> None:
    client.add(web)
    trust = Trust()
    control = Line(host_of("web"), ways(client), trust)
    bulk = Line(host_of("web"), ways(client), trust)
    kept = {name: web.sshd.key_file(name).read_bytes() for name in web.host_keys}
    try:
        control.link(deadline())
        web.new_host_key()
        client.trust(*web.known_hosts_lines())  # even where somebody has the new key recorded meanwhile
        seen = [caught_by(line) for line in (control, bulk, control)]
        assert [error.state for error in seen] == [HostState.KEY_CHANGED] * 3
        assert "showed another one before in this run" in seen[0].reason
        assert web.wait_sessions(0) == 0
    finally:
        control.close()
        bulk.close()
        for name, content in kept.items():
            web.sshd.key_file(name).write_bytes(content)
            line = keygen("-yf", web.sshd.key_file(name)).stdout
            web.sshd.key_file(name).with_suffix(".pub").write_text(line)
            web.sshd.host_keys[name] = " ".join(line.split()[:2])
        web.restart_sshd()


def caught_by(line: Line) -> UnreachableError:
    with pytest.raises(TargetError) as caught:
        line.link(deadline(20))
    assert isinstance(caught.value, UnreachableError)
    return one_line(caught.value)


def test_the_responders_own_ssh_agrees(client: ClientSide, web: LabHost) -> None:
    client.add(web, "known")
    client.add(web, "aliased", trust=False, options={"HostKeyAlias": "elsewhere"})
    for name, is_known in (("known", True), ("aliased", False)):
        assert (client.ssh(name, "true", check=False).returncode == 0) is is_known
        if is_known:
            with linked(client, name) as link:
                assert link.is_well
        else:
            refused(client, web, HostState.KEY_UNKNOWN, name)


def test_no_policy_other_than_refusal_exists() -> None:
    root = Path(__file__).parents[2] / "irkit"
    words = ("AutoAddPolicy", "WarningPolicy", "MissingHostKeyPolicy", "set_missing_host_key_policy", "SSHClient",
             "RejectPolicy", "load_system_host_keys", "start_server")  # fmt: skip
    texts = {path: path.read_text(encoding="utf-8") for path in root.rglob("*.py")}
    assert [f"{path.name}: {word}" for path, text in texts.items() for word in words if word in text] == []
