"""What is saved from a screen: the bytes as their source gives them, in private files, with sums to check."""

import hashlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from irkit.app.exports import KINDS, Exported, Exports, export
from irkit.app.live import Live
from irkit.core.errors import Refusal, TargetError
from tests.app.hosts_in_memory import Endless, Place, fails
from tests.engine.world import container

WEB = container("web", host="near")
HOSTILE = b"\x1b]52;c;aGk=\x07 \xff\xfe\r\n[@click=app.x]" * 1000


class Kept:
    """A live list of one host in memory, and where its exports go."""

    def __init__(self, folder: Path) -> None:
        self.place = Place({"near": [WEB]})
        self.setting = self.place.setting(folder)
        self.live = Live(self.setting, ["near"])

    def save(self, what: str) -> Exported:
        look = export(self.setting, self.live, WEB.key, what)
        assert look.wait(60)
        assert look.value is not None, look.error
        return look.value


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    one = Kept(tmp_path / "evidence")
    yield one
    one.live.close()


def files(saved: Exported) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(saved.path.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("what", KINDS)
def test_each_kind_is_saved_with_its_sum(kept: Kept, what: str) -> None:
    saved = kept.save(what)
    assert saved.problem == ""
    assert saved.files >= 1
    assert saved.path.parent == kept.setting.folder / "exports"
    assert hashlib.sha256((saved.path / "SHA256SUMS").read_bytes()).hexdigest() == saved.sums
    check = shutil.which("sha256sum")
    assert check is not None
    subprocess.run([check, "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=saved.path, check=True)


def test_what_was_written_is_saved_byte_by_byte(kept: Kept) -> None:
    kept.save("inspect")
    kept.place.opened["near"].contents["logs/stdout.log"] = HOSTILE
    assert files(kept.save("logs"))["stdout.log"] == HOSTILE


def test_nobody_else_can_read_what_is_saved(kept: Kept) -> None:
    saved = kept.save("logs")
    assert saved.path.stat().st_mode & 0o777 == 0o700
    for path in saved.path.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_two_exports_in_a_second_have_folders_of_their_own(kept: Kept) -> None:
    assert len({kept.save("inspect").path for _ in range(3)}) == 3


def test_what_cannot_be_reached_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    place = Place(special={"far": fails(TargetError("it does not answer", Refusal.TIMEOUT))})
    setting = place.setting(tmp_path / "evidence")
    live = Live(setting, ["far"])
    look = export(setting, live, f"far/{WEB.id}", "logs")
    assert look.wait(60)
    live.close()
    assert look.value is None
    assert "it does not answer" in look.error
    assert not (tmp_path / "evidence" / "exports").exists()


def test_a_container_that_is_gone_saves_nothing_and_says_so(kept: Kept) -> None:
    look = export(kept.setting, kept.live, f"near/{'0' * 64}", "inspect")
    assert look.wait(60)
    assert look.value is None
    assert "nothing was saved" in look.error
    assert list((kept.setting.folder / "exports").iterdir()) == []


def test_what_is_no_kind_is_refused(kept: Kept) -> None:
    look = export(kept.setting, kept.live, WEB.key, "memory")
    assert look.wait(60)
    assert "only logs, inspect" in look.error


def endless(folder: Path) -> tuple[Exports, Live]:
    place = Place(special={"near": lambda host: Endless([WEB], host)})
    live = Live(place.setting(folder), ["near"])
    return Exports(place.setting(folder), live), live


def test_one_that_is_stopped_keeps_what_came_with_its_sum_and_says_that_it_is_not_whole(tmp_path: Path) -> None:
    exports, live = endless(tmp_path)
    assert exports.begin(WEB.key, "logs") and not exports.begin(WEB.key, "logs") and exports.begin(WEB.key, "inspect")
    while not list(tmp_path.glob("exports/.partial-*/*/*/stdout.log")):
        time.sleep(0.01)
    stopped = {one.what: one.look.value for one in exports.stop(60)}
    saved = stopped["logs"]
    assert saved is not None and saved.problem and files(saved)["stdout.log"] == Endless.START
    assert hashlib.sha256(Endless.START).hexdigest() in (saved.path / "SHA256SUMS").read_text()
    assert not saved.path.name.startswith(".") and exports.take() == exports.stop(60) == []
    live.close()


def test_one_that_is_under_way_does_not_look_whole(tmp_path: Path) -> None:
    """What a crash leaves has the name that it had until then."""
    exports, live = endless(tmp_path)
    exports.begin(WEB.key, "logs")
    while not list(tmp_path.glob("exports/.partial-*/*/*/stdout.log")):
        time.sleep(0.01)
    assert [path.name.startswith(".partial-") for path in (tmp_path / "exports").iterdir()] == [True]
    exports.stop(60)
    live.close()
