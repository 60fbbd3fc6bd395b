"""What an engine adds to what SFTP tells: only where both tell the same, within bounds, and said where it did not."""

import base64
import io
import json
import socket
import tarfile
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
import pytest

from irkit.adapters.engine_http import EngineApi
from irkit.adapters.engine_told import Bound, EngineTold
from irkit.adapters.tree_walk import Met
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, FileFacts, FileKind, Looked
from tests.contract.file_sites import deadline

CAPABILITY = b"\x01\0\0\2\0\x20\0\0" + bytes(12)
AT = 1_700_000_000
KINDS = {FileKind.FILE: 0, FileKind.CHARACTER_DEVICE: 69206016, FileKind.LINK: 1 << 27, FileKind.DIRECTORY: 1 << 31}


class Engine:
    """Answers HEAD and GET of an archive from a table, many on one connection; `faults` are raw answers by path."""

    def __init__(self) -> None:
        self.told: dict[bytes, dict[str, Any]] = {}
        self.archives: dict[bytes, bytes] = {}
        self.faults: dict[bytes, bytes] = {}
        self.asked: list[tuple[str, bytes]] = []
        self.closes = False
        self._open: list[tuple[socket.socket, threading.Thread]] = []

    def dial(self, until: Deadline) -> socket.socket:
        ours, theirs = socket.socketpair()
        thread = threading.Thread(target=self._serve, args=(theirs,))
        thread.start()
        self._open.append((theirs, thread))
        return ours

    def stop(self) -> None:
        for _, thread in self._open:
            thread.join(10)

    def _serve(self, wire: socket.socket) -> None:
        with wire, wire.makefile("rb") as file:
            try:
                while line := file.readline():
                    method, target = line.split()[:2]
                    while file.readline() not in (b"\r\n", b""):
                        pass
                    if not self._answer(wire, method.decode(), target):
                        return
            except ConnectionError:
                return

    def _answer(self, wire: socket.socket, method: str, target: bytes) -> bool:
        if b"_ping" in target:
            wire.sendall(b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK")
            return False
        path = unquote_to_bytes(target.partition(b"?path=")[2].replace(b"+", b" "))
        self.asked.append((method, path))
        if path in self.faults:
            wire.sendall(self.faults[path])
            return False
        if path not in self.told:
            wire.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n" + (b"no" if method == "GET" else b""))
            return method == "HEAD"
        header = base64.b64encode(json.dumps(self.told[path]).encode())
        body = self.archives.get(path, b"") if method == "GET" else b""
        close = b"Connection: close\r\n" if self.closes else b""
        wire.sendall(
            b"HTTP/1.1 200 OK\r\nX-Docker-Container-Path-Stat: %b\r\n%bContent-Length: %d\r\n\r\n%b"
            % (header, close, len(body), body)
        )
        return method == "HEAD" and not self.closes

    def put(self, met: Met, rest: str = ".123456789", **otherwise: Any) -> None:
        """What it tells of a file: the same as its files do, but for what is given."""
        facts = met.looked.facts
        moment = {"mtime": f"2023-11-14T22:13:20{rest}Z", "mode": KINDS[facts.kind] | facts.mode}
        said = {"size": facts.size, "linkTarget": met.looked.link.decode(), **moment, **otherwise}
        self.told[b"/" + met.path] = said

    def archive(self, met: Met, **otherwise: Any) -> None:
        """The archive of it: the same as its files do, but for what is given."""
        one = tarfile.TarInfo("x")
        facts = met.looked.facts
        one.mode, one.size, one.mtime, one.uid, one.gid = facts.mode, facts.size, AT, facts.uid, facts.gid
        if facts.kind is FileKind.CHARACTER_DEVICE:
            one.type, one.devmajor, one.devminor = tarfile.CHRTYPE, 1, 3
        for key, value in otherwise.items():
            setattr(one, key, value)
        held = io.BytesIO()
        with tarfile.open(fileobj=held, mode="w", format=tarfile.PAX_FORMAT) as tar:
            tar.addfile(one, io.BytesIO(bytes(one.size)))
        self.archives[b"/" + met.path] = held.getvalue()


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine()
    yield made
    made.stop()


def met(path: bytes, kind: FileKind = FileKind.FILE, mode: int = 0o644, size: int = 5, link: bytes = b"") -> Met:
    facts = FileFacts(
        name=path.rpartition(b"/")[2], kind=kind, size=size, mode=mode, uid=7, gid=8, modified_ns=AT * 10**9
    )
    folder: Any = None
    return Met(path, Looked(facts=facts, link=link), folder)


def told(engine: Engine, *mets: Met, **options: Any) -> tuple[list[Met], str]:
    completes = EngineTold(EngineApi(engine.dial), "c" * 64, deadline(), **options)
    found = list(completes.each(iter(mets)))
    assert [one.path for one in found] == [one.path for one in mets]
    return found, completes.words()


def test_times_are_completed_and_it_is_said_by_whom(engine: Engine) -> None:
    files = [
        met(b"etc/a"),
        met(b"etc/new\nline \xff+"),
        met(b"l", FileKind.LINK, 0o777, link=b"/etc"),
        met(b"d\xc3\xa9"),
    ]
    for one in files:
        engine.put(one)
    found, words = told(engine, *files)
    assert {one.looked.facts.modified_ns for one in found} == {AT * 10**9 + 123456789}
    assert {one.told for one in found} == {(("mtime",), "")}
    assert engine.asked == [("HEAD", b"/" + one.path) for one in files]
    assert words.startswith("through the engine: times of 4 names")


def test_numbers_of_devices_and_capabilities_come_from_the_beginning_of_an_archive(engine: Engine) -> None:
    device, program = met(b"dev", FileKind.CHARACTER_DEVICE, 0o666, 0), met(b"run", mode=0o755, size=300_000)
    for one in (device, program):
        engine.put(one)
    text = CAPABILITY.decode("utf-8", "surrogateescape")
    engine.archive(device)
    engine.archive(program, pax_headers={"SCHILY.xattr.security.capability": text})
    found, words = told(engine, device, program)
    assert found[0].looked.facts.device_number == 0x103
    assert found[1].looked.xattrs == {b"security.capability": CAPABILITY}
    assert [one.told.what for one in found] == [("mtime", "device"), ("mtime", "capabilities")]
    assert "numbers of 1 devices, file capabilities of 1 executables" in words


@pytest.mark.parametrize(
    ("otherwise", "said"),
    [
        ({"mode": 1 << 27}, "type link, not file"),
        ({"mode": 0o600}, "mode 0o600, not 0o644"),
        ({"size": 6}, "size 6, not 5"),
        ({"mtime": "2023-11-14T22:13:21.5Z"}, "second 1700000001, not 1700000000"),
        ({"mtime": "\x1b[31m"}, "second None"),
    ],
)
def test_where_the_engine_tells_otherwise_nothing_is_taken_and_it_is_said(
    engine: Engine, otherwise: dict[str, Any], said: str
) -> None:
    one = met(b"a")
    engine.put(one, **otherwise)
    (found,), words = told(engine, one)
    assert found.looked == one.looked and not found.told.what
    assert said in found.told.note and f"1 of which it tells otherwise ({said}" in words


@pytest.mark.parametrize(
    ("otherwise", "said"), [({"uid": 9}, "owner (9, 8)"), ({"mode": 0o4755}, "mode"), ({"size": 6}, "size")]
)
def test_an_archive_that_tells_otherwise_is_not_believed_in_anything(
    engine: Engine, otherwise: dict[str, Any], said: str
) -> None:
    one = met(b"a", mode=0o755)
    engine.put(one)
    engine.archive(one, pax_headers={"SCHILY.xattr.security.capability": "x"}, **otherwise)
    (found,), _ = told(engine, one)
    assert found.looked.xattrs is None and not found.told.what and said in found.told.note


def test_what_is_mounted_over_or_deleted_or_could_not_be_looked_at_is_not_asked_for(engine: Engine) -> None:
    gone = met(b"gone", FileKind.CHARACTER_DEVICE, 0, 0)
    bad = met(b"bad")._replace(looked=Looked(facts=met(b"bad").looked.facts, problem="no"))
    files = [met(b"data/x"), met(b"data", FileKind.DIRECTORY), met(b"etc/hosts"), gone, bad, met(b"database")]
    found, words = told(engine, *files, mounts=["/data"], is_deleted=lambda path: path == b"gone")
    assert engine.asked == [("HEAD", b"/database")]
    assert "3 with something mounted over them, 1 of which it tells nothing" in words
    assert found[-1].told.note == "not completed through the engine: the engine has nothing there"


def test_a_device_of_no_mode_that_the_engine_has_nothing_of_is_a_deletion(engine: Engine) -> None:
    gone = met(b"gone", FileKind.CHARACTER_DEVICE, 0, 0)
    (found,), words = told(engine, gone)
    assert found == gone and "not of" not in words


def test_in_a_volume_only_what_is_mounted_below_it_is_left_out(engine: Engine) -> None:
    told(engine, met(b"x"), met(b"sub/y"), place="/srv/data", mounts=["/srv", "/srv/data", "/srv/data/sub"])
    assert engine.asked == [("HEAD", b"/srv/data/x")]


def test_a_place_behind_a_link_is_not_plain(engine: Engine) -> None:
    folder, link = met(b"var", FileKind.DIRECTORY), met(b"var/run", FileKind.LINK, 0o777, link=b"/run")
    completes = EngineTold(EngineApi(engine.dial), "c" * 64, deadline())
    engine.put(folder)
    engine.put(link)
    assert completes.is_plain("/var") and not completes.is_plain("/var/run") and not completes.is_plain("/no")


def test_what_is_beyond_a_bound_is_counted_and_the_first_have_one_of_their_own(engine: Engine) -> None:
    many, program = [met(b"%d" % number) for number in range(200)], met(b"run", mode=0o755)
    for one in (*many, program):
        engine.put(one)
    engine.archive(program)
    found, words = told(engine, *many, program, others=Bound(70, 9, 1), first=Bound(1, 9, 1))
    assert sum(bool(one.told.what) for one in found) == 71 and found[-1].told.what == ("mtime", "capabilities")
    assert "not of 130 beyond what is asked for (0 of them devices and executables)" in words
    _, words = told(engine, *many, program, others=Bound(70, -1, 0), first=Bound(70, -1, 0))
    assert "not of 201 beyond what is asked for (1 of them" in words


def test_an_engine_that_ends_each_connection_is_asked_on_the_next(engine: Engine) -> None:
    files = [met(b"%d" % number) for number in range(5)]
    for one in files:
        engine.put(one)
    engine.closes = True
    assert told(engine, *files)[1].startswith("through the engine: times of 5 names")


@pytest.mark.parametrize("fault", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 500 x\r\n\r\n"])
def test_an_engine_that_answers_badly_spoils_nothing_and_is_asked_no_more_after_some_times(
    engine: Engine, fault: bytes
) -> None:
    files = [met(b"%d" % number) for number in range(64 * 5)]
    engine.faults = {b"/%d" % number: fault for number in range(64 * 5)}
    found, words = told(engine, *files)
    assert [one.looked for one in found] == [one.looked for one in files]
    assert not any(one.told.what for one in found)
    if not fault.startswith(b"HTTP"):
        assert "not asked any more" in words and len(engine.asked) < 10
    else:
        assert "320 of which it tells nothing" in words


def test_what_was_met_before_the_host_was_lost_is_kept(engine: Engine) -> None:
    def broken() -> Iterator[Met]:
        yield met(b"a")
        raise TargetError("gone", Refusal.LOST)

    completes = EngineTold(EngineApi(engine.dial), "c" * 64, deadline())
    found: list[Met] = []
    with pytest.raises(TargetError, match="gone"):
        found.extend(completes.each(broken()))
    assert found == [met(b"a")]


def test_a_run_that_is_stopped_is_not_taken_for_an_engine_that_tells_nothing(engine: Engine) -> None:
    class Stopped:
        def remaining(self) -> float:
            raise TargetError("stopped by the responder", Refusal.CANCELLED)

        def on_cancel(self, close: Any) -> Any:
            return lambda: None

    completes = EngineTold(EngineApi(engine.dial), "c" * 64, Stopped())
    with pytest.raises(TargetError, match="stopped"):
        list(completes.each(iter([met(b"a")])))


def test_the_facts_of_the_files_stay_but_for_what_was_told(engine: Engine) -> None:
    one = met(b"a")
    engine.put(one)
    (found,), _ = told(engine, one)
    facts = msgspec.structs.replace(found.looked.facts, modified_ns=AT * 10**9)
    assert facts == one.looked.facts
