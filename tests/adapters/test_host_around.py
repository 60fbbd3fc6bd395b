"""A host in memory: what is kept of it, what is only told, and what a host without files for us gives."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

from irkit.adapters.clock import SystemClock
from irkit.adapters.docker_engine import DockerEngine
from irkit.adapters.engine_wire import dial_unix
from irkit.adapters.host_side import NoFiles
from irkit.adapters.memory_files import MemoryFiles
from irkit.adapters.memory_store import MemoryStore
from irkit.core.host import Host
from irkit.core.operations import ReadHost
from irkit.core.ports import FileKind, HostFiles
from irkit.engine.deadline import Cancel, OperationDeadline
from tests.acceptance.fake_engine import FakeEngine, http
from tests.adapters.test_engine_streams import place

__all__ = ["place"]

NOW = 2_000_000_000 * 10**9


def read(place: Path, files: HostFiles) -> tuple[dict[str, Any], dict[str, bytes], str]:
    """What is told, what is in the archive, and the line for the log."""
    store, operation = MemoryStore(), ReadHost(3600.0, 384 * 3)
    intake = store.intake(host="local", container=None, operation=operation, task=0)
    with FakeEngine(place, lambda method, path: http(b"[]") if "/containers/json" in path else None):
        target = DockerEngine(Host(name="local"), dial_unix(str(place)), SystemClock(), files=files)
        outcome = target.apply(operation, intake, OperationDeadline(SystemClock(), 60, 60, Cancel()))
    intake.close("not finished")
    kept = {path.partition("/around/")[2]: content for path, content in store.files.items()}
    with tarfile.open(fileobj=io.BytesIO(kept["files.tar"])) as tar:
        archive = {one.name: held.read() for one in tar if (held := tar.extractfile(one))}
    return json.loads(kept["host.json"]), archive, outcome.detail


def a_host() -> MemoryFiles:
    files = MemoryFiles()
    files.put(b"/proc/version", b"Linux version 6.1\n")
    files.put(b"/proc/1/mountinfo", b"1 0 0:1 / / rw - ext4 /dev/sda1 rw\n")
    files.put(b"/proc/1/net/tcp", b"head\n")
    files.put(b"/proc/sys/kernel/tainted", b"512\n", mode=0o444)
    files.put(b"/proc/sys/vm/drop_caches", b"never read", mode=0o200)
    files.put(b"/etc/passwd", b"root:x:0:0::/root:/bin/sh\neve:x:7:7::/home/eve:/bin/sh\nodd:x:8:8::/../x:/bin/sh\n")
    files.put(b"/etc/shadow", b"root:SECRET", mode=0o640)
    files.put(b"/etc/cron.d/new", b"* * * * * root evil\n", modified_ns=NOW)
    files.put(b"/etc/cron.d/old", b"* * * * * root fine\n", modified_ns=10**9)
    files.put(b"/usr/lib/systemd/system/docker.service", b"[Unit]\n", modified_ns=10**9)
    files.put(b"/usr/lib/systemd/system/other.service", b"[Unit]\n", modified_ns=10**9)
    files.put(b"/var/log/wtmp", bytes(384 * 5 + 10))
    return files


def test_what_is_kept_told_and_left(place: Path) -> None:
    found, archive, detail = read(place, a_host())
    assert archive["etc/cron.d/new"] == b"* * * * * root evil\n" and "etc/cron.d/old" in archive
    assert [one["path"] for one in found["changed_lately"]] == ["/etc/cron.d/new"]
    assert "usr/lib/systemd/system/docker.service" in archive
    assert "usr/lib/systemd/system/other.service" not in archive
    assert found["sysctls"] == {"kernel.tainted": "512"} and found["mounts"][0]["source"] == "/dev/sda1"
    assert len(archive["var/log/wtmp"]) == 384 * 3
    assert not any(b"SECRET" in content or b"never read" in content for content in archive.values())
    assert f"{len(archive)} files" in detail and found["not_read"] == []


def test_what_users_put_in_their_homes_is_looked_at_before_it_is_opened(place: Path) -> None:
    files = a_host()
    files.put(b"/root/.ssh/authorized_keys", b"ssh-ed25519 AAAA root\n")
    files.put(b"/home/eve/.ssh/authorized_keys", kind=FileKind.FIFO)
    files.put(b"/home/eve/.ssh/authorized_keys2", b"/etc/shadow", kind=FileKind.LINK)
    _, archive, _ = read(place, files)
    assert archive["root/.ssh/authorized_keys"] == b"ssh-ed25519 AAAA root\n"
    assert not any("home/eve" in name for name in archive)


def test_what_may_not_be_read_is_said_and_the_rest_kept(place: Path) -> None:
    files = a_host()
    files.put(b"/etc/sudoers", b"secret rules")
    files.deny(b"/etc/sudoers")
    found, archive, detail = read(place, files)
    assert "etc/sudoers" not in archive and any("/etc/sudoers" in one for one in found["not_read"])
    assert "1 could not be read" in detail and "etc/passwd" in archive


def test_a_host_without_files_for_us_is_told_as_such(place: Path) -> None:
    found, archive, detail = read(place, NoFiles("its engine is reached by TCP"))
    assert found["not_read"] == "its engine is reached by TCP" and archive == {}
    assert detail == "nothing of the host but what its engine tells: its engine is reached by TCP"
