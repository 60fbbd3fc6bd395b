"""All processes on a container's network: what any may do counts, and one that cannot be looked at may do anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import pytest

from irkit.adapters.firewall_crowd import Crowd, look_at_crowd
from irkit.adapters.firewall_place import Process
from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Ran
from tests.adapters.scripted_commands import ScriptedCommands
from tests.adapters.ssh_side import deadline

ID, OTHER = "ab" * 32, "cd" * 32
NONE, ADMIN, RAW = 0, 1 << 12, 1 << 13
WEB = Container(id=ID, name="web", host="local", image="app", pid=77)
SIDECAR = Container(id=OTHER, name="sidecar", host="local", image="app", pid=88)
PROCESS = Process(77, f"0::/docker/{ID}", RAW, "4242", "net:[2]", "net:[1]", "net:[1]")
STAT = "S 1 77 77 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 9000"


@dataclass
class Crowded(ScriptedCommands):
    """A host with these threads in the control groups of each container; what they may do, and where they are."""

    threads: Mapping[str, Sequence[int]]
    capabilities: Mapping[int, int] = field(default_factory=dict)
    elsewhere: frozenset[int] = frozenset()
    fault: TargetError | None = None

    def answer(self, argv: tuple[str, ...], input: bytes) -> Ran | None:
        match argv:
            case ["cat", path, *_]:
                if self.fault:
                    raise self.fault
                pid = int(path.split("/")[2])
                container = next((one for one, pids in self.threads.items() if pid in pids), "")
                name = f"{pid} (q) {STAT}"
                return Ran(0, f"0::/docker/{container}\nName:\tq\n{self._status(pid)}{name}")
            case ["grep", "-rhs", _, _, ".", folder]:
                return Ran(0, "".join(f"{one}\n" for one in self.threads.get(folder.rpartition("/")[2], ())))
            case ["grep", "-hs", "Cap", *paths]:
                name = "Name:\tCapBnd:\t0\rCapBnd:\t0\n"
                return Ran(0, "".join(name + self._status(int(path.split("/")[2])) for path in paths))
            case ["readlink", *paths]:
                return Ran(0, "".join(f"{self._namespace(path.split('/')[2])}\n" for path in paths))
        return None

    def _status(self, pid: int) -> str:
        return f"CapPrm:\t{0:016x}\nCapBnd:\t{self.capabilities.get(pid, 0):016x}\n"

    def _namespace(self, word: str) -> str:
        if word in ("self", "1"):
            return "net:[1]"
        return "net:[3]" if int(word) in self.elsewhere else "net:[2]"


def crowd(host: Crowded, *sharers: Container, owner: Container = WEB) -> Crowd:
    return look_at_crowd(host, owner, sharers, PROCESS, deadline())


def test_ordinary_processes_in_the_namespace_are_no_hindrance() -> None:
    many = range(77, 1200)
    assert crowd(Crowded({ID: many}, dict.fromkeys(many, RAW))) == Crowd(raw="it has NET_RAW")


@pytest.mark.parametrize("which", [77, 78, 1199])
def test_what_any_of_its_processes_may_do_counts(which: int) -> None:
    assert crowd(Crowded({ID: range(77, 1200)}, {which: ADMIN})).admin == "it has NET_ADMIN"


@pytest.mark.parametrize("facts", [{"capabilities": ("CAP_NET_ADMIN",)}, {"privileged": True}])
def test_what_the_engine_gave_counts_whatever_processes_say(facts: Mapping[str, object]) -> None:
    owner = Container(id=ID, name="web", host="local", image="app", pid=77, **facts)  # type: ignore[arg-type]
    assert crowd(Crowded({ID: [77]}), owner=owner).admin == "it has NET_ADMIN"


def test_a_container_that_shares_its_network_counts_like_itself() -> None:
    name = f"container {OTHER[:12]}, which shares its network,"
    assert crowd(Crowded({ID: [77], OTHER: [88]}), SIDECAR).admin == ""
    assert crowd(Crowded({ID: [77], OTHER: [88, 89]}, {89: ADMIN}), SIDECAR).admin == f"{name} has NET_ADMIN"
    found = crowd(Crowded({ID: [77], OTHER: [88, 89]}, elsewhere=frozenset({89})), SIDECAR)
    assert found.elsewhere.startswith(f"process 89 of {name} is in a network namespace of its own")


def test_who_may_make_frames_is_told_also_of_one_that_may_not_yet() -> None:
    less = replace(PROCESS, capabilities=NONE)
    threads = {ID: [77], OTHER: [88, 89]}

    def raw(host: Crowded, owner: Container = WEB) -> str:
        return look_at_crowd(host, owner, (SIDECAR,), less, deadline()).raw

    assert raw(Crowded(threads)) == ""
    assert raw(Crowded(threads, {89: RAW})) == f"container {OTHER[:12]}, which shares its network, has NET_RAW"
    assert raw(Crowded(threads), msgspec.structs.replace(WEB, privileged=True)) == "it has NET_RAW"
    assert "cannot be looked at" in raw(Crowded({ID: [77], OTHER: []}))


@pytest.mark.parametrize("which", [77, 300, 1199])
def test_a_process_in_another_namespace_is_named(which: int) -> None:
    found = crowd(Crowded({ID: range(77, 1200)}, elsewhere=frozenset({which})))
    assert found.elsewhere.startswith(f"process {which} of it is in a network namespace of its own")
    assert "CAP_SYS_ADMIN" in found.elsewhere and not found.admin


@pytest.mark.parametrize("threads", [(), range(77, 6000), (80, 81)])
def test_processes_that_cannot_all_be_looked_at_may_do_anything(threads: Sequence[int]) -> None:
    found = crowd(Crowded({ID: threads}))
    assert found.admin == found.elsewhere == "not all processes of it can be looked at"


@pytest.mark.parametrize("kind", [Refusal.ABSENT, Refusal.REFUSED, Refusal.GARBLED])
def test_a_sharer_that_cannot_be_looked_at_may_do_anything(kind: Refusal) -> None:
    found = crowd(Crowded({ID: [77]}, fault=TargetError("no", kind)), SIDECAR)
    assert found.admin == f"container {OTHER[:12]}, which shares its network, cannot be looked at"


def test_a_host_that_does_not_answer_is_told() -> None:
    with pytest.raises(TargetError, match="gone"):
        crowd(Crowded({ID: [77]}, fault=TargetError("gone", Refusal.LOST)), SIDECAR)


def test_very_many_sharers_are_not_all_looked_at_and_may_do_anything() -> None:
    assert crowd(Crowded({ID: [77], OTHER: [88]}), *[SIDECAR] * 31).admin == "31 containers share its network"


def test_a_control_group_of_a_name_that_no_command_takes_is_not_looked_at() -> None:
    process = Process(77, f"0::/a b/docker-{ID}.scope", 0, "1", "net:[2]", "net:[1]", "net:[1]")
    host = Crowded({ID: [77]})
    assert look_at_crowd(host, WEB, (), process, deadline()).admin
    assert host.asked == []
