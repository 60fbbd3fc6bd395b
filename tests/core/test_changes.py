"""How sure it is that a change took hold: by the engine's facts, and by what the host's kernel shows."""

from typing import Any

import msgspec
import pytest

from irkit.core.container import Attachment, Container
from irkit.core.kernel import KernelFacts
from irkit.core.operations import Connect, Disconnect, Kill, Operation, Pause, SetRestartPolicy, Start, Stop, Unpause
from irkit.core.proof import Proof, ProofLevel, Seen

ID = "ab" * 32
FRONT = Attachment(network="front", ipv4="10.0.0.5", ipv6="fd00::5")
BACK = Attachment(network="back", ipv4="10.0.1.5")
DEAD = KernelFacts(alive=False)


def web(*places: Attachment, **facts: Any) -> Container:
    return Container(id=ID, name="web", host="local", image="app", pid=7, **{"attachments": places, **facts})


def kernel(*addresses: str, **more: Any) -> KernelFacts:
    """A namespace with these addresses, each on an interface of its own."""
    places = {one: f"eth{number}" for number, one in enumerate(addresses)}
    known = {"interfaces": tuple(places.values()), "addresses": addresses, "places": places, **more}
    return KernelFacts(alive=True, **known)


def prove(operation: Operation, before: Container, after: Container | None, *kernels: KernelFacts | None) -> Proof:
    """With the kernel's word of before and after; where one is given, of after: before it showed what the facts say."""
    was = kernel(*(address for one in before.attachments for address in (one.ipv4, one.ipv6) if address))
    seen = [was, *kernels][-2:] if kernels else [None, None]
    return operation.prove(Seen(before, after, *seen))


# Disconnect ------------------------------------------------------------------------------------------------------

BOTH = web(BACK, FRONT)
ALONE = web(FRONT)
LAST = Disconnect(ID, "front", ())


def test_a_network_less_is_proven_by_its_addresses_being_gone() -> None:
    found = prove(Disconnect(ID, "front"), BOTH, web(BACK), kernel("10.0.1.5"))
    assert found == Proof.proven("its network namespace has no address of that network")


def test_the_last_network_is_proven_gone_by_an_empty_namespace() -> None:
    assert prove(LAST, ALONE, web(), kernel()) == Proof.proven(
        "its network namespace has no interface but the loopback"
    )


def test_a_network_that_is_kept_is_named() -> None:
    found = prove(Disconnect(ID, "front", ("back",)), BOTH, web(BACK), kernel("10.0.1.5"))
    assert found == Proof.proven("its network namespace has addresses of back only")


@pytest.mark.parametrize("left", ["10.0.0.5", "fd00::5"])
def test_an_engine_that_says_so_and_did_not_do_it_is_found_out(left: str) -> None:
    found = prove(Disconnect(ID, "front"), ALONE, web(state="paused"), kernel(left))
    assert found.level is ProofLevel.WRONG
    assert found.because == f"NOT isolated: the engine says so, and its network namespace still has {left}"


@pytest.mark.parametrize(
    ("seen", "what"),
    [
        (kernel("192.0.2.9"), "192.0.2.9 on eth0"),
        (kernel("2001:db8::9"), "2001:db8::9 on eth0"),
        (kernel(interfaces=("evil0",)), "interface evil0"),
    ],
)
def test_what_somebody_else_has_put_into_the_namespace_is_not_isolated(seen: KernelFacts, what: str) -> None:
    found = prove(LAST, ALONE, web(), seen)
    assert found.level is ProofLevel.WRONG
    assert found.because == f"NOT isolated: its network namespace has {what}, which the engine does not know of"


def test_what_else_is_in_the_namespace_is_no_matter_before_the_last_network() -> None:
    assert prove(Disconnect(ID, "front"), BOTH, web(BACK), kernel("10.0.1.5", "192.0.2.9")).level is ProofLevel.PROVEN


def test_an_address_that_another_network_has_given_too_is_not_left_behind() -> None:
    twin = msgspec.structs.replace(FRONT, network="twin", ipv6="")
    assert prove(Disconnect(ID, "front"), web(FRONT, twin), web(twin), kernel("10.0.0.5")).level is ProofLevel.PROVEN


@pytest.mark.parametrize("seen", [None, DEAD])
def test_without_the_kernel_only_the_engine_asserts_it(seen: KernelFacts | None) -> None:
    assert prove(LAST, ALONE, web(), seen) == Proof.asserted()
    assert Proof.asserted().level == "asserted by the engine only"


@pytest.mark.parametrize("after", [None, web(state="exited"), web(state="created")])
def test_what_does_not_run_has_no_namespace_to_be_reached_in(after: Container | None) -> None:
    assert prove(LAST, ALONE, after, None).level is ProofLevel.PROVEN


