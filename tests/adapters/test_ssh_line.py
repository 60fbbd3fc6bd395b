"""Connections that are cut while they are made, at every place: tried again for a moment, and told with the name."""

from collections.abc import Iterator

import pytest

from irkit.adapters import ssh_line
from irkit.core.errors import HostState, UnreachableError
from tests.adapters.ssh_side import deadline, one_line, target_of
from tests.lab.client_side import ClientSide
from tests.lab.counting import wait_until
from tests.lab.engine import Engine
from tests.lab.fault_proxy import Fault, FaultProxy, Kind, start_proxy
from tests.lab.host_start import User, start_host
from tests.lab.hosts import LabHost

pytestmark = [pytest.mark.engine]
SSHD = {"UsePAM": "no", "MaxStartups": "200"}
PLACES = (0, 0.01, 0.15, 0.4, 0.6, 0.75, 0.85, 0.95)
"""Shares of what the host says until its engine has answered: from before its greeting to after the login."""


@pytest.fixture(scope="module")
def web(engine: Engine) -> Iterator[LabHost]:
    with start_host(name="web", engine=engine, users=(User("root"),), sshd=SSHD) as host:
        yield host


@pytest.fixture
def proxy(client: ClientSide, web: LabHost, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    monkeypatch.setattr(ssh_line, "_EARLY_PAUSES", (0.05, 0.05))
    with start_proxy(web.address, web.port) as made:
        client.add(web, address=made.address, port=made.port)
        yield made


def arm(client: ClientSide, proxy: FaultProxy, kind: Kind, share: float, times: int) -> None:
    """Have connections cut after that share of what reaching the engine takes."""
    with target_of(client, "web") as target:
        target.connect(deadline())
        whole = proxy.counts().down
    assert wait_until(lambda: proxy.counts().open == 0)
    proxy.arm(Fault(kind, after=int(whole * share), times=times))


@pytest.mark.parametrize("share", PLACES)
def test_a_connection_that_is_cut_while_it_is_made_is_made_again(
    client: ClientSide, proxy: FaultProxy, share: float
) -> None:
    arm(client, proxy, "reset", share, times=2)
    with target_of(client, "web") as target:
        target.connect(deadline())
        assert target.list_containers(deadline()) == []
    assert proxy.counts().befallen == 2


@pytest.mark.parametrize("kind", ["reset", "half-close"])
@pytest.mark.parametrize("share", PLACES)
def test_a_host_whose_connections_are_all_cut_is_told_by_name_and_soon(
    client: ClientSide, proxy: FaultProxy, share: float, kind: Kind
) -> None:
    arm(client, proxy, kind, share, times=0)
    with target_of(client, "web") as target, pytest.raises(UnreachableError) as caught:
        target.connect(deadline())
    error = one_line(caught.value)
    assert error.state is HostState.DOWN
    assert error.reason.startswith("web: "), error.reason
    assert "IdentitiesOnly" not in error.reason and "not let in" not in error.reason
    told = ("the connection was cut", "before any SSH server answered", "reset by peer")
    assert any(text in error.reason for text in told), error.reason
    assert proxy.counts().befallen == 3
