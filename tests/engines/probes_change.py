"""Probes of what irkit changes: each looks at the facts afterwards, and a cut at the network namespace too."""

import time

from irkit.core.container import RestartPolicy
from irkit.core.operations import (
    Commit,
    Connect,
    Disconnect,
    Kill,
    Pause,
    ReadEvents,
    RemoveImage,
    SaveImage,
    SetRestartPolicy,
    Start,
    Stop,
    Unpause,
)
from tests.lab.description import Attach, Network

from .bench import FRONT, Bench, made_of, wanted

SIX = Network("six", "10.88.6.0/24", subnet6="fd00:88:6::/64")
_SOON, _LATER = 20.0, 2.0
"""Seconds within which an engine starts a container again, and after which one that has not been stays ended."""
IMAGE = "irkit-lab/committed:1"


def disconnect(bench: Bench) -> None:
    container = bench.suspect(FRONT, "back")
    other = bench.place(container, "back").ipv4
    wanted(bench.in_namespace(container) == sorted(["10.88.1.7", other]), "its namespace is not as told")
    bench.do(Disconnect(container, "front"))
    wanted(bench.in_namespace(container) == [other], f"its namespace has {bench.in_namespace(container)}")
    bench.do(Disconnect(container, "back", leaves=()))
    wanted(bench.in_namespace(container) == [], f"its namespace has {bench.in_namespace(container)}")


def disconnect_paused(bench: Bench) -> None:
    container = bench.suspect(FRONT, state="paused")
    bench.do(Disconnect(container, "front"))
    wanted(bench.in_namespace(container) == [], f"its namespace has {bench.in_namespace(container)}")


def disconnect_ended(bench: Bench) -> None:
    container = bench.suspect(FRONT, state="exited")
    bench.do(Disconnect(container, "front", leaves=()))
    bench.do(Start(container))
    wanted(bench.facts(container).attachments == (), "it is on a network after a start")
    wanted(bench.in_namespace(container) == [], f"its namespace has {bench.in_namespace(container)}")


def disconnect_restarted(bench: Bench) -> None:
    """Ends by itself after the cut, and is started again by its restart policy."""
    container = bench.suspect(FRONT, restart="always")
    bench.do(Disconnect(container, "front", leaves=()))
    before = bench.facts(container).started_at
    bench.lab.engine.docker("exec", container, "sh", "-c", "kill 1", check=False)
    until = time.monotonic() + _SOON
    while (found := bench.facts(container)).started_at == before or found.state != "running":
        wanted(time.monotonic() < until, f"it is not started again, but {found.state}")
        time.sleep(0.1)
    wanted(found.attachments == (), "it is on a network again")
    wanted(bench.in_namespace(container) == [], f"its namespace has {bench.in_namespace(container)}")


def disconnect_default(bench: Bench) -> None:
    container = bench.suspect()
    (place,) = bench.facts(container).attachments
    cut = Disconnect(container, place.network)
    back = cut.undo(bench.facts(container))
    bench.do(cut)
    wanted(bench.in_namespace(container) == [], f"its namespace has {bench.in_namespace(container)}")
    for step in back:
        bench.do(step)
    wanted(len(bench.in_namespace(container)) == 1, "its namespace has no address again")


def connect_paused(bench: Bench) -> None:
    container = bench.suspect(FRONT)
    cut = Disconnect(container, "front")
    (back,) = cut.undo(bench.facts(container))
    bench.do(cut)
    bench.lab.engine.docker("pause", container)
    bench.do(back)
    wanted(bench.in_namespace(container) == ["10.88.1.7"], f"its namespace has {bench.in_namespace(container)}")


def mac_address(bench: Bench) -> None:
    container = bench.suspect(FRONT)
    before = bench.place(container, "front")
    bench.do(Disconnect(container, "front"))
    bench.do(Connect(container, before))
    wanted(bench.place(container, "front").mac == before.mac, "it comes back with another MAC address")


def connect(bench: Bench) -> None:
    container = bench.suspect(FRONT, "back")
    before = bench.place(container, "front")
    bench.do(Disconnect(container, "front"))
    bench.do(Connect(container, before))
    after = bench.place(container, "front")
    same = (after.ipv4, after.fixed_ipv4, after.aliases, after.links, after.driver_options, after.gateway_priority)
    was = (before.ipv4, before.fixed_ipv4, before.aliases, before.links, before.driver_options, before.gateway_priority)
    wanted(same == was, f"{was} became {same}")
    wanted("10.88.1.7" in bench.in_namespace(container), f"its namespace has {bench.in_namespace(container)}")


