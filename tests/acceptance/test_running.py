"""What there is only while a container runs: memory, deleted files, tmpfs. Locally, and over a real sshd."""

import base64
import hashlib
import io
import json
import os
import shutil
import signal
import struct
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.bundles import events, item, items, playbook, stored_of
from tests.acceptance.command import Irkit, connect
from tests.adapters.mute_file_system import mute_mount
from tests.lab.client_side import ClientSide
from tests.lab.description import Suspect
from tests.lab.engine import Engine
from tests.lab.host_start import start_host
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

MIB = 1 << 20
MEMORY = "{id: memory, action: snapshot.memory%s}"
TEXT = b"some text that fills a page"
KNOWN = b"known to be here " + os.urandom(16)


@pytest.fixture(params=["local", "ssh"])
def near_and_far(
    engine: Engine, client: ClientSide, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[Irkit, str]]:
    """irkit at the engine, and the host's name."""
    if request.param == "local":
        yield connect(engine, tmp_path / "evidence"), "local"
        return
    with start_host(name="web", engine=engine) as host:
        client.add(host, "web")
        yield Irkit("", tmp_path / "evidence", client), "web"


def host_options(host: str) -> tuple[str, ...]:
    return () if host == "local" else ("--host", host)


def wait_for(found: Callable[[], Any]) -> Any:
    end = time.monotonic() + 120
    while not (result := found()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)
    return result


def pids_in(lab: Lab, name: str) -> list[int]:
    place = f"/{lab.engine.inspect(name)['Id']}"
    groups = [(int(one.parent.name), read_or_nothing(one)) for one in Path("/proc").glob("[0-9]*/cgroup")]
    return sorted(pid for pid, text in groups if place.encode() in text)


