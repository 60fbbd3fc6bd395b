"""The tabs of a container in the running app: they look when shown, give up when left, and say what is not shown."""

import re
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from irkit.adapters.log_stream import LogRecord
from irkit.adapters.memory import MemoryTarget
from irkit.app.look_pool import MOST as MOST_AT_A_TIME
from irkit.app.seen import Change
from irkit.core.host import Host
from irkit.core.operations import Inspect, Operation
from irkit.core.ports import Deadline, Intake, Outcome
from irkit.core.text import safe
from irkit.tui.app import IrkitApp
from irkit.tui.line_view import Line
from irkit.tui.panes.files import file_lines
from irkit.tui.panes.inspect import tree_lines
from irkit.tui.panes.network import place_lines
from irkit.tui.panes.pane import MOST_LINES, first_lines
from tests.app.hosts_in_memory import Place, one_each
from tests.engine.world import attachment, container
from tests.soak import often
from tests.tui.world import play, text_of, until

SECRET = "hunter2-Zq9"


class Hanging(MemoryTarget):
    """A host on which looks hang until they are let go, whatever gives them up."""

    def __init__(self, host: Host) -> None:
        super().__init__(one_each(host.name)[host.name], host)
        self.go = threading.Event()
        self.hanging = 0

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        self.hanging += 1
        self.go.wait(300)
        deadline.remaining()
        return super().apply(operation, intake, deadline)


def telling(contents: dict[str, bytes]) -> Place:
    def make(host: Host) -> MemoryTarget:
        target = MemoryTarget(one_each(host.name)[host.name], host)
        target.contents |= contents
        return target

    return Place(special={"local": make})


def opened(place: Place, folder: Path, script: Any, **more: Any) -> None:
    async def run(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: app.services.live.rows and "on-local" in text_of(app))
        await pilot.press("g", "enter")
        await until(pilot, lambda: "o overview" in text_of(app))
        await script(app, pilot)

    play(one_each("local"), folder, run, place=place, **more)


def test_tabs_switched_over_and_over_on_a_host_that_hangs_leave_few_threads(tmp_path: Path) -> None:
    place = Place(special={"local": Hanging})
    before = set(threading.enumerate())  # a look of another test may be ending yet

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        host = place.opened["local"]
        assert isinstance(host, Hanging)
        for number, tab in enumerate("twfi"):
            await pilot.press(tab)
            await until(pilot, lambda number=number: host.hanging == number + 1)  # type: ignore[misc]
        for _ in range(often(24, 8)):
            await pilot.press("t", "w", "f", "i")
        looking = [one for one in set(threading.enumerate()) - before if one.name == "look at local"]
        assert len(looking) <= MOST_AT_A_TIME
        await until(pilot, lambda: "earlier looks at this host have not ended" in text_of(app))
        host.go.set()
        await until(pilot, lambda: "secrets hidden as of" in text_of(app))

    opened(place, tmp_path, script)


def test_secrets_are_hidden_until_they_are_revealed_and_the_case_says_that_they_were(tmp_path: Path) -> None:
    body = f'{{"Config":{{"Env":["DB_PASSWORD={SECRET}"],"Image":"app:1"}}}}'.encode()

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await pilot.press("i")
        await until(pilot, lambda: "secrets hidden as of" in text_of(app))
        assert "app:1" in text_of(app) and SECRET not in text_of(app)
        await pilot.press("r")
        await until(pilot, lambda: SECRET in text_of(app))
        await pilot.press("8")
        await until(pilot, lambda: "revealed the secrets" in text_of(app))

    opened(telling({Inspect("x").file: body}), tmp_path, script)


def test_secrets_stay_hidden_where_it_cannot_be_written_down_that_they_were_revealed(tmp_path: Path) -> None:
    body = f'{{"Config":{{"Env":["DB_PASSWORD={SECRET}"],"Image":"app:1"}}}}'.encode()
    (tmp_path / "notes").write_text("no folder")

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await pilot.press("i")
        await until(pilot, lambda: "secrets hidden as of" in text_of(app))
        await pilot.press("r")
        await until(pilot, lambda: any("NOT written down" in one.message for one in app._notifications))
        await pilot.pause(0.5)
        assert SECRET not in text_of(app)

    opened(telling({Inspect("x").file: body}), tmp_path, script, size=(160, 45))


def test_a_folder_with_many_files_does_not_push_later_ones_out_of_view_and_says_what_is_left_out() -> None:
    many = [Change("added", f"/big/{number:05}") for number in reversed(range(12_000))]
    lines = first_lines(file_lines([*many, Change("added", "/usr/bin/evil"), Change("changed", "/zz/last")]))
    texts = [str(one.text) for one in lines]
    assert texts[0].startswith("NOT ALL IS SHOWN: 11800 of 12002 changes")
    assert texts[1:4] == ["/big  (12000)", "  A 00000", "  A 00001"] and "  … and 11800 more in it" in texts
    assert texts[-4:] == ["/usr/bin  (1)", "  A evil", "/zz  (1)", "  C last"]


