"""snapshot.export and snapshot.commit on the real engine."""

import hashlib
import io
import json
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from irkit.cli.table import size_text
from tests.acceptance.bundles import item, playbook, stored
from tests.acceptance.command import Irkit, connect
from tests.acceptance.compare import members
from tests.acceptance.fake_engine import FakeEngine
from tests.lab import hostile
from tests.lab.description import Suspect
from tests.lab.engine import Engine, start_engine
from tests.lab.images import big_image
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

EXPORT = "{id: disk, action: snapshot.export}"


@pytest.mark.parametrize("how", ["", ", with: {compress: false}", ", with: {level: 1, index: false}"])
def test_the_export_of_hostile_files_is_what_docker_exports(
    shared: Lab, irkit: Irkit, tmp_path: Path, how: str
) -> None:
    if "hostile" not in shared.engine.docker("ps", "--format", "{{.Names}}").stdout.decode():
        shared.make(Suspect(name="hostile", hostile_files=True, deleted=("/app/delete-me.txt",)))
    shared.engine.docker("exec", "hostile", "true")
    bundle = irkit.run(playbook(tmp_path, f"{{id: disk, action: snapshot.export{how}}}"), "hostile")["bundle"]
    ours = stored(bundle, "hostile", "export/rootfs.tar")
    theirs = shared.engine.docker("export", "hostile").stdout
    assert members(ours) == members(theirs)
    assert hashlib.sha256(ours).digest() == hashlib.sha256(theirs).digest(), "not the same to the byte"
    told = item(bundle, "rootfs.tar" if "compress: false" in how else "rootfs.tar.zst")
    assert told["source_sha256"] == hashlib.sha256(theirs).hexdigest() and told["source_size"] == len(theirs)
    assert (told["sha256"] == told["source_sha256"]) == ("compress: false" in how)
    if "index: false" in how:
        assert not list(Path(bundle).rglob("*.index.jsonl*"))
    else:
        check_index(stored(bundle, "hostile", "export/rootfs.index.jsonl"), ours)


def test_a_plan_estimates_by_the_size_of_the_image(shared: Lab, irkit: Irkit, tmp_path: Path) -> None:
    if "sized" not in shared.engine.docker("ps", "--format", "{{.Names}}").stdout.decode():
        shared.make(Suspect(name="sized"))
    image = shared.engine.docker("inspect", "--format", "{{.Image}}", "sized").stdout.decode().strip()
    size = int(shared.engine.docker("image", "inspect", "--format", "{{.Size}}", image).stdout)
    path = playbook(tmp_path, EXPORT, "{id: image, action: snapshot.image}", "{id: cut, action: contain.pause}")
    steps = {task["step"]: task["estimate"] for task in irkit("plan", path, "sized", "--json").json["tasks"]}
    assert steps["disk"] == {"about": size, "most": 0, "is_open": True, "seconds": 0}
    assert steps["image"] == {"about": size, "most": 0, "is_open": False, "seconds": 0}
    assert steps["cut"] == {"about": 0, "most": 0, "is_open": False, "seconds": 0}
    shown = irkit("plan", path, "sized").out
    assert f"~{size_text(size)}+" in shown and f"before compression: ~{size_text(2 * size)}+" in shown
    assert "ESTIMATE" not in irkit("plan", "freeze", "sized").out


def check_index(index: bytes, archive: bytes) -> None:
    """A line for every member, in order, each with the digest of what it holds."""
    lines = [json.loads(line) for line in index.splitlines()]
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        truth = list(tar)
        assert len(lines) == len(truth)
        for line, one in zip(lines, truth, strict=True):
            assert raw_path(line).rstrip(b"/") == one.name.encode("utf-8", "surrogateescape")
            content = tar.extractfile(one) if one.isreg() else None
            if content is not None:
                held = content.read()
                assert line["sha256"] == hashlib.sha256(held).hexdigest()
                assert archive[line["data"] : line["data"] + len(held)] == held
    names = {raw_path(line) for line in lines}
    assert {hostile.DIRECTORY.lstrip(b"/") + b"/" + name for name in hostile.NAMES} <= names


