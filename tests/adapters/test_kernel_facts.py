"""What the kernel shows of a container: files as kernels write them, hostile names in them, and real containers."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.adapters.clock import SystemClock
from irkit.adapters.docker_engine import DockerEngine
from irkit.adapters.engine_wire import dial_unix
from irkit.adapters.kernel_facts import see_kernel
from irkit.adapters.memory_files import MemoryFiles
from irkit.adapters.proc_reading import LIMIT
from irkit.core.container import Container
from irkit.core.errors import Refusal, TargetError
from irkit.core.host import Host
from irkit.core.kernel import Connection, KernelFacts
from irkit.core.ports import Target
from tests.adapters import proc_files as proc
from tests.adapters.proc_files import ID, PID, WEB, empty_host, host, put_namespace
from tests.adapters.ssh_side import deadline, target_of
from tests.lab.client_side import ClientSide
from tests.lab.description import Attach, Network, Suspect
from tests.lab.engine import Engine
from tests.lab.fixtures import USERS
from tests.lab.given import give_address, give_interface
from tests.lab.host_start import start_host
from tests.lab.hosts import LabHost
from tests.lab.suspects import Lab

SLEEPS = ("sh", "-c", "sleep 1000")


def look(files: MemoryFiles) -> KernelFacts:
    found = see_kernel(files, WEB, deadline())
    assert found is not None
    return found


# Files as they are ------------------------------------------------------------------------------------------------


def test_a_container_on_two_networks_is_read_whole() -> None:
    assert look(host()) == KernelFacts(
        alive=True,
        network_namespace="net:[4026532270]",
        interfaces=("eth0", "eth1"),
        addresses=("10.88.9.7", "172.17.0.2", "fd00:88:9::7"),
        places={"10.88.9.7": "eth0", "172.17.0.2": "eth1", "fd00:88:9::7": "eth0"},
        default_route="eth0",
        connections=(
            Connection(local="10.88.9.7:40000", remote="10.88.9.1:443"),
            Connection(local="10.88.9.7:80", remote="10.88.9.1:50790"),
            Connection(local="[fd00:88:9::7]:80", remote="[fd00:88:9::1]:50791"),
        ),
    )


def test_one_taken_off_its_networks_has_nothing_but_the_loopback() -> None:
    found = look(empty_host())
    assert (found.alive, found.interfaces, found.addresses, found.default_route) == (True, (), (), "")
    assert found.beyond([]) == ""


def test_a_kernel_without_ipv6_and_multicast_is_read_as_far_as_it_goes() -> None:
    found = look(host({"if_inet6": None, "tcp6": None, "igmp": None}))
    assert (found.interfaces, found.addresses) == (("eth0", "eth1"), ("10.88.9.7", "172.17.0.2"))


def test_the_host_s_own_network_is_known_by_its_namespace() -> None:
    files = host()
    put_namespace(files, 1, 4026532270)
    assert look(files).is_host_network
    assert not look(host()).is_host_network


@pytest.mark.parametrize("missing", ["dev", "route", "fib_trie"])
def test_without_a_file_that_matters_nothing_is_said(missing: str) -> None:
    assert see_kernel(host({missing: None}), WEB, deadline()) is None


# Frozen -----------------------------------------------------------------------------------------------------------

FREEZER = f"/sys/fs/cgroup/freezer/docker/{ID}/freezer.state"
EVENTS = f"/sys/fs/cgroup/system.slice/docker-{ID}.scope/cgroup.events"
UNIFIED = f"/sys/fs/cgroup/unified/docker/{ID}/cgroup.events"


@pytest.mark.parametrize(
    ("cgroup", "files", "frozen"),
    [
        (proc.V1, {FREEZER: "FROZEN\n"}, True),
        (proc.V1, {FREEZER: "FREEZING\n"}, False),
        (proc.V1, {FREEZER: "THAWED\n"}, False),
        (proc.V1, {}, None),
        (proc.BOTH, {FREEZER: "FROZEN\n", UNIFIED: "populated 1\nfrozen 0\n"}, True),
        (f"0::/docker/{ID}\n", {UNIFIED: "populated 1\nfrozen 1\n"}, True),
        (proc.V2, {EVENTS: "populated 1\nfrozen 1\n"}, True),
        (proc.V2, {EVENTS: "populated 1\nfrozen 0\n"}, False),
        (proc.V2, {EVENTS: "populated 1\n"}, None),
        (proc.V2, {}, None),
        (f"0::/../../{ID}\n", {}, None),
    ],
)
def test_the_freezer_of_either_version_tells_whether_it_is_frozen(
    cgroup: str, files: dict[str, str], frozen: bool | None
) -> None:
    made = host(cgroup=cgroup)
    for path, content in files.items():
        made.put(path.encode(), content.encode())
    assert look(made).frozen is frozen


# Whose process it is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cgroup", [proc.V1, proc.V2, proc.BOTH, f"0::/user.slice/libpod-{ID}.scope/container\n"])
def test_a_process_in_a_group_of_the_container_s_name_is_its_own(cgroup: str) -> None:
    assert look(host(cgroup=cgroup)).alive


@pytest.mark.parametrize("cgroup", [proc.V2.replace(ID, "f" * 64), "0::/user.slice/session-3.scope\n"])
def test_a_number_that_another_process_has_got_is_not_the_container_s(cgroup: str) -> None:
    assert look(host(cgroup=cgroup)) == KernelFacts(alive=False)


def test_a_process_of_which_no_group_is_told_may_be_anybody_s() -> None:
    assert see_kernel(host(cgroup="4:memory:/\n0::/\n"), WEB, deadline()) is None


def test_a_process_that_is_not_there_is_gone_where_others_are_shown() -> None:
    files = MemoryFiles()
    files.put(b"/proc/1/cgroup", proc.INIT.encode())
    assert look(files) == KernelFacts(alive=False)


def test_where_processes_are_hidden_nothing_is_said() -> None:
    assert see_kernel(MemoryFiles(), WEB, deadline()) is None
    hidden = host()
    hidden.deny(f"/proc/{PID}/cgroup".encode())
    hidden.deny(b"/proc/1/cgroup")
    assert see_kernel(hidden, WEB, deadline()) is None


@pytest.mark.parametrize("pid", [0, -1])
def test_a_container_without_a_process_is_not_looked_for(pid: int) -> None:
    assert see_kernel(host(), msgspec.structs.replace(WEB, pid=pid), deadline()) is None


@pytest.mark.parametrize("kind", [Refusal.LOST, Refusal.TIMEOUT, Refusal.CANCELLED, Refusal.UNREACHABLE])
@pytest.mark.parametrize("path", ["cgroup", "net/route", "net/tcp"])
def test_a_host_that_does_not_answer_is_no_host_without_files(kind: Refusal, path: str) -> None:
    files = host()
    files.fail(f"/proc/{PID}/{path}".encode(), TargetError("gone", kind))
    with pytest.raises(TargetError, match="gone"):
        see_kernel(files, WEB, deadline())


# Where its processes are ------------------------------------------------------------------------------------------

INIT_NS, OWN_NS, OTHER_NS = 4026531840, 4026532270, 4026539999
ADMIN = msgspec.structs.replace(WEB, capabilities=("NET_ADMIN",))


def crowd(*pids: int, elsewhere: tuple[int, ...] = (), group: str = "", threads: bool = False) -> MemoryFiles:
    """A host on which the container has these processes more, in a control group below its own or in that itself."""
    files = host()
    proc.put_processes(files, *((PID,) if not group else ()), *pids, group=group, threads=threads)
    for pid in pids:
        put_namespace(files, pid, OTHER_NS if pid in elsewhere else OWN_NS)
    return files


def elsewhere(files: MemoryFiles, container: Container = WEB) -> tuple[tuple[int, ...], bool]:
    found = see_kernel(files, container, deadline())
    assert found is not None
    return found.elsewhere, found.has_seen_processes


@pytest.mark.parametrize("group", ["", "/inner", "/inner/most"])
def test_a_process_in_another_namespace_is_named_in_whatever_group_it_is(group: str) -> None:
    for strays in ((), (52,)):
        files = crowd(51, 52, 53, elsewhere=strays, group=group)
        if group == "/inner/most":
            proc.put_processes(files, group="/inner")
        assert elsewhere(files) == (strays, True)


def test_threads_are_looked_at_where_interfaces_may_have_been_moved() -> None:
    files = crowd(51, elsewhere=(51,), threads=True)
    assert elsewhere(files) == ((), True)
    assert elsewhere(files, ADMIN) == ((51,), True)


def test_processes_that_have_ended_meanwhile_are_nowhere() -> None:
    files = crowd()
    proc.put_processes(files, PID, 60, 61)
    files.put(b"/proc/61/stat", b"61 (a) Z) Z 1 61 61 0", size=0)
    assert elsewhere(files) == ((), True)
    files.put(b"/proc/61/stat", b"61 (Z) S 1 61 61 0", size=0)
    assert elsewhere(files) == ((), False)


def test_who_may_not_see_namespaces_or_groups_says_so() -> None:
    files = host()
    files.put(f"/proc/{PID}/ns/net".encode(), b"")  # which is no link that can be read
    assert elsewhere(files) == ((), False)
    files = host(cgroup=proc.V1)
    assert elsewhere(files) == ((), False)
    files.put(f"/sys/fs/cgroup/memory/docker/{ID}/cgroup.procs".encode(), f"{PID}\n".encode(), size=0)
    assert elsewhere(files) == ((), True)


def test_of_very_many_processes_the_first_are_looked_at() -> None:
    assert elsewhere(crowd(*range(5000, 6100))) == ((), False)
    assert elsewhere(crowd(*range(5000, 5900))) == ((), True)
    assert elsewhere(crowd(*range(5000, 5900), elsewhere=tuple(range(5000, 5900))))[0] == tuple(range(5000, 5005))


# Hostile names ----------------------------------------------------------------------------------------------------

HOSTILE = [b"\x1c", b"a\x1cb", b"\x1b[2J", b"\xe2\x80\xa8", b"\xe2\x80\xae1", b"\xc2\x85x", b"\xff\xfe", b"|--",
           b"LOCAL", b"Iface", b"lo.", b"x" * 15, b"\x7f", b"*"]  # fmt: skip


def named(name: bytes) -> MemoryFiles:
    """A namespace in which somebody else's interface, with an address of each kind, has that name."""
    return empty_host(
        {
            "dev": proc.NO_DEVICES.encode() + b"%6s:" % name + b"       0" * 16 + b"\n",
            "route": proc.ROUTE_HEAD.encode() + name + b"\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
            "fib_trie": proc.NO_TRIES + "     |-- 192.0.2.9\n        /32 host LOCAL\n",
            "if_inet6": proc.NO_IPV6.encode() + b"20010db8000000000000000000000009 04 40 00 82 %8s\n" % name,
            "igmp": proc.NONE_UP.encode() + b"7\t%-10s:     1      V3\n" % name,
        }
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_an_interface_of_any_name_does_not_hide_its_addresses(name: bytes) -> None:
    found = look(named(name))
    shown = name.decode("utf-8", "replace")
    assert found.interfaces == (shown,)
    assert found.places == {"192.0.2.9": shown, "2001:db8::9": shown}


@given(st.binary(min_size=1, max_size=15).filter(lambda name: not set(name) & set(b"/:\t\n\v\f\r \xa0\0")))
def test_no_name_hides_an_interface(name: bytes) -> None:
    found = look(named(name))
    assert found.addresses == ("192.0.2.9", "2001:db8::9")
    assert len(found.interfaces) == 1 or name == b"lo"


@pytest.mark.parametrize("up", ["", proc.UP.splitlines(keepends=True)[3]])
def test_an_interface_without_address_or_route_is_seen_up_or_down(up: str) -> None:
    devices = proc.NO_DEVICES + proc.DEVICES.splitlines(keepends=True)[4]
    found = look(empty_host({"dev": devices, "igmp": proc.NONE_UP + up}))
    assert (found.interfaces, found.addresses) == (("eth0",), ())
    assert found.beyond([]) == "interface eth0"


def test_the_kernel_s_own_tunnels_are_left_out_while_nobody_uses_them() -> None:
    assert look(empty_host()).interfaces == ()
    up = "2\ttunl0     :     1      V3\n"
    assert look(empty_host({"igmp": proc.NONE_UP + up})).interfaces == ("tunl0",)
    given = proc.NO_TRIES + "     |-- 192.0.2.9\n        /32 host LOCAL\n"
    route = proc.ROUTE_HEAD + "tunl0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    assert look(empty_host({"fib_trie": given, "route": route})).interfaces == ("tunl0",)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (b"/proc/1/net/dev", proc.DEVICES.replace("tunl0", "eth7 ")),
        (b"/proc/sys/net/core/fb_tunnels_only_for_init_net", "1\n"),
    ],
)
def test_an_interface_that_calls_itself_a_tunnel_that_no_namespace_has_is_seen(path: bytes, content: str) -> None:
    files = empty_host()
    files.put(path, content.encode(), size=0)
    assert look(files).interfaces == ("tunl0",)


