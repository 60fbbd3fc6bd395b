"""Looks at real containers, here, over real sshd, and over TCP, where only the engine's API can be reached."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from irkit.app import Live, Setting
from irkit.app.looks import Looks
from irkit.app.one_look import GIVEN_UP, LogLook, Look
from irkit.app.seen import LogLine
from irkit.tui.panes.files import file_lines
from irkit.tui.panes.pane import first_lines
from tests.adapters.tls_engine import HERE, TlsEngine
from tests.lab.client_side import ClientSide
from tests.lab.counting import Held, wait_released
from tests.lab.description import Suspect
from tests.lab.engine import Engine
from tests.lab.fixtures import USERS
from tests.lab.host_start import start_host
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine
PATIENCE = 60
RECORD = 16 * 1024
"""Bytes after which an engine makes another record of one line."""
WAYS = ("local", "ssh")
Opened = tuple[Looks, str]


@pytest.fixture
def opened(engine: Engine, client: ClientSide) -> Iterator[Callable[[str], Opened]]:
    """Looks at the session's engine by a way, and the name of its host; nothing is held once they are closed."""
    before = Held()
    with ExitStack() as ways:

        def reach(way: str) -> Opened:
            if way == "local":
                setting, name = Setting(environment={"DOCKER_HOST": engine.host}), "local"
            elif way == "tcp":
                served = ways.enter_context(TlsEngine(None, behind=engine.socket))
                setting, name = Setting(environment={"DOCKER_HOST": f"tcp://{HERE}:{served.port}"}), ""
            else:
                host = ways.enter_context(start_host(engine=engine, users=USERS))
                client.add(host, name="web", user="ana" if way == "ssh without root" else "root")
                setting, name = Setting(environment=client.environment()), "web"
            live = Live(setting, [name] if way.startswith("ssh") else [])
            ways.callback(live.close)
            return Looks(live), name or next(iter(live.hosts))

        yield reach
    assert not wait_released(before)


def seen(look: Look[list[object]] | Look[object]) -> object:
    assert look.wait(PATIENCE) and look.error == "", look.error
    return look.value


def lines_until(look: LogLook, enough: Callable[[list[LogLine]], bool]) -> list[LogLine]:
    found: list[LogLine] = []
    end = time.monotonic() + PATIENCE
    while not enough(found):
        assert time.monotonic() < end and look.error == "", (look.error, found[-3:])
        lines, left_out = look.take()
        assert left_out == 0
        found += lines
        time.sleep(0.05)
    return found


@contextmanager
def following(look: LogLook) -> Iterator[LogLook]:
    try:
        yield look
    finally:
        look.cancel()


@pytest.mark.parametrize("way", WAYS)
def test_a_suspect_is_seen_from_outside(lab: Lab, opened: Callable[[str], Opened], way: str) -> None:
    container = lab.make(Suspect(name="shop", changed={"/opt/dropper": b"evil\n"}, deleted=("/app/delete-me.txt",)))
    looks, host = opened(way)
    key = f"{host}/{container}"
    every = (looks.processes(key), looks.sockets(key), looks.changes(key), looks.raw(key), looks.stats(key))
    for one in every:
        seen(one)  # type: ignore[arg-type]
    processes, _, changes, raw, stats = every
    assert processes.value and processes.source == "/proc of the host" and processes.value[0].depth == 0
    assert changes.value is not None
    told = {(one.kind, one.path) for one in changes.value}
    assert ("added", "/opt/dropper") in told and ("deleted", "/app/delete-me.txt") in told
    assert raw.value["Id"] == container and stats.value["read"]  # type: ignore[index]


@pytest.mark.parametrize("way", ["ssh without root", "tcp"])
def test_where_only_the_engine_can_be_asked_it_is_and_what_is_not_seen_is_said(
    lab: Lab, opened: Callable[[str], Opened], way: str
) -> None:
    container = lab.make(Suspect(name="shop", changed={"/opt/dropper": b"evil\n"}))
    looks, host = opened(way)
    key = f"{host}/{container}"
    processes, sockets, changes = looks.processes(key), looks.sockets(key), looks.changes(key)
    assert seen(processes) and processes.source == "the engine's list"  # type: ignore[arg-type]
    assert any("/proc cannot be read" in note for note in processes.notes)
    assert sockets.wait(PATIENCE) and sockets.value is None and sockets.error and "a bug" not in sockets.error
    assert seen(changes)  # type: ignore[arg-type]


