"""collect.tmpfs where the tmpfs is in no table of mounts of a process: unmounted while in use, or a thread's own."""

import contextlib
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.bundles import items, playbook, stored_of
from tests.acceptance.proc_side import main_of
from tests.acceptance.test_changed_files import reached
from tests.acceptance.test_running import lines, process_named, wait_for
from tests.lab.description import Suspect
from tests.lab.engine import Engine
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

STEP = "{id: t, action: collect.tmpfs}"
THREAD = """
import ctypes, os, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
pid = sys.argv[1]
for line in open(f"/proc/{pid}/cgroup").read().splitlines():
    _, names, path = line.split(":", 2)
    for root in ("/sys/fs/cgroup/" + (names.removeprefix("name=") or "unified"), "/sys/fs/cgroup"):
        place = root + path + "/cgroup.procs"
        if os.path.exists(place):
            open(place, "w").write(str(os.getpid()))
            break
space = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
done = threading.Event()
def away():
    assert not libc.unshare(0x200) and not libc.setns(space, 0x20000) and not libc.unshare(0x20000)
    assert not libc.mount(b"none", b"/", None, 0x44000, None)
    assert not libc.mount(b"t", b"/data", b"tmpfs", 0, None)
    with open("/data/secret", "w") as file:
        file.write("of a thread")
    done.set()
    threading.Event().wait()
threading.Thread(target=away, daemon=True).start()
done.wait()
print(flush=True)
input()
"""


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def index_of(bundle: str) -> dict[str, dict[str, Any]]:
    return {one["path"]: one for one in lines(bundle, "*/*/tmpfs/files.index.jsonl")}


def mounts_of(bundle: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(stored_of(bundle, "*/*/tmpfs/mounts.json"))
    return found


def partial_of(bundle: str) -> str:
    return " ".join(one["partial"] for one in items(bundle) if one["partial"])


@contextlib.contextmanager
def thread_of_its_own(pid: int) -> Iterator[int]:
    """A process of a container with a thread that has a mount namespace, and a tmpfs in it, for itself."""
    argv = [sys.executable, "-I", "-c", THREAD, str(pid)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None and started.stdout.readline() == b"\n"
        yield started.pid
        started.kill()


def make(lab: Lab, name: str, script: str) -> int:
    script += "; touch /ready; sleep 1000"
    lab.make(Suspect(name=name, command=("sh", "-c", script), capabilities=("SYS_ADMIN",)))
    pid = process_named(lab, name, b"1000")
    wait_for(lambda: Path(f"/proc/{pid}/root/ready").exists())
    return pid


@pytest.mark.parametrize("way", ["files", "ssh"])
def test_the_tmpfs_of_a_single_thread_is_read(lab: Lab, engine: Engine, tmp_path: Path, way: str) -> None:
    lab.make(Suspect(name="threads", command=("sleep", "1000")))
    with thread_of_its_own(main_of(lab, "threads")), reached(way, engine, tmp_path) as (irkit, where):
        bundle = irkit.run(playbook(tmp_path, STEP), "threads", more=where)["bundle"]
    (secret,) = [one for path, one in index_of(bundle).items() if path.endswith("/data/secret")]
    assert secret["path"].startswith("namespaces/") and secret["sha256"] == digest("of a thread")


CUT = (
    "mkdir /gone; mount -t tmpfs g /gone; mkdir -p /gone/in/deep; echo top > /gone/top; echo deep > /gone/in/deep/f; "
    "ln -s / /gone/out; mkfifo /gone/fifo; cd /gone/in/deep; sleep 1001 & cd /; umount -l /gone"
)


def test_one_unmounted_is_read_whole_through_a_working_folder_in_it(lab: Lab, irkit: Any, tmp_path: Path) -> None:
    make(lab, "cut", CUT)
    bundle = irkit.run(playbook(tmp_path, STEP), "cut")["bundle"]
    index = {path.split("/", 2)[2]: one for path, one in index_of(bundle).items() if path.count("/") > 1}
    gone = {path: one for path, one in index.items() if path in ("top", "in/deep/f", "out", "fifo")}
    assert gone["top"]["sha256"] == digest("top\n") and gone["in/deep/f"]["sha256"] == digest("deep\n")
    assert gone["out"]["link"] == "/" and gone["fifo"]["type"] == "fifo"
    assert not [path for path in index if path.startswith("out/")]
    (told,) = [one for one in mounts_of(bundle) if one.get("detached")]
    assert told["read"] and told["stored_below"].startswith("detached/")
    assert not partial_of(bundle)


FILE = "mkdir /only; mount -t tmpfs h /only; echo held > /only/file; echo lost > /only/lost; "
FILE += 'sleep 1002 < /only/file & until [ "$(readlink /proc/$!/fd/0)" = /only/file ]; do sleep 0.02; done; '
FILE += "umount -l /only"


def test_of_one_that_only_a_file_is_held_of_that_is_read_and_the_rest_told(
    lab: Lab, irkit: Any, tmp_path: Path
) -> None:
    make(lab, "only", FILE)
    bundle = irkit.run(playbook(tmp_path, STEP), "only")["bundle"]
    (file,) = [one for path, one in index_of(bundle).items() if path.startswith("detached/")]
    assert file["sha256"] == digest("held\n")
    assert "mounted nowhere any more only files" in partial_of(bundle)


def test_over_ssh_what_is_open_on_one_is_told(lab: Lab, engine: Engine, tmp_path: Path) -> None:
    make(lab, "only", FILE)
    with reached("ssh", engine, tmp_path) as (irkit, where):
        bundle = irkit.run(playbook(tmp_path, STEP), "only", more=where)["bundle"]
    assert "holds /file on a mount in no table" in partial_of(bundle)


def test_one_hidden_by_another_mount_is_read_through_a_folder_held_in_it(lab: Lab, irkit: Any, tmp_path: Path) -> None:
    script = "mkdir /two; mount -t tmpfs a /two; echo below > /two/below; cd /two; sleep 1001 & cd /; "
    make(lab, "two", script + "mount -t tmpfs b /two; echo above > /two/above")
    bundle = irkit.run(playbook(tmp_path, STEP), "two")["bundle"]
    index = index_of(bundle)
    assert index["two/above"]["sha256"] == digest("above\n")
    (below,) = [one for path, one in index.items() if path.startswith("detached/") and path.endswith("/below")]
    assert below["sha256"] == digest("below\n")


def test_a_mount_namespace_that_only_a_descriptor_holds_is_told(lab: Lab, irkit: Any, tmp_path: Path) -> None:
    script = "unshare -m sleep 1003 & P=$!; "
    script += 'until n=$(readlink /proc/$P/ns/mnt) && [ "$n" != "$(readlink /proc/$$/ns/mnt)" ]; do sleep 0.02; done; '
    script += "exec 9</proc/$P/ns/mnt; kill $P; wait $P"
    make(lab, "kept", script)
    bundle = irkit.run(playbook(tmp_path, STEP), "kept")["bundle"]
    assert "which no process is in: not read" in partial_of(bundle)
