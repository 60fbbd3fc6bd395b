"""Every screen in each of its states, at four sizes of the terminal, as it was when somebody looked at it last.

`make test` looks at two of the sizes, `make soak` at all.
`IRKIT_SNAPSHOTS=write pytest tests/tui/test_snapshots.py` writes them anew: look at each before it is committed.
"""

import os
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from textual.widgets import Footer

from irkit.tui.header import ARMED, READ_ONLY
from irkit.tui.themes import SEVERITY_SIGNS
from tests.soak import SOAKING
from tests.tui.scene_keys import SceneKeys, keys_of
from tests.tui.scenes import SHOTS
from tests.tui.stage import SIZES, Scene, act, screen_text, stop_time

FOLDER = Path(__file__).parent / "snapshots"
WRITES = os.environ.get("IRKIT_SNAPSHOTS") == "write"
LOOKED_AT = SIZES if WRITES or SOAKING else SIZES[1:3]
_UNSTEADY = re.compile(r"verifies: \d+ files, [\d.]+ kB|[\d.]+ kB  data/log/run\.jsonl")
"""The size of a log: durations in it have more digits, or fewer."""

_BAR_ENDS = re.compile("[ ]*[\u2581-\u2588]{2}$", re.MULTILINE)


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stop_time(monkeypatch, tmp_path)


class Taken(NamedTuple):
    """A scene at each size, and its keys."""

    pictures: dict[tuple[int, int], str]
    keys: list[SceneKeys]


@cache
def _taken(name: str) -> Taken:
    """A scene, played once: it is resized as it stands, as a terminal is."""
    found = Taken({}, [])

    async def script(scene: Scene) -> None:
        await SHOTS[name].script(scene)
        for size in LOOKED_AT:
            await scene.pilot.resize_terminal(*size)
            await scene.settle()
            found.pictures[size] = _UNSTEADY.sub(lambda match: re.sub(r"\d", "#", match[0]), screen_text(scene.app))
            _check_footer(scene)
        found.keys.append(await keys_of(scene))

    act(script, **SHOTS[name].opened)
    return found


def _check_footer(scene: Scene) -> None:
    """All keys of the footer are in view."""
    for footer in scene.app.screen.query(Footer):
        for key in footer.children:
            assert key.region.right <= footer.region.right, f"{scene.app.size}: {screen_text(scene.app)[-80:]}"


def _as_text(pictures: dict[tuple[int, int], str]) -> str:
    return "".join(f"{'=' * 8} {width}x{height}\n{text}\n" for (width, height), text in pictures.items())


@pytest.mark.parametrize("name", SHOTS)
def test_a_screen_looks_as_it_did(name: str) -> None:
    file = FOLDER / f"{name}.txt"
    told = _as_text(_taken(name).pictures)
    if WRITES:
        file.write_text(told, encoding="utf-8")
    kept = file.read_text(encoding="utf-8")
    wanted = {f"{width}x{height}" for width, height in LOOKED_AT}
    blocks = re.split(r"^(?=={8} )", kept, flags=re.MULTILINE)[1:]
    assert _steady(told) == _steady("".join(block for block in blocks if block.split()[1] in wanted))


@pytest.mark.parametrize("name", SHOTS)
def test_no_two_actions_share_a_key_and_the_palette_has_every_action(name: str) -> None:
    (keys,) = _taken(name).keys
    assert keys.clashes == []
    assert keys.missing == []


def _steady(text: str) -> str:
    """Without the ends of scroll bars: a log under way has a line more, or fewer, out of view."""
    return _BAR_ENDS.sub("", text)


def test_there_is_no_snapshot_of_what_is_not_taken_any_more() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(SHOTS)


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_no_line_is_wider_than_the_terminal_and_none_is_missing(file: Path) -> None:
    for block in re.split(r"^={8} ", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        size, *lines = block.splitlines()
        width, height = map(int, size.split("x"))
        assert len(lines) == height
        assert max(map(len, lines)) <= width


def test_without_colour_all_that_colours_say_is_there_as_signs() -> None:
    triage = (FOLDER / "triage.txt").read_text(encoding="utf-8")
    assert {sign for sign in SEVERITY_SIGNS.values() if sign not in triage} == {SEVERITY_SIGNS["high"]}
    assert SEVERITY_SIGNS["high"] in (FOLDER / "container-overview.txt").read_text(encoding="utf-8")
    assert READ_ONLY in triage
    assert ARMED in (FOLDER / "confirm.txt").read_text(encoding="utf-8")
