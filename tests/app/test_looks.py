"""Looks through a live list: what is seen, what cannot be, how many go on, and that giving up lets go at once."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from irkit.adapters.log_stream import LogRecord
from irkit.adapters.memory import MemoryTarget
from irkit.adapters.memory_changes import full_id
from irkit.app.live import Live
from irkit.app.look_intake import MOST as MOST_BYTES
from irkit.app.look_pool import MOST as MOST_AT_A_TIME
from irkit.app.looks import Looks
from irkit.app.one_look import GIVEN_UP, Look
from irkit.core.errors import UnreachableError
from irkit.core.host import Host
from irkit.core.operations import Operation
from irkit.core.ports import Deadline, Intake, Outcome
from tests.app.hosts_in_memory import Place, Silent, fails, one_each

KEY = f"a@x/{full_id('on-a@x')}"


@contextmanager
def looking(place: Place, folder: Path, *hosts: str) -> Iterator[Looks]:
    live = Live(place.setting(folder), hosts or ("a@x",))
    try:
        yield Looks(live)
    finally:
        live.close()


def told(contents: dict[str, bytes]) -> Place:
    """A host whose answers these are."""

    def make(host: Host) -> MemoryTarget:
        target = MemoryTarget(one_each(host.name)[host.name], host)
        target.contents |= contents
        return target

    return Place(special={"a@x": make})


class Blocked(MemoryTarget):
    """A host on which every operation hangs; `heeds` says whether giving up gets through to it."""

    def __init__(self, host: Host, *, heeds: bool = True) -> None:
        super().__init__(one_each(host.name)[host.name], host)
        self.heeds, self.go = heeds, threading.Event()
        self.waiting = threading.Semaphore(0)
        self.under_way = 0

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        forget = deadline.on_cancel(self.go.set) if self.heeds else lambda: None
        self.under_way += 1
        self.waiting.release()
        self.go.wait(120)
        forget()
        deadline.remaining()
        return super().apply(operation, intake, deadline)


def test_processes_come_from_outside_where_that_can_be_seen(tmp_path: Path) -> None:
    place = told({"processes/processes.jsonl": b'{"pid":1,"ppid":0,"name":"init"}\n{"pid":2,"ppid":1,"name":"sh"}\n'})
    with looking(place, tmp_path) as looks:
        look = looks.processes(KEY)
        assert look.wait(60)
        assert look.value is not None and [one.depth for one in look.value] == [0, 1]
        assert look.source == "/proc of the host"


def test_where_the_hosts_files_cannot_be_read_the_engines_list_is_shown_and_the_reason_said(tmp_path: Path) -> None:
    place = told({"processes.json": b'{"processes":[{"pid":1,"ppid":0,"command":"init"}]}'})
    make = place.special["a@x"]

    def without_files(host: Host) -> MemoryTarget:
        target = make(host)
        target.no_files = "only its API can be reached"
        return target

    with looking(Place(special={"a@x": without_files}), tmp_path) as looks:
        look = looks.processes(KEY)
        assert look.wait(60)
        assert look.value is not None and look.value[0].title == "init"
        assert look.source == "the engine's list"
        assert any("only its API can be reached" in note for note in look.notes)


def test_sockets_changes_configuration_and_use_are_read(tmp_path: Path) -> None:
    answers = {
        "sockets/sockets.jsonl": b'{"protocol":"tcp","state":"LISTEN","local":{"address":"0.0.0.0","port":80}}\n',
        "changes.json": b'[{"Path":"/tmp/x","Kind":1}]',
        "inspect.json": b'{"Id":"x","Config":{"Env":["A=1"]}}',
        "stats.json": b'{"read":"2026-01-31T14:02:11Z"}',
    }
    with looking(told(answers), tmp_path) as looks:
        sockets, changes, raw, stats = (looks.sockets(KEY), looks.changes(KEY), looks.raw(KEY), looks.stats(KEY))
        for one in (sockets, changes, raw, stats):
            assert one.wait(60) and one.error == ""
        assert sockets.value is not None and sockets.value[0].local == "0.0.0.0:80"
        assert changes.value is not None and changes.value[0].kind == "added"
        assert raw.value == {"Id": "x", "Config": {"Env": ["A=1"]}} and stats.value == {"read": "2026-01-31T14:02:11Z"}


def test_an_answer_of_another_form_is_a_line_and_no_bug(tmp_path: Path) -> None:
    for body in (b"", b"{", b'{"processes":3}', b'{"Path":1}', b"[1,2]", b'[{"pid":[]}]', b"[" * 100_000, b"\xff\xfe"):
        every = dict.fromkeys(("processes/processes.jsonl", "sockets/sockets.jsonl", "changes.json"), body + b"\n")
        with looking(told(every), tmp_path) as looks:
            for one in (looks.processes(KEY), looks.sockets(KEY), looks.changes(KEY)):
                assert one.wait(60)
                assert "a bug" not in one.error, (body[:20], one.error)


def test_two_million_changes_are_bounded_and_that_is_said(tmp_path: Path) -> None:
    body = b"[" + b",".join(b'{"Path":"/var/lib/x/%d","Kind":1}' % number for number in range(500_000)) + b"]"
    assert len(body) > MOST_BYTES
    with looking(told({"changes.json": body}), tmp_path) as looks:
        look = looks.changes(KEY)
        assert look.wait(60) and look.error == ""
        assert look.value is not None and 10_000 < len(look.value) < 500_000
        assert any("NOT ALL IS SHOWN" in note for note in look.notes)


def test_a_configuration_that_is_too_long_is_refused_in_a_line(tmp_path: Path) -> None:
    body = json.dumps({"Config": {"Env": ["A" * 100] * (MOST_BYTES // 90)}}).encode()
    with looking(told({"inspect.json": body}), tmp_path) as looks:
        look = looks.raw(KEY)
        assert look.wait(60)
        assert look.value is None and "collect it instead" in look.error


def test_a_container_that_is_gone_and_a_host_that_is_down_are_said_in_a_line(tmp_path: Path) -> None:
    with looking(Place(one_each("a@x")), tmp_path) as looks:
        gone = looks.raw("a@x/" + full_id("another"))
        strange = looks.raw("b@x/" + full_id("another"))
        assert gone.wait(60) and strange.wait(60)
        assert "No such container" in gone.error and "not in the list" in strange.error
    down = Place(special={"a@x": fails(UnreachableError("no route to host"))})
    with looking(down, tmp_path) as looks:
        look = looks.logs(KEY, tail=10)
        assert look.wait(60)
        assert look.error == "no route to host"


def test_giving_up_gets_through_to_what_the_host_is_waited_on_for(tmp_path: Path) -> None:
    place = Place(special={"a@x": Blocked})
    with looking(place, tmp_path) as looks:
        look = looks.raw(KEY)
        assert look.wait(0) is False
        host = _blocked(place, 1)
        look.cancel()
        assert look.is_over and look.error == GIVEN_UP
        assert host.go.wait(60)


def test_giving_up_a_look_at_a_host_that_is_being_connected_to_lets_go(tmp_path: Path) -> None:
    place = Place(special={"a@x": Silent})
    with looking(place, tmp_path) as looks:
        look = looks.logs(KEY, tail=10)
        while "a@x" not in place.opened:
            assert not look.wait(0.01)
        silent = place.opened["a@x"]
        assert isinstance(silent, Silent) and silent.is_waiting.wait(60)
        look.cancel()
        assert look.is_over and silent.is_closed.wait(60)


def _blocked(place: Place, count: int) -> Blocked:
    while "a@x" not in place.opened:
        threading.Event().wait(0.01)
    host = place.opened["a@x"]
    assert isinstance(host, Blocked)
    for _ in range(count):
        assert host.waiting.acquire(timeout=60)
    return host


def test_a_hundred_looks_that_are_given_up_leave_a_few_threads_on_a_host_that_hangs(tmp_path: Path) -> None:
    place = Place(special={"a@x": lambda host: Blocked(host, heeds=False)})
    before = set(threading.enumerate())  # a look of another test may be ending yet
    with looking(place, tmp_path) as looks:
        given_up: list[Look[object]] = []
        for _ in range(100):
            look = looks.raw(KEY)
            look.cancel()
            given_up.append(look)
        held = [looks.raw(KEY) for _ in range(MOST_AT_A_TIME)]
        host = _blocked(place, MOST_AT_A_TIME)
        waiting = looks.raw(KEY)
        mine = set(threading.enumerate()) - before
        assert len([one for one in mine if one.name == "look at a@x"]) <= MOST_AT_A_TIME
        assert all(one.is_over for one in given_up)
        assert not waiting.is_begun
        host.go.set()
        for one in (*held, waiting):
            assert one.wait(60)


def test_a_log_is_followed_with_its_streams(tmp_path: Path) -> None:
    def make(host: Host) -> MemoryTarget:
        target = MemoryTarget(one_each(host.name)[host.name], host)
        target.log += [LogRecord("stdout", "2026-01-31T14:02:11Z", 0, b"out\n"), LogRecord("stderr", "", 0, b"err\n")]
        return target

    with looking(Place(special={"a@x": make}), tmp_path) as looks:
        look = looks.logs(KEY, tail=10)
        assert look.wait(60) and look.error == ""
        lines, _ = look.take()
        assert [(one.stream, one.text) for one in lines] == [("stdout", "out"), ("stderr", "err")]
