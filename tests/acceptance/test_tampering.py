"""Whatever is changed in a sealed bundle of a real run, `verify` finds it and names the file."""

import itertools
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from irkit.adapters.verify import verify
from tests.acceptance.command import Irkit, connect
from tests.lab.description import Attach, Network, Suspect
from tests.lab.engine import Engine
from tests.lab.suspects import Lab
from tests.soak import often

pytestmark = pytest.mark.engine

FLIPS = often(24, 3)
"""Bytes changed in each file, one at a time: the first, the last, and others by chance (many bytes of every kind
of file are tried in tests/adapters/test_verify.py, on a smaller bundle)."""


@pytest.fixture(scope="module")
def sealed(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tampering")
    irkit: Irkit = connect(engine, folder / "evidence")
    with Lab(engine) as lab:
        lab.network(Network("front", subnet="10.77.1.0/24"))
        lab.make(Suspect(name="suspect", networks=(Attach("front"),), stdout=(b"hello\n",), stderr=(b"oh\n",)))
        summary = irkit.run("contain-and-preserve", "suspect")
        irkit("undo", summary["bundle"], "--approve", "change")
    bundle = Path(summary["bundle"])
    for path in bundle.rglob("*"):
        path.chmod(0o700)  # what made it read-only does not stop a tamperer, nor this test
    assert verify(bundle).ok
    return bundle


def files(bundle: Path) -> Iterator[Path]:
    yield from sorted(path for path in bundle.rglob("*") if path.is_file())


def found(bundle: Path, changed: Path) -> None:
    report = verify(bundle)
    name = changed.relative_to(bundle).as_posix()
    assert not report.ok, f"{name}: the change was not found"
    assert any(name in problem.text for problem in report.problems), (name, report.problems)


def with_bytes(path: Path, data: bytes, check: Callable[[], None]) -> None:
    whole = path.read_bytes()
    path.write_bytes(data)
    try:
        check()
    finally:
        path.write_bytes(whole)


def test_one_byte_changed_anywhere(sealed: Path) -> None:
    chance = random.Random(7)
    for path in files(sealed):
        whole = path.read_bytes()
        places = {0, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(FLIPS))} if whole else set()
        for place in sorted(places):
            data = bytearray(whole)
            data[place] ^= 1 << chance.randrange(8)
            with_bytes(path, bytes(data), lambda path=path: found(sealed, path))  # type: ignore[misc]


def test_a_file_cut_or_lengthened_or_emptied(sealed: Path) -> None:
    for path in files(sealed):
        whole = path.read_bytes()
        for data in {whole[:-1], whole[: len(whole) // 2], b"", whole + b"\n", whole + b"\0"} - {whole}:
            with_bytes(path, data, lambda path=path: found(sealed, path))  # type: ignore[misc]


def test_a_file_deleted(sealed: Path) -> None:
    for path in files(sealed):
        aside = sealed.parent / "aside"
        path.rename(aside)
        found(sealed, path)
        aside.rename(path)


def test_a_file_added_to_any_folder(sealed: Path) -> None:
    for folder in [sealed, *(path for path in sealed.rglob("*") if path.is_dir())]:
        for name in ("extra", ".hidden", "inspect-2.json"):
            added = folder / name
            added.write_bytes(b"x")
            found(sealed, added)
            added.unlink()
        added = folder / "empty-folder"
        added.mkdir()
        found(sealed, added)
        added.rmdir()


def test_two_files_swapped(sealed: Path) -> None:
    everything = list(files(sealed))
    for one, other in itertools.pairwise(everything):
        if one.read_bytes() == other.read_bytes():
            continue
        aside = sealed.parent / "aside"
        one.rename(aside), other.rename(one), aside.rename(other)
        found(sealed, one)
        found(sealed, other)
        one.rename(aside), other.rename(one), aside.rename(other)


def test_a_file_replaced_by_a_link_to_the_same_bytes(sealed: Path) -> None:
    for path in files(sealed):
        aside = sealed.parent / "aside"
        path.rename(aside)
        path.symlink_to(aside)
        found(sealed, path)
        path.unlink()
        aside.rename(path)


def test_lines_of_the_log_left_out_or_in_another_order(sealed: Path) -> None:
    path = sealed / "data/log/run.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    for number in range(len(lines)):
        left = lines[:number] + lines[number + 1 :]
        with_bytes(path, b"".join(left), lambda: found(sealed, path))
    swapped = [lines[1], lines[0], *lines[2:]]
    with_bytes(path, b"".join(swapped), lambda: found(sealed, path))


def test_afterwards_it_verifies_again(sealed: Path, tmp_path: Path) -> None:
    assert verify(sealed).ok
    moved = tmp_path / sealed.name
    shutil.copytree(sealed, moved)
    assert verify(moved).ok, "a bundle is checked wherever it lies"
