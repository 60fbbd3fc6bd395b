"""One TCP request from here: a kernel that has it answers, and what does not answer is told apart."""

import socket

import pytest

from irkit.adapters import engine_reach
from irkit.adapters.clock import SystemClock
from irkit.adapters.engine_reach import knock_from_here
from irkit.core.errors import Refusal, TargetError
from irkit.core.operations import TryReach
from irkit.core.reach import Reached
from irkit.engine.deadline import Cancel, OperationDeadline
from tests.adapters.firewall_side import apply, target_on
from tests.lab.description import Attach, Network, Suspect
from tests.lab.suspects import Lab


def deadline(seconds: float = 30) -> OperationDeadline:
    return OperationDeadline(SystemClock(), seconds, seconds, Cancel())


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_listener_answers_and_so_does_a_kernel_that_refuses(family: socket.AddressFamily, address: str) -> None:
    with socket.create_server((address, 0), family=family) as listener:
        port = listener.getsockname()[1]
        assert knock_from_here(address, port, deadline()) is Reached.ANSWERS
    assert knock_from_here(address, port, deadline()) is Reached.ANSWERS


def test_a_listener_with_no_room_left_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_reach, "PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        taken = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
            taken.append(one)
        assert knock_from_here("127.0.0.1", listener.getsockname()[1], deadline()) is Reached.SILENT
        for one in taken:
            one.close()


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(TargetError) as caught:
        knock_from_here("300.1.1.1", 9, deadline())
    assert caught.value.kind is Refusal.REFUSED


@pytest.mark.engine
def test_an_address_that_another_container_has_by_now_is_not_tried(lab: Lab) -> None:
    lab.network(Network("front", subnet="10.77.9.0/24"))
    asleep = ("sleep", "1000")
    other = lab.make(Suspect("other", networks=(Attach("front", ipv4="10.77.9.20"),), command=asleep))
    victim = lab.make(Suspect("victim", networks=(Attach("front"),), command=asleep))
    with_target = target_on(lab.engine)
    taken = apply(with_target, TryReach(victim, {"10.77.9.20": "front"}))
    assert taken.detail == "10.77.9.20: another container has it"
    # The engine of the lab has a network of its own: from here, a request would leave by a router.
    own = apply(with_target, TryReach(other, {"10.77.9.20": "front", "10.77.9.21": "gone-since"}))
    assert own.detail == "10.77.9.20: no way there, 10.77.9.21: no way there"
    with_target.close()
