"""snapshot.changes on the real engine: by the host's files, over SSH, and by the engine alone."""

import base64
import hashlib
import io
import json
import os
import struct
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.bundles import item, items, playbook, stored_of
from tests.acceptance.command import Irkit, connect
from tests.acceptance.tcp_door import tcp_door
from tests.lab import hostile
from tests.lab.client_side import ClientSide
from tests.lab.description import Suspect
from tests.lab.engine import Engine
from tests.lab.fixtures import USERS
from tests.lab.host_start import start_host
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

STEP = "{id: layer, action: snapshot.changes}"
NET_RAW = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
CHANGES = r"""
set -e
echo more >> /etc/passwd
rm -rf /home/app; mkdir /home/app; echo new > /home/app/new
rm -rf /app; mkdir /app; echo again > /app/keep.txt
rm -rf /usr/bin; mkdir /usr/bin
mkdir -p /opt/drop/deep; cd /opt/drop
n=0; while [ $n -lt 300 ]; do echo $n > /tmp/many-$n; n=$((n+1)); done
dd if=/dev/urandom of=large bs=1000 count=3001 2>/dev/null
cp /bin/busybox run; chmod 4755 run; ln run again
printf '#!/bin/sh\nid\n' > deep/script; chmod 750 deep/script; chown 1000:1000 deep/script
touch -d '2020-02-03 04:05:06' deep/script
mkfifo pipe; mknod null c 1 3; ln -s / everything; ln -s /etc/shadow shadow
printf 'hidden\n' > .cron; : > empty
truncate -s 20G sparse; printf needle | dd of=sparse bs=1 seek=10737418240 conv=notrunc 2>/dev/null
mkdir plain; touch plain/inside
"""
WAYS = ("files", "ssh", "api")


class Changed:
    """A suspect that changed much, and what is so by the engine's word and by what is there."""

    def __init__(self, lab: Lab) -> None:
        deleted = ("/app/delete-me.txt",)
        self.engine = lab.engine
        self.id = lab.make(Suspect(name="changed", hostile_files=True, deleted=deleted))
        self.engine.docker("exec", "changed", "sh", "-c", CHANGES)
        found = self.engine.inspect("changed")
        self.root = f"/proc/{found['State']['Pid']}/root"
        self.upper = Path(found["GraphDriver"]["Data"]["UpperDir"])
        os.setxattr(f"{self.root}/opt/drop/deep", "trusted.mark", b"m\0\xff")
        capped = Path(f"{self.root}/opt/drop/capped")
        capped.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\0" + bytes(500))
        capped.chmod(0o755)
        os.setxattr(capped, "security.capability", NET_RAW)

    def read(self, path: bytes) -> bytes:
        return Path(os.fsdecode(os.fsencode(self.root) + b"/" + path)).read_bytes()

    def diff(self) -> dict[str, str]:
        """The engine's list."""
        argv = ["curl", "-s", "--unix-socket", str(self.engine.socket), f"http://d/v1.41/containers/{self.id}/changes"]
        told = json.loads(subprocess.run(argv, capture_output=True, check=True, timeout=20).stdout)
        words = ("changed", "added", "deleted")
        return {one["Path"].lstrip("/"): words[one["Kind"]] for one in told}


@pytest.fixture(scope="module")
def changed(shared: Lab) -> Changed:
    return Changed(shared)


@contextmanager
def reached(way: str, engine: Engine, folder: Path) -> Iterator[tuple[Irkit, tuple[str, ...]]]:
    """irkit that reaches the engine in that way, and the words that name its host."""
    if way == "files":
        yield connect(engine, folder / "evidence"), ()
    elif way == "api":
        with tcp_door(engine.socket) as address:
            yield Irkit(address, folder / "evidence"), ()
    else:
        client = ClientSide(folder / "home")
        with start_host(engine=engine, users=USERS) as host:
            client.add(host, "web", user="root")
            yield Irkit("", folder / "evidence", client), ("--host", "web")


