"""An engine of another system than the machine's: in namespaces of its own, gone with the process that started it.

The system is only looked at: an overlay takes what is written, and goes with the engine's folder.
"""

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from tests.lab import processes
from tests.lab.engine import Engine, LabError, own_engine, remove_containers, sweep
from tests.lab.tools import run, tool

from .kinds import Kind
from .suites import system

CGROUPS: Final = Path("/sys/fs/cgroup")
PODMAN_GROUP: Final = "libpod_parent"
USER: Final = "responsible"
ROOTLESS_SCRIPT: Final = "/usr/share/docker.io/contrib/dockerd-rootless.sh"
_WAIT: Final = 10.0

# $1 the system, $2 the engine's folder, then the command. The shell stays as the first process, to reap what is left.
_ENTER: Final = """
mkdir -p "$2/upper" "$2/work" "$2/system" "$2/tmp"
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" overlay "$2/system"
cd "$2/system"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p ".$2" old
mount --bind "$2" ".$2"
pivot_root . old
umount -l /old
cd /
place="$2"
shift 2
"""
_RUN: Final = """
"$@" &
child=$!
trap 'kill $child' TERM
wait $child
"""
# A user of its own, who may make tap devices in a namespace of theirs: the machine's own device is root's.
_AS_USER: Final = f"""
mount --make-rshared /
mount -t tmpfs tmpfs /dev/net
mknod -m 666 /dev/net/tun c 10 200
useradd -m {USER}
mkdir -p "$place/run"
chmod 755 "$place"
chown {USER} "$place" "$place/run" "$place/tmp"
set -- setpriv --reuid={USER} --regid={USER} --init-groups env HOME=/home/{USER} XDG_RUNTIME_DIR="$place/run" "$@"
"""
# Logs and events where no journal is, and a default network that leaves the lab's subnets alone.
_PODMAN_SETTINGS: Final = """
mkdir -p /etc/containers
cat > /etc/containers/containers.conf <<END
[containers]
log_driver = "k8s-file"
[engine]
events_logger = "file"
runtime = "runc"
[network]
default_subnet = "10.99.0.0/16"
END
"""


@dataclass
class SuiteEngine(Engine):
    """An engine of a kind, run in the system it comes from."""

    kind: Kind = field(kw_only=True)
    system: Path = field(kw_only=True)

    def docker_argv(self, *args: str) -> list[str]:
        return [*self.inside(), "docker", "-H", self.host, *args]

    def inside(self) -> list[str]:
        """What a command begins with that shall run in the engine's system, and see its processes."""
        return [tool("nsenter"), f"--target={self.first()}", "--mount", "--pid", f"--net={self._net()}"]

    def first(self) -> int:
        """The first process of the engine's system."""
        parent = self.process.pid if self.process else 0
        until = time.monotonic() + _WAIT
        while time.monotonic() < until:
            for pid in processes.all_pids():
                if processes.parent(pid) == parent:
                    return pid
            time.sleep(0.02)
        raise LabError("the engine's system has no first process")

    def seen_inside(self, container: str) -> bytes:
        """The addresses in the container's network namespace, whatever the engine says of them."""
        pid = str(self.inspect(container)["State"]["Pid"])
        return run([*self.inside(), "nsenter", f"--target={pid}", "--net", "ip", "-oneline", "address"]).stdout

    def _net(self) -> str:
        return f"/run/netns/{self.namespace}"

    def _command(self) -> list[str]:
        # Whoever starts the engine takes it along in death, and unshare all that runs in its namespace.
        space = [tool("setpriv"), "--pdeathsig", "KILL", tool("nsenter"), f"--net={self._net()}", tool("unshare")]
        space += ["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
        script = _ENTER + (_PODMAN_SETTINGS if self.kind.maker == "podman" else "")
        script += (_AS_USER if self.kind.rootless else "") + _RUN
        return [*space, "/bin/sh", "-ec", script, "sh", str(self.system), str(self.root), *self._daemon()]

    def _daemon(self) -> Sequence[str]:
        if self.kind.maker == "podman":
            stored = ["--root", f"{self.root}/data", "--runroot", f"{self.root}/exec", "--tmpdir", f"{self.root}/tmp"]
            ways = ["--storage-driver", "overlay", "--cgroup-manager", "cgroupfs"]
            return ["podman", *stored, *ways, "system", "service", "--time=0", self.host]
        began = ["sh", ROOTLESS_SCRIPT] if self.kind.rootless else ["dockerd"]
        stored = ["--data-root", f"{self.root}/data", "--exec-root", f"{self.root}/exec"]
        return [*began, "--config-file", f"{self.root}/daemon.json", *stored, "-H", self.host]

    def _stop_own(self) -> None:
        with contextlib.suppress(LabError):
            if self.ping():
                remove_containers(self, [])
        if self.process is not None:
            self.process.kill()
            self.process.wait(_WAIT)
        super()._stop_own()
        if self.kind.maker == "podman":
            _remove_groups()


def _remove_groups() -> None:
    """Podman leaves its control groups behind; one that is in use stays."""
    for top in CGROUPS.glob(f"*/{PODMAN_GROUP}"):
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()


@contextlib.contextmanager
def start(kind: Kind) -> Iterator[SuiteEngine]:
    """An engine of that kind while the block runs. Raises LabError where it can't be had or does not start."""
    sweep()
    make = partial(SuiteEngine, kind=kind, system=system(kind.suite))
    engine = own_engine(None, kind.settings, kind.variables, make)
    assert isinstance(engine, SuiteEngine)
    try:
        yield engine
    finally:
        engine.stop()