@pytest.mark.parametrize("after", [ALONE, web(BACK)])
def test_the_engine_s_own_word_that_it_is_not_so_needs_no_kernel(after: Container) -> None:
    found = prove(LAST, ALONE, after, kernel())
    assert found.level is ProofLevel.WRONG
    assert found.because.startswith("NOT isolated: ")


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        (None, "it was not seen there before either"),
        (DEAD, "it was not seen there before either"),
        (kernel(), "it did not have 10.0.0.5 before: that may be elsewhere"),
        (kernel("fd00::5", interfaces=("x0",)), "it did not have 10.0.0.5 before: that may be elsewhere"),
    ],
)
def test_what_was_not_seen_before_is_not_proven_gone(before: KernelFacts | None, reason: str) -> None:
    """An engine takes away the interface that it knows by name: it may have been moved away by then."""
    said = f"its network namespace has no interface but the loopback, but {reason}"
    assert prove(LAST, ALONE, web(), before, kernel()) == Proof.asserted(said)
    found = prove(Disconnect(ID, "front"), BOTH, web(BACK), before, kernel("10.0.1.5"))
    assert found == Proof.asserted(f"its network namespace has no address of that network, but {reason}")


def test_an_interface_that_is_left_under_another_name_is_not_isolated() -> None:
    """Flushed, switched off and renamed: the engine misses it, and it can be switched on again at any time."""
    emptied = kernel(interfaces=("x0",))
    found = prove(LAST, ALONE, web(), emptied, emptied)
    said = "NOT isolated: its network namespace has interface x0, which the engine does not know of"
    assert found == Proof.wrong(said)


STRAYS = "process 41 and 1 more of it is in a network namespace of its own, in which nothing was looked at (CAP_SYS_ADMIN makes that possible)"  # noqa: E501


@pytest.mark.parametrize("operation", [LAST, Disconnect(ID, "front")])
def test_processes_in_another_namespace_leave_nothing_proven(operation: Disconnect) -> None:
    found = prove(operation, ALONE, web(), kernel("10.0.0.5"), kernel(elsewhere=(42, 41)))
    assert found.level is ProofLevel.ASSERTED and found.because.endswith(f", but {STRAYS}")
    was = prove(operation, ALONE, web(), kernel("10.0.0.5", elsewhere=(42, 41)), kernel())
    assert was.level is ProofLevel.ASSERTED


def test_an_interface_that_was_gone_while_processes_are_elsewhere_is_not_isolated() -> None:
    found = prove(LAST, ALONE, web(), kernel(), kernel(elsewhere=(42, 41)))
    assert found == Proof.wrong(f"NOT isolated: it did not have 10.0.0.5 before: that may be elsewhere, and {STRAYS}")


@pytest.mark.parametrize("capabilities", [(), ("NET_ADMIN",)])
def test_processes_that_cannot_be_looked_at_matter_where_it_may_move_interfaces(capabilities: tuple[str, ...]) -> None:
    before = web(FRONT, capabilities=capabilities)
    found = prove(LAST, before, web(), kernel("10.0.0.5"), kernel(has_seen_processes=False))
    assert found.level is (ProofLevel.ASSERTED if capabilities else ProofLevel.PROVEN)
    shared = web(FRONT, shares_with_admin=True)
    found = prove(LAST, shared, web(), kernel("10.0.0.5"), kernel(has_seen_processes=False))
    assert found.level is ProofLevel.ASSERTED and "NET_ADMIN" in found.because


def test_facts_that_are_not_whole_prove_nothing_and_still_tell_what_is_left() -> None:
    cut = "its network namespace has more than was read: fib_trie of it is longer than 1 MiB"
    found = prove(LAST, ALONE, web(), kernel(incomplete=cut))
    assert found == Proof.asserted(f"its network namespace has no interface but the loopback, but {cut}")
    left = prove(LAST, ALONE, web(), kernel("10.0.0.5", incomplete=cut))
    assert left.level is ProofLevel.WRONG
    held = prove(QUARANTINE, web(), web(BACK, network_mode="back"), kernel("10.0.1.5"))
    assert held.level is ProofLevel.WRONG


@pytest.mark.parametrize("more", [{"incomplete": "there is more"}, {"elsewhere": (41,)}])
def test_a_quarantine_of_which_not_all_was_seen_is_not_proven(more: dict[str, Any]) -> None:
    places = {"10.0.0.5": "eth0", "fd00::5": "eth0"}
    seen = kernel("10.0.0.5", "fd00::5", interfaces=("eth0",), places=places, **more)
    found = prove(QUARANTINE, web(), ALONE, seen)
    assert found.level is ProofLevel.ASSERTED and ", but " in found.because


# Connect ---------------------------------------------------------------------------------------------------------

BACK_AGAIN = Connect(ID, FRONT)
QUARANTINE = Connect(ID, Attachment(network="front"), alone=True)


