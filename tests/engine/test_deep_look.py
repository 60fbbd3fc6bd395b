"""What is seen of a held container past its engine: the kernel shows otherwise, or the rules are gone."""

from typing import Any

import msgspec
import pytest

from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.events import Note
from irkit.core.finding import Hold
from irkit.core.kernel import KernelFacts
from irkit.core.operations import BlockTraffic, Unpause
from irkit.core.ports import Deadline
from tests.engine.holding import HeldRun, Unsteady, holding
from tests.engine.test_hold import changes, checks
from tests.engine.world import World, container, events_of, step

CUT, FREEZE, RULES = step("isolate.disconnect"), step("contain.pause"), step("isolate.firewall")
AWAY = step("isolate.quarantine", reach="nothing")
WEB = container().id
INTERFACE = {"interfaces": ("evil0",), "addresses": ("192.0.2.9",), "places": {"192.0.2.9": "evil0"}}


class Showing(Unsteady):
    """A target whose kernel shows what the test makes of it, and whose rules cannot always be listed."""

    shows: dict[str, Any] | TargetError | None = {}  # noqa: RUF012 - what differs from what is so
    no_list: TargetError | None = None
    looks = 0

    def see_kernel(self, container: Container, deadline: Deadline) -> KernelFacts | None:
        self.looks += 1
        found = super().see_kernel(container, deadline)
        if isinstance(self.shows, TargetError):
            raise self.shows
        if self.shows is None or found is None:
            return None
        return msgspec.structs.replace(found, **self.shows)

    def check_rules(self, operation: BlockTraffic, container: Container, deadline: Deadline) -> str | None:
        if self.no_list:
            raise self.no_list
        return super().check_rules(operation, container, deadline)


def showing(held: HeldRun) -> Showing:
    found = held.unsteady
    assert isinstance(found, Showing)
    return found


def notes(world: World) -> list[str]:
    return [one.text for one in events_of(world.store, Note) if isinstance(one, Note)]


def held_still(held: HeldRun) -> None:
    """Until it was looked at a few times more."""
    looks = showing(held).looks
    held.wait_until(lambda: showing(held).looks > looks + 3)


@pytest.mark.parametrize(
    ("steps", "shows", "says"),
    [
        ([CUT], INTERFACE, "NOT isolated: its network namespace has 192.0.2.9 on evil0"),
        ([CUT, FREEZE], INTERFACE, "NOT isolated: its network namespace has 192.0.2.9 on evil0"),
        ([AWAY], INTERFACE, "NOT isolated: its network namespace has 192.0.2.9 on evil0"),
        ([FREEZE], {"frozen": False}, "it is not frozen"),
    ],
)
def test_what_somebody_does_past_the_engine_is_told_and_told_when_it_is_over(
    steps: list[Any], shows: dict[str, Any], says: str
) -> None:
    world = World(container("web", "shop"))
    with holding(world, *steps, target=Showing) as held:
        before = len(changes(held))
        showing(held).shows = shows
        told = held.finding(Hold.BROKEN)
        held_still(held)
        showing(held).shows = {}
        over = held.finding(Hold.AGAIN)
    assert says in told.because[0] and "past the engine" in told.because[-1]
    assert "not by irkit" in over.summary
    run = held.logged()
    assert checks(run) == [Hold.BROKEN, Hold.AGAIN], "it is told once"
    assert len(changes(held)) == before, "there is nothing that the engine could do"
    assert run.is_clean


def test_what_stays_so_to_the_end_is_not_held() -> None:
    world = World(container("web", "shop"))
    with holding(world, CUT, target=Showing) as held:
        showing(held).shows = INTERFACE
        held.finding(Hold.BROKEN)
    assert list(held.logged().unheld) == [container().key]


@pytest.mark.parametrize("shows", [None, TargetError("permission denied", Refusal.REFUSED)])
def test_a_kernel_that_never_showed_anything_is_not_missed_and_breaks_nothing(shows: Any) -> None:
    world = World(container("web", "shop"))
    world.memory["local"].has_kernel = False
    with holding(world, CUT, target=Showing) as held:
        held_still(held)
        world.memory["local"].has_kernel = True
        held_still(held)
    assert held.logged().is_clean and checks(held.logged()) == []
    assert not [one for one in notes(world) if "kernel" in one]