def test_folders_that_are_not_shown_are_said_where_they_are() -> None:
    many = [Change("added", path) for one in range(300) for path in (f"/new/{one:03}", f"/new/{one:03}/x")]
    texts = [str(one.text) for one in file_lines([Change("added", "/new"), *many])]
    assert "  … and 100 more added folders in it, with 100 changes" in texts


def test_a_host_that_tells_the_engines_list_alone_says_why(tmp_path: Path) -> None:
    def make(host: Host) -> MemoryTarget:
        target = MemoryTarget(one_each(host.name)[host.name], host)
        target.no_files = "only its API can be reached"
        target.contents["processes.json"] = b'{"processes":[{"pid":1,"ppid":0,"command":"init"}]}'
        return target

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await pilot.press("t")
        await until(pilot, lambda: "only its API can be reached" in text_of(app) and "init" in text_of(app))

    opened(Place(special={"local": make}), tmp_path, script, size=(160, 45))


def test_of_more_lines_than_a_screen_shows_the_first_are_made_and_the_last_says_so() -> None:
    made = 0

    def endless() -> Any:
        nonlocal made
        while True:
            made += 1
            yield Line(safe(made))

    found = first_lines(endless())
    assert len(found) == made == MOST_LINES + 1
    assert "NOT ALL IS SHOWN" in found[-1].text
    assert len(first_lines([Line(safe("x"))] * MOST_LINES)) == MOST_LINES


def test_the_overview_names_what_answers_a_finding_with_its_key_and_says_as_of_when(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "answer: contain-and-preserve (I)" in text_of(app))
        assert "answer: triage (C)" in text_of(app)
        assert re.search(r"findings as of \d\d:\d\d:\d\dZ", text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: re.search(r"1/1 shown   0 marked   as of \d\d:\d\d:\d\dZ", text_of(app)))

    privileged = {"local": [container("on-local", privileged=True)]}
    opened(Place(privileged), tmp_path, script, size=(100, 40))


def test_the_key_of_an_answer_is_the_one_that_plans_it_as_configured(tmp_path: Path) -> None:
    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "answer: contain-and-preserve (f6)" in text_of(app))
        assert "answer: triage (P)" in text_of(app), "C plans another one"

    more = {"keys": {"plan.isolate": "f6"}, "playbooks": {"collect": "preserve-disk"}}
    privileged = {"local": [container("on-local", privileged=True)]}
    opened(Place(privileged), tmp_path, script, size=(100, 40), **more)


def test_lines_of_a_log_are_chosen_by_their_age_beside_their_number(tmp_path: Path) -> None:
    now = datetime.now(UTC)

    def record(ago: timedelta) -> LogRecord:
        at = now - ago
        return LogRecord("stdout", f"{at:%Y-%m-%dT%H:%M:%S}Z", int(at.timestamp()) * 10**9, f"ago {ago}".encode())

    def make(host: Host) -> MemoryTarget:
        target = MemoryTarget(one_each(host.name)[host.name], host)
        target.log = [record(timedelta(days=3)), record(timedelta(hours=2)), record(timedelta(seconds=5))]
        return target

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await pilot.press("l")
        await until(pilot, lambda: "3 lines from the last 200 on" in text_of(app))
        assert f"-- {now - timedelta(days=3):%Y-%m-%d} UTC --" in text_of(app)
        for since, count in (("10m", 1), ("1h", 1), ("24h", 2)):
            await pilot.press("b")
            await until(pilot, lambda: f"{count} lines from the last 200 of {since} on" in text_of(app))  # noqa: B023
        assert "3 days" not in text_of(app) and "ago 2:00:00" in text_of(app)
        await pilot.press("b", "m")
        await until(pilot, lambda: "3 lines from the last 2000 on" in text_of(app))

    opened(Place(special={"local": make}), tmp_path, script)


def test_a_long_value_is_copied_whole() -> None:
    (line,) = tree_lines({"Note": "é" * 20_000}, reveal=True)
    assert line.value == "é" * 20_000 and len(line.text) < 700


def test_a_network_whose_driver_is_not_told_is_shown_without_one() -> None:
    known, unknown = attachment("front", driver="bridge"), attachment("back", driver="")
    texts = sorted(str(one.text) for one in place_lines(container("web", known, unknown)))
    assert texts[1].startswith("network back  ") and texts[2].startswith("network front (bridge)  ")
