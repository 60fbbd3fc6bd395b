"""Whatever somebody else does while a run holds: in the end it is contained, and undo goes back to what was found."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irkit.core.container import RestartPolicy
from irkit.core.errors import TargetError
from irkit.core.operations import AnyOperation, Connect, Disconnect, Kill, Pause, SetRestartPolicy, Start, Unpause
from irkit.engine.hold_inbox import Inbox, Letter
from tests.engine.holding import holding
from tests.engine.world import World, attachment, container, step

WEB = container().id
FOUND = attachment("shop", fixed_ipv4="172.20.0.2", aliases=("till",))
STEPS = {
    "cut": step("isolate.disconnect"),
    "freeze": step("contain.pause"),
    "policy": step("contain.restart_policy"),
    "end": step("contain.kill"),
}
ACTS: dict[str, tuple[AnyOperation, ...]] = {
    "cut": (
        Connect(WEB, attachment("shop", fixed_ipv4="172.20.0.99")),
        Connect(WEB, attachment("backdoor")),
        Connect(WEB, attachment("bridge")),
        Disconnect(WEB, "backdoor"),
    ),
    "freeze": (Unpause(WEB), Pause(WEB)),
    "policy": (SetRestartPolicy(WEB, RestartPolicy(name="always")),),
    "end": (Start(WEB), Kill(WEB)),
}
"""What somebody may do about each step: what no step holds is theirs to change, and stays so."""


@st.composite
def stories(draw: st.DrawFn) -> tuple[str, list[str], list[AnyOperation]]:
    """The state it is found in, the steps that contain it, and what somebody does then."""
    names = draw(st.lists(st.sampled_from(list(STEPS)), min_size=1, unique=True))
    acts = st.sampled_from([act for name in names for act in ACTS[name]])
    return draw(st.sampled_from(["running", "paused"])), names, draw(st.lists(acts, min_size=1, max_size=6))


@settings(max_examples=40, deadline=None)
@given(stories())
def test_it_is_contained_in_the_end_and_undo_goes_back_to_what_was_found(
    story: tuple[str, list[str], list[AnyOperation]],
) -> None:
    state, names, acts = story
    web: Any = container("web", FOUND, state=state, restart_policy=RestartPolicy(name="on-failure", maximum_retries=3))
    world = World(web, container("db", "backdoor"))
    chosen = [STEPS[name] for name in STEPS if name in names]
    looks = list[Inbox]()
    take = Inbox.take

    def count_and_take(inbox: Inbox) -> Letter | None:
        looks.append(inbox)
        return take(inbox)

    with pytest.MonkeyPatch.context() as patch, holding(world, *chosen, only=("web",), every=0.02) as held:
        patch.setattr(Inbox, "take", count_and_take)
        for act in acts:
            with suppress(TargetError):  # some of it is so already
                held.host.act(act)
        held.wait_until(lambda: is_contained(world, names))
        before = len(looks)
        held.wait_until(lambda: len(looks) > before)  # whoever saw it as it was before has come to an end
    assert is_contained(world, names)
    assert not held.logged().unheld
    world.undo(held.logged())
    assert world.standing() == world.before


def is_contained(world: World, names: list[str]) -> bool:
    """Whether all that was chosen is so, as far as it can be of what has ended."""
    web = world.containers["web"]
    return all(
        {
            "cut": not web.attachments,
            "freeze": web.state in ("paused", "exited"),
            "policy": web.restart_policy == RestartPolicy(),
            "end": web.state == "exited",
        }[name]
        for name in names
    )
