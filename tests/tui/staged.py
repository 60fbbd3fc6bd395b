"""`python -m tests.tui.staged SCENARIO FOLDER [OPTION...]`: the terminal interface as it is, on hosts in memory.

The key F7 begins a run, F8 has much said beside the screens, F9 is a bug. What a scenario adds to the usual: `slow`, a
host where no read ends by itself; `stubborn`, one whose reads end after a while and heed nobody before; `hung`, one
whose changes do not end; `deaf`, one that never answers and heeds nobody.
"""

import logging
import os
import sys
import threading
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from irkit.adapters.memory import MemoryTarget
from irkit.app import prepare
from irkit.app.opened import Opened
from irkit.app.run_service import ActiveRun
from irkit.cli import main
from irkit.core.host import Host
from irkit.core.operations import Operation, Touch
from irkit.core.ports import Deadline, Intake, Outcome
from irkit.tui.app import IrkitApp
from irkit.tui.start import open_terminal
from tests.app.hosts_in_memory import Place, Silent, one_each
from tests.app.slow_host import Slow

SECRET = "hunter2-in-a-variable"
ENDS = "told-to-end"
"""The file, in the scenario's folder, with a line for each time that a run was told to end."""
_HOST = "a@x"


class Reading(Slow):
    """A host on which changes come about at once, and reads go on until they are told to end."""

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        if operation.touch is not Touch.READ:
            return MemoryTarget.apply(self, operation, intake, deadline)
        return super().apply(operation, intake, deadline)


class Hung(Slow):
    """A host where a change comes to no end by itself."""

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        if operation.touch is Touch.READ:
            return MemoryTarget.apply(self, operation, intake, deadline)
        return super().apply(operation, intake, deadline)


class Stubborn(Slow):
    """A host whose operations end after a while, and heed nobody before."""

    def apply(self, operation: Operation, intake: Intake, deadline: Deadline) -> Outcome:
        time.sleep(0.4)
        self.go.set()
        return super().apply(operation, intake, deadline)


def deaf(host: Host) -> Silent:
    return Silent(host, heeds=False)


SPECIAL: dict[str, Any] = {"slow": Reading, "stubborn": Stubborn, "hung": Hung, "deaf": deaf}


def begin_run(app: IrkitApp, place: Place, folder: Path, playbook: str) -> None:
    """A run on that host, as if it had been planned and agreed to."""
    prepared = prepare(
        place.setting(folder), playbook, ["all"], given={}, case="IR-1", responder="ann@desk", hosts=[_HOST]
    )
    app.services.runs.begin(prepared)


def make_noise() -> None:
    """All that libraries and threads do to write on the terminal."""
    warnings.warn("a warning to be seen by nobody", stacklevel=1)
    logging.getLogger("paramiko.transport").error("Exception: noise of paramiko")
    logging.getLogger("asyncio").error("noise of asyncio\x1b]52;c;cGF5\x07")
    print("noise that is printed")
    secret = SECRET
    raise ValueError(f"noise of a thread with {secret}")


def stage(scenario: str, folder: Path) -> None:
    """Have the app do what the scenario says, on keys that do nothing else."""
    place = Place(one_each(_HOST), special={_HOST: SPECIAL[scenario]} if scenario in SPECIAL else {})

    playbook = "isolate" if scenario == "hung" else "triage"

    async def pressed(app: IrkitApp, key: str) -> None:
        if key == "f9":
            secret = SECRET
            raise RuntimeError(f"a bug with {secret}")
        if key == "f8":
            threading.Thread(target=make_noise, daemon=True).start()
        if key == "f7":
            threading.Thread(target=begin_run, args=(app, place, folder, playbook), daemon=True).start()

    async def on_key(self: IrkitApp, event: Any) -> None:
        await pressed(self, event.key)

    IrkitApp.on_key = on_key  # type: ignore[attr-defined]
    end = ActiveRun.end

    def told_to_end(run: ActiveRun, reason: str = "", **how: bool) -> None:
        end(run, reason, **how)
        with (folder / ENDS).open("a") as file:
            file.write(f"{reason}\n")

    ActiveRun.end = told_to_end  # type: ignore[method-assign, assignment]
    setting = place.setting(folder)
    setting.environment = dict(os.environ)

    def opened(_: Any, given: Opened) -> int:
        return open_terminal(setting, replace(given, hosts=(_HOST,), case="IR-1", responder="ann@desk"))

    sys.argv[:] = ["irkit", *sys.argv[3:]]
    main(opened)


if __name__ == "__main__":
    stage(sys.argv[1], Path(sys.argv[2]))
