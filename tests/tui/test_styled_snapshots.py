"""The main screens in 16 colours and in none, with their styles, as they were when somebody looked at them last.

`make test` looks at some of them at two sizes, `make soak` at all, at four. `IRKIT_SNAPSHOTS=write pytest
tests/tui/test_styled_snapshots.py` writes them anew: look at each before it is committed. Lines without a style are
left out: test_snapshots has them.
"""

import re
from pathlib import Path

import pytest
from textual.widgets import Input

from irkit.tui.no_colours import NoColours
from irkit.tui.themes import FEW_COLOURS
from tests.soak import SOAKING
from tests.tui.scenes import SHOTS
from tests.tui.stage import SIZES, Scene, act, stop_time
from tests.tui.styled import legend, styled_lines
from tests.tui.test_snapshots import LOOKED_AT, WRITES

FOLDER = Path(__file__).parent / "styled"
_FIRST = ("triage-marked", "container-overview", "plan-left-out", "confirm", "run-goes-on")
_MORE = ("triage", "container-processes", "container-files", "playbooks", "parameters", "evidence", "hosts", "palette",
         "notices")  # fmt: skip
KEPT = (*_FIRST, *_MORE)
_HEAD = re.compile(r"^(?=={8} )", re.MULTILINE)


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stop_time(monkeypatch, tmp_path)


def _pictures(name: str) -> dict[str, str]:
    """A scene in 16 colours and in none, at each size, by what its part of the file is called."""
    taken: dict[str, str] = {}

    async def script(scene: Scene) -> None:
        await SHOTS[name].script(scene)
        for one in scene.app.screen.query(Input):
            one.cursor_blink = False
        for sizes in (LOOKED_AT,) if len(LOOKED_AT) == 2 else (SIZES[1:3], SIZES[::3]):
            # What `make test` looks at comes first: a list stays scrolled as a smaller size had it.
            for is_plain in (False, True):
                _wear(scene, is_plain)
                for width, height in sizes:
                    await scene.pilot.resize_terminal(width, height)
                    await scene.settle()
                    head = f"{width}x{height}, {'no' if is_plain else '16'} colours"
                    taken[head] = "".join(f"{line}\n" for line in styled_lines(scene.app))

    act(script, theme=FEW_COLOURS, **SHOTS[name].opened)
    return taken


def _wear(scene: Scene, is_plain: bool) -> None:
    """As if it had been opened with no colours, or with the terminal's own."""
    scene.app.no_color = is_plain
    scene.app._filters = [NoColours()] if is_plain else []
    scene.app.refresh_css(animate=False)


def _as_text(pictures: dict[str, str]) -> str:
    return "".join(f"{'=' * 8} {head}: {legend(text)}\n{text}" for head, text in pictures.items())


@pytest.mark.parametrize("name", KEPT if WRITES or SOAKING else _FIRST)
def test_a_screen_has_the_styles_it_had(name: str) -> None:
    file = FOLDER / f"{name}.txt"
    pictures = _pictures(name)
    if WRITES:
        file.write_text(_as_text(pictures), encoding="utf-8")
    kept = _HEAD.split(file.read_text(encoding="utf-8"))[1:]
    wanted = {block for block in kept if block.removeprefix("=" * 8 + " ").partition(":")[0] in pictures}
    assert set(_HEAD.split(_as_text(pictures))[1:]) == wanted


def test_there_is_no_styled_snapshot_of_what_is_not_taken_any_more() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(KEPT)


def _blocks(name: str, colours: str) -> list[str]:
    blocks = _HEAD.split((FOLDER / f"{name}.txt").read_text(encoding="utf-8"))[1:]
    return [block for block in blocks if colours in block.splitlines()[0]]


@pytest.mark.parametrize("name", KEPT)
def test_without_colours_there_are_letters_of_none(name: str) -> None:
    letters = set("rRAgGyYZcCk")
    for block in _blocks(name, "no colours"):
        assert not letters & {one for line in block.splitlines() if line.startswith("   ") for one in line}


@pytest.mark.parametrize("colours", ["no colours", "16 colours"])
@pytest.mark.parametrize("name", ["triage", "container-overview", "playbooks", "plan-left-out", "hosts", "palette"])
def test_what_the_keys_act_on_is_reversed_whatever_the_colours(name: str, colours: str) -> None:
    for block in _blocks(name, colours):
        assert re.search(r"^ {3,10}[vVwjXxAZ]{40}", block, re.MULTILINE), block
