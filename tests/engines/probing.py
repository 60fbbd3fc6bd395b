"""The probes in order, and what came of each on an engine."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final, Literal, NamedTuple

import msgspec

from irkit.core.errors import TargetError
from irkit.core.text import safe
from tests.contract.sites import NETWORKS
from tests.lab.tools import LabError

from . import probes_change as change
from . import probes_read as read
from .bench import Bench, DiffersError
from .site import SuiteLab, suite_site
from .starting import SuiteEngine

State = Literal["works", "differs", "refused", "absent"]
_LONG: Final = 200


class Found(msgspec.Struct, frozen=True):
    """What came of a probe. `absent`: the engine has no such thing, so there is nothing to try."""

    state: State
    how: str = ""


class Probe(NamedTuple):
    """What is tried, in words for the page."""

    title: str
    carry_out: Callable[[Bench], None]


PROBES: Final[Mapping[str, Probe]] = {
    "list": Probe("list containers", read.listed),
    "examine": Probe("examine: addresses asked for, aliases, policy, image", read.examined),
    "engine": Probe("engine's facts, networks, clock offset", read.engine_facts),
    "id": Probe("an ID that lasts, for undo", read.lasting_id),
    "events": Probe("events", read.events),
    "processes": Probe("list processes", read.processes),
    "stats": Probe("resource use", read.stats),
    "logs": Probe("logs, the engine's usual driver", read.logs),
    "logs-local": Probe("logs, driver `local`", read.logs_local),
    "logs-none": Probe("logs, driver `none`", read.logs_none),
    "logs-terminal": Probe("logs of one with a terminal", read.logs_terminal),
    "changes": Probe("changed files", read.changes),
    "export": Probe("export the file system", read.export),
    "copy-out": Probe("copy out a folder", read.copy_out),
    "commit": Probe("commit with a pause, save, remove the image", change.commit),
    "commit-running": Probe("commit without a pause", change.commit_running),
    "commit-paused": Probe("commit one that is paused", change.commit_paused),
    "disconnect": Probe("disconnect", change.disconnect),
    "disconnect-paused": Probe("disconnect while paused", change.disconnect_paused),
    "disconnect-ended": Probe("disconnect one that ended, which then is started", change.disconnect_ended),
    "disconnect-restarted": Probe("disconnect one that then ends and is restarted", change.disconnect_restarted),
    "disconnect-default": Probe("disconnect from the default network, and back", change.disconnect_default),
    "connect": Probe("connect with address and aliases as before", change.connect),
    "connect-ipv6": Probe("connect with the IPv6 address as before", change.connect_six),
    "connect-mac": Probe("connect with the MAC address as before", change.mac_address),
    "connect-chosen": Probe("connect where the engine chose the address", change.chosen_address),
    "connect-taken": Probe("connect where the address is taken: refused, then done when free", change.taken_address),
    "connect-paused": Probe("connect while paused", change.connect_paused),
    "pause": Probe("pause, unpause", change.pause),
    "stop": Probe("stop, start", change.stop),
    "stop-always": Probe("stop, with policy `always`", change.stop_for_good),
    "stop-paused": Probe("stop while paused", change.stop_paused),
    "kill": Probe("kill, with policy `always`", change.kill),
    "kill-paused": Probe("kill while paused", change.kill_paused),
    "policy": Probe("change the restart policy", change.policy),
    "policy-paused": Probe("change the restart policy while paused", change.policy_paused),
}


def probe(engine: SuiteEngine, tell: Callable[[str], None], only: Collection[str] = PROBES) -> dict[str, Found]:
    """Probes on that engine, each with suspects of its own."""
    found = {}
    with SuiteLab(engine) as around:
        for network in NETWORKS:
            around.network(network)
        for name, one in ((name, PROBES[name]) for name in PROBES if name in only):
            found[name] = _outcome(engine, one)
            tell(f"{name}: {found[name].state} {found[name].how}")
    return found


def _outcome(engine: SuiteEngine, one: Probe) -> Found:
    with SuiteLab(engine) as lab:
        try:
            one.carry_out(Bench(engine, lab, suite_site(lab)))
        except DiffersError as how:
            return Found("differs", plain(str(how)))
        except TargetError as error:
            return Found("refused", plain(error.reason))
        except LabError as error:
            return Found("absent", plain(str(error).partition("Error response from daemon: ")[2] or str(error)))
    return Found("works")


def plain(text: str) -> str:
    """A reason without the names of this try, fit for a cell of a table."""
    short = re.sub(r"\b[0-9a-f]{64}\b", "ID", text.removeprefix("the engine says: "))
    short = re.sub(r'time="\S+" level=\w+ msg=', "", short)
    return safe(re.sub(r"/tmp/irkit-lab-\w+", "FOLDER", short), _LONG).replace("|", "/").strip()
