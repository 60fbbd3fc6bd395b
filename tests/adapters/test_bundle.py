import errno
import json
import os
import re
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import bagit
import pytest
from msgspec.structs import replace

from irkit.adapters import bag
from irkit.adapters.bundle import Bundle
from irkit.adapters.bundle_intake import BundleIntake
from irkit.adapters.bundle_reading import bundles_in, is_sealed, read_run
from irkit.adapters.verify import verify
from irkit.core import operations
from irkit.core.container import Container
from irkit.core.errors import Refusal, StorageError, TargetError, UsageError
from irkit.core.events import Note, OperationStarted, RunFinished
from irkit.core.host import Host
from irkit.core.store import Bytes, Store
from tests.adapters.made import PLAYBOOK, WEB, TestClock, a_bundle, a_plan, apply, fill, run_started, sealed_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return a_bundle(tmp_path)


def modes(root: Path) -> set[tuple[bool, int]]:
    return {(path.is_dir(), stat.S_IMODE(path.lstat().st_mode)) for path in root.rglob("*")}


def test_a_bundle_is_a_store(bundle: Bundle) -> None:
    store: Store = bundle
    assert store.append(Note(text="x")).seq == 1


def test_its_name_tells_start_case_and_playbook_and_that_it_is_not_sealed(bundle: Bundle, tmp_path: Path) -> None:
    assert bundle.path.name == ".partial-irb-20261121T101500Z-ir-2026-042-contain"
    assert bundles_in(tmp_path) == [bundle.path]
    assert not is_sealed(bundle.path)


def test_hostile_names_stay_inside_and_names_taken_get_numbers(tmp_path: Path) -> None:
    plan = a_plan(case="../../etc\n\x1b[2J", playbook="")
    paths = [a_bundle(tmp_path / "sub", plan).path for _ in range(3)]
    assert {path.parent for path in paths} == {tmp_path / "sub"}
    assert [path.name[len(paths[0].name) :] for path in paths] == ["", "-2", "-3"]
    assert all(re.fullmatch(r"\.partial-irb-[0-9A-Z]+-[a-z0-9._-]+", path.name) for path in paths)


def test_a_name_that_a_sealed_bundle_has_is_not_taken_again(tmp_path: Path) -> None:
    first = sealed_bundle(tmp_path)
    assert a_bundle(tmp_path).path.name == f".partial-{first.name}-2"


def test_all_of_it_is_private_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        bundle = a_bundle(tmp_path / "new")
        fill(bundle)
    finally:
        os.umask(old)
    assert modes(tmp_path / "new") == {(True, 0o700), (False, 0o600)}
    old = os.umask(0o777)
    try:
        sealed_bundle(tmp_path)
    finally:
        os.umask(old)


def test_what_recovery_needs_is_there_from_the_start(bundle: Bundle) -> None:
    assert (bundle.path / bag.PLAYBOOK).read_bytes() == PLAYBOOK
    assert json.loads((bundle.path / bag.PLAN).read_bytes())["case"] == "IR-2026-042"
    reserve = (bundle.path / ".reserve").stat()
    assert reserve.st_size == 8 << 20
    assert reserve.st_blocks * 512 >= 8 << 20


def test_the_reserve_is_given_back_once(bundle: Bundle) -> None:
    assert bundle.release()
    assert not (bundle.path / ".reserve").exists()
    assert not bundle.release()


def test_without_fallocate_the_reserve_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    assert (a_bundle(tmp_path).path / ".reserve").stat().st_blocks * 512 >= 8 << 20


def test_a_folder_that_can_not_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        a_bundle(tmp_path / "file")


@pytest.mark.parametrize(
    ("host", "container", "folder"),
    [
        ("local", WEB, r"data/local/web-ab12ab12/"),
        ("local", None, r"data/local/host/"),
        ("Röck/..", WEB, r"data/r-ck-[0-9a-f]{8}/web-ab12ab12/"),
        ("log", WEB, r"data/log-[0-9a-f]{8}/web-ab12ab12/"),
        ("x", Container(id="../../x", name="../" * 90, host="x", image=""), r"data/x/[0-9a-f]{8}-x-[0-9a-f]{8}/"),
        ("h" * 300, Container(id="c" * 64, name="n" * 300, host="", image=""), r"data/h{79}-.{8}/n{70}-.{8}-c{8}/"),
    ],
)
def test_evidence_lies_by_host_and_container_under_names_irkit_gives(
    bundle: Bundle, host: str, container: Container | None, folder: str
) -> None:
    intake = bundle.intake(host=host, container=container, operation=operations.ReadEngine(), task=1)
    for path in ("inspect.json", "logs/stdout.log", "../../x", "a/" + "N" * 300 + ".json"):
        found = intake.put(path, b"{}", source="GET /x").path
        assert re.match(folder, found)
        assert bag.is_payload_name(found)
        assert (bundle.path / found).read_bytes() == b"{}"