def raw_path(line: dict[str, Any]) -> bytes:
    import base64

    return base64.b64decode(line["path_b64"]) if line.get("path_b64") else line["path"].encode()


@pytest.fixture(scope="module")
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine that may be killed."""
    with start_engine() as engine:
        yield engine


def test_an_engine_that_dies_in_the_middle_leaves_partial_evidence_that_says_so(doomed: Engine, tmp_path: Path) -> None:
    lab, irkit = Lab(doomed), connect(doomed, tmp_path / "evidence")
    lab.make(Suspect(name="big", image=big_image(doomed, 200, 60), command=("sleep", "1000")))
    steps = ("{id: facts, action: collect.inspect}", EXPORT, "{id: late, action: collect.changes}")
    process = irkit.begin("run", playbook(tmp_path, *steps), "big", "--events")
    assert process.stdout
    for line in process.stdout:
        if b"operation-started" in line and b'"export"' in line:
            break
    while not any(path.stat().st_size > 2_000_000 for path in irkit.evidence.rglob("rootfs.tar.zst")):
        time.sleep(0.01)
    doomed.restart(kill=True)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    ended = [json.loads(line)["event"] for line in out.splitlines()]
    assert ended[-1]["event"] == "run-finished" and ended[-1]["outcome"] == "done"
    (failed,) = [one for one in ended if one["event"] == "operation-failed" and one["step"] == "disk"]
    assert failed["reason"] == "the connection ended before the answer did" and failed["took_hold"] == "no"
    (bundle,) = irkit.evidence.glob("*irb-*")
    for name in ("export/rootfs.tar", "export/rootfs.index.jsonl"):
        told = item(bundle, f"{name}.zst")
        assert told["partial"] == failed["reason"]
    archive = stored(bundle, "big", "export/rootfs.tar")
    assert len(archive) > 1_000_000 and len(archive) == item(bundle, "rootfs.tar.zst")["source_size"]
    listed = [json.loads(line) for line in stored(bundle, "big", "export/rootfs.index.jsonl").splitlines()]
    whole = [one for one in listed if not one.get("truncated")]
    assert listed and len(listed) - len(whole) <= 1
    assert max(one["data"] + one["size"] for one in whole if one["type"] == "file") > len(archive) - (20 << 20)
    assert irkit("verify", str(bundle)).status == 0
    assert "FAILED    big disk: the connection ended before the answer did" in irkit("show", str(bundle)).out
    lab.clean()


# Commit ----------------------------------------------------------------------------------------------------------


def images(lab: Lab) -> list[str]:
    said = lab.engine.docker("images", "--format", "{{.Repository}}:{{.Tag}}", "irkit/*").stdout
    return sorted(said.decode().split())


@pytest.fixture
def no_images(lab: Lab) -> Iterator[None]:
    yield
    for name in images(lab):
        lab.engine.docker("rmi", "--force", name)


def actions_of(lab: Lab, suspect: str, since: float) -> list[str]:
    """What the engine noticed of a container since then."""
    window = ("--since", f"{since:.6f}", "--until", f"{time.time():.6f}")
    said = lab.engine.docker("events", *window, "--filter", f"container={suspect}", "--format", "{{.Action}}").stdout
    return said.decode().split()


@pytest.mark.usefixtures("no_images")
def test_a_commit_pauses_or_does_not_and_is_labelled_and_stays_after_undo(
    lab: Lab, irkit: Irkit, tmp_path: Path
) -> None:
    suspect = lab.make(Suspect(name="worker", changed={"/opt/dropper": b"evil\n"}))
    begun = time.time()
    first = irkit.run(playbook(tmp_path, "{id: image, action: snapshot.commit}"), "worker")
    assert actions_of(lab, suspect, begun) == ["pause", "commit", "unpause"]
    (image,) = images(lab)
    found = json.loads(lab.engine.docker("image", "inspect", image).stdout)[0]
    labels = found["Config"]["Labels"]
    assert labels["irkit.case"] == "T-1" and labels["irkit.container"] == suspect
    assert labels["irkit.run"] == first["run"] and image.startswith("irkit/t-1-")
    assert labels["irkit.lab"] == lab.engine.lab_id, "the labels it had are kept"
    assert json.loads(stored(first["bundle"], "worker", "commit.json"))["Id"] == found["Id"]

    begun = time.time()
    irkit.run(playbook(tmp_path, "{id: image, action: snapshot.commit, with: {pause: false}}"), "worker")
    assert actions_of(lab, suspect, begun) == ["commit"]
    assert lab.engine.inspect("worker")["State"]["Status"] == "running"

    undone = irkit("undo", first["bundle"], "--approve", "change")
    assert f"stays: worker: image {image}, as evidence" in undone.err and "nothing is left" in undone.out
    assert irkit("undo", first["bundle"], "--json").json == {
        "to_undo": 0,
        "stays": [f"worker: image {image}, as evidence"],
    }
    assert len(images(lab)) == 2


@pytest.mark.usefixtures("no_images")
def test_a_saved_image_equals_docker_save(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="worker", changed={"/opt/dropper": b"evil\n"}, deleted=("/app/delete-me.txt",)))
    bundle = irkit.run(playbook(tmp_path, "{id: image, action: snapshot.commit, with: {save: true}}"), "worker")[
        "bundle"
    ]
    (image,) = images(lab)
    ours = stored(bundle, "worker", "image/image.tar")
    assert contents(ours) == contents(lab.engine.docker("save", image).stdout)
    lab.engine.docker("rmi", image)
    assert image in lab.engine.docker("load", input=ours).stdout.decode()
    assert lab.engine.docker("run", "--rm", image, "cat", "/opt/dropper").stdout == b"evil\n"


def contents(archive: bytes) -> dict[str, str]:
    """What an image's archive holds, without the moment at which it was made."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = {}
        for one in tar:
            held = tar.extractfile(one) if one.isreg() else None
            found[one.name] = hashlib.sha256(held.read()).hexdigest() if held else one.linkname
        return found