class Acquired:
    """What a bundle has of a suspect's changes."""

    def __init__(self, bundle: str) -> None:
        self.bundle = bundle
        self.archive = stored_of(bundle, "*/changed-*/changes/changes.tar")
        told = stored_of(bundle, "*/changed-*/changes/changes.jsonl").splitlines()
        self.lines: dict[bytes, dict[str, Any]] = {}
        for line in map(json.loads, told):
            self.lines[base64.b64decode(line["path_b64"]) if "path_b64" in line else line["path"].encode()] = line

    def stored(self) -> dict[bytes, tarfile.TarInfo]:
        with tarfile.open(fileobj=io.BytesIO(self.archive)) as tar:
            return {one.name.encode("utf-8", "surrogateescape"): one for one in tar}


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def acquired(way: str, changed: Changed, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Acquired:
    folder = tmp_path_factory.mktemp(way)
    with reached(way, engine, folder) as (irkit, where):
        status = 0
        limit = ", with: {max_bytes: 200MiB}" if way != "files" else ""
        step = f"{{id: layer, action: snapshot.changes{limit}}}"
        return Acquired(irkit.run(playbook(folder, step), "changed", more=where, status=status)["bundle"])


def test_every_change_that_the_engine_lists_is_there(acquired: Acquired, changed: Changed) -> None:
    told = changed.diff()
    found = {as_engine(path): line.get("change", "") for path, line in acquired.lines.items() if path != b"."}
    assert {path: kind for path, kind in told.items() if found.get(path) != kind} == {}
    assert set(found) - set(told) == set()


def as_engine(path: bytes) -> str:
    text = path.decode("utf-8", "surrogateescape")
    return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)


def test_contents_and_digests_are_those_of_the_container(acquired: Acquired, changed: Changed) -> None:
    checked = 0
    for path, line in acquired.lines.items():
        is_gone = line.get("change") == "deleted"
        if is_gone or line["type"] not in ("file", "hardlink") or path.endswith(b"/sparse"):
            continue
        content = changed.read(path)
        if "sha256" in line:
            assert line["sha256"] == hashlib.sha256(content).hexdigest(), path
        if line["type"] == "file":
            assert acquired.archive[line["data"] : line["data"] + len(content)] == content, path
        checked += 1
    assert checked > 320


def test_names_of_any_bytes_are_kept(acquired: Acquired) -> None:
    names = {hostile.DIRECTORY.lstrip(b"/") + b"/" + name for name in (*hostile.NAMES, hostile.DEEP + b"/bottom")}
    assert names <= set(acquired.lines)
    assert names <= set(acquired.stored())


def test_links_are_kept_and_special_files_told(acquired: Acquired, way: str) -> None:
    lines = acquired.lines
    assert (lines[b"opt/drop/everything"]["type"], lines[b"opt/drop/everything"]["link"]) == ("symlink", "/")
    assert lines[b"opt/drop/shadow"]["link"] == "/etc/shadow"
    assert lines[b"opt/drop/pipe"]["type"] == "fifo"
    assert lines[b"opt/drop/null"]["type"] == "char"
    assert lines[b"opt/drop/null"].get("device") == [1, 3]
    assert not any(path.startswith((b"opt/drop/everything/", b"opt/drop/shadow/")) for path in lines)
    hard = [lines[path] for path in (b"opt/drop/run", b"opt/drop/again")]
    if way != "ssh":  # it does not tell which names are of one file
        assert sorted(one["type"] for one in hard) == ["file", "hardlink"]


def test_metadata_is_that_of_the_container(acquired: Acquired, changed: Changed, way: str) -> None:
    script = acquired.lines[b"opt/drop/deep/script"]
    assert (script["mode"], script["uid"], script["gid"], script["executable"]) == (0o750, 1000, 1000, True)
    assert script["mtime"].startswith("1580702706")
    assert script["mime"] == "text/x-shellscript"
    assert acquired.lines[b"opt/drop/run"]["mode"] == 0o4755
    new = Path(f"{changed.root}/home/app/new").stat()
    seconds, rest = divmod(new.st_mtime_ns, 10**9)
    assert acquired.lines[b"home/app/new"]["mtime"] == (str(seconds) if way == "api" else f"{seconds}.{rest:09d}")
    by_engine = acquired.lines[b"home/app/new"].get("engine_told", [])
    assert by_engine == (["mtime"] if way == "ssh" else [])


def test_attributes_are_kept_where_the_way_tells_them(acquired: Acquired, way: str) -> None:
    capped, deep = acquired.lines[b"opt/drop/capped"], acquired.lines[b"opt/drop/deep"]
    assert capped["mime"] == "application/x-executable"
    if way == "ssh":
        assert capped["engine_told"] == ["mtime", "capabilities"]
        said = " ".join(item(acquired.bundle, "changes.tar.zst")["warnings"])
        assert "through the engine: times of" in said and "other extended attributes are not told over SFTP" in said
    assert capped["capabilities"] == "cap_net_raw=ep"
    headers = acquired.stored()[b"opt/drop/capped"].pax_headers
    assert headers["SCHILY.xattr.security.capability"].encode("utf-8", "surrogateescape") == NET_RAW
    if way == "files":
        assert base64.b64decode(deep["xattr_values"]["trusted.mark"]) == b"m\0\xff"
        assert acquired.lines[b"home/app"]["opaque"]