@pytest.mark.parametrize("name", ["log", "Log", "h" * 95])
def test_a_host_of_any_name_has_a_folder_of_its_own_and_its_clock_is_described(tmp_path: Path, name: str) -> None:
    bundle = a_bundle(tmp_path, replace(a_plan(), hosts=(Host(name=name),)))
    operation = operations.MeasureClock(moment="start")
    clock = {"moment": "start", "offset_ns": 7, "error_ns": 1, "method": "info", "at": "2026-11-21T10:15:00.000000Z"}
    intake = bundle.intake(host=name, container=None, operation=operation, task=1)
    intake.put("clock-start.json", json.dumps(clock).encode(), source="irkit")
    (folder,) = {one.name for one in (bundle.path / "data").iterdir()} - {"log"}
    assert folder != "log"
    path = bundle.seal()
    told = json.loads((path / bag.BUNDLE).read_bytes())
    assert [(one["host"], one["offset_ns"]) for one in told["clocks"]] == [(name, 7)]
    assert verify(path).ok


def test_a_name_taken_gets_a_number_before_its_extensions(bundle: Bundle) -> None:
    intake = bundle.intake(host="local", container=WEB, operation=operations.Export(WEB.id), task=1)
    names = [intake.open("export/rootfs.tar", source="x", compress=True).finish().path for _ in range(3)]
    assert [name.rpartition("/")[2] for name in names] == ["rootfs.tar.zst", "rootfs-2.tar.zst", "rootfs-3.tar.zst"]
    assert [intake.put("x", b"", source="").path.rpartition("/")[2] for _ in range(2)] == ["x", "x-2"]


def test_an_item_may_be_named_by_what_it_holds_and_is_dropped_where_that_is_there(bundle: Bundle) -> None:
    first = bundle.intake(host="local", container=None, operation=operations.ReadEngine(), task=0)
    second = bundle.intake(host="local", container=None, operation=operations.ReadEngine(), task=1)
    for number, intake in enumerate((first, second)):
        item = intake.open("images/unfinished.tar", source="x", compress=True)
        item.write(b"same")
        evidence = item.finish()
        named = intake.name(evidence, "images/blobs/same.tar")
        assert (named is None) == bool(number)
        kept = intake.put("other.txt", b"kept", source="x")
        assert intake.close("") == ((kept,) if named is None else (named, kept))
    lying = {path.relative_to(bundle.path / "data/local/host").as_posix() for path in bundle.path.rglob("*.tar.zst")}
    assert lying == {"images/blobs/same.tar.zst"}
    assert not list(bundle.path.rglob("*unfinished*"))


def test_an_item_that_is_dropped_was_never_there(bundle: Bundle) -> None:
    intake = bundle.intake(host="local", container=None, operation=operations.ReadEngine(), task=0)
    items = [intake.put(f"{number}.pcap", b"x", source="x") for number in range(3)]
    intake.drop(items[0])
    assert intake.close("") == tuple(items[1:])
    assert sorted(path.name for path in bundle.path.rglob("*.pcap")) == ["1.pcap", "2.pcap"]


def test_closing_an_intake_tells_all_in_order_and_closes_what_is_open(bundle: Bundle) -> None:
    intake = bundle.intake(host="local", container=WEB, operation=operations.Export(WEB.id), task=1)
    one = intake.put("one.json", b"1", source="")
    two = intake.open("two.log", source="", compress=True)
    two.write(b"so far")
    three = intake.put("three.json", b"3", source="")
    found = intake.close("the link went down")
    assert [found[0], found[2]] == [one, three]
    assert (found[1].partial, found[1].source_size, found[1].kind) == ("the link went down", 6, "export")
    assert intake.close("again") == found


