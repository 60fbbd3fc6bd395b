"""Files of /proc and /sys as kernels write them, for a container with addresses and a connection."""

from collections.abc import Mapping
from types import MappingProxyType

from irkit.adapters.memory_files import MemoryFiles
from irkit.core.container import Container
from irkit.core.ports import FileKind

ID = "000db8d4ac60aa07" * 4
PID = 4242
WEB = Container(id=ID, name="web", host="local", image="app:1", pid=PID)
V1 = "\n".join(
    [*(f"{number}:{name}:/docker/{ID}" for number, name in ((6, "freezer"), (4, "memory"), (1, "cpu"))), "0::/", ""]
)
BOTH = V1.replace("0::/\n", f"0::/docker/{ID}\n")
V2 = f"0::/system.slice/docker-{ID}.scope\n"
INIT = "0::/init.scope\n"
DEVICES = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
 tunl0:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
  eth0:    1730      17    0    0    0     0          0         0      422       5    0    0    0     0       0          0
  eth1:     692       6    0    0    0     0          0         0        0       0    0    0    0     0       0          0
"""  # noqa: E501 - as the kernel has it
NO_DEVICES = "\n".join([*DEVICES.splitlines()[:4], ""])
ROUTE_HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
ROUTES = f"""\
{ROUTE_HEAD}eth0\t00000000\t0109580A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0009580A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth1\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
LOOPBACK = """\
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
"""
TABLE = f"""\
  +-- 0.0.0.0/0 3 0 5
     +-- 0.0.0.0/4 2 0 2
        |-- 0.0.0.0
           /0 universe UNICAST
        +-- 10.88.9.0/24 2 0 2
           +-- 10.88.9.0/29 2 0 2
              |-- 10.88.9.0
                 /24 link UNICAST
              |-- 10.88.9.7
                 /32 host LOCAL
           |-- 10.88.9.255
              /32 link BROADCAST
{LOOPBACK}     +-- 172.17.0.0/16 2 0 2
        +-- 172.17.0.0/30 2 0 2
           |-- 172.17.0.0
              /16 link UNICAST
           |-- 172.17.0.2
              /32 host LOCAL
        |-- 172.17.255.255
           /32 link BROADCAST
"""
TRIES = f"Main:\n{TABLE}Local:\n{TABLE}"
NO_TRIES = f"Main:\n  +-- 0.0.0.0/0 3 0 5\n{LOOPBACK}Local:\n  +-- 0.0.0.0/0 3 0 5\n{LOOPBACK}"
IPV6 = """\
00000000000000000000000000000001 01 80 10 80       lo
fd000088000900000000000000000007 04 40 00 82     eth0
fe8000000000000000420afffe580907 04 40 20 c0     eth0
"""
NO_IPV6 = IPV6.splitlines(keepends=True)[0]
UP_HEAD = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
UP = UP_HEAD + "".join(
    f"{number}\t{name:<10}:     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n"
    for number, name in ((1, "lo"), (4, "eth0"), (6, "eth1"))
)
NONE_UP = "\n".join([*UP.splitlines()[:3], ""])
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 8866084 1 0 100 0 0 10 0
   1: 0709580A:9C40 0109580A:01BB 01 00000000:00000000 00:00000000 00000000     0        0 8866085 1 0 100 0 0 10 0
   2: 0100007F:9C40 0100007F:01BB 01 00000000:00000000 00:00000000 00000000     0        0 8866086 1 0 100 0 0 10 0
   3: 0709580A:9C41 0109580A:01BB 06 00000000:00000000 00:00000000 00000000     0        0 8866087 1 0 100 0 0 10 0
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when
   0: 0000000000000000FFFF00000709580A:0050 0000000000000000FFFF00000109580A:C666 01 00000000:00000000 00:00000000
   1: 880000FD000009000000000007000000:0050 880000FD000009000000000001000000:C667 01 00000000:00000000 00:00000000
   2: 00000000000000000000000001000000:0050 00000000000000000000000001000000:C668 01 00000000:00000000 00:00000000
"""


Files = Mapping[str, str | bytes | None]


def host(files: Files = MappingProxyType({}), *, cgroup: str = BOTH) -> MemoryFiles:
    """A host on which that container runs. `files` replace those of its network namespace, or (None) take them away."""
    made = MemoryFiles()
    known: Files = {
        "dev": DEVICES, "route": ROUTES, "fib_trie": TRIES, "if_inet6": IPV6, "igmp": UP, "tcp": TCP, "tcp6": TCP6,
    }  # fmt: skip
    for name, content in {**known, **files}.items():
        if content is not None:
            raw = content if isinstance(content, bytes) else content.encode()
            made.put(f"/proc/{PID}/net/{name}".encode(), raw, size=0)
    made.put(f"/proc/{PID}/cgroup".encode(), cgroup.encode(), size=0)
    made.put(b"/proc/1/cgroup", INIT.encode(), size=0)
    made.put(b"/proc/1/net/dev", DEVICES.replace("eth1", "eth2").encode(), size=0)
    put_processes(made, PID)
    put_namespace(made, PID, 4026532270)
    put_namespace(made, 1, 4026531840)
    return made


def put_processes(files: MemoryFiles, *pids: int, group: str = "", threads: bool = False) -> None:
    """Say which processes are in the container's control group of version 2, or in one below."""
    for root in (f"/docker/{ID}", f"/unified/docker/{ID}", f"/system.slice/docker-{ID}.scope"):
        for name in ("cgroup.threads",) if threads else ("cgroup.threads", "cgroup.procs"):
            content = "".join(f"{pid}\n" for pid in pids).encode()
            files.put(f"/sys/fs/cgroup{root}{group}/{name}".encode(), content, size=0)


def put_namespace(files: MemoryFiles, pid: int, number: int) -> None:
    """Say which network namespace a process is in."""
    files.put(f"/proc/{pid}/ns/net".encode(), f"net:[{number}]".encode(), kind=FileKind.LINK)


def empty_host(files: Files = MappingProxyType({})) -> MemoryFiles:
    """The same when it was taken off its networks: the loopback alone, and a tunnel's device that was never up."""
    gone = {"dev": NO_DEVICES, "route": ROUTE_HEAD, "fib_trie": NO_TRIES, "if_inet6": NO_IPV6, "igmp": NONE_UP}
    return host({**gone, **files})
