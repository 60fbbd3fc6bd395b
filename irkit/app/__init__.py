"""The wiring: the only place that picks adapters. Front ends call what is named here, and the core.

The parts are loaded when something of theirs is asked for, and heavy modules where they are used: listing containers
waits for no YAML.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from irkit.app.bundles import (
        contained,
        find_bundle,
        known_runs,
        left_to_undo,
        read_records,
        seal_partial,
        undo_runs,
        unreadable,
        verify_bundle,
    )
    from irkit.app.demo import Demo, open_demo
    from irkit.app.findings import answer_of, findings_of, flags_of, with_answers
    from irkit.app.fleet import LOOK_TIME, Fleet
    from irkit.app.hosts import Hosts, add_host, host_words, new_host
    from irkit.app.listing import Look, list_containers, list_hosts, look, look_deadline, none_reached, state_of
    from irkit.app.live import Changed, Live, LiveHost, LivePace, LiveRow, LiveState
    from irkit.app.memory import memory_core, memory_strings
    from irkit.app.playbooks import describe_playbooks, load, playbook_names, problems_of, schema_of_playbooks
    from irkit.app.run_service import ActiveRun, RunService
    from irkit.app.runs import Execution, Prepared, prepare, start
    from irkit.app.setting import JOBS, TOOL, Setting, responder_name, versions
    from irkit.app.timeline import export_timeline
    from irkit.app.trust import HostKeys, ShownKey, keys_of
    from irkit.app.undo import lasting_changes, left_after, prepare_undo
else:
    _PARTS = (
        "setting",
        "fleet",
        "listing",
        "hosts",
        "playbooks",
        "bundles",
        "runs",
        "run_service",
        "undo",
        "trust",
        "demo",
        "timeline",
        "findings",
        "live",
        "memory",
    )

    def __getattr__(name: str) -> Any:
        """What a front end asks for, from the first part that has it: a part comes after those it builds on."""
        for part in _PARTS if not name.startswith("_") else ():
            module = import_module(f"irkit.app.{part}")
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(f"irkit.app has no {name!r}")
