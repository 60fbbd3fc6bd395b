"""Reads of what the kernel tells of a process's memory, where the process has them wait."""

import threading
from collections.abc import Iterator, Sequence

import pytest

from irkit.adapters import kernel_files
from irkit.adapters.host_files import LocalFiles
from irkit.adapters.patient_reads import PatientReads
from irkit.adapters.process_maps import read_mappings
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline
from tests.contract.file_sites import deadline
from tests.lab.counting import LONG, wait_until

HUNG = b"/proc/7/maps"


class World:
    """The memory files of processes, of which one hangs until `end` is set."""

    def __init__(self) -> None:
        self.end = threading.Event()
        self.asked: list[bytes] = []
        self.hanging = 0
        self.came_back = threading.Event()

    def read(self, path: bytes) -> bytes:
        self.asked.append(path)
        if path.startswith(b"/proc/7/") and not self.end.is_set():
            self.hanging += 1
            self.end.wait()
            self.came_back.set()
        if path == b"/proc/9/maps":
            raise TargetError("it is gone", Refusal.ABSENT)
        return path.upper()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Whatever can be read has been before it is waited for: however late a busy machine begins with it."""
    made, wait = World(), PatientReads._wait

    def let_come_and_wait(reads: PatientReads, ended: threading.Event, came: Sequence[object], until: Deadline) -> None:
        assert wait_until(lambda: ended.is_set() or made.hanging > len(reads._stuck))
        wait(reads, ended, came, until)

    monkeypatch.setattr(PatientReads, "_wait", let_come_and_wait)
    yield made
    made.end.set()


def test_a_process_that_lets_nobody_read_keeps_nobody_from_the_others(world: World) -> None:
    paths = [b"/proc/6/maps", HUNG, b"/proc/8/maps", b"/proc/7/cmdline", b"/proc/9/maps"]
    one, hung, two, command, gone = PatientReads(0.2).read(paths, deadline(), world.read)
    assert (one, two) == (b"/PROC/6/MAPS", b"/PROC/8/MAPS")
    assert isinstance(hung, TargetError)
    assert (hung.kind, "lets nobody read" in hung.reason) == (Refusal.REFUSED, True)
    assert isinstance(command, TargetError)
    assert isinstance(gone, TargetError)
    assert gone.kind is Refusal.ABSENT


def test_it_is_waited_for_once_and_asked_again_only_when_it_came_back(world: World) -> None:
    reads = PatientReads(0.2)
    for _ in range(3):
        assert isinstance(reads.read([HUNG], deadline(), world.read)[0], TargetError)
    assert world.asked == [HUNG]
    world.end.set()
    assert world.came_back.wait(LONG)
    for thread in threading.enumerate():
        if thread.name == "patient-reads":
            thread.join(LONG)
    assert reads.read([HUNG], deadline(), world.read) == [b"/PROC/7/MAPS"]


@pytest.mark.parametrize("name", [b"maps", b"cmdline", b"environ", b"smaps", b"task/8/maps"])
def test_files_of_this_machine_are_read_so(world: World, name: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_files, "read_file", lambda _root, path, _limit: world.read(path))
    with LocalFiles() as files:
        files.patient = PatientReads(0.2)
        hung, other = files.read_small([b"/proc/7/" + name, b"/proc/8/" + name], 100, deadline())
    assert isinstance(hung, TargetError)
    assert other == (b"/proc/8/" + name).upper()


def test_no_mappings_are_asked_of_a_process_that_lets_nobody_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_files, "read_file", lambda _root, path, _limit: world.read(path))
    with LocalFiles() as files:
        files.patient = PatientReads(0.2)
        with pytest.raises(TargetError, match="lets nobody read"):
            read_mappings(files, 7, deadline())
