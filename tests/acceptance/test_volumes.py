"""snapshot.volumes on the real engine: by the host's files, over SSH, and by the engine alone."""

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.bundles import events, item, items, playbook, stored_of
from tests.acceptance.command import connect
from tests.acceptance.test_changed_files import WAYS, reached
from tests.lab.description import Suspect
from tests.lab.engine import Engine
from tests.lab.suspects import Lab
from tests.lab.tools import run

pytestmark = pytest.mark.engine

SHELL = b"<?php system($_GET['c']); ?>\n"
FILL = r"""
set -e
cd /var/www
printf 'x%.0s' $(seq 1 5000) > page.html
mkdir -p uploads/.hid; ln -s / root; mkfifo pipe
: > "uploads/$(printf 'new\nline\377')"
head -c 3000000 /dev/urandom > uploads/big
"""


class Site:
    """A suspect with a webshell in a named volume, a bind mount with the engine's socket in it, a file, and a tmpfs."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.engine, self.folder = lab.engine, folder
        (folder / "inner").mkdir(parents=True)
        (folder / "inner/conf").write_text("secret=1\n")
        (folder / "alone.conf").write_text("alone\n")
        lab.make(Suspect(name="template"))
        image = lab.engine.inspect("template")["Config"]["Image"]
        binds = {"/run/docker.sock": str(lab.engine.socket), "/conf": str(folder), "/alone": f"{folder}/alone.conf"}
        binds |= {"/host/proc": "/proc"}
        options = [word for inside, outside in binds.items() for word in ("--volume", f"{outside}:{inside}")]
        options += ["--volume", "web-data:/var/www", "--tmpfs", "/scratch"]
        lab.engine.docker("run", "--detach", "--name", "site", *options, image, "sleep", "100000")
        lab.engine.docker("exec", "-i", "site", "sh", "-c", FILL)
        lab.engine.docker("exec", "-i", "site", "sh", "-c", "cat > /var/www/uploads/.hid/sh.php", input=SHELL)
        mounts = lab.engine.inspect("site")["Mounts"]
        self.data = Path(next(one["Source"] for one in mounts if one.get("Name") == "web-data"))


@pytest.fixture(scope="module")
def site(shared: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(shared, tmp_path_factory.mktemp("mounts") / "conf")
    yield made
    shared.engine.docker("rm", "--force", "site")
    shared.engine.docker("volume", "rm", "web-data")


def lines_of(bundle: str, name: str) -> dict[bytes, dict[str, Any]]:
    (place,) = [one["path"] for one in items(bundle) if one["path"].endswith(f"{name}.jsonl.zst")]
    found = map(json.loads, stored_of(bundle, place.removeprefix("data/")).splitlines())
    return {base64.b64decode(one["path_b64"]) if "path_b64" in one else one["path"].encode(): one for one in found}


@pytest.mark.parametrize("way", WAYS)
def test_volumes_and_bind_mounts_come_whole_and_what_must_not_be_read_is_not(
    site: Site, engine: Engine, tmp_path: Path, way: str
) -> None:
    with reached(way, engine, tmp_path) as (irkit, where):
        step = playbook(tmp_path, "{id: data, action: snapshot.volumes}")
        bundle = irkit.run(step, "site", more=where)["bundle"]
    web = lines_of(bundle, "web-data")
    names = {b"page.html", b"uploads/big", b"uploads/.hid/sh.php", b"root", b"pipe", b"uploads/new\nline\xff"}
    assert names <= set(web)
    assert (web[b"uploads/.hid/sh.php"]["sha256"], web[b"uploads/.hid/sh.php"]["mime"]) == (
        hashlib.sha256(SHELL).hexdigest(),
        "text/x-php",
    )
    assert (web[b"root"]["type"], web[b"root"]["link"], web[b"pipe"]["type"]) == ("symlink", "/", "fifo")
    assert not any(path.startswith(b"root/") for path in web)
    if way != "api":  # over SSH the engine completes what SFTP does not tell
        at = (site.data / "page.html").stat().st_mtime_ns
        assert web[b"page.html"]["mtime"] == f"{at // 10**9}.{at % 10**9:09d}"
        assert web[b"page.html"].get("engine_told", []) == (["mtime"] if way == "ssh" else [])
    (place,) = [one["path"] for one in items(bundle) if one["path"].endswith("web-data.tar.zst")]
    with tarfile.open(fileobj=io.BytesIO(stored_of(bundle, place.removeprefix("data/")))) as tar:
        big = tar.extractfile("uploads/big")
        assert big is not None and big.read() == (site.data / "uploads/big").read_bytes()
    conf = next(one for one in items(bundle) if one["path"].endswith(".jsonl.zst") and "-conf" in one["path"])
    assert lines_of(bundle, conf["path"].rpartition("/")[2].removesuffix(".jsonl.zst"))[b"inner/conf"]["size"] == 9
    kinds = [one["operation"] for one in events(bundle) if one["event"] == "operation-started"]
    places = {one["destination"] for one in kinds if one["operation"] == "read-volume"}
    assert places == {"/var/www", "/conf", "/alone", "/run/docker.sock"}
    (socket,) = [one["path"] for one in items(bundle) if "docker.sock" in one["path"] and one["path"].endswith("zst")][
        1:
    ]
    told = stored_of(bundle, socket.removeprefix("data/")).splitlines()
    assert [json.loads(line)["type"] for line in told] in (["socket"], [])


def test_more_than_is_asked_for_is_listed_and_how_much_it_is_is_said(site: Site, tmp_path: Path) -> None:
    irkit = connect(site.engine, tmp_path / "evidence")
    how = "with: {select: ['web-*'], max_bytes: 10KB}"
    ended = irkit("run", playbook(tmp_path, f"{{id: data, action: snapshot.volumes, {how}}}"), "site", "--json")
    bundle = ended.json["bundle"]
    web = lines_of(bundle, "web-data")
    assert "more than the 10000 bytes" in web[b"uploads/big"]["left_out"]
    assert "sha256" in web[b"page.html"]
    assert "more than the 10000 bytes" in item(bundle, "web-data.tar.zst")["partial"]
    (done,) = [one for one in events(bundle) if one["event"] == "operation-finished" and "of 300" in one["detail"]]
    assert "names" in done["detail"]


def test_without_contents_there_is_a_list_and_an_estimate_and_nothing_is_partial(site: Site, tmp_path: Path) -> None:
    irkit = connect(site.engine, tmp_path / "evidence")
    times = {path: path.stat().st_atime_ns for path in site.data.rglob("*") if path.is_file()}
    how = "with: {select: [/var/www], contents: false}"
    bundle = irkit.run(playbook(tmp_path, f"{{id: data, action: snapshot.volumes, {how}}}"), "site")["bundle"]
    web = lines_of(bundle, "web-data")
    assert web[b"uploads/big"]["size"] == 3_000_000 and "sha256" not in web[b"uploads/big"]
    assert not item(bundle, "web-data.tar.zst")["partial"]
    assert any("0 of 3005" in one.get("detail", "") for one in events(bundle))
    assert times == {path: path.stat().st_atime_ns for path in times}


def test_what_is_mounted_below_a_bind_mount_is_not_walked(site: Site, tmp_path: Path) -> None:
    inner = site.folder / "mounted"
    inner.mkdir()
    run(["mount", "-t", "tmpfs", "none", str(inner)])
    (inner / "inside").touch()
    try:
        irkit = connect(site.engine, tmp_path / "evidence")
        how = "with: {select: [/conf]}"
        bundle = irkit.run(playbook(tmp_path, f"{{id: data, action: snapshot.volumes, {how}}}"), "site")["bundle"]
    finally:
        run(["umount", str(inner)])
    (place,) = [one["path"] for one in items(bundle) if one["path"].endswith(".jsonl.zst")]
    lines = {one["path"]: one for one in map(json.loads, stored_of(bundle, place.removeprefix("data/")).splitlines())}
    assert lines["mounted"]["problem"] == "another file system is mounted there"
    assert "mounted/inside" not in lines
