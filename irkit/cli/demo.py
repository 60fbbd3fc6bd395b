"""irkit demo: the main job on a container made for the purpose, on the responder's own engine."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from irkit.cli import options
from irkit.cli.execution import INTERRUPTED, Shown, carry_out
from irkit.cli.render import plan_text, run_text
from irkit.core.errors import IrkitError, VerificationError
from irkit.core.text import safe

if TYPE_CHECKING:
    from irkit.app import Demo, Setting

_WAIT = 20.0


@click.command()
@click.option("--image", default="", help="An image with a shell that the engine has (else one made of busybox).")
@click.option("--keep", is_flag=True, help="Leave the container and its networks for a look.")
@options.evidence
def command(*, image: str, keep: bool, evidence: Path | None) -> None:
    """Make a suspect container; contain, preserve and verify; release it; show that it is as it was.

    Everything made carries the label irkit.demo, and all but the bundles is removed at the end.
    """
    from irkit.app import Setting, open_demo

    setting = Setting(evidence=evidence)
    demo = open_demo(setting)
    try:
        _say("making a suspect: two networks, fixed addresses, a published port, a connection to the outside")
        suspect = demo.build(image)
        _wait_for_traffic(demo.received, more_than=5)
        _tell(setting, demo, suspect)
    finally:
        left = [] if keep else demo.clean()
        for line in left:
            _say(f"could not remove {safe(line, 300)}")
    if keep:
        _say(f"kept: {demo.suspect}; remove it with docker rm -f {demo.suspect} {demo.outside}")


def _tell(setting: "Setting", demo: "Demo", suspect: str) -> None:
    from irkit.app import prepare, prepare_undo, responder_name, verify_bundle

    before = demo.state()
    by = responder_name(setting.environment)
    prepared = prepare(setting, "contain-and-preserve", [suspect], given={}, case="DEMO", responder=by)
    click.echo(plan_text(prepared.plan))
    _say("running it")
    result = carry_out(setting, prepared, Shown(), parallel=8)
    click.echo(run_text(result.run, len(result.run.undo_operations())))
    first = demo.received()
    time.sleep(1)
    passed = demo.received() - first
    _say(f"traffic to the outside: {passed} lines in one second while contained")
    report = verify_bundle(setting, str(result.bundle))
    if result.status == INTERRUPTED:
        click.get_current_context().exit(INTERRUPTED)
    if passed:
        raise IrkitError("the demonstration failed: the container is NOT isolated, traffic went on")
    if not report.ok or result.status:
        raise VerificationError(f"the demonstration failed: exit {result.status}, {len(report.problems)} problems")
    _say(f"the bundle verifies: {report.files} files; by standard tools: sh verify.sh in its folder")
    _say("taking it back")
    undone = carry_out(setting, prepare_undo(setting, str(result.bundle), [], responder=by), Shown(), parallel=8)
    if undone.status or demo.state() != before:
        raise IrkitError(f"the container is not as it was: see {undone.bundle}")
    _wait_for_traffic(demo.received, more_than=demo.received())
    _say("the container is as it was, and talks to the outside again")
    click.echo(f"bundle    {result.bundle.resolve()}")
    click.echo(f"undo      {undone.bundle.resolve()}")


def _wait_for_traffic(received: Callable[[], int], *, more_than: int) -> None:
    end = time.monotonic() + _WAIT
    while received() <= more_than:
        if time.monotonic() > end:
            raise IrkitError(f"the demonstration's container did not reach the outside within {_WAIT:.0f} s")
        time.sleep(0.2)


def _say(line: str) -> None:
    click.echo(f"demo: {line}", err=True)
