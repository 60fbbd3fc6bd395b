"""snapshot.image on the real engine: each layer once, all of it there, and what comes out can be loaded again."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.bundles import events, item, items, playbook, stored, unpacked
from tests.acceptance.command import Irkit
from tests.acceptance.fake_engine import FakeEngine
from tests.lab.description import Suspect
from tests.lab.images import base_image, derived_image
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

STEP = "{id: image, action: snapshot.image}"


def described(bundle: str) -> list[dict[str, Any]]:
    """What the bundle says of each of its images."""
    found = sorted((Path(bundle) / "data").glob("*/host/images/*/layers.json"))
    return [json.loads(path.read_bytes()) | {"folder": path.parent} for path in found]


def put_together(image: dict[str, Any]) -> bytes:
    """The engine's answer from its parts, as docs/acquisition.md says."""
    folder = image["folder"]
    rest, host, out = io.BytesIO(unpacked(folder / "save.rest.zst")), folder.parent.parent, io.BytesIO()
    for line in map(json.loads, (folder / "save.jsonl").read_bytes().splitlines()):
        out.write(rest.read(line["at"] - out.tell()))
        content = unpacked(host / line["path"]) if line["path"].endswith("r.zst") else plain(host / line["path"])
        assert len(content) == line["bytes"] and hashlib.sha256(content).hexdigest() == line["sha256"]
        out.write(content)
    out.write(rest.read())
    return out.getvalue()


def plain(path: Path) -> bytes:
    return unpacked(path) if path.suffix == ".zst" else path.read_bytes()


def test_images_of_several_containers_are_stored_layer_by_layer_once(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    derived = derived_image(lab.engine, "irkit-lab/derived:1", {"opt/tool": b"tool\n" * 5000}, ["sleep", "1000"])
    twice = derived_image(lab.engine, "irkit-lab/twice:1", {"opt/more": b"more\n"}, ["sleep", "1000"], derived)
    lab.make(Suspect(name="one", image=derived, command=("sleep", "1000")))
    lab.make(Suspect(name="two", image=derived, command=("sleep", "1000")))
    lab.make(Suspect(name="three", image=twice, command=("sleep", "1000")))
    lab.make(Suspect(name="four", image=base_image(lab.engine), command=("sleep", "1000")))
    bundle = irkit.run(playbook(tmp_path, STEP), "all")["bundle"]
    images = described(bundle)
    truth = {
        one["Id"]: one["RootFS"]["Layers"]
        for name in ("one", "three", "four")
        for one in json.loads(lab.engine.docker("image", "inspect", lab.engine.inspect(name)["Image"]).stdout)
    }
    assert {one["image"]: [f"sha256:{layer['diff_id']}" for layer in one["layers"]] for one in images} == truth
    distinct = {layer for layers in truth.values() for layer in layers}
    layers = [one for one in items(bundle) if "/images/blobs/" in one["path"] and one["path"].endswith(".tar.zst")]
    assert sorted(f"sha256:{one['source_sha256']}" for one in layers) == sorted(distinct), "each layer once"
    assert not [one for one in items(bundle) if "unfinished" in one["path"] or one["partial"]]
    assert all(not one["wrong"] for one in images)
    for image in images:
        answer = put_together(image)
        assert hashlib.sha256(answer).hexdigest() == image["stream"]["sha256"]
        assert image["image"].removeprefix("sha256:")[:12] in str(image["folder"])
    details = [
        one["detail"] for one in events(bundle) if one["event"] == "operation-finished" and one["step"] == "image"
    ]
    assert len(details) == 3 and sum("layers" in one for one in details) == 3
    assert irkit("verify", bundle).status == 0


def test_an_image_put_together_can_be_loaded_and_run(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    tag = derived_image(lab.engine, "irkit-lab/loaded:1", {"opt/dropper": b"evil\n"}, ["sleep", "1000"])
    lab.make(Suspect(name="one", image=tag, command=("sleep", "1000")))
    bundle = irkit.run(playbook(tmp_path, STEP), "one")["bundle"]
    (image,) = described(bundle)
    lab.engine.docker("rm", "--force", "one")
    lab.engine.docker("rmi", "--force", image["image"])
    said = lab.engine.docker("load", input=put_together(image)).stdout.decode()
    assert image["image"] in said
    assert lab.engine.docker("run", "--rm", image["image"], "cat", "/opt/dropper").stdout == b"evil\n"
    lab.engine.docker("rmi", "--force", image["image"])


def test_the_index_of_each_layer_tells_every_file_with_its_digest(lab: Lab, irkit: Irkit, tmp_path: Path) -> None:
    lab.make(Suspect(name="one"))
    bundle = irkit.run(playbook(tmp_path, STEP), "one")["bundle"]
    (image,) = described(bundle)
    host = image["folder"].parent.parent
    for layer in image["layers"]:
        content = unpacked(host / layer["path"])
        index = unpacked(host / f"images/blobs/{layer['sha256']}.index.jsonl.zst")
        listed = [json.loads(line) for line in index.splitlines()]
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            truth = [one.name.removeprefix("./") for one in archive]
        assert [one["path"].removeprefix("./").rstrip("/") for one in listed] == truth and len(truth) == layer["files"]
        for one in listed:
            if one["type"] == "file":
                held = content[one["data"] : one["data"] + one["size"]]
                assert hashlib.sha256(held).hexdigest() == one["sha256"]


def test_an_answer_that_breaks_off_is_partial_and_a_second_run_whole(
    lab: Lab, irkit: Irkit, tmp_path: Path, socket_path: Path
) -> None:
    lab.make(Suspect(name="one"))

    def cut_short(method: str, path: str) -> Any:
        request = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        return engine.forward(request, most=300_000) if path.endswith("/get") else None

    with FakeEngine(socket_path, cut_short, behind=lab.engine.socket) as engine:
        broken = Irkit(f"unix://{socket_path}", irkit.evidence).run(playbook(tmp_path, STEP), "one", status=1)
    assert [one["reason"] for one in broken["failures"]] == ["the connection ended before the answer did"]
    partial = [one["path"] for one in items(broken["bundle"]) if one["partial"]]
    assert any("unfinished.tar.zst" in path for path in partial) and any("save.rest" in path for path in partial)
    assert not any("/blobs/" in path for path in partial), "only what came whole is named by its digest"
    whole = irkit.run(playbook(tmp_path, STEP), "one")
    assert described(whole["bundle"])[0]["layers"] and not [one for one in items(whole["bundle"]) if one["partial"]]
    assert item(whole["bundle"], "save.rest.zst")["source"].startswith("GET /images/sha256%3A")
    assert stored(whole["bundle"], "", "info.json")
