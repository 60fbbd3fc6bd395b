"""collect.processes on real containers: from the host's /proc, whole, whoever they are and whatever they say."""

import base64
import hashlib
import io
import json
import tarfile
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.bundles import events, item, items, playbook, stored, stored_of
from tests.acceptance.command import Irkit
from tests.acceptance.proc_side import entered, leave_group, link, main_of, pids_in, proc, true_start, wait_for
from tests.lab.client_side import ClientSide
from tests.lab.description import Suspect
from tests.lab.hosts import LabHost
from tests.lab.processes import command, read_proc
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

LOOK = "{id: look, action: collect.processes}"
SCRIPT = r"""
cp /bin/busybox /tmp/busybox.bad; /tmp/busybox.bad sleep 6001 &
until [ "$(readlink /proc/$!/exe)" = /tmp/busybox.bad ]; do sleep 0.02; done; rm /tmp/busybox.bad
sh -c 'printf kworker/0:1 > /proc/self/comm; cd /tmp; sleep 6002 7</etc/os-release; :' "$(printf 'a\377\n\033[31m')" &
SECRET="$(printf 'k\351y=x')" sleep 6003 &
exec sleep 6000
"""
BUSY = Suspect(name="busy", command=("sh", "-c", SCRIPT))


def lines(bundle: str, start: str) -> dict[int, dict[str, Any]]:
    found = [json.loads(line) for line in stored_of(bundle, f"{start}/processes/processes.jsonl").splitlines()]
    return {one["pid"]: one for one in found}


def details(bundle: str) -> list[str]:
    return [one["detail"] for one in events(bundle) if one["event"] == "operation-finished" and one["detail"]]


def by_argument(found: dict[int, dict[str, Any]], argument: str) -> dict[str, Any]:
    (one,) = [one for one in found.values() if one["arguments"][-1] == argument]
    return one


def raw_of(one: dict[str, Any], key: str) -> bytes:
    """A list of strings as it was before it became text."""
    if f"{key}_b64" in one:
        return base64.b64decode(one[f"{key}_b64"])
    return "".join(f"{part}\0" for part in one[key]).encode()


def size_of(line: bytes) -> int:
    start, _, end = line.split(b" ")[0].partition(b"-")
    return int(end, 16) - int(start, 16)


def begun(main: int) -> Counter[str]:
    """How many processes of a container run what they shall, and have the name that they shall have."""
    return Counter(what_runs(pid) for pid in pids_in("pid", main))


def what_runs(pid: int) -> str:
    if read_proc(pid, "cmdline").startswith((b"sleep\0", b"/tmp/busybox.bad\0sleep\0")):
        return "sleep"
    return command(pid)


def says(pid: int, *words: bytes) -> bool:
    return read_proc(pid, "cmdline").split(b"\0")[:-1] == [*words]


@pytest.fixture(scope="module")
def busy(shared: Lab) -> int:
    """The first process of a container with a few odd ones."""
    shared.make(BUSY)
    main = main_of(shared, "busy")
    wait_for(lambda: begun(main) == {"sleep": 4, "kworker/0:1": 1}, "not begun")
    return main


def test_every_process_is_told_as_the_kernel_has_it(busy: int, irkit: Irkit, tmp_path: Path) -> None:
    bundle = irkit.run(playbook(tmp_path, LOOK), "busy")["bundle"]
    found = lines(bundle, "local/busy-*")
    assert set(found) == pids_in("pid", busy)
    for pid, one in found.items():
        assert one["exe"]["sha256"] == hashlib.sha256(Path(f"/proc/{pid}/exe").read_bytes()).hexdigest()
        assert raw_of(one, "arguments") == proc(pid, "cmdline")
        assert raw_of(one, "environment") == proc(pid, "environ")
        assert one["working_directory"].encode() == link(pid, "cwd")
        assert one["name"].encode() == proc(pid, "comm")[:-1]
        assert datetime.fromisoformat(one["started_at"]).timestamp() == pytest.approx(true_start(pid))
        assert f"net:[{one['namespaces']['net']}]".encode() == link(pid, "ns/net")
        assert {str(fd["fd"]): fd["target"].encode() for fd in one["descriptors"]} == {
            fd.name: link(pid, f"fd/{fd.name}") for fd in Path(f"/proc/{pid}/fd").iterdir()
        }
        assert "chown" in one["capabilities"]["effective"] and "sys_admin" not in one["capabilities"]["bounding"]
        assert one["seccomp"] == "filter" and one["limits"]["open files"][0]
        assert sum(part["size"] for part in one["maps"]) == sum(map(size_of, proc(pid, "maps").splitlines()))
        assert (one["missing"], one["cut"], one["why"]) == ({}, [], "in its control group")
    assert not any(one["partial"] or one["warnings"] for one in items(bundle))


