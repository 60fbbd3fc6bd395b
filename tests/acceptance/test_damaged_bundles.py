"""Bundles that somebody cut, emptied or laced with links: refused in a line, and nothing outside them is touched."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.command import Irkit, connect
from tests.lab.description import Attach, Network, Suspect
from tests.lab.engine import Engine
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def isolated(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Irkit, Path]]:
    irkit = connect(engine, tmp_path_factory.mktemp("damaged") / "evidence")
    with Lab(engine) as lab:
        lab.network(Network("front", subnet="10.77.1.0/24"))
        lab.make(Suspect(name="suspect", networks=(Attach("front", ipv4="10.77.1.50"),)))
        yield irkit, Path(irkit.run("isolate", "suspect")["bundle"])


@pytest.fixture
def copy(isolated: tuple[Irkit, Path], tmp_path: Path) -> Path:
    found = tmp_path / isolated[1].name
    shutil.copytree(isolated[1], found)
    for path in found.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return found


def test_a_sealed_log_that_lost_lines_at_its_end_is_not_undone_by_halves(
    isolated: tuple[Irkit, Path], copy: Path
) -> None:
    log = copy / "data/log/run.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    cut = next(number for number, line in enumerate(lines) if b'"operation":"disconnect"' in line)
    log.write_bytes(b"".join(lines[:cut]))
    ended = isolated[0]("undo", str(copy), "--approve", "change", status=4)
    assert "does not end where it was sealed" in ended.err


def test_undo_needs_the_log_alone(isolated: tuple[Irkit, Path], copy: Path) -> None:
    shutil.rmtree(copy / "metadata")
    ended = isolated[0]("undo", str(copy), "--dry-run")
    assert "connect to network front as 10.77.1.50" in ended.out


def test_sealing_again_never_touches_what_a_link_leads_to(
    isolated: tuple[Irkit, Path], copy: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    victim.chmod(0o644)
    (copy / "data/x").symlink_to(victim)
    (copy / "data/dangling").symlink_to(tmp_path / "nowhere")
    ended = isolated[0]("seal", str(copy), status=4)
    assert "does not verify" in ended.err
    assert victim.stat().st_mode & 0o777 == 0o644


def test_a_bundle_that_cannot_be_read_is_said_in_the_plan(
    isolated: tuple[Irkit, Path], copy: Path, tmp_path: Path
) -> None:
    irkit = Irkit(isolated[0].socket, tmp_path)
    with (copy / "data/log/run.jsonl").open("ab") as log:
        log.write(b"{}\n")
    ended = irkit("plan", "isolate", "suspect")
    assert "cannot be read: whether it holds a target contained is not known" in ended.out


@pytest.mark.parametrize("name", ["x" * 300, "a\0b".replace("\0", "%00"), "../..", ""])
def test_a_name_that_is_no_bundle_is_one_line(isolated: tuple[Irkit, Path], name: str) -> None:
    ended = isolated[0]("show", name, status=2)
    assert len(ended.error_lines) == 1 and "no bundle or run" in ended.err