def read_or_nothing(path: Path) -> bytes:
    """A file of /proc, nothing where its process has ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def process_named(lab: Lab, name: str, word: bytes) -> int:
    """The one process in a container that has that word on its command line."""

    def look() -> int:
        commands = [(pid, read_or_nothing(Path(f"/proc/{pid}/cmdline"))) for pid in pids_in(lab, name)]
        return next((pid for pid, command in commands if word in command.split(b"\0")), 0)

    return int(wait_for(look))


def largest_of_its_own(pid: int) -> tuple[int, int]:
    """Where the largest mapping is that is of no file."""
    sizes = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        words = line.split()
        if words[4] == "0" and words[1].startswith("rw"):
            start, end = (int(one, 16) for one in words[0].split("-"))
            sizes.append((end - start, start))
    size, start = max(sizes)
    return start, size


def read_memory(pid: int, start: int, size: int) -> bytes:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(start)
        return memory.read(size)


def keep(mib: int) -> str:
    """A command that takes in that much, and waits with it in its buffer as nobody reads what it writes."""
    return f"/bin/busybox dd ibs={mib}M obs={mib}M iflag=fullblock 2>/dev/null | sleep 1000"


def full_of_it(lab: Lab, name: str, mib: int, **more: Any) -> int:
    """A container with a process that has that much in memory, and waits; its number."""
    script = f"(yes '{TEXT.decode()}' | head -c {mib * MIB}) | {keep(mib)}"
    lab.make(Suspect(name=name, command=("sh", "-c", script), **more))
    return process_named(lab, name, b"%dM" % mib)


def lines(bundle: str, place: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stored_of(bundle, place).splitlines()]


def check_index(regions: list[dict[str, Any]], memory: bytes) -> None:
    """Every byte of every region is in one list, and all that is stored is where it is said to be, with its digest."""
    end = 0
    for one in regions:
        told = [(int(at, 16), size) for at, size, _ in one.get("data", [])]
        told += [(int(at, 16), size) for at, size in one.get("zeros", []) + one.get("absent", [])]
        told += [(int(gap["address"], 16), gap["size"]) for gap in one.get("gaps", [])]
        at = int(one["address"], 16)
        for begin, size in sorted(told):
            assert begin == at, one
            at += size
        assert at == int(one["address"], 16) + one["size"]
        digest = hashlib.sha256()
        for _, size, offset in one.get("data", []):
            assert offset == end
            digest.update(memory[offset : offset + size])
            end += size
        assert one.get("sha256", "") == (digest.hexdigest() if one.get("data") else "")
        assert one.get("stored", 0) == sum(size for _, size, _ in one.get("data", []))
    assert end == len(memory)


def found_in(regions: list[dict[str, Any]], memory: bytes, start: int, size: int) -> bytes:
    """What the item has of a part of the address space; zeros where they were left out."""
    found = bytearray(size)
    for one in regions:
        for at, length, offset in one.get("data", []):
            begin, end = max(start, int(at, 16)), min(start + size, int(at, 16) + length)
            if begin < end:
                place = offset + begin - int(at, 16)
                found[begin - start : end - start] = memory[place : place + end - begin]
    return bytes(found)


@pytest.mark.parametrize("way", ["", "by command"])
def test_memory_is_read_while_it_is_frozen_and_the_container_goes_on_with_its_sockets(
    lab: Lab, near_and_far: tuple[Irkit, str], tmp_path: Path, way: str
) -> None:
    irkit, host = near_and_far
    script = "sleep 1001 | nc -l -p 7000 >/tmp/out & "
    script += "until grep -qs ':1B58 .* 0A ' /proc/net/tcp /proc/net/tcp6; do sleep 0.02; done; "
    script += "(while :; do echo tick; sleep 0.1; done) | nc 127.0.0.1 7000 & "
    script += f"(printf '{KNOWN.hex()}'; yes '{TEXT.decode()}' | head -c {6 * MIB}; head -c {3 * MIB} /dev/zero)"
    script += f" | {keep(12)}"
    suspect = lab.make(Suspect(name="full", command=("sh", "-c", script)))
    pid = process_named(lab, "full", b"12M")
    ticks = Path(f"/proc/{pid}/root/tmp/out")
    wait_for(lambda: ticks.exists() and ticks.stat().st_size > 5)
    pages = 6 * MIB // (len(TEXT) + 1) - 1
    wait_for(lambda: read_memory(pid, *largest_of_its_own(pid)).count(TEXT) >= pages)
    start, size = largest_of_its_own(pid)
    truth = read_memory(pid, start, size)
    assert KNOWN.hex().encode() in truth
    before = set(pids_in(lab, "full"))
    step = MEMORY % (", with: {host_command: true}" if way else "")
    summary = irkit.run(playbook(tmp_path, step), "full", more=host_options(host))
    bundle = summary["bundle"]
    assert not summary["failures"] and summary["to_undo"] == 0
    place = f"{host}/full-*/memory"
    (told,) = [one for one in lines(bundle, f"{place}/processes.jsonl") if one["pid"] == pid]
    assert told["frozen"] and told["in_group"] and not told.get("partial")
    regions, memory = lines(bundle, f"{place}/{pid}/regions.jsonl"), stored_of(bundle, f"{place}/{pid}/memory.bin")
    check_index(regions, memory)
    assert found_in(regions, memory, start, size) == truth
    assert len(memory) < told["read"] - 2 * MIB + 65536 * 2, "zeros are not stored"
    kernels = [one for one in regions if one.get("file") in ("[vvar]", "[vsyscall]")]
    assert kernels and all(one["gaps"] and not one.get("data") for one in kernels)
    lasting = before & set(pids_in(lab, "full"))
    assert pid in lasting and lasting <= {one["pid"] for one in lines(bundle, f"{place}/processes.jsonl")}
    assert lab.engine.inspect("full")["State"]["Status"] == "running"
    heard = ticks.stat().st_size
    wait_for(lambda: ticks.stat().st_size > heard)
    assert Path(f"/proc/{pid}/status").read_text().split("TracerPid:")[1].split()[0] == "0"
    assert lab.engine.inspect("full")["Id"] == suspect
    assert irkit("verify", bundle).status == 0
    assert "dd as root" in item(bundle, f"{pid}/memory.bin.zst")["source"] or not way


def test_one_that_is_paused_stays_paused_and_a_limit_is_kept_and_told(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    pid = full_of_it(lab, "held", 8)
    lab.engine.docker("pause", "held")
    step = MEMORY % f", with: {{max_process_bytes: 3MiB, pids: [{pid}]}}"
    summary = irkit.run(playbook(tmp_path, step), "held")
    assert lab.engine.inspect("held")["State"]["Status"] == "paused"
    (told,) = lines(summary["bundle"], "local/held-*/memory/processes.jsonl")
    assert told["pid"] == pid and told["read"] == 3 * MIB and "left out, as no more than 3145728" in told["partial"]
    regions = lines(summary["bundle"], f"local/held-*/memory/{pid}/regions.jsonl")
    memory = stored_of(summary["bundle"], f"local/held-*/memory/{pid}/memory.bin")
    check_index(regions, memory)
    assert any(gap["why"] == "beyond the limit" for one in regions for gap in one.get("gaps", []))
    partial = {one["path"].rpartition("/")[2]: one["partial"] for one in items(summary["bundle"]) if one["partial"]}
    assert set(partial) == {"memory.bin.zst", "regions.jsonl.zst"}
    (detail,) = [
        one["detail"]
        for one in events(summary["bundle"])
        if one["event"] == "operation-finished" and "paused before" in one["detail"]
    ]
    assert "1 processes" in detail and "3145728 bytes read" in detail
    assert summary["to_undo"] == 0


def test_after_a_pause_of_the_same_run_it_is_not_let_go_on(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="still", command=("sleep", "1000")))
    summary = irkit.run(playbook(tmp_path, "{id: freeze, action: contain.pause}", MEMORY % ""), "still")
    assert lab.engine.inspect("still")["State"]["Status"] == "paused"
    assert summary["to_undo"] == 1 and not summary["failures"]
    irkit("undo", summary["bundle"], "--approve", "change")
    assert lab.engine.inspect("still")["State"]["Status"] == "running"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_it_goes_on_and_killed_it_is_let_go_on_by_undo(
    lab: Lab, irkit: Irkit, tmp_path: Path, how: signal.Signals
) -> None:
    pid = full_of_it(lab, "large", 200)
    wait_for(lambda: resident(pid) > 150 * MIB)
    small = playbook(tmp_path, MEMORY % f", with: {{pids: [{pid}]}}")
    bundle, status, err = wait_for(lambda: broken_off(irkit, small, lab, pid, how))
    if how == signal.SIGINT:
        assert status == 130, err
        told = item(bundle, f"{pid}/memory.bin.zst")
        assert told["source_size"] < 200 * MIB
        check_index(
            lines(str(bundle), f"local/large-*/memory/{pid}/regions.jsonl"),
            stored_of(bundle, f"local/large-*/memory/{pid}/memory.bin"),
        )
    else:
        assert lab.engine.inspect("large")["State"]["Status"] == "paused"
        irkit("undo", str(bundle), "--approve", "change")
    assert lab.engine.inspect("large")["State"]["Status"] == "running"


def broken_off(irkit: Irkit, step: str, lab: Lab, pid: int, how: signal.Signals) -> tuple[Path, int, bytes] | None:
    """A run that was told to end while it read: its bundle, status and errors. None where it had read all by then, as
    that takes a second alone.
    """
    shutil.rmtree(irkit.evidence, ignore_errors=True)
    process = irkit.begin("run", step, "large", "--approve", "change")
    wait_for(lambda: list(irkit.evidence.glob(f"*irb-*/data/local/large-*/memory/{pid}/memory.bin.zst")))
    process.send_signal(how)
    _, err = process.communicate(timeout=120)
    (bundle,) = irkit.evidence.glob("*irb-*")
    if how == signal.SIGINT:
        is_broken = bool(item(bundle, f"{pid}/memory.bin.zst")["partial"])
    else:
        is_broken = lab.engine.inspect("large")["State"]["Status"] == "paused"
    return (bundle, process.returncode, err) if is_broken else None


def resident(pid: int) -> int:
    words = Path(f"/proc/{pid}/statm").read_text().split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_process_that_is_not_the_containers_is_not_read_and_nothing_is_frozen(
    lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    lab.make(Suspect(name="other", command=("sleep", "1000")))
    begun = time.time()
    summary = irkit.run(playbook(tmp_path, MEMORY % f", with: {{pids: [{os.getpid()}]}}"), "other", status=1)
    assert f"process {os.getpid()} is not the container's" in summary["failures"][0]["reason"]
    said = lab.engine.docker(
        "events", "--since", f"{begun:.6f}", "--until", f"{time.time():.6f}", "--format", "{{.Action}}"
    )
    assert b"pause" not in said.stdout


def test_one_that_has_ended_has_no_memory_deleted_files_or_tmpfs(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="ended", state="exited"))
    steps = (MEMORY % "", "{id: deleted, action: collect.deleted_files}", "{id: tmpfs, action: collect.tmpfs}")
    summary = irkit.run(playbook(tmp_path, *steps), "ended")
    reasons = [one["reason"] for one in events(summary["bundle"]) if one["event"] == "operation-skipped"]
    assert len(reasons) == 3 and all(one.endswith("it is exited") for one in reasons)


def test_strings_and_a_core_are_made_of_the_bundle_alone(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    pid = full_of_it(lab, "spoken", 4)
    wait_for(lambda: read_memory(pid, *largest_of_its_own(pid)).count(TEXT) > 100_000)
    place = start_of(pid, TEXT)
    truth = read_memory(pid, place, 100_000)
    summary = irkit.run(playbook(tmp_path, MEMORY % ""), "spoken")
    lab.remove("spoken")
    said = irkit("export", "strings", summary["bundle"], "--pid", str(pid), "--min", "20").out.splitlines()
    found = [line.split("\t") for line in said]
    assert {int(one[0]) for one in found} == {pid} and [str(pid), hex(place), "ascii", TEXT.decode()] in found
    assert sum(one[3] == TEXT.decode() for one in found) > 100_000
    core = tmp_path / "core"
    irkit("export", "core", summary["bundle"], "--pid", str(pid), "--output", str(core))
    raw = core.read_bytes()
    assert raw[:6] == b"\x7fELF\x02\x01" and raw[16:18] == b"\x04\x00"
    assert core_memory(raw, place, len(truth)) == truth
    again = irkit("export", "core", summary["bundle"], "--pid", "1", status=2)
    assert "no memory of process 1: it has that of" in again.err
    assert (
        "is there already"
        in irkit("export", "core", summary["bundle"], "--pid", str(pid), "-o", str(core), status=2).err
    )


def start_of(pid: int, word: bytes) -> int:
    start, size = largest_of_its_own(pid)
    at = read_memory(pid, start, size).find(word)
    assert at >= 0
    return start + at


def core_memory(core: bytes, address: int, size: int) -> bytes:
    """What an ELF core has there, which must be within one segment."""
    (count,) = struct.unpack_from("<H", core, 56)
    for at in range(64, 64 + 56 * count, 56):
        kind, _, offset, begin, _, held, _, _ = struct.unpack_from("<IIQQQQQQ", core, at)
        if kind == 1 and begin <= address and address + size <= begin + held:
            return core[offset + address - begin : offset + address - begin + size]
    raise AssertionError("no segment has it")


# Deleted files ---------------------------------------------------------------------------------------------------

HOLDER = r"""
cp /bin/busybox /tmp/gone; dd if=/dev/urandom bs=1M count=60 2>/dev/null >> /tmp/gone
sha256sum /tmp/gone > /app/sum; (exec -a sleep /tmp/gone 100000) </dev/null >/dev/null 2>&1 &
until [ "$(readlink /proc/$!/exe)" = /tmp/gone ]; do sleep 0.02; done; rm /tmp/gone
exec 7<>/tmp/open; printf 'secret of the open file' >&7; rm /tmp/open; mkfifo /tmp/p; exec 8<>/tmp/p; rm /tmp/p
exec 9<>/dev/shm/hole; printf 'before the hole' >&9; truncate -s 8192G /dev/shm/hole; rm /dev/shm/hole
(sleep 100001 & wait) & echo ready >/app/ready; sleep 100002
"""


def test_deleted_files_are_recovered_whole_once_each_and_pipes_are_left_alone(
    lab: Lab, near_and_far: tuple[Irkit, str], tmp_path: Path
) -> None:
    irkit, host = near_and_far
    lab.make(Suspect(name="holder", command=("sh", "-c", HOLDER)))
    pid = process_named(lab, "holder", b"100002")
    root = Path(f"/proc/{pid}/root")
    wait_for((root / "app/ready").exists)
    wanted = (root / "app/sum").read_text().split()[0]
    step = "{id: deleted, action: collect.deleted_files}"
    bundle = irkit.run(playbook(tmp_path, step), "holder", more=host_options(host))["bundle"]
    place = f"{host}/holder-*/deleted"
    held = {one["name"]: one for one in lines(bundle, f"{place}/held.jsonl")}
    assert set(held) == {"/tmp/gone", "/tmp/open", "/dev/shm/hole"}
    index = {one["path"]: one for one in lines(bundle, f"{place}/files.index.jsonl")}
    gone = index[held["/tmp/gone"]["file"]]
    assert gone["sha256"] == wanted and gone["size"] > 60 * MIB and not gone.get("problem")
    assert {one["how"] for one in held["/tmp/gone"]["held"]} == {"executable", "mapped"}
    assert len({one["pid"] for one in held["/tmp/open"]["held"]}) > 1, "its children have it too"
    with tarfile.open(fileobj=io.BytesIO(stored_of(bundle, f"{place}/files.tar"))) as tar:
        content = tar.extractfile(held["/tmp/open"]["file"])
        assert content and content.read() == b"secret of the open file"
        sparse = tar.extractfile(held["/dev/shm/hole"]["file"])
        assert sparse and sparse.read(4096).rstrip(b"\0") == b"before the hole"
        whole = tar.extractfile(held["/tmp/gone"]["file"])
        assert whole and hashlib.sha256(whole.read()).hexdigest() == wanted
    partial = {one["partial"] for one in items(bundle) if one["partial"]}
    assert len(partial) == (host != "local"), "over SFTP holes are not told"


# tmpfs -----------------------------------------------------------------------------------------------------------


def test_tmpfs_and_shared_memory_are_read_also_of_one_that_is_paused(
    lab: Lab, near_and_far: tuple[Irkit, str], tmp_path: Path
) -> None:
    irkit, host = near_and_far
    script = "echo shm > /dev/shm/s; mkdir -p /scratch/deep; head -c 3M /dev/urandom > /scratch/deep/big; "
    script += "ln -s / /scratch/root; mkfifo /scratch/fifo; printf x > '/scratch/'$(printf 'a\\nb\\377'); "
    script += "sha256sum /scratch/deep/big > /app/sum; sleep 1000"
    lab.make(Suspect(name="ram", command=("sh", "-c", script), tmpfs=("/scratch",)))
    pid = process_named(lab, "ram", b"1000")
    wanted = wait_for(lambda: (Path(f"/proc/{pid}/root/app/sum")).read_text().split())[0]
    lab.engine.docker("pause", "ram")
    bundle = irkit.run(playbook(tmp_path, "{id: t, action: collect.tmpfs}"), "ram", more=host_options(host))["bundle"]
    place = f"{host}/ram-*/tmpfs"
    index = {one["path"]: one for one in lines(bundle, f"{place}/files.index.jsonl")}
    assert index["scratch/deep/big"]["sha256"] == wanted
    assert index["dev/shm/s"]["sha256"] == hashlib.sha256(b"shm\n").hexdigest()
    assert index["scratch/root"]["link"] == "/" and not [one for one in index if one.startswith("scratch/root/")]
    assert index["scratch/fifo"]["type"] == "fifo"
    (odd,) = [one for one in index.values() if one.get("path_b64")]
    assert base64.b64decode(odd["path_b64"]) == b"scratch/a\nb\xff"
    assert index["dev/null"]["type"] == "char" and not [one for one in index if one.startswith("dev/pts/")]
    told = {one["place"]: one for one in json.loads(stored_of(bundle, f"{place}/mounts.json"))}
    assert told["/scratch"]["read"] and told["/dev/shm"]["read"] and told["/dev"]["read"]
    with tarfile.open(fileobj=io.BytesIO(stored_of(bundle, f"{place}/files.tar"))) as tar:
        big = tar.extractfile("scratch/deep/big")
        assert big and hashlib.sha256(big.read()).hexdigest() == wanted
    assert not [one for one in items(bundle) if one["partial"]]


def test_tmpfs_that_is_hidden_is_told_and_one_of_another_mount_namespace_is_read(
    lab: Lab, near_and_far: tuple[Irkit, str], tmp_path: Path
) -> None:
    irkit, host = near_and_far
    script = "mkdir -p /two /own /x/file; "
    script += "mount -t tmpfs a /x/file; echo 1 > /x/file/hidden; mount -t tmpfs e /x; echo 5 > /x/file; "
    script += "mount -t tmpfs b /two; echo 2 > /two/below; mount -t tmpfs c /two; echo 3 > /two/above; "
    script += "unshare -m sh -c 'mount -t tmpfs d /own; echo 4 > /own/secret; touch /ready; sleep 1001' & sleep 1000"
    lab.make(Suspect(name="hides", command=("sh", "-c", script), capabilities=("SYS_ADMIN",)))
    pid = process_named(lab, "hides", b"1001")
    wait_for(lambda: Path(f"/proc/{pid}/root/ready").exists())
    bundle = irkit.run(playbook(tmp_path, "{id: t, action: collect.tmpfs}"), "hides", more=host_options(host))["bundle"]
    place = f"{host}/hides-*/tmpfs"
    index = {one["path"]: one for one in lines(bundle, f"{place}/files.index.jsonl")}
    assert index["two/above"]["sha256"] == hashlib.sha256(b"3\n").hexdigest() and "two/below" not in index
    (secret,) = [one for path, one in index.items() if path.endswith("/own/secret")]
    assert secret["path"].startswith("namespaces/") and secret["sha256"] == hashlib.sha256(b"4\n").hexdigest()
    told = json.loads(stored_of(bundle, f"{place}/mounts.json"))
    first = [one for one in told if not one.get("stored_below")]
    assert sorted(one.get("read", False) for one in first if one["place"] == "/two") == [False, True]
    partial = [one["partial"] for one in items(bundle) if one["partial"]]
    assert partial and all(
        f"{one}: something else is mounted over it" in reason for one in ("/two", "/x/file") for reason in partial
    )


def test_tmpfs_is_read_past_a_mount_that_never_answers(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    script = "mkdir /dev/mute; echo 1 > /dev/known; sleep 1000"
    lab.make(Suspect(name="mute", command=("sh", "-c", script), capabilities=("SYS_ADMIN",)))
    pid = process_named(lab, "mute", b"1000")
    wait_for(lambda: Path(f"/proc/{pid}/root/dev/known").exists())
    with mute_mount(Path("/dev/mute"), of=pid):
        bundle = irkit.run(playbook(tmp_path, "{id: t, action: collect.tmpfs}"), "mute")["bundle"]
    index = {one["path"]: one for one in lines(bundle, "local/mute-*/tmpfs/files.index.jsonl")}
    assert index["dev/known"]["sha256"] == hashlib.sha256(b"1\n").hexdigest() and "dev/mute" in index
