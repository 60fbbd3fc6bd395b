"""The main job on an engine, by the irkit command: contain and preserve a suspect, verify the bundle, take it back."""

import tempfile
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.acceptance.command import Irkit, connect
from tests.contract.sites import NETWORKS
from tests.lab.description import Attach, Suspect

from .bench import FRONT, Bench
from .probing import plain
from .site import SuiteLab, suite_site
from .starting import SuiteEngine

PLAYBOOK: Final = "contain-and-preserve"
_SINK: Final = "10.88.1.9"
_PORT: Final = 9000


class MainJob(msgspec.Struct, frozen=True):
    """How it ended. `wrong` is what must not happen on any engine; `failures` are steps the engine can't do, and
    `skipped` those that were left out for them."""

    failures: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


def do_main_job(engine: SuiteEngine) -> MainJob:
    """A suspect on two networks that sends without end: contained, preserved, verified, taken back."""
    with SuiteLab(engine) as around, tempfile.TemporaryDirectory(prefix="irkit-ev-") as folder:
        for network in NETWORKS:
            around.network(network)
        with SuiteLab(engine) as lab:
            return _do(Bench(engine, lab, suite_site(lab)), connect(engine, Path(folder) / "evidence"))


def _do(bench: Bench, irkit: Irkit) -> MainJob:
    bench.lab.sink("sink", "front", _SINK, _PORT)
    suspect = bench.lab.make(_suspect())
    bench.lab.wait_received("sink", more_than=20)
    before = _standing(bench, suspect)
    summary = irkit.run(PLAYBOOK, "victim", status=None)
    wrong = _wrong_while_contained(bench, suspect)
    if irkit("verify", summary["bundle"], status=None).status:
        wrong.append("the bundle does not verify")
    undone = irkit("undo", summary["bundle"], "--approve", "change", "--json", status=None)
    if undone.status:
        wrong.append(f"undo ended with {undone.status}: {plain(undone.err)}")
    if (after := _standing(bench, suspect)) != before:
        wrong.append(f"after undo it is {after}, and was {before}")
    failures = tuple(map(_told, summary["failures"]))
    return MainJob(failures, _skipped(irkit, summary["run"]), tuple(wrong))


def _skipped(irkit: Irkit, run: str) -> tuple[str, ...]:
    """The steps that were left out, in order."""
    log = irkit("show", run, "--log", "--json").json["records"]
    left_out = [one["event"]["step"] for one in log if one["event"]["event"] == "operation-skipped"]
    return tuple(dict.fromkeys(left_out))


def _wrong_while_contained(bench: Bench, suspect: str) -> list[str]:
    wrong = []
    sent = bench.lab.received("sink")
    if found := bench.in_namespace(suspect):
        wrong.append(f"after containment its namespace has {', '.join(found)}")
    time.sleep(1)
    if bench.lab.received("sink") != sent:
        wrong.append("traffic went on after containment")
    return wrong


def _suspect() -> Suspect:
    return Suspect(
        "victim",
        networks=(FRONT, Attach("back")),
        outbound=(_SINK, _PORT),
        stdout=(b"ready\n",),
        changed={"/opt/dropper": b"#!/bin/sh\n"},
    )


def _standing(bench: Bench, container: str) -> object:
    """What undo must bring back, as facts and as its namespace tells."""
    found = bench.facts(container)
    places = [(one.network, set(one.aliases)) for one in found.attachments]
    inside = bench.in_namespace(container)
    return found.state, places, FRONT.ipv4 in inside, len(inside)


def _told(failure: dict[str, Any]) -> str:
    return f"{failure['step']}: {plain(failure['reason'])}"
