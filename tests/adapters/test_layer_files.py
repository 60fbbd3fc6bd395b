"""What overlayfs leaves in an upper folder, told as what it means: by the layers below, and by the engine's list."""

import json
from typing import Any

import pytest

from irkit.adapters.layer_changes import ADDED, CHANGED, DELETED
from irkit.adapters.layer_files import store_by_list, store_over_image
from irkit.adapters.layer_image import Image
from irkit.adapters.memory_files import MemoryFiles
from irkit.adapters.memory_store import MemoryStore
from irkit.adapters.tree_tar import open_tree
from irkit.core.operations import ReadEngine
from irkit.core.ports import FileKind
from tests.contract.file_sites import deadline

OPAQUE = {b"trusted.overlay.opaque": b"y"}
DEVICE, FOLDER = FileKind.CHARACTER_DEVICE, FileKind.DIRECTORY


@pytest.fixture
def files() -> MemoryFiles:
    made = MemoryFiles()
    for folder in (b"/up", b"/low1", b"/low2"):
        made.put(folder, kind=FOLDER)
    return made


def told(files: MemoryFiles, kinds: dict[str, int] | None = None) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    """The lines by path, and the counts."""
    store = MemoryStore()
    intake = store.intake(host="local", container=None, operation=ReadEngine("info"), task=0)
    tree = open_tree(intake, "t.tar", "t.jsonl", source="test", limit=1 << 20)
    top = files.folder(b"/up", deadline())
    if kinds is None:
        image = Image(files, [b"/low1", b"/low2"], deadline())
        counts = store_over_image(tree, top, image, deadline())
    else:
        counts = store_by_list(tree, top, kinds, deadline())
    assert tree.finish() == ""
    lines = [json.loads(line) for line in store.files["data/local/host/t.jsonl"].splitlines()]
    found = {line["path"]: line for line in lines if line["path"] != "."}
    assert len(found) == len(lines) - 1
    return found, {word: number for word, number in counts.items() if number}


def changes(files: MemoryFiles) -> dict[str, str]:
    return {path: line["change"] for path, line in told(files)[0].items()}


def test_what_a_layer_has_was_changed_and_what_none_has_was_added(files: MemoryFiles) -> None:
    files.put(b"/low2/etc/passwd", b"old")
    files.put(b"/low1/usr/bin", kind=FOLDER)
    for path in (b"/up/etc/passwd", b"/up/etc/new", b"/up/usr/bin/evil", b"/up/opt/x/y"):
        files.put(path, b"now", inode=1)
    assert changes(files) == {
        "etc": "changed",
        "etc/passwd": "changed",
        "etc/new": "added",
        "usr": "changed",
        "usr/bin": "changed",
        "usr/bin/evil": "added",
        "opt": "added",
        "opt/x": "added",
        "opt/x/y": "added",
    }


def test_what_an_upper_layer_of_the_image_deleted_is_not_in_the_image(files: MemoryFiles) -> None:
    files.put(b"/low2/etc/gone", b"old")
    files.put(b"/low2/srv/inside", b"old")
    files.put(b"/low1/etc/gone", kind=DEVICE, inode=3)
    files.put(b"/low1/srv", kind=FOLDER, xattrs=OPAQUE)
    for path in (b"/up/etc/gone", b"/up/srv/inside"):
        files.put(path, b"again", inode=1)
    assert changes(files) == {"etc": "changed", "etc/gone": "added", "srv": "changed", "srv/inside": "added"}


def test_a_folder_in_place_of_a_file_has_nothing_of_the_image_in_it(files: MemoryFiles) -> None:
    files.put(b"/low1/thing", b"a file")
    files.put(b"/low2/thing/inside", b"hidden by it")
    files.put(b"/up/thing/inside", b"new", inode=1)
    assert changes(files) == {"thing": "changed", "thing/inside": "added"}


@pytest.mark.parametrize("name", [b"trusted.overlay.whiteout", b"user.overlay.whiteout"])
def test_deletions_are_devices_without_number_or_empty_files_with_a_mark(files: MemoryFiles, name: bytes) -> None:
    files.put(b"/up/device", kind=DEVICE, inode=1)
    files.put(b"/up/real", kind=DEVICE, inode=1, device_number=0x103)
    files.put(b"/up/mark", xattrs={name: b""}, inode=1)
    files.put(b"/up/empty", inode=1)
    found, counts = told(files)
    assert {path: line["change"] for path, line in found.items()} == {
        "device": "deleted",
        "real": "added",
        "mark": "deleted",
        "empty": "added",
    }
    assert counts == {"added": 2, "deleted": 2}


def test_where_device_numbers_are_not_told_the_mode_tells_deletions(files: MemoryFiles) -> None:
    files.put(b"/up/gone", kind=DEVICE, mode=0)
    files.put(b"/up/null", kind=DEVICE, mode=0o666)
    assert {path: line["change"] for path, line in told(files, {"null": ADDED})[0].items()} == {
        "gone": "deleted",
        "null": "added",
    }


def test_what_a_replaced_folder_hides_is_listed_as_deleted(files: MemoryFiles) -> None:
    for path in (b"/low1/app/a", b"/low2/app/b", b"/low2/app/deep/c", b"/low2/app/deep/d", b"/low2/empty/e"):
        files.put(path, b"old")
    files.put(b"/low1/app/b", kind=DEVICE, inode=9)
    files.put(b"/up/app", kind=FOLDER, xattrs=OPAQUE, inode=1)
    files.put(b"/up/empty", kind=FOLDER, xattrs=OPAQUE, inode=1)
    files.put(b"/up/app/deep/c", b"new", inode=1)
    found, counts = told(files)
    assert {path: line["change"] for path, line in found.items()} == {
        "app": "changed",
        "app/a": "deleted",
        "app/deep": "changed",
        "app/deep/c": "changed",
        "app/deep/d": "deleted",
        "empty": "changed",
        "empty/e": "deleted",
    }
    assert (found["app"]["opaque"], found["app/a"]["type"], "offset" in found["app/a"]) == (True, "file", False)
    assert counts == {"changed": 4, "deleted": 3}


def test_a_file_whose_content_is_still_the_images_says_so_and_is_no_loss(files: MemoryFiles) -> None:
    files.put(b"/low1/tool", b"x" * 100)
    files.put(b"/up/tool", bytes(100), xattrs={b"trusted.overlay.metacopy": b""}, mode=0o4755, inode=1)
    found, _ = told(files)
    assert (found["tool"]["change"], found["tool"]["mode"]) == ("changed", 0o4755)
    assert "sha256" not in found["tool"] and "content is the image's" in found["tool"]["note"]


def test_what_is_in_the_engines_list_alone_is_listed(files: MemoryFiles) -> None:
    files.put(b"/up/a", b"x")
    files.put(b"/up/b\xff", b"x")
    found, counts = told(files, {"a": CHANGED, "b\ufffd": ADDED, "old": DELETED})
    assert {path: line.get("change") for path, line in found.items()} == {
        "a": "changed",
        "b\ufffd": "added",
        "old": "deleted",
    }
    assert counts == {"changed": 1, "added": 1, "deleted": 1}


def test_a_link_in_a_layer_of_the_image_leads_nowhere(files: MemoryFiles) -> None:
    files.put(b"/host/secret/name", b"")
    files.put(b"/low1/way", b"/host/secret", kind=FileKind.LINK)
    files.put(b"/up/way/name", b"new", inode=1)
    assert changes(files) == {"way": "changed", "way/name": "added"}