def test_however_many_files_are_added_to_a_folder_and_beside_it_what_changed_elsewhere_is_shown(
    lab: Lab, opened: Callable[[str], Opened]
) -> None:
    folders = "for i in $(seq 1500); do mkdir -p /big/d/$i; : > /big/d/$i/x; done"
    script = f"mkdir /big; cd /big; seq 12000 | xargs touch; {folders}; : > /etc/zz-evil; : > /ready; exec sleep 900"
    container = lab.make(Suspect(name="flooded", command=("sh", "-c", script)))
    looks, host = opened("local")
    key = f"{host}/{container}"
    end = time.monotonic() + 4 * PATIENCE
    while True:
        found = looks.changes(key)
        assert seen(found) is not None and found.value is not None  # type: ignore[arg-type]
        if any(one.path == "/ready" for one in found.value):
            break
        assert time.monotonic() < end
        time.sleep(0.5)
    lines = [str(one.text) for one in first_lines(file_lines(found.value))]
    at = next(nth for nth, line in enumerate(lines) if line.startswith("/etc  ("))
    assert "  A zz-evil" in lines[at:] and len(lines) < 2000
    assert lines[0].startswith("NOT ALL IS SHOWN") and any("added folders in it, with" in line for line in lines)


@pytest.mark.parametrize("way", WAYS)
def test_a_log_is_followed_as_it_was_written_by_stream_and_by_record(
    lab: Lab, opened: Callable[[str], Opened], way: str
) -> None:
    long = b"L" * (2 * RECORD + 100) + b"\n"
    noise = bytes(range(1, 10)) + bytes(range(11, 256)) + b"\n"
    container = lab.make(Suspect(name="talker", stdout=(b"out\n", long, noise), stderr=(b"err\x1b[2J\n",)))
    looks, host = opened(way)
    with following(looks.logs(f"{host}/{container}", tail=100)) as look:
        lines = lines_until(look, lambda found: len(found) >= 6)
    texts = [one.text for one in lines if one.stream == "stdout"]
    assert [one.text for one in lines if one.stream == "stderr"] == ["err\x1b[2J"]
    assert texts[0] == "out" and [len(text) for text in texts[1:4]] == [4000, 4000, 100]
    assert "�" in texts[4] and all(one.stamp.endswith("Z") for one in lines)
    assert [one.is_cut for one in lines if one.text.startswith("L")] == [True, True, False]
    with following(looks.logs(f"{host}/{container}", tail=2, since="24h")) as look:
        assert len(lines_until(look, lambda found: len(found) >= 2)) == 2
    none = looks.logs(f"{host}/{container}", tail=100, since="2126-01-31T10:00:00Z", ends=True)
    assert none.wait(PATIENCE) and none.lines == 0 and not none.error, "from then on there is none"


@pytest.mark.parametrize("way", WAYS)
def test_the_log_of_a_terminal_is_one_stream(lab: Lab, opened: Callable[[str], Opened], way: str) -> None:
    container = lab.make(Suspect(name="term", tty=True, stdout=(b"one\n",), stderr=(b"two\n",)))
    looks, host = opened(way)
    with following(looks.logs(f"{host}/{container}", tail=100)) as look:
        lines = lines_until(look, lambda found: len(found) >= 2)
    assert {one.stream for one in lines} == {"stdout"} and sorted(one.text for one in lines) == ["one", "two"]


@pytest.mark.parametrize("way", WAYS)
def test_following_ends_with_the_container(engine: Engine, lab: Lab, opened: Callable[[str], Opened], way: str) -> None:
    container = lab.make(Suspect(name="mortal", stdout=(b"last words\n",)))
    looks, host = opened(way)
    look = looks.logs(f"{host}/{container}", tail=10)
    lines_until(look, bool)
    assert not look.is_over
    engine.docker("kill", container)
    assert look.wait(PATIENCE) and look.error == ""


@pytest.mark.parametrize("way", WAYS)
def test_a_log_in_which_nothing_happens_is_let_go_of_at_once(
    lab: Lab, opened: Callable[[str], Opened], way: str
) -> None:
    container = lab.make(Suspect(name="silent", command=("sleep", "1000")))
    looks, host = opened(way)
    look = looks.logs(f"{host}/{container}", tail=10)
    seen(looks.raw(f"{host}/{container}"))
    thread = next(one for one in threading.enumerate() if one.name == "look")
    assert not look.wait(0.5)
    look.cancel()
    assert look.is_over and look.error == GIVEN_UP
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_container_that_is_not_running_has_a_log_and_no_processes(
    lab: Lab, opened: Callable[[str], Opened], tmp_path: Path
) -> None:
    container = lab.make(Suspect(name="gone", stdout=(b"before\n",), state="exited"))
    looks, host = opened("local")
    processes = looks.processes(f"{host}/{container}")
    look = looks.logs(f"{host}/{container}", tail=10)
    assert look.wait(PATIENCE) and look.error == ""
    assert "before" in [one.text for one in look.take()[0]]
    assert processes.wait(PATIENCE) and processes.value is None and "a bug" not in processes.error
