"""snapshot.volumes where a container leads the source of one volume elsewhere, by a link that it puts into another."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.bundles import events, item, items, playbook
from tests.acceptance.test_changed_files import reached
from tests.acceptance.test_volumes import lines_of
from tests.lab.description import Suspect
from tests.lab.engine import Engine
from tests.lab.suspects import Lab
from tests.lab.tools import run

pytestmark = pytest.mark.engine


class Led:
    """A suspect that has turned the folder above its second volume into a link to a folder of the host's."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.engine, self.secret = lab.engine, folder / "host"
        self.place = folder / "srv"
        (self.place / "app/conf").mkdir(parents=True)
        (self.place / "app/conf/own").write_text("the container's\n")
        (self.secret / "conf").mkdir(parents=True)
        (self.secret / "conf/secret").write_text("the host's\n")
        lab.make(Suspect(name="plain"))
        image = lab.engine.inspect("plain")["Config"]["Image"]
        volumes = [word for one in (f"{self.place}:/srv", f"{self.place}/app/conf:/conf") for word in ("--volume", one)]
        lab.engine.docker("run", "--detach", "--name", "led", *volumes, image, "sleep", "100000")
        lab.engine.docker("exec", "led", "sh", "-c", f"mv /srv/app /srv/old && ln -s {self.secret} /srv/app")


@pytest.fixture
def led(lab: Lab, tmp_path: Path) -> Iterator[Led]:
    yield Led(lab, tmp_path / "led")
    lab.engine.docker("rm", "--force", "led")


STEP = "{id: data, action: snapshot.volumes, with: {select: [/conf]}}"


def told(bundle: str) -> list[str]:
    """What the items' warnings and the log's lines say."""
    warnings = [text for one in items(bundle) for text in one.get("warnings", ())]
    return warnings + [one.get("detail", "") or one.get("reason", "") for one in events(bundle)]


@pytest.mark.parametrize("way", ["files", "ssh"])
def test_what_the_container_has_mounted_is_read_and_not_what_its_link_leads_to(
    led: Led, engine: Engine, tmp_path: Path, way: str
) -> None:
    with reached(way, engine, tmp_path) as (irkit, where):
        bundle = irkit.run(playbook(tmp_path, STEP), "led", more=where)["bundle"]
    assert set(lines_of(bundle, "conf")) == {b".", b"own"}
    assert any(f"{led.place}/app on the way to it is a link" in text for text in told(bundle))


@pytest.mark.parametrize("way", ["files", "ssh"])
def test_of_a_stopped_container_nothing_is_read_through_such_a_link(
    led: Led, engine: Engine, tmp_path: Path, way: str
) -> None:
    led.engine.docker("stop", "--time", "0", "led")
    with reached(way, engine, tmp_path) as (irkit, where):
        bundle = irkit.run(playbook(tmp_path, STEP), "led", more=where, status=None)["bundle"]
    assert not [one["path"] for one in items(bundle) if "-conf" in one["path"]]
    assert any(f"{led.place}/app on the way to it is a link" in text for text in told(bundle))


def test_by_the_engine_alone_such_a_volume_is_not_called_whole(led: Led, engine: Engine, tmp_path: Path) -> None:
    with reached("api", engine, tmp_path) as (irkit, where):
        bundle = irkit.run(playbook(tmp_path, STEP), "led", more=where)["bundle"]
    assert set(lines_of(bundle, "conf")) == {b".", b"secret"}, "the engine follows the link"
    for end in ("conf.tar.zst", "conf.jsonl.zst"):
        assert "its source lies in another volume of the container" in item(bundle, end)["partial"]


def test_a_source_over_which_the_host_has_mounted_a_disk_is_read_there_and_that_is_said(
    led: Led, engine: Engine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    image = led.engine.inspect("led")["Config"]["Image"]
    led.engine.docker("run", "--detach", "--name", "other", "--volume", f"{place}/data:/conf", image, "sleep", "1000")
    request.addfinalizer(lambda: led.engine.docker("rm", "--force", "other"))
    run(["mount", "-t", "tmpfs", "none", str(place)])
    request.addfinalizer(lambda: run(["umount", "--lazy", str(place)]))
    (place / "data").mkdir()
    (place / "data/page").touch()
    with reached("files", engine, tmp_path) as (irkit, where):
        bundle = irkit.run(playbook(tmp_path, STEP), "other", more=where)["bundle"]
    assert set(lines_of(bundle, "conf")) == {b".", b"page"}
    found = item(bundle, "conf.tar.zst")
    assert found["source"] == f"{place}/data"
    assert "the container has something else there by now" in " ".join(found["warnings"])


def test_a_single_file_behind_a_link_of_the_hosts_own_is_read(
    led: Led, engine: Engine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "way").symlink_to(led.secret)
    image = led.engine.inspect("led")["Config"]["Image"]
    volume = f"{tmp_path}/way/conf/secret:/conf"
    led.engine.docker("run", "--detach", "--name", "other", "--volume", volume, image, "sleep", "1000")
    request.addfinalizer(lambda: led.engine.docker("rm", "--force", "other"))
    with reached("files", engine, tmp_path) as (irkit, where):
        bundle = irkit.run(playbook(tmp_path, STEP), "other", more=where)["bundle"]
    assert lines_of(bundle, "conf")[b"secret"]["size"] == len("the host's\n")
    assert (item(bundle, "conf.tar.zst")["partial"], item(bundle, "conf.tar.zst")["warnings"]) == ("", [])
