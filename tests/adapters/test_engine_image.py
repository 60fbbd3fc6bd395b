"""Images in every form that engines save them in, and in some that none should: each layer once, all of it there."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from irkit.adapters import engine_image
from irkit.adapters.zstd_frames import compress_frame
from irkit.core.errors import Refusal
from irkit.core.operations import ReadImage
from tests.acceptance.fake_engine import chunked, http
from tests.adapters.test_engine_streams import Done, carry_out, place

__all__ = ["place"]

IMAGE = "sha256:" + "ab" * 32


def digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def tar(members: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return out.getvalue()


LAYERS = [tar({f"file-{number}": bytes([number]) * 9000, "small": b"x"}) for number in range(3)]


def oci(blobs: list[bytes], diffs: list[str], **more: bytes) -> bytes:
    """As Docker since 25 saves it: blobs by digest, with the manifest of old beside the index."""
    config = json.dumps({"rootfs": {"type": "layers", "diff_ids": [f"sha256:{one}" for one in diffs]}}).encode()
    place = "blobs/sha256/"
    manifest = [
        {"Config": place + digest(config), "RepoTags": ["app:1"], "Layers": [place + digest(one) for one in blobs]}
    ]
    members = {place + digest(one): one for one in [*blobs, config]}
    head = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": b"{}"}
    return tar({**members, **head, "manifest.json": json.dumps(manifest).encode(), **more})


def legacy(layers: list[bytes]) -> bytes:
    """As Docker up to 24 saves it: a folder for each layer, and a link for one that is there twice."""
    config = json.dumps({"rootfs": {"diff_ids": [f"sha256:{digest(one)}" for one in layers]}}).encode()
    folders = [digest(b"v1-%d" % number) for number in range(len(layers))]
    members: dict[str, bytes] = {}
    links: dict[str, str] = {}
    for number, (folder, layer) in enumerate(zip(folders, layers, strict=True)):
        members |= {f"{folder}/VERSION": b"1.0", f"{folder}/json": b"{}"}
        if layer in layers[:number]:
            links[f"{folder}/layer.tar"] = f"../{folders[layers.index(layer)]}/layer.tar"
        else:
            members[f"{folder}/layer.tar"] = layer
    manifest = [
        {"Config": f"{digest(config)}.json", "RepoTags": None, "Layers": [f"{one}/layer.tar" for one in folders]}
    ]
    return tar({**members, f"{digest(config)}.json": config, "manifest.json": json.dumps(manifest).encode()}, links)


def read(place: Path, answer: bytes) -> Done:
    return carry_out(place, ReadImage(IMAGE, "run"), {"/json": http(b"{}"), "/get": chunked(answer)})


def told(done: Done) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.files["images/abababababab/layers.json"])
    return found


def put_together(done: Done) -> bytes:
    rest, out = io.BytesIO(done.files["images/abababababab/save.rest"]), io.BytesIO()
    for line in map(json.loads, done.files["images/abababababab/save.jsonl"].splitlines()):
        out.write(rest.read(line["at"] - out.tell()) + done.files[line["path"].removesuffix(".zst")])
    return out.getvalue() + rest.read()


FORMS = {
    "up to 24": (legacy(LAYERS), [digest(one) for one in LAYERS]),
    "a layer twice": (legacy([LAYERS[0], LAYERS[1], LAYERS[0]]), [digest(LAYERS[n]) for n in (0, 1, 0)]),
    "since 25": (oci(LAYERS, [digest(one) for one in LAYERS]), [digest(one) for one in LAYERS]),
    "packed": (
        oci([gzip.compress(LAYERS[0]), compress_frame(LAYERS[1], 3), LAYERS[2]], [digest(one) for one in LAYERS]),
        [digest(one) for one in LAYERS],
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_taken_apart_and_can_be_put_together_again(place: Path, form: str) -> None:
    answer, diffs = FORMS[form]
    done = read(place, answer)
    assert done.failure is None and put_together(done) == answer
    found = told(done)
    assert found["wrong"] == [] and found["stream"]["sha256"] == digest(answer)
    assert [one["diff_id"] for one in found["layers"]] == diffs
    for layer in found["layers"]:
        content = (
            done.files[layer["path"].removesuffix(".zst")]
            if layer["path"].endswith("r.zst")
            else done.files[layer["path"]]
        )
        assert digest(content) == layer["sha256"] and layer["files"] == 2
        index = done.files[f"images/blobs/{layer['sha256']}.index.jsonl"]
        assert {json.loads(line)["path"] for line in index.splitlines()} > {"small"}
    assert not any("unfinished" in name for name in done.files)


def test_a_blob_that_is_not_what_it_is_called_is_kept_as_what_it_is_and_said(place: Path) -> None:
    forged = oci([LAYERS[0]], [digest(LAYERS[0])]).replace(b"\1" * 0 + LAYERS[0], LAYERS[0][:-1] + b"\1")
    done = read(place, forged)
    found = told(done)
    assert any("holds something else" in one for one in found["wrong"]) and "NOT AS IT SAYS" in done.detail
    assert f"images/blobs/{digest(LAYERS[0])}.tar" not in done.files


def test_a_layer_that_is_missing_or_not_the_settings_one_is_said(place: Path) -> None:
    done = read(place, oci(LAYERS[:1], [digest(LAYERS[1]), digest(LAYERS[2])]))
    wrong = told(done)["wrong"]
    assert any("layer 1 is not what" in one for one in wrong) and "layer 2 is missing" in wrong


@pytest.mark.parametrize("answer", [tar({}), tar({"manifest.json": b"[" * 99999}), tar({"manifest.json": b'{"a":1}'})])
def test_an_answer_without_a_manifest_is_kept_and_said(place: Path, answer: bytes) -> None:
    done = read(place, answer)
    assert done.failure is None and put_together(done) == answer
    assert "no manifest" in told(done)["wrong"][0]


def test_hostile_names_and_too_many_parts_stay_in_the_rest(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_image, "_MOST_PARTS", 5)
    names = {"../../x.json": b"{}", "/etc/passwd.json": b"{}", "blobs/sha256/../x": b"y"}
    answer = tar({**names, **{f"{number:064x}/layer.tar": LAYERS[0][:512] + b"%d" % number for number in range(20)}})
    done = read(place, answer)
    assert put_together(done) == answer
    assert len([one for one in done.files if one.startswith("images/blobs/") and "index" not in one]) <= 5


def test_what_breaks_off_or_is_no_archive_fails_with_what_came(place: Path) -> None:
    answer = FORMS["since 25"][0]
    cut = read(place, answer[: len(answer) // 2])
    assert cut.failure is not None and cut.failure.kind is Refusal.LOST
    assert any(one.partial for one in cut.evidence.values())


def test_what_is_no_archive_fails(place: Path) -> None:
    wrong = carry_out(place, ReadImage(IMAGE, "run"), {"/json": http(b"{}"), "/get": http(b"<html>" * 1000)})
    assert wrong.failure is not None and wrong.failure.kind is Refusal.GARBLED
