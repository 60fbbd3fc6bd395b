"""A real container whose every word is an attack, in the terminal interface in tmux, through its tabs and a run: what
the terminal was sent is looked at byte by byte, and what was collected is as it was.
"""

import pytest

from tests.acceptance.command import Irkit
from tests.acceptance.terminal import SCREEN_SEQUENCES, obeyed
from tests.acceptance.test_hostile_container import ATTACK, LONG, image_with_label, wait_for_logs
from tests.acceptance.test_hostile_container import check_evidence as check_kept
from tests.acceptance.tmux_screen import TmuxScreen, in_tmux
from tests.lab.description import Attach, Network, Suspect
from tests.lab.engine import Engine
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

RAW = ("\x1b]", "\x1b[38;5;123m", "\x1b[2J", "\x9b", "\x9d")
FILE = "/tmp/\x1b]52;c;Z290Y2hh\x07[@click=app.leave]x"
SCRIPT = 'printf "%s\\n" "$1"; printf "%s\\n" "$1" >&2; : > "$2"; exec sh -c "sleep 5000; :" "$1"'


@pytest.fixture
def hostile(lab: Lab) -> str:
    lab.network(Network("front"))
    image = image_with_label(lab)
    made = lab.make(
        Suspect(
            name="hostile",
            image=image,
            networks=(Attach("front"),),
            labels={"attack": LONG, "\x1b[31m\x9bkey": "value"},
            env={"ATTACK": ATTACK, "API_TOKEN": "hunter2-0a4b9f-secret"},
            command=("sh", "-c", SCRIPT, "sh", LONG, FILE),
        )
    )
    wait_for_logs(lab, made)
    lab.remove("mould")
    return made


def test_a_hostile_container_is_looked_at_contained_and_kept_and_the_terminal_obeys_none_of_it(
    hostile: str, engine: Engine, irkit: Irkit
) -> None:
    with in_tmux(irkit, "--case", "T-1") as screen:
        look(screen)
        contain(screen)
        screen.press("q")
        assert screen.wait() == 0
        sent = screen.sent
    facts = engine.inspect(hostile)
    assert facts["State"]["Paused"] and facts["NetworkSettings"]["Networks"] == {}
    left = SCREEN_SEQUENCES.sub("", sent)
    assert obeyed(left) - {"\r"} == set()
    assert [one for one in RAW if one in sent.replace("\x1b]22;", "")] == []
    (bundle,) = irkit.evidence.glob("irb-*")
    check_kept(str(bundle), hostile)
    assert irkit("verify", str(bundle)).status == 0


def look(screen: TmuxScreen) -> None:
    """Every tab."""
    screen.until("1/1 shown", without="??????")
    screen.press("g", "Enter")
    screen.until("local/hostile", "finding")
    for key, shown in (("t", "processes as of"), ("w", "sockets as of"), ("f", "click=app.leave"), ("l", "␛]52"),
                       ("i", "values")):  # fmt: skip
        screen.press(key)
        screen.until(shown)
    screen.press("End")
    screen.until("local/hostile")
    screen.press("Escape")
    screen.until("0 marked")


def contain(screen: TmuxScreen) -> None:
    """Plan, confirm, run, bundle."""
    screen.press("A", "I")
    screen.until("DRY RUN", "ARMED")
    screen.press("Enter")
    screen.until("Type  hostile  and Enter:")
    screen.type("hostile")
    screen.press("Enter")
    screen.until("of contain-and-preserve: done; bundle irb-")
    screen.press("Enter")
    screen.until("irb-", "clock-end.json")
    screen.press("v")
    screen.until("verifies:", "log records")