@pytest.mark.parametrize("name", ["dev", "route", "fib_trie", "if_inet6", "igmp"])
def test_a_file_that_is_longer_than_is_read_is_not_taken_for_the_whole(name: str) -> None:
    found = look(host({name: b"x\n" * (LIMIT // 2) + b"y"}))
    said = f"its network namespace has more than was read: {name} of it is longer than 1 MiB"
    assert found.incomplete == said
    assert look(host({name: b"x\n" * (LIMIT // 2)})).incomplete == ""


def test_more_connections_than_are_read_are_told_and_hide_nothing_else() -> None:
    found = look(host({"tcp": b"x\n" * LIMIT}))
    assert found.has_more_connections and found.incomplete == ""
    assert not look(host()).has_more_connections


def test_of_very_many_addresses_the_first_are_read_and_prove_nothing() -> None:
    leaves = "".join(f"     |-- 10.{one >> 8}.{one & 255}.9\n        /32 host LOCAL\n" for one in range(10_000))
    routes = proc.ROUTE_HEAD + "".join(
        f"eth0\t{one:08X}\t00000000\t0001\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n" for one in range(1, 8000)
    )
    found = look(empty_host({"fib_trie": proc.NO_TRIES + leaves, "route": routes}))
    assert found.incomplete == "its network namespace has more than 500 addresses, of which the first were read"
    assert len(found.addresses) == 500
    ipv6 = "".join(f"20010db8{one:024x} 04 40 00 82     eth0\n" for one in range(600))
    assert look(empty_host({"if_inet6": ipv6})).incomplete.startswith("its network namespace has more than 500")


def test_a_look_ends_with_its_time() -> None:
    with pytest.raises(TargetError):
        see_kernel(host(), WEB, deadline(-1))


@pytest.mark.parametrize(
    "leaf",
    [
        "     |-- 192.0.2.9\n        /32 link BROADCAST\n        /32 host LOCAL\n",
        "     |-- 192.0.2.9\n        /32 link LOCAL\n        /24 link UNICAST\n",
        "     |-- 192.0.2.9\n        /32 host LOCAL tos=4\n",
    ],
)
def test_an_address_is_not_hidden_by_other_routes_to_it(leaf: str) -> None:
    assert look(empty_host({"fib_trie": proc.NO_TRIES + leaf})).addresses == ("192.0.2.9",)


@given(st.sampled_from(["dev", "route", "fib_trie", "if_inet6", "igmp", "tcp", "tcp6"]), st.text(max_size=300))
def test_files_of_another_form_break_nothing(name: str, content: str) -> None:
    see_kernel(host({name: content.encode("utf-8", "replace")}), WEB, deadline())


@given(st.sampled_from(["dev", "route", "fib_trie", "if_inet6", "igmp", "tcp", "tcp6"]), st.integers(0, 2000))
def test_files_that_are_cut_break_nothing(name: str, at: int) -> None:
    whole = {"dev": proc.DEVICES, "route": proc.ROUTES, "fib_trie": proc.TRIES, "if_inet6": proc.IPV6,
             "igmp": proc.UP, "tcp": proc.TCP, "tcp6": proc.TCP6}[name]  # fmt: skip
    see_kernel(host({name: whole[:at]}), WEB, deadline())


def test_of_very_many_connections_the_first_are_told() -> None:
    line = proc.TCP.splitlines(keepends=True)[2]
    found = look(host({"tcp": proc.TCP.splitlines(keepends=True)[0] + line * 20_000}))
    assert len(found.connections) == 1000


# Real containers --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reached(engine: Engine) -> Iterator[LabHost]:
    with start_host(name="kernel", engine=engine, users=USERS) as made:
        yield made


WAYS = ["local", "root", "ana"]


def target_for(way: str, engine: Engine, reached: LabHost, client: ClientSide) -> AbstractContextManager[Target]:
    """The engine here, or over SSH as root, or as somebody who may use the engine and is not root."""
    if way == "local":
        return nullcontext(DockerEngine(Host(name="local"), dial_unix(str(engine.socket)), SystemClock()))
    client.add(reached, way, user=way)
    return target_of(client, way)


@pytest.mark.engine
@pytest.mark.parametrize("way", WAYS)
def test_a_real_container_is_seen_as_it_is(lab: Lab, reached: LabHost, client: ClientSide, way: str) -> None:
    lab.network(Network("front", "10.88.9.0/24", subnet6="fd00:88:9::/64"))
    place = Attach("front", ipv4="10.88.9.7", ipv6="fd00:88:9::7")
    web = lab.make(Suspect("web", networks=(place, Attach("bridge")), command=SLEEPS))
    on_bridge = lab.engine.inspect(web)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    with target_for(way, lab.engine, reached, client) as target:

        def seen() -> KernelFacts:
            found = target.see_kernel(target.examine(web, deadline()), deadline())
            assert found is not None
            return found

        found = seen()
        assert set(found.addresses) == {"10.88.9.7", "fd00:88:9::7", on_bridge}
        assert found.places == {"10.88.9.7": "eth0", "fd00:88:9::7": "eth0", on_bridge: "eth1"}
        assert (set(found.interfaces), found.default_route, found.frozen) == ({"eth0", "eth1"}, "eth0", False)
        assert not found.is_host_network
        lab.engine.docker("pause", web)
        assert seen().frozen is True
        lab.engine.docker("network", "disconnect", "front", web)
        lab.engine.docker("network", "disconnect", "bridge", web)
        assert (seen().interfaces, seen().addresses) == ((), ())
        was = target.examine(web, deadline())
        lab.engine.docker("rm", "--force", web)
        assert target.see_kernel(was, deadline()) == KernelFacts(alive=False)


@pytest.mark.engine
@pytest.mark.parametrize("name", ["a\x1cb", "\u2028", "\x1b[2J"])
def test_a_real_interface_of_such_a_name_that_somebody_puts_into_the_namespace_is_seen(lab: Lab, name: str) -> None:
    web = lab.make(Suspect("web", networks=(Attach("none"),), command=SLEEPS))
    engine = DockerEngine(Host(name="local"), dial_unix(str(lab.engine.socket)), SystemClock())
    facts = engine.examine(web, deadline())
    give_interface(lab.engine, facts.pid, name)
    found = engine.see_kernel(facts, deadline())
    assert found is not None
    assert (found.interfaces, found.addresses) == ((name,), ())
    give_address(facts.pid, name, "192.0.2.9/24")
    found = engine.see_kernel(facts, deadline())
    assert found is not None
    assert found.places == {"192.0.2.9": name}
