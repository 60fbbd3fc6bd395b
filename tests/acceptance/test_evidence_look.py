"""The evidence screens on a bundle that a real run made: every archive by its index, items whole, digests at hand."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from irkit.app import read_records
from irkit.app.evidence_look import Item, items_of, members
from irkit.core.listed_member import ListedMember
from irkit.tui.app import IrkitApp
from irkit.tui.line_view import LineView
from irkit.tui.screens.bundle import BundleScreen
from irkit.tui.screens.item import ItemScreen
from tests.acceptance.bundles import playbook, stored_of
from tests.acceptance.command import Irkit, connect
from tests.app.hosts_in_memory import Place
from tests.lab import hostile
from tests.lab.description import Suspect
from tests.lab.engine import Engine
from tests.lab.suspects import Lab
from tests.tui.world import play, text_of, until

pytestmark = pytest.mark.engine

STEPS = (
    "{id: facts, action: collect.inspect}",
    "{id: changed, action: snapshot.changes}",
    "{id: data, action: snapshot.volumes, with: {max_bytes: 10KB}}",
    "{id: disk, action: snapshot.export}",
    "{id: part, action: collect.files, with: {paths: [/app], max_bytes: 2KB}}",
)
FILL = (
    "mkdir -p /var/www/up; head -c 100000 /dev/urandom > /var/www/up/big; echo x > /var/www/page; rm /app/change-me.txt"
)


@pytest.fixture(scope="module")
def made(shared: Lab, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Irkit, Path]]:
    """A bundle with archives of every kind, some of it partial."""
    shared.make(Suspect(name="template", hostile_files=True, deleted=("/app/delete-me.txt",)))
    image = engine.docker("commit", "template", "looked-at").stdout.decode().strip()
    engine.docker("run", "--detach", "--name", "site", "--volume", "site-data:/var/www", image, "sleep", "100000")
    engine.docker("exec", "site", "sh", "-c", FILL)
    folder = tmp_path_factory.mktemp("evidence")
    irkit = connect(engine, folder / "evidence")
    try:
        ended = irkit("run", playbook(folder, *STEPS), "site", "--json", status=None)
        yield irkit, Path(ended.json["bundle"])
    finally:
        engine.docker("rm", "--force", "site")
        engine.docker("volume", "rm", "site-data")
        engine.docker("rmi", image)


def told(bundle: Path) -> dict[str, Item]:
    return {one.path: one for one in items_of(bundle, read_records(bundle))}


def listed(bundle: Path, item: Item, index: str) -> list[ListedMember]:
    look = members(bundle, item.path, index)
    assert look.wait(60) and look.value is not None and look.source == ("its index" if index else "its headers")
    return look.value


def ended(bundle: Path, items: dict[str, Item], name: str) -> Item:
    (one,) = [one for path, one in items.items() if path.removesuffix(".zst").endswith(name)]
    return one


def test_every_archive_of_a_run_is_told_by_its_own_index_as_by_its_headers(made: tuple[Irkit, Path]) -> None:
    bundle = made[1]
    items = told(bundle)
    assert [one.path for one in items.values() if one.doubt] == []
    archives = [one for one in items.values() if one.is_archive]
    kinds = {one.path.rsplit("/", 2)[1] for one in archives if one.index}
    assert {"export", "changes", "volumes"} <= kinds
    for one in archives:
        by_headers = listed(bundle, one, "")
        held = stored_of(str(bundle), one.path.removeprefix("data/"))
        with tarfile.open(fileobj=io.BytesIO(held), errorlevel=0) as tar:
            truth = tar.getmembers()
        assert [member.name.rstrip(b"/") for member in by_headers][: len(truth)] == [
            member.name.encode("utf-8", "surrogateescape") for member in truth
        ]
        if one.index:
            by_index = {member.name.rstrip(b"/"): member for member in listed(bundle, one, one.index)}
            for member in by_headers:
                named = by_index[member.name.rstrip(b"/")]
                assert (named.type, named.mode, named.uid, named.gid, named.link) == (
                    member.type, member.mode, member.uid, member.gid, member.link,
                )  # fmt: skip


def test_a_real_export_is_told_with_its_names_as_bytes_modes_and_digests(made: tuple[Irkit, Path]) -> None:
    bundle = made[1]
    one = ended(bundle, told(bundle), "export/rootfs.tar")
    found = {member.name: member for member in listed(bundle, one, one.index)}
    assert (found[b".dockerenv"].type, found[b".dockerenv"].mode) == ("file", 0o755)
    assert {hostile.DIRECTORY.lstrip(b"/") + b"/" + name for name in hostile.NAMES} <= set(found)
    changes = ended(bundle, told(bundle), "changes/changes.tar")
    assert "deleted" in {member.change for member in listed(bundle, changes, changes.index)}


def played(made: tuple[Irkit, Path], script: Any, size: tuple[int, int] = (100, 40)) -> None:
    play({}, made[0].evidence, script, size=size, place=Place())


async def opened(app: IrkitApp, pilot: Pilot[Any], end: str) -> LineView:
    """The item of that name, opened by its key."""
    await pilot.press("6")
    await until(pilot, lambda: "1 bundle " in text_of(app))
    await pilot.press("home", "enter")
    await until(pilot, lambda: isinstance(app.screen, BundleScreen) and app.screen.query_one(LineView).lines)
    view = app.screen.query_one(LineView)
    view._go(next(n for n, one in enumerate(view.lines) if one.path and one.path.removesuffix(".zst").endswith(end)))
    await pilot.pause()
    return view


def test_the_screens_show_a_real_bundle(made: tuple[Irkit, Path]) -> None:
    bundle = made[1]
    items = told(bundle)

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        rootfs = ended(bundle, items, "export/rootfs.tar").evidence
        assert rootfs is not None
        await opened(app, pilot, "export/rootfs.tar")
        await until(pilot, lambda: rootfs.sha256 in text_of(app))
        await until(pilot, lambda: f"{rootfs.source_sha256} unpacked" in text_of(app))
        await pilot.press("Y")
        assert app.clipboard == rootfs.sha256
        await pilot.press("y")
        assert app.clipboard == rootfs.path
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ItemScreen) and "members, by its index" in text_of(app))
        await until(pilot, lambda: "-rwxr-xr-x 0:0" in text_of(app) and ".dockerenv" in text_of(app))
        await pilot.press("slash", *"keep.txt", "enter")
        await until(pilot, lambda: app.screen.query_one(LineView).cursor > 0)
        await pilot.press("slash", "escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, BundleScreen))

    played(made, script)


def test_a_real_inspect_can_be_read_whole_and_searched(made: tuple[Irkit, Path]) -> None:
    bundle = made[1]
    one = ended(bundle, told(bundle), "/inspect.json")
    content = (bundle / one.path).read_bytes()
    assert content.count(b"\n") <= 1 and len(content) > 5000

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        await opened(app, pilot, "/inspect.json")
        await pilot.press("enter")
        await until(pilot, lambda: "as JSON" in text_of(app) and app.screen.query_one(LineView).lines)
        view = app.screen.query_one(LineView)
        shown = "".join(("" if line.lead else "\n") + line.text[line.lead :] for line in view.lines)
        assert json.loads(shown) == json.loads(content)
        assert max(len(line.text) for line in view.lines) <= 98
        await pilot.press("slash", *"capadd", "enter")
        await until(pilot, lambda: view.line is not None and '"CapAdd"' in view.line.text)

    played(made, script)


def test_what_is_partial_is_said_with_its_reason_in_the_list_and_in_the_item(made: tuple[Irkit, Path]) -> None:
    bundle = made[1]
    partial = [one for one in told(bundle).values() if one.evidence is not None and one.evidence.partial]
    assert partial

    async def script(app: IrkitApp, pilot: Pilot[Any]) -> None:
        one = partial[0]
        assert one.evidence is not None
        view = await opened(app, pilot, one.path.removesuffix(".zst"))
        shown = [line.text for line in view.lines if line.path == one.path]
        assert "!" in shown[0] and f"PARTIAL: {one.evidence.partial}"[:60] in shown[1]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ItemScreen) and "PARTIAL: " in text_of(app))

    played(made, script)