def connect_six(bench: Bench) -> None:
    bench.lab.network(SIX)
    container = bench.suspect(Attach("six", ipv4="10.88.6.7", ipv6="fd00:88:6::7"))
    before = bench.place(container, "six")
    bench.do(Disconnect(container, "six"))
    wanted(bench.in_namespace(container, "inet6") == [], "its namespace still has an IPv6 address")
    bench.do(Connect(container, before))
    wanted(bench.place(container, "six").ipv6 == "fd00:88:6::7", "it comes back with another IPv6 address")
    found = bench.in_namespace(container, "inet6")
    wanted("fd00:88:6::7" in found, f"its namespace has {found}")


def chosen_address(bench: Bench) -> None:
    container = bench.suspect("back")
    before = bench.place(container, "back")
    bench.do(Disconnect(container, "back"))
    bench.lab.make_other("back")
    bench.do(Connect(container, before))
    wanted(bench.place(container, "back").ipv4, "it has no address")


def taken_address(bench: Bench) -> None:
    """A refused connect leaves the container as it was: still to be listed, to be examined, and to be connected."""
    container = bench.suspect(FRONT, "back")
    before = bench.place(container, "front")
    bench.do(Disconnect(container, "front"))
    bench.lab.make_other("front", FRONT.ipv4)
    error = bench.site.refusal(Connect(container, before))
    bench.site.target.list_containers(bench.site.deadline())
    wanted(bench.facts(container).attachment("front") is None, f"it is on the network all the same: {error.reason}")
    bench.lab.remove("other")
    bench.do(Connect(container, before))


def pause(bench: Bench) -> None:
    container = bench.suspect()
    bench.do(Pause(container))
    bench.do(Unpause(container))


def stop(bench: Bench) -> None:
    container = bench.suspect(FRONT)
    bench.do(Stop(container, 1))
    bench.do(Start(container))
    wanted(bench.place(container, "front").ipv4 == "10.88.1.7", "it starts with another address")


def stop_for_good(bench: Bench) -> None:
    container = bench.suspect(restart="always")
    bench.do(Stop(container, 1))
    _stays_ended(bench, container)


def _stays_ended(bench: Bench, container: str) -> None:
    time.sleep(_LATER)
    wanted(bench.facts(container).state == "exited", f"after {_LATER:g} s it is {bench.facts(container).state}")


def stop_paused(bench: Bench) -> None:
    bench.do(Stop(bench.suspect(state="paused"), 1))


def kill(bench: Bench) -> None:
    container = bench.suspect(restart="always")
    bench.do(Kill(container))
    _stays_ended(bench, container)


def kill_paused(bench: Bench) -> None:
    bench.do(Kill(bench.suspect(state="paused")))


def policy(bench: Bench) -> None:
    container = bench.suspect(restart="on-failure:3")
    before = bench.facts(container).restart_policy
    bench.do(SetRestartPolicy(container, RestartPolicy()))
    bench.do(SetRestartPolicy(container, before))


def policy_paused(bench: Bench) -> None:
    container = bench.suspect(restart="always", state="paused")
    bench.do(SetRestartPolicy(container, RestartPolicy()))


def commit(bench: Bench) -> None:
    container = bench.suspect()
    bench.do(Commit(container, IMAGE, labels={"irkit.case": "IR-2026/042"}))
    try:
        saved = bench.do(SaveImage(container, IMAGE))
        wanted(all(saved.values()), "it saves nothing")
    finally:
        bench.do(RemoveImage(container, IMAGE))
    gone = bench.lab.engine.docker("image", "inspect", IMAGE, check=False).returncode
    wanted(gone, "the image is still there")
    wanted(bench.facts(container).state == "running", "it is not running any more")
    # Podman tells no events of a pause that is its own.
    wanted(bench.engine.kind.maker == "podman" or _was_paused(bench, container), "it is not paused meanwhile")


def commit_running(bench: Bench) -> None:
    container = bench.suspect()
    bench.do(Commit(container, IMAGE, pause=False))
    bench.do(RemoveImage(container, IMAGE))


def _was_paused(bench: Bench, container: str) -> bool:
    lines = [made_of(line) for line in bench.do(ReadEvents("1h"))["events.jsonl"].splitlines()]
    return any(line["Action"] == "pause" and line["Actor"]["ID"] == container for line in lines)


def commit_paused(bench: Bench) -> None:
    container = bench.suspect(state="paused")
    bench.do(Commit(container, IMAGE))
    bench.do(RemoveImage(container, IMAGE))
    wanted(bench.facts(container).state == "paused", "it is not paused any more")
