"""The whole way in the terminal interface: irkit in tmux at 80 by 24, an engine here and one behind a real sshd, eight
suspects; keys are pressed, every stage is read off the screen, and the engines are asked what came of it.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.bundles import events, stored_of
from tests.acceptance.command import Irkit
from tests.acceptance.compare import ASSIGNED_ANEW, differences
from tests.acceptance.tmux_screen import HEIGHT, WIDTH, TmuxScreen, in_tmux
from tests.lab.client_side import ClientSide
from tests.lab.description import Attach, Network, Suspect
from tests.lab.engine import Engine
from tests.lab.host_start import start_host
from tests.lab.hosts import LabHost
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

MOST_PRESSES = 12
SLEEP = ("sleep", "5000")
LOGGED = b"GET /cgi-bin/x?cmd=id HTTP/1.1 from 203.0.113.7\n"
DROPPER = "/opt/dropper"
ROW = re.compile(r"^...? *([CHMLi][!+.-]) +([PNDWCU.]{6}) +(\S+) .* (local|far) *$")
FRONT = {"local": "10.78.10", "far": "10.78.20"}


def suspects() -> Iterator[tuple[str, Suspect]]:
    """Eight, each exposed in a way of its own: one is critical, one high, the others less."""
    on = {host: (Attach("front", f"{net}.50", aliases=("api",)),) for host, net in FRONT.items()}
    api = {
        "pid": "host",
        "binds": {"/etc": "/host/etc", "/run": "/host/run:ro"},
        "stdout": (LOGGED,),
        "changed": {DROPPER: b"#!/bin/sh\n"},
    }
    yield "local", Suspect(name="api-gw", networks=on["local"], **api)  # type: ignore[arg-type]
    yield "local", Suspect(name="web", command=SLEEP)
    yield "local", Suspect(name="router", command=SLEEP, capabilities=("NET_ADMIN",))
    yield "local", Suspect(name="hardened", command=SLEEP, user="1000:1000")
    yield "far", Suspect(name="build-agent", networks=on["far"], command=SLEEP, capabilities=("SYS_PTRACE",))
    yield "far", Suspect(name="files", command=SLEEP, binds={"/srv": "/srv"}, user="1000:1000")
    yield "far", Suspect(name="redis", command=SLEEP, labels={"tier": "cache"})
    yield "far", Suspect(name="migration", command=SLEEP, state="created")


@pytest.fixture
def far(second_engine: Engine) -> Iterator[LabHost]:
    with start_host(name="far", engine=second_engine) as host:
        yield host


@pytest.fixture
def engines(engine: Engine, second_engine: Engine) -> Iterator[dict[str, Engine]]:
    """The engines of both hosts, with the suspects on them."""
    found = {"local": engine, "far": second_engine}
    with ExitStack() as labs:
        made = {host: labs.enter_context(Lab(one)) for host, one in found.items()}
        for host, lab in made.items():
            lab.network(Network("front", subnet=f"{FRONT[host]}.0/24"))
        for host, suspect in suspects():
            made[host].make(suspect)
        yield found


@pytest.fixture
def irkit(engine: Engine, far: LabHost, client: ClientSide, tmp_path: Path) -> Irkit:
    client.add(far)
    return Irkit(f"unix://{engine.socket}", tmp_path / "evidence", client)


def facts_of(engines: dict[str, Engine]) -> dict[str, dict[str, Any]]:
    """What the engines say of them; mounts in one order, as an engine tells them in any."""
    found = {f"{host}/{one.name}": engines[host].inspect(one.name) for host, one in suspects()}
    for facts in found.values():
        facts["Mounts"].sort(key=lambda mount: mount["Destination"])
    return found


def is_contained(facts: dict[str, Any]) -> bool:
    return facts["NetworkSettings"]["Networks"] == {} and bool(facts["State"]["Paused"])


def test_the_riskiest_is_found_and_contained_with_another_and_all_of_it_is_taken_back(
    engines: dict[str, Engine], irkit: Irkit
) -> None:
    before = facts_of(engines)
    with in_tmux(irkit, "-H", "local", "-H", "far", "--case", "IR-2026-014") as screen:
        find_and_read(screen)
        plan_and_begin(screen)
        assert screen.presses <= MOST_PRESSES
        watch_to_its_end(screen)
        contained = facts_of(engines)
        assert {key for key, now in contained.items() if is_contained(now)} == {"local/api-gw", "far/build-agent"}
        assert all(differences(before[key], now, ASSIGNED_ANEW) == [] for key, now in contained.items()
                   if not is_contained(now))  # fmt: skip
        bundle = verify(screen, irkit)
        undo(screen)
        changed = [f"{key}{one}" for key, now in facts_of(engines).items()
                   for one in differences(before[key], now, ASSIGNED_ANEW)]  # fmt: skip
        assert changed == []
        screen.press("q")
        assert screen.wait() == 0
    assert "nothing is left" in irkit("undo", str(bundle)).out


def find_and_read(screen: TmuxScreen) -> None:
    """The list, the riskiest of it, its findings, processes and logs."""
    shown = screen.until("8/8 shown", "hosts 2 up", ".NDW.U", without="??????")
    lines = shown.splitlines()
    assert len(lines) == HEIGHT and max(map(len, lines)) <= WIDTH
    assert "case IR-2026-014" in lines[0] and "READ-ONLY" in lines[0]
    rows = [found.groups() for line in lines if (found := ROW.search(line))]
    assert rows[:2] == [("C!", ".NDW.U", "api-gw", "local"), ("H+", "....CU", "build-agent", "far")]
    assert len(rows) == 8

    screen.press("g", "Enter")
    shown = screen.until("ways to its host", "because", "findings")
    assert ".NDW.U local/api-gw" in shown and "C! it has 3 ways to its host" in shown
    assert "writable mount of /etc on /host/etc" in shown
    screen.press("t")
    assert "/app/run.sh" in screen.until("processes as of", "sleep 2147483647")
    screen.press("l")
    screen.until("following", LOGGED.decode().rstrip())


def plan_and_begin(screen: TmuxScreen) -> None:
    """Two are marked, what is planned is read, and agreed to by typing what is asked for."""
    screen.press("Escape")
    screen.until("0 marked", "8/8 shown")
    screen.press("Space")
    screen.until("1 marked")
    screen.press("j", "Space")
    screen.until("2 marked")
    screen.press("A")
    screen.until("[!] ARMED")
    screen.press("I")
    shown = screen.until("Plan contain-and-preserve v1", "2 targets", "DRY RUN: nothing has been changed")
    steps = {row[1]: row for line in shown.splitlines() if (row := line.split()) and row[0].isdigit()}
    assert [*steps] == ["host", "facts", "volatile", "use", "cut-off", "freeze", "logs", "changes", "disk"]
    assert "read-only" in steps["volatile"] and {"CHANGES", "connect"} <= set(steps["cut-off"])
    assert {"CHANGES", "unpause"} <= set(steps["freeze"])
    screen.press("Enter")
    shown = screen.until("this will CHANGE 2 containers", "Type  isolate 2 on 2 hosts  and Enter:")
    assert "local/api-gw" in shown and "far/build-agent" in shown
    screen.type("isolate 2 on 2 hosts")
    screen.until("isolate 2 on 2 hosts  and Enter", "case IR-2026-014")
    screen.press("Enter")


def watch_to_its_end(screen: TmuxScreen) -> None:
    shown = screen.until("of contain-and-preserve: done; bundle irb-")
    assert "of contain-and-preserve: goes on, " in screen.sent and "> goes on" in screen.sent
    assert "run -" in shown.splitlines()[0], "no run goes on"
    for step, key in product(("cut-off", "freeze", "disk"), ("local/api-gw", "far/build-agent")):
        line = f"+ done     {step:<12} {key}"
        shown = screen.scroll_to(line)
        assert step == "disk" or "proven" in shown.partition(line)[2].splitlines()[0]
        assert "FAILED" not in shown


def verify(screen: TmuxScreen, irkit: Irkit) -> Path:
    """What was collected of both verifies on the screen, and by the verb; its bundle."""
    screen.press("Enter")
    screen.until("contain-and-preserve", "irb-")
    screen.press("v")
    screen.until_so(lambda text: bool(re.search(r"verifies: \d+ files, .* log records", text)), "that it verifies")
    (bundle,) = irkit.evidence.glob("irb-*")
    assert irkit("verify", str(bundle)).status == 0
    assert events(bundle)[0]["case"] == "IR-2026-014"
    assert stored_of(bundle, "local/api-gw-*/logs/stdout.log") == LOGGED
    assert DROPPER.encode() in stored_of(bundle, "local/api-gw-*/changes.json")
    stored_of(bundle, "far/build-agent-*/export/rootfs.tar")
    return bundle


def undo(screen: TmuxScreen) -> None:
    """Back to what it was, by a plan that is agreed to as well."""
    screen.press("U")
    shown = screen.until("DRY RUN: nothing has been changed", "2 targets")
    assert "CHANGES" in shown
    screen.press("Enter")
    screen.until("Type  undo 2 on 2 hosts  and Enter:")
    screen.type("undo 2 on 2 hosts")
    screen.press("Enter")
    screen.until_so(lambda text: bool(re.search(r"of undo[^\n]*: done; bundle irb-", text)), "that it was taken back")