def test_what_the_kernel_did_not_show_at_first_counts_from_when_it_does() -> None:
    world = World(container("web", "shop"))
    world.memory["local"].has_kernel = False
    with holding(world, CUT, target=Showing) as held:
        held_still(held)
        world.memory["local"].has_kernel = True
        held_still(held)
        showing(held).shows = INTERFACE
        held.finding(Hold.BROKEN)


@pytest.mark.parametrize("shows", [None, TargetError("permission denied", Refusal.REFUSED)])
def test_a_kernel_that_cannot_be_looked_at_any_more_is_told_once_and_when_it_can_be_again(shows: Any) -> None:
    world = World(container("web", "shop"))
    with holding(world, CUT, target=Showing) as held:
        held_still(held)
        showing(held).shows = shows
        held.wait_for(lambda event: isinstance(event, Note) and "cannot be looked at now" in event.text)
        held_still(held)
        showing(held).shows = {}
        held.wait_for(lambda event: isinstance(event, Note) and "can be looked at again" in event.text)
    assert len([one for one in notes(world) if "kernel" in one]) == 2
    assert checks(held.logged()) == []


def test_a_break_by_the_engines_facts_is_mended_and_the_one_beside_it_told_still() -> None:
    world = World(container("web", "shop"))
    with holding(world, CUT, FREEZE, target=Showing) as held:
        showing(held).shows = INTERFACE
        held.finding(Hold.BROKEN)
        held.host.act(Unpause(WEB))
        held.wait_until(lambda: held.now().state == "paused")
        held_still(held)
    run = held.logged()
    assert Hold.AGAIN not in checks(run) and list(run.unheld) == [container().key]


# The rules ---------------------------------------------------------------------------------------------------------


def flush(held: HeldRun) -> None:
    held.host.isolation.tables[WEB].clear()


def test_rules_that_somebody_took_away_are_told_and_put_in_again_and_undo_removes_them_once() -> None:
    world = World(container("web", "shop"))
    with holding(world, RULES, target=Showing) as held:
        tables = set(held.host.isolation.tables[WEB])
        assert tables
        for _ in range(2):
            flush(held)
            told = held.finding(Hold.BROKEN)
            held.finding(Hold.AGAIN)
            assert held.host.isolation.tables[WEB] == tables
    assert "the rules that drop its traffic do not stand any more: table" in told.because[0]
    run = held.logged()
    assert run.is_clean and [bool(one.undo) for one in changes(held)] == [True, False, False]
    world.undo(run)
    assert not world.memory["local"].isolation.tables[WEB]


def test_where_breaks_are_only_to_be_told_rules_that_are_gone_stay_gone() -> None:
    world = World(container("web", "shop"))
    with holding(world, RULES, again=False, target=Showing) as held:
        flush(held)
        held.finding(Hold.BROKEN)
    run = held.logged()
    assert not world.memory["local"].isolation.tables[WEB]
    assert list(run.unheld) == [container().key] and checks(run) == [Hold.BROKEN]


def test_rules_that_cannot_be_listed_are_told_of_and_nothing_is_made_of_it() -> None:
    world = World(container("web", "shop"))
    with holding(world, RULES, target=Showing) as held:
        showing(held).no_list = TargetError("sudo: a password is required", Refusal.REFUSED)
        said: Note = held.wait_for(lambda event: isinstance(event, Note) and "cannot be looked at now" in event.text)
        showing(held).no_list = None
        flush(held)
        held.finding(Hold.AGAIN)
    assert "the rules that were put in" in said.text and "a password is required" in said.text
    assert held.logged().is_clean


def test_a_container_that_is_gone_has_neither_interfaces_nor_rules_to_miss() -> None:
    world = World(container("web", "shop"))
    with holding(world, CUT, RULES, target=Showing) as held:
        held.host.vanish(WEB)
        told = held.finding(Hold.TOUCHED)
    assert "gone" in told.summary and checks(held.logged()) == [Hold.TOUCHED]
