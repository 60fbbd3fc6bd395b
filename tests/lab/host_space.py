"""Where a lab host lives: a network namespace, and mounts and a host name of its own. What runs there is `hosts`'.

The mounts are private copies laid over the machine's /etc/passwd and its like, /root, /home and /run, so that users,
rules and sockets of a host are nobody else's. Processes and the clock are shared with the machine: the process ids that
an engine tells hold on its host too, and the kernel has no clock for a namespace.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .leftovers import NETNS
from .tools import SYSTEM_DIRS, LabError, clean_environment, last_words, run, tool

COPIED = ("passwd", "shadow", "group", "gshadow", "hosts", "hostname", "sudoers", "sudoers.d", "pam.d")
COVERED = ("/run", "/root", "/home", "/etc")
SCRIPT = """set -eu
cd /
echo "$NAME" >/proc/sys/kernel/hostname
mount -t tmpfs -o mode=755,size=64m "$MARK" /run
mkdir -m 755 /run/sshd /run/user
mkdir -m 711 /run/sudo
for each in $COPIED; do
    if [ -e "/etc/$each" ]; then mount --bind "$ROOT/etc/$each" "/etc/$each"; fi
done
mount --bind "$ROOT/homes/root" /root
mount --bind "$ROOT/homes/others" /home
for each in $WITHOUT; do
    mount -t overlay -o "lowerdir=$ROOT/without:$each" overlay "$each"
done
echo ready
exec cat
"""


class Space:
    """The namespaces of one host, held open by a process that ends when its owner does."""

    def __init__(self, mark: str, host_name: str, root: Path, namespace: str, without: Sequence[str] = ()) -> None:
        self.mark = mark
        self.root = root
        self.namespace = namespace
        told = {"MARK": mark, "NAME": host_name, "ROOT": str(root), "COPIED": " ".join(COPIED)}
        told["WITHOUT"] = " ".join(hide(root, without))
        with (root / "space.stderr").open("wb") as errors:
            self._holder = subprocess.Popen(
                [*self._network(), tool("unshare"), "--mount", "--uts", "/bin/sh", "-c", SCRIPT],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=clean_environment(told),
                cwd="/",
                start_new_session=True,
            )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"ready\n":
            self.close()
            raise LabError(f"a host's mounts could not be made: {last_words((root / 'space.stderr').read_bytes())}")

    def _network(self) -> list[str]:
        return [tool("nsenter"), f"--net={NETNS / self.namespace}"]

    @property
    def enter(self) -> list[str]:
        """The command that runs what follows it on the host, as root."""
        return [tool("nsenter"), f"--target={self._holder.pid}", "--net", "--mount", "--uts", "--root", "--"]

    def run(
        self, *argv: str, check: bool = True, input: bytes | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command on the host, as root and without SSH."""
        return run([*self.enter, *argv], check=check, input=input, timeout=timeout, env=clean_environment())

    def show_file(self, source: Path, path: str) -> None:
        """Lay a file or socket over a path of the host, in place of what was shown there before."""
        script = (
            'umount "$2" 2>/dev/null || :; mkdir -p "$(dirname "$2")"; [ -e "$2" ] || : >"$2"; mount --bind "$1" "$2"'
        )
        self.run("sh", "-ec", script, "sh", str(source), path)

    def close(self) -> None:
        """Let go of the namespaces; they end when no process of the host is left."""
        for pipe in (self._holder.stdin, self._holder.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._holder.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._holder.kill()
            self._holder.wait(timeout=5)


def check_place(root: Path) -> None:
    """LabError where the mounts of a host would hide the host's own directory."""
    for covered in map(Path, COVERED):
        if root.is_relative_to(covered):
            raise LabError(f"{root} would be hidden by the host's own {covered}: set TMPDIR to another place")


def hide(root: Path, names: Sequence[str]) -> list[str]:
    """Prepare the absence of programs; the directories that they are in. A node 0:0 hides what an overlay has below."""
    (root / "without").mkdir()
    places = []
    for folder in dict.fromkeys(Path(each).resolve() for each in SYSTEM_DIRS):
        if any((folder / name).exists() for name in names):
            places.append(str(folder))
    for name in names:
        os.mknod(root / "without" / name, 0o20000, os.makedev(0, 0))
    (root / "without").chmod(0o755)
    return places
