"""What of the contract an engine does not keep to, and why. What fails and is not here is a fault."""

from fnmatch import fnmatchcase
from typing import Final, NamedTuple


class Known(NamedTuple):
    """Tests that fail on these engines (patterns both), and the reason in words for the page."""

    kinds: str
    tests: tuple[str, ...]
    why: str


_OPPOSITE: Final = "a_change_takes_hold_and_its_opposite_takes_it_back[[]{}]"
_SAYS_NO: Final = "it_says_why_not_and_leaves_things_as_they_are[[]{}]"
_PAUSED: Final = (
    "it_lists_every_container_whether_it_runs_or_not",
    _OPPOSITE.format("pause"),
    _OPPOSITE.format("unpause"),
    _OPPOSITE.format("*a paused one"),
    _SAYS_NO.format("pause twice"),
    "an_image_is_made_saved_and_removed_*",
    "a_watch_tells_of_each_change_and_goes_on_where_it_ended",
)
_COME_BACK: Final = "limits_it_was_made_with_come_back[[]{}]"
_SENSELESS: Final = "limits_that_cannot_be_are_refused_and_nothing_is_changed[[]{}]"
_LIMITS: Final = (
    _OPPOSITE.format("limit*"),
    _COME_BACK.format("*"),
    _SENSELESS.format("*"),
    "a_limit_that_was_taken_away_is_none_after_a_start_either",
)

KNOWN: Final = (
    Known("*-rootless", _PAUSED, "no container can be paused, as the engine has no control groups"),
    Known(
        "docker-*-rootless",
        ("what_is_read_is_evidence_where_the_operation_says",),
        "processes can't be listed, as the engine has no control groups",
    ),
    Known(
        "*-rootless",
        ("a_name_that_no_engine_takes_makes_no_image",),
        "no image can be made with a pause",
    ),
    Known(
        "podman-*",
        ("it_lists_every_container_whether_it_runs_or_not", _OPPOSITE.format("disconnect from the default bridge")),
        "the default network is `podman`, not `bridge`",
    ),
    Known("podman-*", ("it_examines_by_full_id",), "the network mode is `bridge` on every network"),
    Known(
        "podman-*",
        (_OPPOSITE.format("stop"), _OPPOSITE.format("kill")),
        "addresses that were asked for are not told from chosen ones, which may be others after a start",
    ),
    Known("podman-*", (_OPPOSITE.format("stop a paused one"),), "a paused container can be killed, and not be stopped"),
    Known(
        "podman-*",
        (_OPPOSITE.format("disconnect a paused one"),),
        "a paused container is neither cut off nor connected, so irkit does not ask",
    ),
    Known("podman-*", (_SAYS_NO.format("alias on the default bridge"),), "the default network takes aliases"),
    Known(
        "podman-*",
        (
            _SAYS_NO.format("list processes of one that ended"),
            "an_absent_container_refuses_everything",
            "what_is_read_is_evidence_where_the_operation_says",
        ),
        "its own list of processes is never asked for",
    ),
    Known(
        "podman-*",
        ("the_restart_policy_of_one_made_with_rm_stays",),
        "the restart policy of one made with `--rm` may be set where any can",
    ),
    Known(
        "podman-*",
        ("an_address_that_is_taken_is_refused",),
        "one made without a network can't be connected to any",
    ),
    Known("podman-bookworm", (_OPPOSITE.format("set restart policy*"),), "restart policies can't be changed"),
    Known("podman-bookworm", _LIMITS, "limits can't be changed"),
    Known("*-rootless", _LIMITS, "no limit can be set, as the engine has no control groups"),
    Known(
        "podman-*",
        (_COME_BACK.format("made_with0-*"), _SENSELESS.format("made_with0-*")),
        "a limit by a number of processors is told as a quota and a period too",
    ),
    Known(
        "podman-*",
        (_COME_BACK.format("made_with4-*"), _SENSELESS.format("made_with5-*")),
        "one made with a limit of memory and none of swap has one of swap, of twice as much",
    ),
    Known(
        "podman-*",
        (_OPPOSITE.format("limit*of one that ended"), _COME_BACK.format("*-exited")),
        "limits of one that has ended are answered as if they were set, and are not, so that the step fails",
    ),
    Known("podman-*", (_SENSELESS.format("*"),), "limits are taken that Docker refuses"),
    Known(
        "podman-*",
        ("a_watch_tells_of_each_change_and_goes_on_where_it_ended",),
        "events of a network name the container and not the network",
    ),
)


def why(kind: str, test: str) -> str:
    """Why that test fails on that engine, or empty where it should not."""
    for one in KNOWN:
        if fnmatchcase(kind, one.kinds) and any(fnmatchcase(test, pattern) for pattern in one.tests):
            return one.why
    return ""
