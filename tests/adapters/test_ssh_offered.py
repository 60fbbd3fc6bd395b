"""The keys a real host offers to be trusted: those that it has, what is known of them, and nobody logs in."""

from collections.abc import Iterator
from typing import Any

import pytest

from irkit.adapters import ssh_offered
from irkit.adapters.known_hosts import append_host_key, fingerprint
from irkit.adapters.ssh_link import connect
from irkit.adapters.ssh_offered import offered_keys
from irkit.core.errors import HostState, Refusal, TargetError, UnreachableError, UsageError
from irkit.engine.deadline import Cancel
from tests.adapters.made_keys import blob_of, keygen
from tests.adapters.ssh_servers import as_any, raw_server
from tests.adapters.ssh_side import Doing, deadline, host_of, linked, one_line, refusal, ways
from tests.lab.client_side import ClientSide
from tests.lab.counting import Held, wait_released
from tests.lab.fixtures import needed
from tests.lab.host_start import User, start_host
from tests.lab.hosts import LabHost
from tests.lab.setup import ensure_packages

pytestmark = [pytest.mark.engine]


@pytest.fixture(scope="module")
def web() -> Iterator[LabHost]:
    needed()
    ensure_packages()
    with start_host(name="web", users=[User("root")], port=2222) as host:
        yield host


@pytest.fixture(scope="module")
def inner(web: LabHost) -> Iterator[LabHost]:
    with start_host(name="inner", users=[User("root")], behind=web) as host:
        yield host


def test_one_key_of_each_type_is_offered_and_nobody_logs_in(client: ClientSide, web: LabHost) -> None:
    client.add(web, trust=False)
    assert web.wait_sessions(0) == 0
    before, held = len(web.log()), Held()
    found = offered_keys(host_of("web"), ways(client), deadline())
    assert {each.kind: each.blob for each in found} == {
        kind: blob_of(web.sshd.key_file(kind).with_suffix(".pub")) for kind in web.host_keys
    }
    assert [each.verdict.state for each in found] == ["unknown"] * 3
    assert {(each.name, each.port, each.file) for each in found} == {(web.address, 2222, client.known_hosts)}
    assert web.wait_sessions(0) == 0
    assert "authenticating" not in web.log()[before:]
    assert "Accepted" not in web.log()[before:]
    assert wait_released(held) == {}


def test_what_was_offered_and_recorded_is_trusted_from_then_on(client: ClientSide, web: LabHost) -> None:
    client.add(web, trust=False)
    for each in offered_keys(host_of("web"), ways(client), deadline()):
        append_host_key(each.file, each.name, each.port, each.kind, each.blob)
    assert [each.verdict.state for each in offered_keys(host_of("web"), ways(client), deadline())] == ["trusted"] * 3
    with linked(client, "web") as link:
        assert link.is_well
    assert client.ssh("web", "true").returncode == 0  # and the responder's own ssh thinks so too


def test_what_is_known_of_each_key_is_told(client: ClientSide, web: LabHost) -> None:
    client.add(web, trust=False)
    keygen("-q", "-t", "ecdsa", "-N", "", "-f", client.home / "other")
    client.trust(f"[{web.address}]:2222 {(client.home / 'other.pub').read_text().strip()}")
    client.trust(web.known_hosts_line("ssh-rsa"), web.known_hosts_line("ssh-ed25519", marker="@revoked"))
    states = {each.kind: each.verdict.state for each in offered_keys(host_of("web"), ways(client), deadline())}
    assert states == {"ssh-ed25519": "revoked", "ecdsa-sha2-nistp256": "changed", "ssh-rsa": "trusted"}


def test_an_alias_is_the_name_it_would_be_recorded_under(client: ClientSide, web: LabHost) -> None:
    client.add(web, trust=False, options={"HostKeyAlias": "front"})
    found = offered_keys(host_of("web"), ways(client), deadline())
    assert {(each.name, each.port) for each in found} == {("front", 22)}


def test_a_host_behind_a_hop_is_asked_through_it(client: ClientSide, web: LabHost, inner: LabHost) -> None:
    client.add(web)
    client.add(inner, jump="web", trust=False)
    found = offered_keys(host_of("inner"), ways(client), deadline())
    assert fingerprint(found[0].blob) == keygen("-lf", inner.sshd.key_file("ssh-ed25519")).stdout.split()[1]
    assert web.wait_sessions(0) == 0
    assert {each.hop for each in found} == {""}