def test_what_is_odd_about_a_process_is_noted(busy: int, irkit: Irkit, tmp_path: Path) -> None:
    bundle = irkit.run(playbook(tmp_path, LOOK), "busy")["bundle"]
    found = lines(bundle, "local/busy-*")
    gone = by_argument(found, "6001")
    assert (gone["exe"]["deleted"], gone["exe"]["path"]) == (True, "/tmp/busybox.bad")
    assert gone["notes"] == ["its executable is deleted"]
    (forged,) = [one for one in found.values() if one["name"] == "kworker/0:1"]
    assert forged["notes"] == ["it calls itself what threads of the kernel are called"]
    assert forged["exe"]["path"] == "/bin/busybox" and b"a\xff\n\x1b[31m" in raw_of(forged, "arguments")
    opened = next(one for one in by_argument(found, "6002")["descriptors"] if one["fd"] == 7)
    assert opened["target"] == "/etc/os-release"
    assert b"SECRET=k\xe9y=x" in raw_of(by_argument(found, "6003"), "environment").split(b"\0")
    tree = json.loads(stored(bundle, "busy", "processes/summary.json"))["tree"]
    assert (tree[0]["depth"], tree[0]["pid"]) == (0, busy)
    assert {one["pid"]: one["depth"] for one in tree} == {
        pid: 0 if pid == busy else 2 if one is by_argument(found, "6002") else 1 for pid, one in found.items()
    }


def test_the_archive_has_the_files_as_they_are_and_nothing_that_leads_elsewhere(
    busy: int, irkit: Irkit, tmp_path: Path
) -> None:
    bundle = irkit.run(playbook(tmp_path, LOOK), "busy")["bundle"]
    with tarfile.open(fileobj=io.BytesIO(stored(bundle, "busy", "processes/proc.tar"))) as archive:
        members = {one.name: one for one in archive}
        assert all(one.isfile() for one in members.values())
        for pid in pids_in("pid", busy):
            for name in ("cmdline", "environ", "maps", "limits", "cgroup"):
                kept = archive.extractfile(f"{pid}/{name}")
                assert kept is not None and kept.read() == proc(pid, name), name
            kept = archive.extractfile(f"{pid}/links")
            assert kept is not None
            texts = kept.read().split(b"\0")
            assert dict(zip(texts[::2], texts[1::2], strict=False))[b"ns/pid"] == link(pid, "ns/pid")
        assert {f"{busy}/mountinfo", f"{busy}/uid_map"} <= set(members)


def test_those_that_come_from_elsewhere_are_told_with_the_way_they_came(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="visited", command=("sh", "-c", "sleep 6101 & exec sleep 6100")))
    main = main_of(lab, "visited")
    lab.engine.docker("exec", "--detach", "visited", "sleep", "6102")
    wanted = [b"6100", b"6101", b"6102"]
    wait_for(lambda: sum(says(pid, b"sleep", one) for pid in pids_in("pid", main) for one in wanted) == 3, "not begun")
    threads = "import threading as t\nfor _ in range(3): t.Thread(target=t.Event().wait, daemon=True).start()"
    left = next(pid for pid in pids_in("pid", main) if b"6101" in proc(pid, "cmdline"))
    leave_group(left)
    with entered(main, ["net", "uts"], threads) as guest:
        bundle = irkit.run(playbook(tmp_path, LOOK), "visited")["bundle"]
    found = lines(bundle, "local/visited-*")
    assert {one["arguments"][-1]: one["why"] for one in found.values() if one["pid"] != guest} == {
        "6100": "in its control group",
        "6101": "started by one of its processes; in namespaces of it, from elsewhere (mnt, net, pid, ipc, uts)",
        "6102": "in its control group",
    }
    assert "it has left the container's control group" in found[left]["notes"]
    assert found[guest]["why"] == "in namespaces of it, from elsewhere (net, uts)"
    assert [found[guest]["inside"], len(found[guest]["other_threads"])] == [False, 3]
    said = next(one for one in details(bundle) if "engine's list" in one)
    assert f"{left} (started by one of its processes" in said and "in /proc and not in the engine's list" in said
    assert item(bundle, "/processes.json")["warnings"] == [said.partition(", ")[2]]
    raised = {one["finding"]["check"]: one["finding"] for one in events(bundle) if one["event"] == "finding-raised"}
    (own,), (joined,) = raised["processes.unlisted"]["because"], raised["processes.joined"]["because"]
    assert own.startswith(f"{left} (sleep): started by one of its processes")
    assert joined.startswith(f"{guest} (python") and joined.endswith("in namespaces of it, from elsewhere (net, uts)")
    assert raised["processes.joined"]["container"] == f"local/{lab.engine.inspect('visited')['Id']}"
    shown = irkit("show", bundle).out
    assert "FOUND     visited: 1 process joined its namespaces from elsewhere" in shown and str(left) in shown


def test_a_frozen_container_is_read_all_the_same(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="frozen", command=("sleep", "6200"), state="paused"))
    bundle = irkit.run(playbook(tmp_path, LOOK), "frozen")["bundle"]
    (one,) = lines(bundle, "local/frozen-*").values()
    assert one["arguments"] == ["sleep", "6200"] and one["exe"]["sha256"]
    assert "1 processes, the same as in /proc" in details(bundle)


def test_over_ssh_it_is_all_the_same(busy: int, ssh_host: LabHost, client: ClientSide, tmp_path: Path) -> None:
    client.add(ssh_host, "far")
    irkit = Irkit("", tmp_path / "evidence", client)
    bundle = irkit.run(playbook(tmp_path, LOOK), "busy", more=("--host", "far"))["bundle"]
    found = lines(bundle, "far/busy-*")
    assert set(found) == pids_in("pid", busy)
    for pid, one in found.items():
        assert raw_of(one, "arguments") == proc(pid, "cmdline")
        assert one["exe"]["sha256"] == hashlib.sha256(Path(f"/proc/{pid}/exe").read_bytes()).hexdigest()
        assert one["missing"] == {}
    assert by_argument(found, "6001")["exe"]["deleted"]
    assert not any(one["partial"] or one["warnings"] for one in items(bundle))