def test_whoever_was_given_up_brings_nothing_more_into_it(bundle: Bundle) -> None:
    intake = bundle.intake(host="local", container=None, operation=operations.ReadEngine("info"), task=1)
    whole = intake.put("whole.json", b"{}", source="s")
    late = intake.open("late.tar", source="s", compress=True)
    late.write(b"a beginning")
    closed = intake.close("it took longer than 30 s")
    # Its file is another's by now, as the kernel gives the lowest number that is free.
    others = os.open(bundle.path / "data/others", os.O_CREAT | os.O_RDWR)
    acts: list[Callable[[], object]] = [
        lambda: late.write(b"x" * (5 << 20)),
        lambda: late.warn("x"),
        lambda: intake.open("more", source="s"),
        lambda: intake.put("more", b"x", source="s"),
        lambda: intake.name(whole, "else.json"),
        lambda: intake.drop(whole),
    ]
    for act in acts:
        with pytest.raises(TargetError, match="given up") as caught:
            act()
        assert caught.value.kind is Refusal.CANCELLED
    assert late.finish() is closed[1] and closed[1].partial == "it took longer than 30 s"
    assert os.fstat(others).st_size == 0
    os.close(others)
    assert intake.close("") == closed
    names = {path.name for path in (bundle.path / "data").rglob("*") if path.is_file()}
    assert {"late.tar.zst", "whole.json"} <= names and not {"more", "else.json"} & names


def test_progress_names_task_host_container_and_path(tmp_path: Path) -> None:
    told: list[Bytes] = []
    intake = a_bundle(tmp_path, progress=told.append).intake(
        host="local", container=WEB, operation=operations.Inspect(WEB.id), task=4
    )
    intake.put("inspect.json", b"{}", source="")
    expected = ("data/local/web-ab12ab12/inspect.json", 4, "local", WEB.id, True)
    assert (told[-1].path, told[-1].task, told[-1].host, told[-1].container, told[-1].ended) == expected


def test_the_run_is_told_by_the_log_while_it_goes_on_and_afterwards(bundle: Bundle) -> None:
    fill(bundle)
    run = read_run(bundle.path)
    assert run.started == run_started(a_plan())
    assert (len(run.operations), len(run.evidence), run.finished) == (5, 3, None)
    assert run.operations == bundle.run.operations
    bundle.append(RunFinished(outcome="done"))
    assert read_run(bundle.seal()).finished == RunFinished(outcome="done")


def test_a_sealed_bundle_has_its_name_is_read_only_and_takes_nothing_more(tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path)
    fill(bundle)
    partial = bundle.path
    path = bundle.seal()
    assert (path.name, partial.exists()) == (partial.name.removeprefix(".partial-"), False)
    assert is_sealed(path)
    assert bundles_in(tmp_path) == [path]
    assert modes(path) == {(True, 0o500), (False, 0o400)}
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert not (path / ".reserve").exists()
    assert not (path / "signatures").exists()
    with pytest.raises(StorageError, match="closed"):
        bundle.append(Note(text="x"))
    assert bundle.seal() == path


def test_a_name_taken_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path)
    other = tmp_path / bundle.path.name.removeprefix(".partial-")
    other.mkdir()
    assert bundle.seal().name == f"{other.name}-2"
    assert list(other.iterdir()) == []


@pytest.mark.filterwarnings("ignore")
def test_other_tools_accept_it(tmp_path: Path) -> None:
    path = sealed_bundle(tmp_path)
    assert os.system(f"cd {path} && sha256sum -c --strict --quiet manifest-sha256.txt tagmanifest-sha256.txt") == 0
    assert os.system(f"cd {path} && sha512sum -c --strict --quiet manifest-sha512.txt tagmanifest-sha512.txt") == 0
    assert bagit.Bag(str(path)).validate()


def test_manifests_are_sorted_with_two_spaces_and_line_feeds(tmp_path: Path) -> None:
    path = sealed_bundle(tmp_path)
    lines = (path / "manifest-sha256.txt").read_bytes().decode("ascii").splitlines(keepends=True)
    assert lines == sorted(lines, key=lambda line: line[66:])
    assert all(re.fullmatch(r"[0-9a-f]{64}  data/[a-z0-9._/-]+\n", line) for line in lines)
    assert [line[66:-1] for line in lines] == [
        "data/local/host/clock-start.json",
        "data/local/web-ab12ab12/inspect.json",
        "data/local/web-ab12ab12/logs/stdout.log.zst",
        "data/log/run.jsonl",
    ]