def test_a_network_more_is_proven_by_its_addresses() -> None:
    found = prove(BACK_AGAIN, web(BACK), BOTH, kernel("10.0.1.5", "10.0.0.5", "fd00::5"))
    assert found == Proof.proven("its network namespace has 10.0.0.5, fd00::5")


def test_a_quarantine_is_proven_by_its_address_and_no_other() -> None:
    places = {"10.0.0.5": "eth0", "fd00::5": "eth0"}
    found = prove(QUARANTINE, web(), ALONE, kernel("10.0.0.5", "fd00::5", interfaces=("eth0",), places=places))
    assert found.level is ProofLevel.PROVEN
    assert found.because.startswith("its network namespace has 10.0.0.5, fd00::5 only")


@pytest.mark.parametrize("more", [kernel("10.0.0.5", "192.0.2.9"), kernel("10.0.0.5", interfaces=("eth0", "evil0"))])
def test_a_quarantine_with_something_else_in_it_is_not_isolated(more: KernelFacts) -> None:
    found = prove(QUARANTINE, web(), ALONE, more)
    assert found.level is ProofLevel.WRONG
    assert found.because.startswith("NOT isolated: its network namespace has ")
    assert prove(BACK_AGAIN, web(), ALONE, kernel("10.0.0.5", "fd00::5", "192.0.2.9")).level is ProofLevel.PROVEN


def test_a_quarantine_that_the_engine_says_is_not_the_only_network_is_not_isolated() -> None:
    assert prove(QUARANTINE, web(), BOTH, None) == Proof.wrong("NOT isolated: it is attached to back too")


def test_a_connect_that_the_namespace_does_not_show_is_wrong() -> None:
    found = prove(BACK_AGAIN, web(), ALONE, kernel())
    assert found.level is ProofLevel.WRONG and "does not have 10.0.0.5, fd00::5" in found.because


def test_a_host_without_ipv6_is_no_failure() -> None:
    found = prove(BACK_AGAIN, web(), ALONE, kernel("10.0.0.5"))
    assert found == Proof.asserted("its network namespace does not have fd00::5")


@pytest.mark.parametrize(
    ("after", "seen"),
    [
        (ALONE, None),
        (ALONE, DEAD),
        (web(FRONT, state="exited"), DEAD),
        (web(Attachment(network="front", network_id="1")), kernel()),
    ],
)
def test_without_the_kernel_or_an_address_a_connect_is_asserted(after: Container, seen: KernelFacts | None) -> None:
    assert prove(Connect(ID, Attachment(network="front")), web(), after, seen).level is ProofLevel.ASSERTED


def test_a_container_that_is_gone_is_not_connected() -> None:
    assert prove(BACK_AGAIN, web(), None, None).level is ProofLevel.WRONG


# Pause, stop, kill -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "level"),
    [
        (kernel(frozen=True), ProofLevel.PROVEN),
        (kernel(frozen=False), ProofLevel.WRONG),
        (kernel(), ProofLevel.ASSERTED),
        (DEAD, ProofLevel.ASSERTED),
        (None, ProofLevel.ASSERTED),
    ],
)
def test_a_pause_is_proven_by_the_freezer(seen: KernelFacts | None, level: ProofLevel) -> None:
    assert prove(Pause(ID), web(), web(state="paused"), seen).level is level


def test_a_frozen_group_does_not_make_up_for_an_engine_that_says_no() -> None:
    assert prove(Pause(ID), web(), web(), kernel(frozen=True)) == Proof.wrong("it is running, not paused")


@pytest.mark.parametrize("operation", [Stop(ID), Kill(ID)])
@pytest.mark.parametrize(
    ("was", "seen", "level"),
    [
        (kernel(), DEAD, ProofLevel.PROVEN),
        (kernel(), kernel(), ProofLevel.WRONG),
        (kernel(), None, ProofLevel.ASSERTED),
        (None, DEAD, ProofLevel.ASSERTED),
        (DEAD, DEAD, ProofLevel.ASSERTED),
    ],
)
@pytest.mark.parametrize("after", [None, web(state="exited")])
def test_an_end_is_proven_by_the_process_being_gone(
    operation: Operation, was: KernelFacts | None, seen: KernelFacts | None, level: ProofLevel, after: Container | None
) -> None:
    assert prove(operation, web(), after, was, seen).level is level


@pytest.mark.parametrize("state", ["running", "paused", "restarting"])
def test_what_the_engine_says_runs_on_has_not_ended(state: str) -> None:
    assert prove(Kill(ID), web(), web(state=state), kernel(), DEAD) == Proof.wrong(f"it is still {state}")


# What no kernel shows --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", [Start(ID), Unpause(ID), SetRestartPolicy(ID, web().restart_policy)])
def test_the_rest_is_the_engine_s_word(operation: Operation) -> None:
    assert prove(operation, web(state="exited"), web(), None) == Proof.asserted()
    assert not operation.looks_at_kernel
