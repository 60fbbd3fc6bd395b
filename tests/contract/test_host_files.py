"""What every way to a host's files keeps to: in memory, on this machine, and over a real SFTP server."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import Deadline, FileKind, HostFiles
from irkit.engine.deadline import Cancel
from tests.contract.file_sites import (
    PATIENCE,
    DiskMaker,
    FileSite,
    deadline,
    local_site,
    memory_site,
    rooted_site,
    sftp_site,
)

DISK = {"local": local_site, "rooted": rooted_site, "sftp": sftp_site}
MIB = 1 << 20
NAMES = [
    b"plain",
    b" ",
    b" leading and trailing ",
    b"-rf",
    b"--",
    b"new\nline",
    b"carriage\rreturn",
    b"\x1b[2J\x1b]52;c;Zm9v\x07",
    b"\xff\xfe\x80",
    b"caf\xe9",
    "caf\u00e9 \u202e\u200b".encode(),
    b"...",
    b"*?[a]{b}$(c)`d`'\"\\",
    b"n" * 255,
    b"\xf0" * 255,
]


@pytest.fixture
def folder() -> Iterator[bytes]:
    """A folder that everybody may look into."""
    path = Path(tempfile.mkdtemp(prefix="irkit-files-"))
    path.chmod(0o755)
    yield bytes(path)
    shutil.rmtree(path)


@pytest.fixture(params=["memory", *DISK])
def site(request: pytest.FixtureRequest, folder: bytes) -> Iterator[FileSite]:
    with memory_site() if request.param == "memory" else DISK[request.param](folder) as made:
        yield made


@pytest.fixture(params=DISK)
def disk(request: pytest.FixtureRequest, folder: bytes) -> Iterator[FileSite]:
    with DISK[request.param](folder) as made:
        yield made


def read(files: HostFiles, path: bytes, offset: int = 0) -> bytes:
    return b"".join(bytes(piece) for piece in files.stream(path, deadline(), offset=offset))


Ask = Callable[[HostFiles, bytes, Deadline], object]
ASKED: dict[str, Ask] = {
    "list": lambda files, path, until: files.list(path, until),
    "stat": lambda files, path, until: files.stat(path, until),
    "link": lambda files, path, until: files.read_link(path, until),
    "range": lambda files, path, until: files.read_at(path, 0, 10, until),
    "stream": lambda files, path, until: list(files.stream(path, until)),
}
READS = ("list", "range", "stream")
each_ask = pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)


def refusal(files: HostFiles, path: bytes, ask: Ask, until: Deadline | None = None) -> TargetError:
    with pytest.raises(TargetError) as caught:
        ask(files, path, until or deadline())
    assert "\n" not in caught.value.reason
    assert "\x1b" not in caught.value.reason
    return caught.value


@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[:30] for name in NAMES])
def test_a_file_is_found_and_read_whatever_it_is_called(site: FileSite, name: bytes) -> None:
    site.make.file(name, b"content")
    assert [one.name for one in site.files.list(site(b""), deadline())] == [name]
    assert site.files.stat(site(name), deadline()).name == name
    assert read(site.files, site(name)) == b"content"
    assert site.files.read_at(site(name), 0, 100, deadline()) == b"content"


@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[:30] for name in NAMES])
def test_what_is_missing_is_named_on_one_line_that_no_terminal_obeys(site: FileSite, name: bytes) -> None:
    for ask in ASKED.values():
        assert refusal(site.files, site(name), ask).kind is Refusal.ABSENT


def test_a_listing_tells_of_each_name_what_stat_tells(site: FileSite) -> None:
    site.make.file(b"file", b"12345", mode=0o4751)
    site.make.folder(b"folder")
    site.make.file(b"folder/inside", b"")
    site.make.link(b"link", b"folder/inside")
    site.make.special(b"fifo", FileKind.FIFO)
    site.make.special(b"socket", FileKind.SOCKET)
    listed = {one.name: one for one in site.files.list(site(b""), deadline())}
    assert {name: one.kind for name, one in listed.items()} == {
        b"file": FileKind.FILE,
        b"folder": FileKind.DIRECTORY,
        b"link": FileKind.LINK,
        b"fifo": FileKind.FIFO,
        b"socket": FileKind.SOCKET,
    }
    assert listed == {name: site.files.stat(site(name), deadline()) for name in listed}
    assert (listed[b"file"].size, listed[b"file"].mode) == (5, 0o4751)


def test_the_root_itself_can_be_listed(site: FileSite) -> None:
    site.make.file(b"there", b"")
    facts = site.files.stat(b"/", deadline())
    assert (facts.name, facts.kind) == (b"/", FileKind.DIRECTORY)
    top = (site(b"").split(b"/")[1]) or b"there"
    assert top in [one.name for one in site.files.list(b"/", deadline())]


@pytest.mark.parametrize("form", [b"//made//file", b"/./made/././file", b"/made/file/"], ids=["slashes", "dots", "end"])
def test_a_path_may_be_written_in_more_than_one_way(site: FileSite, form: bytes) -> None:
    site.make.folder(b"made")
    site.make.file(b"made/file", b"content")
    assert read(site.files, site.root + form) == b"content"


def test_a_file_sixty_folders_down_is_read(site: FileSite) -> None:
    path = b"deep"
    for _ in range(60):
        site.make.folder(path)
        path += b"/deep"
    site.make.file(path, b"bottom")
    assert read(site.files, site(path)) == b"bottom"
    assert [one.size for one in site.files.list(site(path.rpartition(b"/")[0]), deadline())] == [6]


@pytest.mark.parametrize("target", [b"file", b"folder", b"nowhere", b"link", b"/", b"\xff\n\x1b[2J"])
def test_a_link_is_told_and_never_followed(site: FileSite, target: bytes) -> None:
    site.make.file(b"file", b"content")
    site.make.folder(b"folder")
    site.make.link(b"link", target)
    assert site.files.stat(site(b"link"), deadline()).kind is FileKind.LINK
    assert site.files.read_link(site(b"link"), deadline()) == target
    for name in READS:
        for form in (b"link", b"link/"):
            error = refusal(site.files, site(form), ASKED[name])
            assert error.kind is Refusal.REFUSED
            assert "it is a link" in error.reason


def test_what_is_no_link_points_nowhere(site: FileSite) -> None:
    site.make.file(b"file", b"content")
    error = refusal(site.files, site(b"file"), ASKED["link"])
    assert error.kind is Refusal.REFUSED
    assert error.reason.endswith("file is no link: it is a file")


def test_a_link_on_the_way_is_followed_where_that_was_allowed(site: FileSite) -> None:
    site.make.folder(b"folder")
    site.make.file(b"folder/file", b"content")
    site.make.link(b"link", b"folder")
    if site.follows:
        assert read(site.files, site(b"link/file")) == b"content"
        assert [one.name for one in site.files.list(site(b"link/."), deadline())] == [b"file"]
        return
    for path in (b"link/file", b"link/."):
        error = refusal(site.files, site(path), ASKED["stat"])
        assert (error.kind, "link" in error.reason) == (Refusal.REFUSED, True)


@each_ask
def test_links_in_a_circle_lead_nowhere(site: FileSite, ask: Ask) -> None:
    site.make.link(b"one", b"two")
    site.make.link(b"two", b"one")
    assert refusal(site.files, site(b"one/file"), ask).kind in (Refusal.REFUSED, Refusal.ABSENT)


@pytest.mark.parametrize("kind", [FileKind.FIFO, FileKind.SOCKET])
@pytest.mark.parametrize("name", READS)
def test_what_is_no_file_is_not_read(site: FileSite, kind: FileKind, name: str) -> None:
    site.make.special(b"special", kind)
    error = refusal(site.files, site(b"special"), ASKED[name])
    assert error.kind is Refusal.REFUSED
    assert error.reason.endswith(f"it is a {kind.value}")


@pytest.mark.parametrize("way", DISK)
@pytest.mark.parametrize("name", READS)
def test_a_device_is_not_read(way: str, name: str) -> None:
    with DISK[way](b"/dev") as site:
        assert site.files.stat(site(b"zero"), deadline()).kind is FileKind.CHARACTER_DEVICE
        error = refusal(site.files, site(b"zero"), ASKED[name])
    assert (error.kind, error.reason.endswith("it is a character device")) == (Refusal.REFUSED, True)


def test_a_folder_is_not_read_and_a_file_not_listed(site: FileSite) -> None:
    site.make.folder(b"folder")
    site.make.file(b"file", b"content")
    for path, name in ((b"folder", "range"), (b"folder", "stream"), (b"file", "list")):
        assert refusal(site.files, site(path), ASKED[name]).kind is Refusal.REFUSED


@each_ask
def test_nothing_is_below_a_file(site: FileSite, ask: Ask) -> None:
    site.make.file(b"file", b"content")
    assert refusal(site.files, site(b"file/inside"), ask).kind is Refusal.ABSENT


@each_ask
@pytest.mark.parametrize("path", [b"", b"file", b"./file", b"/a\0b", b"/..", b"/made/../../etc/shadow"])
def test_what_is_no_path_is_refused(site: FileSite, ask: Ask, path: bytes) -> None:
    site.make.file(b"file", b"content")
    assert refusal(site.files, path, ask).kind is Refusal.REFUSED


def test_an_empty_file_and_an_empty_folder_are_empty(site: FileSite) -> None:
    site.make.file(b"file", b"")
    site.make.folder(b"folder")
    assert list(site.files.stream(site(b"file"), deadline())) == []
    assert site.files.read_at(site(b"file"), 0, 100, deadline()) == b""
    assert site.files.list(site(b"folder"), deadline()) == []


@pytest.mark.parametrize("size", [1, 4095, 4096, 255 * 1024, 255 * 1024 + 1, MIB - 1, MIB + 1, 9 * MIB + 17])
def test_a_stream_gives_the_file_in_order_from_anywhere(site: FileSite, size: int) -> None:
    content = os.urandom(size)
    site.make.file(b"file", content)
    for offset in {0, 1, size // 2, size - 1, size, size + 1}:
        assert read(site.files, site(b"file"), offset) == content[offset:]


@pytest.mark.parametrize("offset", [0, 1, MIB - 1, MIB, 3 * MIB - 3, 3 * MIB, 3 * MIB + 5, 1 << 40])
@pytest.mark.parametrize("size", [0, 1, 1000, MIB, MIB + 1, 4 * MIB])
def test_a_range_is_short_only_at_the_end_of_the_file(site: FileSite, offset: int, size: int) -> None:
    content = bytes(range(251)) * (3 * MIB // 251 + 1)
    content = content[: 3 * MIB]
    site.make.file(b"file", content)
    assert site.files.read_at(site(b"file"), offset, size, deadline()) == content[offset : offset + size]


@pytest.mark.parametrize(("offset", "size"), [(-1, 1), (0, -1), (0, 64 * MIB + 1), (2**63 - 1, 1), (2**64, 1)])
def test_a_range_that_no_file_has_or_no_memory_holds_is_refused(site: FileSite, offset: int, size: int) -> None:
    site.make.file(b"file", b"content")
    with pytest.raises(TargetError) as caught:
        site.files.read_at(site(b"file"), offset, size, deadline())
    assert caught.value.kind is Refusal.REFUSED


def test_a_stream_from_before_the_beginning_is_refused(site: FileSite) -> None:
    site.make.file(b"file", b"content")
    with pytest.raises(TargetError):
        list(site.files.stream(site(b"file"), deadline(), offset=-1))


def test_what_is_added_while_a_file_is_streamed_comes_too(site: FileSite) -> None:
    start, more = os.urandom(MIB), os.urandom(20 * MIB)
    site.make.file(b"file", start)
    stream = site.files.stream(site(b"file"), deadline())
    got = bytes(next(stream))
    site.make.file(b"file", start + more)
    assert got + b"".join(bytes(piece) for piece in stream) == start + more


def test_a_file_that_shrinks_while_it_is_streamed_ends(site: FileSite) -> None:
    content = os.urandom(20 * MIB)
    site.make.file(b"file", content)
    stream = site.files.stream(site(b"file"), deadline())
    got = bytes(next(stream))
    site.make.file(b"file", b"")
    got += b"".join(bytes(piece) for piece in stream)
    assert got == content[: len(got)]


def test_a_stream_that_is_left_in_the_middle_leaves_the_rest_usable(site: FileSite) -> None:
    content = os.urandom(20 * MIB)
    site.make.file(b"file", content)
    for _ in range(30):
        stream = site.files.stream(site(b"file"), deadline())
        next(stream)
        assert isinstance(stream, Iterator)
        stream.close()  # type: ignore[attr-defined]
    assert site.files.read_at(site(b"file"), 5 * MIB, 10, deadline()) == content[5 * MIB : 5 * MIB + 10]


def test_other_files_can_be_read_while_one_is_streamed(site: FileSite) -> None:
    content = os.urandom(3 * MIB)
    site.make.file(b"file", content)
    got = b""
    for piece in site.files.stream(site(b"file"), deadline()):
        if not got:
            assert read(site.files, site(b"file")) == content
        got += bytes(piece)
        assert site.files.stat(site(b"file"), deadline()).size == len(content)
    assert got == content


def test_threads_share_the_files_of_a_host(site: FileSite) -> None:
    contents = {b"%d" % number: os.urandom(3 * MIB + number) for number in range(6)}
    for name, content in contents.items():
        site.make.file(name, content)
    wrong: list[bytes] = []

    def compare(name: bytes) -> None:
        for offset in range(4):
            if read(site.files, site(name), offset) != contents[name][offset:]:
                wrong.append(name)
            if len(site.files.list(site(b""), deadline())) != len(contents):
                wrong.append(name)

    threads = [threading.Thread(target=compare, args=(name,)) for name in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert wrong == []
    assert not any(thread.is_alive() for thread in threads)


@pytest.fixture(scope="module")
def crowd() -> Iterator[bytes]:
    """A folder with a hundred thousand names in it, made once."""
    path = tempfile.mkdtemp(prefix="irkit-crowd-")
    DiskMaker(os.fsencode(path)).many(b"many", 100_000)
    yield os.fsencode(path)
    shutil.rmtree(path)


@pytest.mark.parametrize("way", DISK)
def test_a_hundred_thousand_names_are_listed(way: str, crowd: bytes) -> None:
    with DISK[way](crowd) as site:
        names = {one.name for one in site.files.list(site(b"many"), deadline(seconds=300))}
    assert names == {b"%d" % number for number in range(100_000)}


def test_more_names_than_memory_should_hold_are_refused(site: FileSite, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("host_files", "sftp_calls", "memory_files"):
        monkeypatch.setattr(f"irkit.adapters.{place}.MOST_ENTRIES", 1000)
    site.make.many(b"most", 1000)
    site.make.many(b"more", 1001)
    assert len(site.files.list(site(b"most"), deadline())) == 1000
    assert refusal(site.files, site(b"more"), ASKED["list"]).kind is Refusal.REFUSED


@pytest.mark.parametrize("name", ["range", "stream"])
def test_what_may_not_be_read_is_refused_with_what_to_do(site: FileSite, name: str) -> None:
    with site.make.forbidden(b"secret", b"content") as files:
        error = refusal(files, site(b"secret"), ASKED[name])
        assert files.stat(site(b"secret"), deadline()).size == 7
    assert error.kind is Refusal.REFUSED
    assert error.reason.endswith("secret (run as root or with sudo)")


@each_ask
def test_nothing_is_asked_once_the_time_is_up(site: FileSite, ask: Ask) -> None:
    site.make.file(b"file", b"content")
    assert refusal(site.files, site(b"file"), ask, deadline(seconds=0)).kind is Refusal.TIMEOUT


def test_a_stream_ends_when_the_responder_stops_it(site: FileSite) -> None:
    site.make.file(b"file", os.urandom(20 * MIB))
    cancel = Cancel()
    stream = site.files.stream(site(b"file"), deadline(cancel))
    next(stream)
    cancel.set()
    with pytest.raises(TargetError) as caught:
        list(stream)
    assert caught.value.kind is Refusal.CANCELLED
    assert site.files.stat(site(b"file"), deadline()).size == 20 * MIB


# What only a real disk, or a real kernel, has -----------------------------------------------------------------------


def test_a_range_in_the_middle_of_a_sparse_gigabyte_is_read(disk: FileSite, folder: bytes) -> None:
    with (Path(os.fsdecode(folder)) / "sparse").open("wb") as file:
        file.truncate(1 << 30)
        file.seek(1 << 29)
        file.write(b"needle")
    assert disk.files.read_at(disk(b"sparse"), (1 << 29) - 3, 12, deadline()) == b"\0\0\0needle\0\0\0"
    assert disk.files.read_at(disk(b"sparse"), (1 << 30) - 5, 12, deadline()) == b"\0" * 5
    assert disk.files.stat(disk(b"sparse"), deadline()).size == 1 << 30


@contextlib.contextmanager
def process(environment: dict[bytes, bytes], code: str = "") -> Iterator[int]:
    """A process with that environment that has done what it was told and waits."""
    code += "\nprint(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-I", "-c", code], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield started.pid
        started.kill()


@pytest.mark.parametrize("way", DISK)
def test_a_file_that_tells_no_size_is_read_to_its_end(way: str) -> None:
    environment = {b"SECRET": b"\xff" * 100_000, b"OTHER": b"\n\x1b"}
    whole = b"".join(b"%s=%s\0" % one for one in environment.items())
    with process(environment) as pid, DISK[way](b"/proc") as site:
        path = site(b"%d/environ" % pid)
        assert site.files.stat(path, deadline()).size == 0
        assert read(site.files, path) == whole
        assert read(site.files, path, 50_000) == whole[50_000:]
        assert site.files.read_at(path, 0, MIB, deadline()) == whole
        assert site.files.read_at(path, 99_999, 10, deadline()) == whole[99_999:100_009]
        assert b"\nPid:\t%d\n" % pid in read(site.files, site(b"%d/status" % pid))


@pytest.mark.parametrize("way", DISK)
def test_a_long_list_of_the_kernels_is_read_whole_though_it_comes_in_short_parts(way: str) -> None:
    with (
        process({}, "import mmap; held = [mmap.mmap(-1, 4096) for _ in range(3000)]") as pid,
        DISK[way](b"/proc") as site,
    ):
        wanted = Path(f"/proc/{pid}/maps").read_bytes()
        assert read(site.files, site(b"%d/maps" % pid)) == wanted
        assert site.files.read_at(site(b"%d/maps" % pid), 100_000, 50_000, deadline()) == wanted[100_000:150_000]
    assert len(wanted) > 150_000


@pytest.mark.parametrize("way", DISK)
def test_a_process_that_has_ended_has_no_files(way: str) -> None:
    with DISK[way](b"/proc") as site:
        with process({}) as pid:
            pass
        for ask in ASKED.values():
            assert refusal(site.files, site(b"%d/status" % pid), ask).kind is Refusal.ABSENT


@pytest.mark.parametrize("way", DISK)
def test_a_gap_in_the_memory_of_a_process_is_refused(way: str) -> None:
    with process({}) as pid, DISK[way](b"/proc") as site:
        error = refusal(site.files, site(b"%d/mem" % pid), ASKED["range"])
    assert (error.kind, "cannot be read" in error.reason) == (Refusal.REFUSED, True)


def test_free_space_is_told_as_the_kernel_tells_it(disk: FileSite, folder: bytes) -> None:
    free, total = disk.files.free_space(disk(b""), deadline())  # type: ignore[attr-defined]
    facts = os.statvfs(folder)
    assert total == facts.f_blocks * facts.f_frsize
    assert 0 <= free <= total


# Many at once:


def test_many_small_files_and_links_come_in_the_order_asked_for_each_with_its_own_refusal(site: FileSite) -> None:
    for number in range(30):
        site.make.file(b"f%d" % number, b"content %d" % number)
        site.make.link(b"l%d" % number, b"to/%d" % number)
    names = [b"f%d" % number for number in range(30)]
    found = site.files.read_small([site(one) for one in (*names, b"none", b"f3")], 9, deadline())
    assert found[:30] == [(b"content %d" % number)[:9] for number in range(30)] and found[31] == b"content 3"
    links = site.files.read_links([site(one) for one in (b"l0", b"gone", b"l29")], deadline())
    assert [links[0], links[2]] == [b"to/0", b"to/29"]
    for missing in (found[30], links[1]):
        assert isinstance(missing, TargetError) and missing.kind is Refusal.ABSENT


def test_names_of_many_folders_come_in_the_order_asked_for_and_no_more_than_wanted(site: FileSite) -> None:
    for folder in (b"a", b"b", b"c"):
        site.make.folder(folder)
    for number in range(300):
        site.make.file(b"b/%d" % number, b"")
    site.make.file(b"c/\xff\n", b"")
    found = site.files.list_names([site(one) for one in (b"a", b"none", b"b", b"c")], 1000, deadline())
    assert [found[0], found[3]] == [[], [b"\xff\n"]]
    assert isinstance(found[2], list) and sorted(found[2]) == sorted(b"%d" % number for number in range(300))
    assert isinstance(found[1], TargetError) and found[1].kind is Refusal.ABSENT
    (some,) = site.files.list_names([site(b"b")], 7, deadline())
    assert isinstance(some, list) and len(some) == 7


def test_more_than_are_under_way_at_once_are_all_answered(site: FileSite) -> None:
    for number in range(5):
        site.make.file(b"f%d" % number, b"%d" % number * 100_000)
    paths = [site(b"f%d" % (number % 6)) for number in range(1200)]
    found = site.files.read_small(paths, 70_000, deadline())
    wanted = [b"%d" % (number % 6) * 70_000 if number % 6 < 5 else None for number in range(1200)]
    assert [one if isinstance(one, bytes) else None for one in found] == wanted


def test_many_that_may_not_be_read_are_refused_each(site: FileSite) -> None:
    site.make.file(b"open", b"content")
    with site.make.forbidden(b"shut", b"secret") as files:
        found = files.read_small([site(b"shut"), site(b"open"), site(b"shut")], 10, deadline())
    assert found[1] == b"content"
    assert [one.kind for one in (found[0], found[2]) if isinstance(one, TargetError)] == [Refusal.REFUSED] * 2


def in_threes(found: Sequence[bytes | TargetError]) -> Iterator[tuple[bytes | TargetError, ...]]:
    return (tuple(found[at : at + 3]) for at in range(0, len(found), 3))


@pytest.mark.parametrize("way", ["local", "sftp"])
def test_many_files_of_the_kernels_are_read_whole(way: str) -> None:
    code = "import mmap; held = [mmap.mmap(-1, 4096) for _ in range(1000)]"
    with process({b"A": b"b" * 100_000}, code) as pid, DISK[way](b"/proc") as site:
        asked = [site(b"%d/%s" % (pid, name)) for name in (b"environ", b"maps", b"stat")] * 20
        for environ, maps, stat in in_threes(site.files.read_small(asked, MIB, deadline())):
            assert environ == b"A=%s\0" % (b"b" * 100_000)
            assert maps == Path(f"/proc/{pid}/maps").read_bytes()
            assert isinstance(stat, bytes) and stat.startswith(b"%d (" % pid)
        (names,) = site.files.list_names([site(b"%d/fd" % pid)], 100, deadline())
        assert isinstance(names, list) and sorted(names) == [b"0", b"1", b"2"]


@pytest.mark.parametrize("way", ["local", "sftp"])
def test_what_a_link_of_the_kernels_stands_for_is_read_where_that_is_asked_for(way: str, tmp_path: Path) -> None:
    """A deleted file is behind no path any more."""
    gone = tmp_path / "gone"
    content = os.urandom(3 * MIB)
    gone.write_bytes(content)
    with gone.open("rb") as held, DISK[way](b"/proc") as site:
        gone.unlink()
        path = site(b"%d/fd/%d" % (os.getpid(), held.fileno()))
        assert site.files.stat(path, deadline()).kind is FileKind.LINK
        facts = site.files.stat(path, deadline(), follow=True)
        assert (facts.kind, facts.size) == (FileKind.FILE, len(content))
        assert b"".join(map(bytes, site.files.stream(path, deadline(), follow=True, offset=5))) == content[5:]
        assert site.files.read_at(path, MIB, 10, deadline(), follow=True) == content[MIB : MIB + 10]


@pytest.mark.parametrize("name", ["stat", "range", "stream"])
def test_a_link_to_a_pipe_is_seen_and_not_opened_though_links_are_followed(site: FileSite, name: str) -> None:
    site.make.special(b"fifo", FileKind.FIFO)
    site.make.link(b"link", b"fifo")
    follow: dict[str, Callable[[], object]] = {
        "stat": lambda: site.files.read_at(site(b"none"), 0, 1, deadline(), follow=True),
        "range": lambda: site.files.read_at(site(b"link"), 0, 1, deadline(), follow=True),
        "stream": lambda: list(site.files.stream(site(b"link"), deadline(), follow=True)),
    }
    with pytest.raises(TargetError) as caught:
        follow[name]()
    assert caught.value.kind is (Refusal.ABSENT if name == "stat" else Refusal.REFUSED)


def parts(files: HostFiles, path: bytes, *ranges: tuple[int, int]) -> list[tuple[int, bytes, int]]:
    """What is read, with parts that follow one another joined."""
    found: list[tuple[int, bytes, int]] = []
    for one in files.read_ranges(path, ranges, deadline()):
        assert bool(one.data) != bool(one.why) and bool(one.missing) == bool(one.why)
        assert "\x1b" not in one.why
        begin, data, missing = found[-1] if found else (0, b"", 0)
        if found and one.offset == begin + len(data) + missing and bool(missing) == bool(one.missing):
            found[-1] = (begin, data + bytes(one.data), missing + one.missing)
        else:
            found.append((one.offset, bytes(one.data), one.missing))
    return found


def test_ranges_come_in_the_order_asked_for_and_say_where_the_file_ends(site: FileSite) -> None:
    content = os.urandom(3 * MIB + 17)
    site.make.file(b"file", content)
    wanted = [(2 * MIB, MIB + 17), (0, 5), (70_000, 2 * MIB), (3 * MIB + 10, 100), (9 * MIB, 4096)]
    found = parts(site.files, site(b"file"), *wanted)
    assert [(offset, missing) for offset, _, missing in found] == [
        (2 * MIB, 0),
        (0, 0),
        (70_000, 0),
        (3 * MIB + 10, 0),
        (3 * MIB + 17, 93),
        (9 * MIB, 4096),
    ]
    for offset, data, _ in found[:4]:
        assert data == content[offset : offset + len(data)]
    assert [len(data) for _, data, _ in found] == [MIB + 17, 5, 2 * MIB, 7, 0, 0]
    assert parts(site.files, site(b"file")) == []
    refused = refusal(
        site.files, site(b"none"), lambda files, path, until: list(files.read_ranges(path, [(0, 9)], until))
    )
    assert refused.kind is Refusal.ABSENT


HOLES = """
import ctypes, mmap
made = mmap.mmap(-1, 40 * 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for page in range(40):
    made[page * 4096:(page + 1) * 4096] = bytes([65 + page]) * 4096
at = ctypes.addressof(ctypes.c_char.from_buffer(made))
unmap = ctypes.CDLL(None, use_errno=True).munmap
for page, count in ((1, 1), (5, 3), (30, 10)):
    unmap(ctypes.c_void_p(at + page * 4096), ctypes.c_size_t(count * 4096))
print(at, end=" ")
"""


@pytest.mark.parametrize("way", DISK)
def test_what_of_a_processs_memory_cannot_be_read_is_told_page_by_page_and_the_rest_is_read(way: str) -> None:
    started = subprocess.Popen(
        [sys.executable, "-I", "-c", HOLES + "\nprint(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with started, DISK[way](b"/proc") as site:
        assert started.stdout
        at = int(started.stdout.readline())
        found = parts(site.files, site(b"%d/mem" % started.pid), (at, 40 * 4096), (at + 4096, 8192), (at + 100, 10))
        started.kill()
    pages = [((offset - at) // 4096, len(data) // 4096, missing // 4096) for offset, data, missing in found]
    assert pages == [
        (0, 1, 0),
        (1, 0, 1),
        (2, 3, 0),
        (5, 0, 3),
        (8, 22, 0),
        (30, 0, 10),
        (1, 0, 1),
        (2, 1, 0),
        (0, 0, 0),
    ]
    assert found[4][1] == b"".join(bytes([65 + page]) * 4096 for page in range(8, 30)) and found[-1][1] == b"A" * 10