def test_bag_info_says_who_what_and_where_the_log_ends_in_one_line_each(tmp_path: Path) -> None:
    plan = a_plan(case="IR-1\nPayload-Oxum: 0.0\r\n\u2028x")
    bundle = a_bundle(tmp_path, plan)
    bundle.append(run_started(plan))
    path = bundle.seal()
    lines = (path / "bag-info.txt").read_text(encoding="utf-8").split("\n")
    assert lines[:4] == [
        "Contact-Name: Ann Örst",
        "External-Identifier: IR-1␊Payload-Oxum: 0.0␍␊\\u2028x",
        "Bagging-Date: 2026-11-21",
        "Bag-Software-Agent: irkit 0.0.1",
    ]
    size = sum(one.stat().st_size for one in path.joinpath("data").rglob("*") if one.is_file())
    assert lines[4:8] == [f"Payload-Oxum: {size}.1", "Bag-Group-Identifier: 0123abcd", "Irkit-Format: 1",
                          "Irkit-Encryption: none"]  # fmt: skip
    assert re.fullmatch("Irkit-Log-Head: [0-9a-f]{64}", lines[8])
    assert lines[9:] == [""]
    assert verify(path).ok


def test_bundle_json_tells_what_was_done_and_what_is_left(tmp_path: Path) -> None:
    path = sealed_bundle(tmp_path)
    told = json.loads((path / bag.BUNDLE).read_bytes())
    assert (told["bundle"], told["format"], told["run"], told["case"]) == (path.name, 1, "0123abcd", "IR-2026-042")
    assert told["responder"] == {"name": "Ann Örst"}
    assert told["tool"] == {"name": "irkit 0.0.1", "versions": {"docker": "7.1"}}
    assert told["clocks"] == [
        {"host": "local", "moment": "start", "offset_ns": 1500, "error_ns": 90, "method": "info",
         "at": "2026-11-21T10:15:00.000000Z"}
    ]  # fmt: skip
    assert [(one["text"], one["state"], one["took_hold"], len(one["undo"])) for one in told["changes"]] == [
        ("disconnect from network front", "finished", "yes", 1),
        ("commit to image irkit/web:1, pausing it meanwhile", "finished", "yes", 0),
    ]
    assert told["footprint"] == {
        "images": [{"host": "local", "container": WEB.id, "image": "irkit/web:1", "state": "left"}],
        "hosts": {},
    }
    assert [one["operation"] for one in told["order"]] == [
        "measure-clock", "inspect", "read-logs", "disconnect", "commit"
    ]  # fmt: skip
    assert told["payload"]["partial"] == ["data/local/web-ab12ab12/logs/stdout.log.zst"]
    assert (told["outcome"], told["reason"]) == ("failed", "one operation failed")
    assert told["log"]["lines"] == 13
    assert [one["name"] for one in told["hosts"]] == ["local"]
    assert [one["id"] for one in told["containers"]] == [WEB.id]


def test_bundle_json_tells_the_levels_that_items_are_compressed_at(tmp_path: Path) -> None:
    def levels(operation: operations.AnyOperation, *opened: tuple[str, int | None], in_flight: bool = False) -> object:
        bundle = a_bundle(tmp_path / str(number := next(numbers)))
        intake = bundle.intake(host="local", container=WEB, operation=operation, task=0)
        if in_flight:
            place = {"task": 0, "number": 0, "step": "x", "host": "local", "container": WEB.id}
            bundle.append(OperationStarted(**place, operation=operation))  # type: ignore[arg-type]
            intake.open("one.tar", source="x", compress=True, level=9)
        else:
            apply(bundle, number, operation, lambda to: open_all(to, opened))
        return json.loads((bundle.seal() / bag.BUNDLE).read_bytes())["compression"]["levels"]

    def open_all(to: BundleIntake, opened: Sequence[tuple[str, int | None]]) -> None:
        for name, level in opened:
            to.open(name, source="x", compress=level is not None, level=level or 3).finish()

    numbers = iter(range(1, 9))
    assert levels(operations.ReadLogs(WEB.id), ("logs/stdout.log", 3)) == [3]
    assert levels(operations.Inspect(WEB.id), ("inspect.json", None)) == []
    assert levels(operations.Export(WEB.id, level=9), ("rootfs.tar", 9), ("rootfs.index.jsonl", 3)) == [3, 9]
    assert levels(operations.Export(WEB.id, level=9), ("rootfs.tar", 9)) == [9]
    assert levels(operations.Export(WEB.id, compress=False), ("rootfs.tar", None)) == []
    assert levels(operations.Export(WEB.id, level=9), in_flight=True) == [9]
    memory = operations.DumpMemory(WEB.id, 1 << 20, 1 << 20)
    assert levels(memory, ("7/memory.bin", memory.level), ("7/regions.jsonl", 3)) == [1, 3]


