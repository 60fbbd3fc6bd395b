"""Holding what a plan contains: what can be chosen, and what was, in words. Who watches is the runner's concern."""

from typing import Final

from irkit.core.text import Safe

HOLDS: Final[dict[str, float | None]] = {"no": None, "until": 0.0, "1h": 3600.0, "8h": 8 * 3600.0, "24h": 24 * 3600.0}
"""What can be chosen: seconds, 0 until the run is ended, None for no hold."""
HOLD_HINT: Final = "{plan.hold:h}: hold what is contained, once it is"
END_KEY: Final = "{run.end:X}"
"""As `hint` names the key that ends a run."""
_BROKEN: Final = {
    "tell": "what somebody breaks of it is told",
    "contain": "what somebody breaks of it, or what takes the place of a target, is contained again by the same steps",
}


def hold_answers(how: str, end: str) -> list[tuple[str, str, str]]:
    """What can be chosen, as a question has its answers; `how` is the playbook's word, `tell` or `contain`.

    `end` is the key that ends a run.
    """
    watched = f"what is contained is watched, and {_BROKEN[how]}"
    times = [
        (name, f"Hold it for {_hours(seconds)}", f"or until {end} ends it")
        for name, seconds in HOLDS.items()
        if seconds
    ]
    return [
        ("no", "Hold nothing", "the run ends with its last step, and what was contained stays contained"),
        ("until", f"Hold it until {end}", watched),
        *times,
    ]


def hold_text(how: str, seconds: float, end: str) -> Safe:
    """What the responder agrees to where a plan is held; `end` is the key that ends a run."""
    until = f"for {_hours(seconds)}, or until {end} ends the run" if seconds else f"until {end} ends the run"
    return Safe(f"HOLD: what is contained is watched {until}; {_BROKEN[how]}")


def _hours(seconds: float) -> str:
    hours = int(seconds // 3600)
    return "1 hour" if hours == 1 else f"{hours} hours"
