"""Whatever is done to a sealed bundle is found, and the file it was done to is named."""

import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from irkit.adapters import bag
from irkit.adapters.report import Report
from irkit.adapters.verify import verify
from irkit.core import codec
from tests.adapters.made import a_bundle, make_writable, sealed_bundle
from tests.soak import often


class Tampered:
    """A sealed bundle to tamper with, that is as it was after each time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        make_writable(root)
        paths = [path for path in sorted(root.rglob("*")) if path.is_file()]
        self.files = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}

    def folders(self) -> list[str]:
        return [".", *(path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_dir())]

    def write(self, name: str, data: bytes) -> None:
        (self.root / name).write_bytes(data)

    def restore(self, *names: str) -> None:
        for name in names:
            path = self.root / name
            if path.is_symlink():
                path.unlink()
            path.write_bytes(self.files[name])

    def blamed(self) -> list[str]:
        return [problem.path for problem in verify(self.root).problems]

    def reseal(self) -> None:
        """Make the manifests fit what is there, as one who forges all of it would."""
        for tags in (False, True):
            for algorithm in bag.ALGORITHMS:
                name = bag.tag_manifest_name(algorithm) if tags else bag.manifest_name(algorithm)
                names = [one for one in self.listed() if one.startswith("data/") != tags]
                lines = {one: hashlib.new(algorithm, (self.root / one).read_bytes()).hexdigest() for one in names}
                self.write(name, bag.render_manifest(lines))

    def listed(self) -> list[str]:
        paths = [path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()]
        return sorted(set(paths) - set(bag.TAG_MANIFESTS))


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sealed_bundle(tmp_path_factory.mktemp("sealed"))


@pytest.fixture
def tampered(sealed: Path, tmp_path: Path) -> Iterator[Tampered]:
    yield Tampered(Path(shutil.copytree(sealed, tmp_path / sealed.name)))


def run_script(root: Path) -> tuple[int, str]:
    run = subprocess.run(["sh", str(root / "verify.sh")], capture_output=True, text=True, errors="replace", check=False)
    return run.returncode, run.stdout + run.stderr


def test_an_untouched_bundle_is_as_it_was_sealed(sealed: Path) -> None:
    report = verify(sealed)
    files = [path for path in sealed.rglob("*") if path.is_file()]
    assert report == Report(
        bundle=sealed.name,
        problems=(),
        files=len(files),
        bytes=sum(path.stat().st_size for path in files),
        records=13,
        log_head=report.log_head,
        outcome="failed",
        notes=("1 items are partial",),
    )
    assert report.ok
    assert report.log_head in (sealed / "bag-info.txt").read_text()
    assert run_script(sealed) == (0, "All files and 13 log lines are as they were sealed.\n")


def test_progress_tells_bytes_read_and_bytes_in_all(sealed: Path) -> None:
    told: list[tuple[int, int]] = []
    report = verify(sealed, lambda done, total: told.append((done, total)))
    assert {total for _, total in told} == {report.bytes}
    listed = report.bytes - sum((sealed / name).stat().st_size for name in bag.TAG_MANIFESTS)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == listed


EVERY = often(1, 10)
OPAQUE = ("README.txt", "verify.sh", bag.PLAN, bag.TOOL, bag.PLAYBOOK)


def positions(name: str, data: bytes) -> list[int]:
    """Every byte of a small file where all are tried, else every tenth; of what only its digest tells anything about,
    and of large ones, a sample.
    """
    if len(data) < 2048:
        return list(range(0, len(data), 7 if name in OPAQUE else EVERY))
    return sorted({*range(0, len(data), len(data) // 150), *range(20), *range(len(data) - 20, len(data))})


def test_any_byte_changed_is_found_and_the_file_named(tampered: Tampered) -> None:
    for name, data in tampered.files.items():
        for at in positions(name, data):
            changed = bytearray(data)
            changed[at] ^= (0x01, 0x20, 0x80, 0x0A)[at % 4]
            tampered.write(name, bytes(changed))
            assert name in tampered.blamed(), (name, at)
        tampered.restore(name)


def test_no_other_evidence_is_blamed_for_a_changed_byte(tampered: Tampered) -> None:
    for name, data in tampered.files.items():
        for at in positions(name, data)[::15]:
            changed = bytearray(data)
            changed[at] ^= 0x01
            tampered.write(name, bytes(changed))
            blamed = tampered.blamed()
            assert blamed[0] == name, (name, at)
            # A name changed in a manifest can't be told from a file that came or went.
            others = {one for one in blamed if one.startswith("data/")} - {name}
            assert not others, (name, at, others)
        tampered.restore(name)


def test_a_changed_line_of_a_manifest_is_named_with_its_line(tampered: Tampered) -> None:
    for name in (*bag.MANIFESTS, *bag.TAG_MANIFESTS):
        lines = tampered.files[name].splitlines(keepends=True)
        for number, line in enumerate(lines, 1):
            swapped = (b"0" if line[:1] != b"0" else b"1") + line[1:]
            tampered.write(name, b"".join([*lines[: number - 1], swapped, *lines[number:]]))
            problems = verify(tampered.root).problems
            assert (name, number) in [(one.path, one.line) for one in problems]
        tampered.restore(name)


def test_a_changed_record_is_named_with_its_line(tampered: Tampered) -> None:
    lines = tampered.files[bag.LOG].splitlines(keepends=True)
    for number in range(1, len(lines)):
        changed = lines[number - 1].replace(b'"at":"2026', b'"at":"2027')
        tampered.write(bag.LOG, b"".join([*lines[: number - 1], changed, *lines[number:]]))
        assert (bag.LOG, number + 1) in [(one.path, one.line) for one in verify(tampered.root).problems]


@pytest.mark.parametrize("change", [
    lambda data: data[:-1], lambda data: data[: len(data) // 2], lambda data: b"", lambda data: data + b"\n",
    lambda data: data + b"x", lambda data: b"\n" + data, lambda data: data + data, lambda data: data.upper() + b" ",
])  # fmt: skip
def test_any_file_cut_or_added_to_is_found(tampered: Tampered, change: Callable[[bytes], bytes]) -> None:
    for name, data in tampered.files.items():
        tampered.write(name, change(data))
        assert name in tampered.blamed(), name
        tampered.restore(name)


def test_any_file_taken_away_is_found(tampered: Tampered) -> None:
    for name in tampered.files:
        (tampered.root / name).unlink()
        assert name in tampered.blamed(), name
        tampered.restore(name)


def test_any_two_files_that_changed_places_are_found(tampered: Tampered) -> None:
    names = list(tampered.files)
    for one in names:
        for other in names:
            if tampered.files[one] != tampered.files[other]:
                tampered.write(one, tampered.files[other])
                tampered.write(other, tampered.files[one])
                assert {one, other} <= set(tampered.blamed())
        tampered.restore(*names)


@pytest.mark.parametrize(
    "stray", ["x", "fetch.txt", ".x", "X", "run.jsonl.bak", "a\nb", "\udcff", "x" * 255, "manifest-md5.txt", "\x1b[2J"]
)
def test_any_file_added_in_any_folder_is_found(tampered: Tampered, stray: str) -> None:
    for folder in tampered.folders():
        path = tampered.root / folder / stray
        path.write_bytes(b"")
        problems = verify(tampered.root).problems
        assert any("not listed" in one.reason for one in problems)
        assert not any(char in problem.text for problem in problems for char in "\n\x1b\udcff")
        path.unlink()


def test_signatures_that_nothing_can_check_yet_are_not_let_pass(tampered: Tampered) -> None:
    (tampered.root / "signatures").mkdir()
    (tampered.root / "signatures" / "seal.sig").write_bytes(b"x")
    assert tampered.blamed() == ["signatures/seal.sig"]


def test_a_link_in_place_of_any_file_is_found_whatever_it_leads_to(tampered: Tampered, tmp_path: Path) -> None:
    for name, data in tampered.files.items():
        (tmp_path / "same").write_bytes(data)
        (tampered.root / name).unlink()
        (tampered.root / name).symlink_to(tmp_path / "same")
        assert name in tampered.blamed(), name
        tampered.restore(name)


def test_folders_and_special_files_are_found_and_not_waited_for(tampered: Tampered) -> None:
    for folder in tampered.folders():
        (tampered.root / folder / "more" / "empty").mkdir(parents=True)
        assert tampered.blamed() == [f"{folder}/more/empty".removeprefix("./")]
        shutil.rmtree(tampered.root / folder / "more")
        os.mkfifo(tampered.root / folder / "pipe")
        assert tampered.blamed() == [f"{folder}/pipe".removeprefix("./")]
        (tampered.root / folder / "pipe").unlink()
    (tampered.root / bag.LOG).unlink()
    os.mkfifo(tampered.root / bag.LOG)
    assert tampered.blamed()[0] == bag.LOG


def test_a_link_in_place_of_a_folder_is_found(tampered: Tampered, tmp_path: Path) -> None:
    (tampered.root / "data").rename(tmp_path / "elsewhere")
    (tampered.root / "data").symlink_to(tmp_path / "elsewhere")
    assert tampered.blamed()[0] == "data"


def test_what_can_not_be_read_is_said(tampered: Tampered, monkeypatch: pytest.MonkeyPatch) -> None:
    os_open = os.open

    def refuse(path: Path, flags: int, *more: int) -> int:
        if str(path).endswith("inspect.json"):
            raise OSError(errno.EIO, "Input/output error")
        return os_open(path, flags, *more)

    monkeypatch.setattr(os, "open", refuse)
    problems = verify(tampered.root).problems
    assert [one.text for one in problems] == [
        "data/local/web-ab12ab12/inspect.json: cannot be read: Input/output error"
    ]


@pytest.mark.parametrize("path", [
    "data/../../etc/passwd", "/etc/passwd", "data/a/./b", "data//x", "data/X", "data/", "data/" + "a" * 101, "data/a b",
    "data/é", "metadata/plan.json", "data/a\\b",
])  # fmt: skip
def test_no_path_in_a_manifest_leads_anywhere_else(tampered: Tampered, path: str) -> None:
    for name, algorithm in zip(bag.MANIFESTS, bag.ALGORITHMS, strict=True):
        line = f"{hashlib.new(algorithm, b'').hexdigest()}  {path}\n".encode()
        tampered.write(name, tampered.files[name] + line)
    lines = len(tampered.files[bag.MANIFESTS[0]].splitlines())
    told = {(one.path, one.line) for one in verify(tampered.root).problems if "a name that no bundle has" in one.reason}
    assert told == {(name, lines + 1) for name in bag.MANIFESTS}


def test_a_file_that_only_one_manifest_lists_and_is_not_there_is_told_with_its_line(tampered: Tampered) -> None:
    name = bag.MANIFESTS[0]
    tampered.write(name, tampered.files[name] + b"0" * 64 + b"  data/zzz\n")
    for algorithm, tags in zip(bag.ALGORITHMS, bag.TAG_MANIFESTS, strict=True):
        old, new = (hashlib.new(algorithm, data).hexdigest().encode() for data in (
            tampered.files[name], (tampered.root / name).read_bytes()
        ))  # fmt: skip
        tampered.write(tags, tampered.files[tags].replace(old, new))
    (problem,) = verify(tampered.root).problems
    assert (problem.path, problem.line) == (name, len(tampered.files[name].splitlines()) + 1)
    assert run_script(tampered.root)[0] == 4


def test_a_bundle_that_is_not_sealed_is_not_verified(tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path)
    (problem,) = verify(bundle.path).problems
    assert "not sealed" in problem.reason


def test_a_folder_that_is_no_bundle_or_not_there_is_a_problem(tmp_path: Path) -> None:
    assert "bagit.txt" in [one.path for one in verify(tmp_path).problems]
    assert not verify(tmp_path / "none").ok


FORGERIES: list[tuple[str, str, Callable[[bytes], bytes], str]] = [
    ("an item's origin", bag.ITEMS, lambda data: data.replace(b"GET /x", b"GET /y"), bag.ITEMS),
    ("an item's digest", bag.ITEMS, lambda data: re.sub(rb'"size":\d+', b'"size":1', data, count=1), bag.ITEMS),
    ("an item left out", bag.ITEMS, lambda data: data.partition(b"\n")[2], bag.ITEMS),
    ("an item twice", bag.ITEMS, lambda data: data + data.partition(b"\n")[0] + b"\n", bag.ITEMS),
    ("items spaced out", bag.ITEMS, lambda data: data.replace(b",", b", ", 1), bag.ITEMS),
    ("items that are none", bag.ITEMS, lambda data: b"[" * 5000 + b"\n", bag.ITEMS),
    ("an item of another record", bag.ITEMS, lambda data: data.replace(b'"seq":3', b'"seq":0'), bag.ITEMS),
    ("another end of the log", bag.BUNDLE, lambda data: re.sub(rb'"head": "\w', b'"head": "z', data), bag.BUNDLE),
    ("another size", bag.BUNDLE, lambda data: re.sub(rb'"files": \d+', b'"files": 9', data), bag.BUNDLE),
    ("another format", bag.BUNDLE, lambda data: data.replace(b'"format": 1', b'"format": 2'), bag.BUNDLE),
    ("no description", bag.BUNDLE, lambda data: b"{}", bag.BUNDLE),
    ("another head", bag.INFO, lambda data: re.sub(rb"Head: \w", b"Head: z", data), bag.INFO),
    ("another Oxum", bag.INFO, lambda data: re.sub(rb"Oxum: \d+", b"Oxum: 1", data), bag.INFO),
    ("a label twice", bag.INFO, lambda data: data + b"Irkit-Format: 1\n", bag.INFO),
    ("an unknown label", bag.INFO, lambda data: data + b"Payload: 1\n", bag.INFO),
    ("no final line feed", bag.INFO, lambda data: data[:-1], bag.INFO),
    ("other order", bag.INFO, lambda data: b"".join(reversed(data.splitlines(keepends=True))), bag.INFO),
    ("a folded line", bag.INFO, lambda data: data.replace(b"Contact-Name: ", b"Contact-Name:\n  "), bag.INFO),
    ("another bag version", "bagit.txt", lambda data: data.replace(b"1.0", b"0.97"), "bagit.txt"),
    ("another plan", bag.PLAN, lambda data: data.replace(b"Ann", b"Eve"), bag.PLAN),
    ("no plan", bag.PLAN, lambda data: b"{", bag.PLAN),
    ("another playbook", bag.PLAYBOOK, lambda data: data + b"#", bag.PLAYBOOK),
    ("a record altered", bag.LOG, lambda data: data.replace(b"Ann", b"Eve", 1), bag.LOG),
    ("the end of the log cut", bag.LOG, lambda data: data[: data[:-1].rfind(b"\n") + 1], bag.LOG),
    ("a torn line", bag.LOG, lambda data: data + b"{", bag.LOG),
    ("evidence", "data/local/web-ab12ab12/inspect.json", lambda data: b"{}", "data/local/web-ab12ab12/inspect.json"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "change", "blamed"), [one[1:] for one in FORGERIES], ids=[one[0] for one in FORGERIES]
)
def test_a_forgery_with_manifests_to_fit_is_found_by_what_disagrees(
    tampered: Tampered, name: str, change: Callable[[bytes], bytes], blamed: str
) -> None:
    tampered.write(name, change(tampered.files[name]))
    assert (tampered.root / name).read_bytes() != tampered.files[name]
    tampered.reseal()
    assert tampered.blamed()[:1] == [blamed]


@pytest.mark.parametrize("name", sorted(bag.TOP_FILES - set(bag.MANIFESTS)) + list(bag.REQUIRED_METADATA) + [bag.LOG])
def test_a_file_left_out_of_all_manifests_is_missed(tampered: Tampered, name: str) -> None:
    (tampered.root / name).unlink()
    tampered.reseal()
    assert name in tampered.blamed()


def test_evidence_taken_out_of_everything_but_the_log_is_missed(tampered: Tampered) -> None:
    name = "data/local/web-ab12ab12/inspect.json"
    (tampered.root / name).unlink()
    lines = [line for line in tampered.files[bag.ITEMS].splitlines(keepends=True) if name.encode() not in line]
    tampered.write(bag.ITEMS, b"".join(lines))
    tampered.reseal()
    assert tampered.blamed()[0] == name


@pytest.mark.parametrize("change", [
    lambda lines: lines[::-1], lambda lines: [*lines, lines[-1]],
    lambda lines: [lines[0].replace(b"  ", b" *"), *lines[1:]],
    lambda lines: [line.upper() for line in lines], lambda lines: [line.replace(b"\n", b"\r\n") for line in lines],
    lambda lines: [b"# a comment\n", *lines], lambda lines: [*lines, b"\n"], lambda lines: lines[:1],
])  # fmt: skip
def test_manifests_have_one_form_only(tampered: Tampered, change: Callable[[list[bytes]], list[bytes]]) -> None:
    for name in bag.TAG_MANIFESTS:
        tampered.write(name, b"".join(change(tampered.files[name].splitlines(keepends=True))))
        assert name in tampered.blamed()
        assert run_script(tampered.root)[0] == 4
        tampered.restore(name)
    for name in bag.TAG_MANIFESTS:
        tampered.write(name, b"".join(change(tampered.files[name].splitlines(keepends=True))))
    assert not verify(tampered.root).ok
    assert run_script(tampered.root)[0] == 4


def test_the_shell_script_agrees(tampered: Tampered, tmp_path: Path) -> None:
    """On changes of each kind to each file. It may blame in its own words, but nothing passes."""
    some = often(1, 2)  # every other kind of change, each file with others than the one before
    for number, (name, data) in enumerate(tampered.files.items()):
        if name == "verify.sh":
            continue
        changes = (
            bytes([data[0] ^ 1]) + data[1:], data[: len(data) // 2] + b"~" + data[len(data) // 2 + 1 :],
            data[:-1], data + b"x",
        )  # fmt: skip
        for change in changes[number % some :: some]:
            tampered.write(name, change)
            assert run_script(tampered.root)[0] == 4, name
        (tampered.root / name).unlink()
        assert run_script(tampered.root)[0] == 4, name
        (tmp_path / "same").write_bytes(data)
        (tampered.root / name).symlink_to(tmp_path / "same")
        assert run_script(tampered.root)[0] == 4, name
        tampered.restore(name)
    assert run_script(tampered.root)[0] == 0


@pytest.mark.parametrize("stray", ["x", ".x", "a b", "bagit.txt\nbagit.txt", "\udcff"])
def test_the_shell_script_finds_what_is_not_listed(tampered: Tampered, stray: str) -> None:
    for folder in tampered.folders():
        path = tampered.root / folder / stray
        path.write_bytes(b"x")
        assert run_script(tampered.root)[0] == 4
        path.unlink()
        path.mkdir()
        assert run_script(tampered.root)[0] == 4
        path.rmdir()


def test_the_shell_script_checks_the_chain_and_its_head(tampered: Tampered) -> None:
    lines = tampered.files[bag.LOG].splitlines(keepends=True)
    for forged in (
        [lines[0].replace(b"Ann", b"Eve"), *lines[1:]], lines[1:], lines[:-1], [lines[0], lines[2], *lines[2:]],
        [*lines[:-1], lines[-1].replace(b"failed", b"done")],
    ):  # fmt: skip
        tampered.write(bag.LOG, b"".join(forged))
        tampered.reseal()
        code, told = run_script(tampered.root)
        assert code == 4
        assert "data/log/run.jsonl" in told
        assert tampered.blamed()[0] == bag.LOG


def test_the_number_of_problems_told_is_bounded(tampered: Tampered) -> None:
    for number in range(1100):
        (tampered.root / f"stray{number}").write_bytes(b"")
    problems = verify(tampered.root).problems
    assert len(problems) == 1001
    assert "more than 1000" in problems[-1].reason


def test_a_report_can_be_written_as_json(sealed: Path) -> None:
    assert json.loads(codec.canonical(verify(sealed)))["outcome"] == "failed"