def test_an_image_that_was_taken_away_again_is_no_footprint(tmp_path: Path) -> None:
    bundle = a_bundle(tmp_path)
    apply(bundle, 1, operations.Commit(WEB.id, "one"), lambda to: None)
    apply(bundle, 2, operations.Commit(WEB.id, "two"), lambda to: None, fails="refused")
    apply(bundle, 3, operations.RemoveImage(WEB.id, "one"), lambda to: None)
    told = json.loads((bundle.seal() / bag.BUNDLE).read_bytes())
    assert told["footprint"] == {"images": [], "hosts": {}}


def test_items_tell_each_file_with_its_record(tmp_path: Path) -> None:
    path = sealed_bundle(tmp_path)
    items = [json.loads(line) for line in (path / bag.ITEMS).read_bytes().splitlines()]
    assert [(one["path"].rpartition("/")[2], one["seq"], one["rank"], one["partial"]) for one in items] == [
        ("clock-start.json", 3, 0, ""),
        ("inspect.json", 5, 1, ""),
        ("stdout.log.zst", 7, 7, "the connection ended"),
    ]
    assert items[2]["warnings"] == ["the host's clock was ahead"]
    assert (items[2]["source_size"], items[2]["source"], items[2]["compression"]) == (2000, "GET /logs", "zstd")


def test_what_no_record_describes_is_hashed_and_listed_as_partial(bundle: Bundle) -> None:
    fill(bundle)
    intake = bundle.intake(host="local", container=WEB, operation=operations.Export(WEB.id), task=9)
    intake.open("export/rootfs.tar", source="x", compress=True).write(b"x" * 100)
    intake.put("half.json", b"[", source="x")
    path = bundle.seal()
    items = [json.loads(line) for line in (path / bag.ITEMS).read_bytes().splitlines()][3:]
    assert [(one["path"].rpartition("/")[2], one["seq"], one["kind"]) for one in items] == [
        ("rootfs.tar.zst", 0, "unknown"),
        ("half.json", 0, "unknown"),
    ]
    assert all("no record describes it" in one["partial"] for one in items)
    assert verify(path).ok


def test_empty_folders_do_not_stay(bundle: Bundle) -> None:
    (bundle.path / "data" / "local" / "web-1" / "export").mkdir(parents=True)
    assert not (bundle.seal() / "data" / "local").exists()


@pytest.mark.parametrize("stray", ["data/log/.Run.swp", "metadata/Notes", "notes.txt", "other/x", "data/log/link"])
def test_a_file_that_has_no_place_stops_the_seal_until_it_is_gone(bundle: Bundle, stray: str) -> None:
    path = bundle.path / stray
    path.parent.mkdir(exist_ok=True)
    if stray.endswith("link"):
        path.symlink_to("run.jsonl")
    else:
        path.write_text("x")
    with pytest.raises(StorageError, match=re.escape(stray.partition("/x")[0])):
        bundle.seal()
    path.unlink()
    if stray == "other/x":
        path.parent.rmdir()
    assert verify(bundle.seal()).ok


def test_a_full_disk_stops_the_seal_and_room_lets_it_go_on(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(bundle)

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", refuse)
    with pytest.raises(StorageError) as caught:
        bundle.seal()
    assert caught.value.full
    monkeypatch.undo()
    assert verify(bundle.seal()).ok


def test_a_folder_without_a_log_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no bundle"):
        Bundle.open_partial(tmp_path, clock=TestClock(), tool="irkit")
    assert not is_sealed(tmp_path)
    assert bundles_in(tmp_path) == []