@pytest.mark.usefixtures("no_images")
def test_an_image_is_removed_only_once_it_was_saved_whole(
    lab: Lab, irkit: Irkit, tmp_path: Path, socket_path: Path
) -> None:
    lab.make(Suspect(name="worker", changed={"/opt/dropper": b"evil\n"}))
    how = "with: {save: true, remove: true}, on_error: continue"
    step = playbook(tmp_path, f"{{id: image, action: snapshot.commit, {how}}}")

    def cut_short(method: str, path: str) -> Any:
        request = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        return engine.forward(request, most=500_000) if path.endswith("/get") else None

    with FakeEngine(socket_path, cut_short, behind=lab.engine.socket) as engine:
        broken = Irkit(f"unix://{socket_path}", irkit.evidence).run(step, "worker", status=1)
    assert [one["reason"] for one in broken["failures"]] == ["the connection ended before the answer did"]
    assert len(images(lab)) == 1, "the only whole copy was removed"
    assert item(broken["bundle"], "image.tar.zst")["partial"]
    assert "the operation before it did not finish" in irkit("show", broken["bundle"], "--log").out
    assert "stays: worker: image" in irkit("undo", broken["bundle"]).err

    whole = irkit.run(step, "worker")
    assert len(images(lab)) == 1, "the image of the first run is nobody else's to remove"
    assert not item(whole["bundle"], "image.tar.zst")["partial"]
    assert "stays" not in irkit("undo", whole["bundle"]).err
    assert lab.engine.docker("load", input=stored(whole["bundle"], "worker", "image/image.tar")).returncode == 0
    assert len(images(lab)) == 2