def test_a_sparse_file_is_stored_by_its_data_or_left_out_and_said(acquired: Acquired, way: str) -> None:
    line = acquired.lines[b"opt/drop/sparse"]
    assert line["size"] == 20 << 30
    told = item(acquired.bundle, "changes.tar.zst")
    if way == "files":
        assert line["data_size"] <= 64 * 1024 and not told["partial"]
        data = acquired.archive[line["data"] :][: line["data_size"] + 1024]
        assert b"needle" in data
        assert acquired.stored()[b"opt/drop/sparse"].size == 20 << 30
    else:
        assert "more than the 209715200 bytes" in line["left_out"]
        assert "more than the 209715200 bytes" in told["partial"]


def test_the_bundle_says_by_what_way_and_verifies(
    acquired: Acquired, changed: Changed, way: str, engine: Engine
) -> None:
    told = item(acquired.bundle, "changes.tar.zst")
    if way == "api":
        assert told["source"].startswith(f"GET /containers/{changed.id}/changes")
        assert "which is no way to the host's files" in told["warnings"][0]
    else:
        assert told["source"] == f"{changed.upper}, the upper folder by the engine"
    assert {one["rank"] for one in items(acquired.bundle) if "/changes/" in one["path"]} == {5}
    assert connect(engine, Path(acquired.bundle).parent)("verify", acquired.bundle).status == 0


def test_nothing_of_the_container_is_touched(changed: Changed, engine: Engine, tmp_path: Path) -> None:
    paths = [changed.upper / "opt/drop/deep/script", changed.upper / "opt/drop/deep", changed.upper / "opt/drop/large"]
    for path in paths:
        os.utime(path, ns=(10**9, path.stat().st_mtime_ns))
    connect(engine, tmp_path / "evidence").run(playbook(tmp_path, STEP), "changed")
    assert {path.stat().st_atime_ns for path in paths} == {10**9}


def test_one_that_has_ended_or_never_ran_is_read_as_well(lab: Lab, tmp_path: Path) -> None:
    irkit = connect(lab.engine, tmp_path / "evidence")
    lab.make(Suspect(name="ended", changed={"/opt/left": b"left behind\n"}, state="exited"))
    lab.make(Suspect(name="fresh", state="created"))
    bundle = irkit.run(playbook(tmp_path, STEP), "ended", "fresh")["bundle"]
    lines = stored_of(bundle, "*/ended-*/changes/changes.jsonl")
    assert hashlib.sha256(b"left behind\n").hexdigest() in lines.decode()
    assert len(stored_of(bundle, "*/fresh-*/changes/changes.jsonl").splitlines()) == 1


def test_what_the_image_has_is_not_stored_again_once_the_image_was_taken(lab: Lab, tmp_path: Path) -> None:
    irkit = connect(lab.engine, tmp_path / "evidence")
    lab.make(Suspect(name="owned", changed={"/opt/new": b"x" * 9000}))
    lab.engine.docker("exec", "owned", "sh", "-c", "chown 1000 /bin/busybox; cp /bin/busybox /opt/again")
    image = "{id: image, action: snapshot.image}"
    bundle = irkit.run(playbook(tmp_path, image, STEP), "owned")["bundle"]
    found = map(json.loads, stored_of(bundle, "*/owned-*/changes/changes.jsonl").splitlines())
    lines = {one["path"]: one for one in found}
    for path in ("bin/busybox", "opt/again"):
        layer, offset, size = lines[path]["in_image"]
        content = stored_of(bundle, f"local/host/{layer.removesuffix('.zst')}")[offset : offset + size]
        assert hashlib.sha256(content).hexdigest() == lines[path]["sha256"]
        assert (len(content), lines[path]["size"], "offset" in lines[path]) == (size, size, False)
    assert lines["bin/busybox"]["uid"] == 1000
    assert "in_image" not in lines["opt/new"]
    assert len(stored_of(bundle, "*/owned-*/changes/changes.tar")) < 40_000
    alone = irkit.run(playbook(tmp_path, STEP), "owned")["bundle"]
    assert len(stored_of(alone, "*/owned-*/changes/changes.tar")) > 1_000_000