def test_the_first_hop_that_is_not_known_is_asked_in_the_place_of_what_is_behind_it(
    client: ClientSide, web: LabHost, inner: LabHost
) -> None:
    client.add(web, trust=False)
    client.add(inner, "second", jump="web", trust=False)
    jump = f"root@{web.address}:2222,second"
    client.add(inner, "far", trust=False, options={"HostKeyAlias": "far"})
    client.trust(inner.known_hosts_line(name="far"))
    for host in (web, inner):  # nothing but the configuration of all hosts counts for the first
        client.config.write_text(f"{client.config.read_text()}\nHost *\n    IdentityFile {host.client_key}\n")
    for hop, host in ((f"root@{web.address}:2222", web), (f"root@{inner.address}:22", inner)):
        held = Held()
        error = refusal(client, "far", jump=jump)
        assert error.state is HostState.KEY_UNKNOWN
        assert error.reason.startswith(f"the hop {hop.partition('@')[2]} on the way to far: ")
        assert error.reason.endswith("run irkit hosts trust far")
        found = offered_keys(host_of("far", jump=jump), ways(client), deadline())
        assert {each.hop for each in found} == {hop}
        assert {each.blob for each in found} == {
            blob_of(host.sshd.key_file(kind).with_suffix(".pub")) for kind in host.host_keys
        }
        assert wait_released(held) == {}
        for each in found:
            append_host_key(each.file, each.name, each.port, each.kind, each.blob)
    with linked(client, "far", jump=jump) as link:
        assert link.is_well


def test_names_are_to_be_hashed_where_the_responder_has_it_so(client: ClientSide, web: LabHost) -> None:
    client.add(web, trust=False, options={"HashKnownHosts": "yes"})
    assert {each.hashed for each in offered_keys(host_of("web"), ways(client), deadline())} == {True}
    for each in offered_keys(host_of("web"), ways(client), deadline()):
        append_host_key(each.file, each.name, each.port, each.kind, each.blob, hashed=each.hashed)
    assert web.address not in client.known_hosts.read_text()
    with linked(client, "web") as link:
        assert link.is_well


def test_a_host_that_is_down_is_tried_once(client: ClientSide, web: LabHost, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []
    real = as_any(ssh_offered).stream_to

    def stream_to(*arguments: Any) -> Any:
        tried.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(ssh_offered, "stream_to", stream_to)
    client.add(web, trust=False, options={"ConnectTimeout": "1"})
    web.link_down()
    try:
        asking = Doing(offered_keys, host_of("web"), ways(client), deadline())
        assert asking.ended()
        assert isinstance(asking.error, UnreachableError)
        assert len(tried) == 1
    finally:
        web.link_up()


def test_a_server_that_is_none_and_one_that_hangs_are_told(client: ClientSide) -> None:
    with raw_server(client, lambda connection: connection.close()):
        with pytest.raises(UnreachableError) as caught:
            offered_keys(host_of("raw"), ways(client), deadline())
        assert "before any SSH server answered" in one_line(caught.value).reason
    with raw_server(client, lambda connection: connection.recv(1), "mute"):
        cancel = Cancel()
        asking = Doing(offered_keys, host_of("mute"), ways(client), deadline(60, cancel))
        assert not asking.ended(0.2)
        cancel.set()
        assert asking.ended()
        assert asking.error is not None
        assert asking.error.kind is Refusal.CANCELLED


def test_where_there_is_no_file_to_record_it_in_that_is_a_mistake(client: ClientSide, web: LabHost) -> None:
    client.add(web, options={"UserKnownHostsFile": "none"})
    with pytest.raises(UsageError, match="UserKnownHostsFile"):
        offered_keys(host_of("web"), ways(client), deadline())


def test_a_trusted_key_does_not_hide_a_changed_one_when_connecting(client: ClientSide, web: LabHost) -> None:
    client.add(web, trust=False)
    keygen("-q", "-t", "ed25519", "-N", "", "-f", client.home / "other")
    client.trust(f"[{web.address}]:2222 {(client.home / 'other.pub').read_text().strip()}")
    with pytest.raises(TargetError) as caught:
        connect(host_of("web"), ways(client), deadline())
    assert isinstance(caught.value, UnreachableError)
    assert caught.value.state is HostState.KEY_CHANGED
