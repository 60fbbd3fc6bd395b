"""The files of this machine, where somebody hostile owns them: nothing is opened that should not be, and no way out."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE

import pytest

from irkit.adapters.host_files import LocalFiles
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import FileKind
from tests.adapters.sftp_servers import open_files
from tests.contract.file_sites import as_nobody, deadline

ROOT = Path("/")
START = "print(flush=True); input()"


@pytest.fixture
def files() -> Iterator[LocalFiles]:
    with LocalFiles() as made:
        yield made


@pytest.fixture
def jail(tmp_path: Path) -> Path:
    """A tree that somebody hostile writes to, beside a secret that is not in it."""
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "jail" / "folder").mkdir(parents=True)
    (tmp_path / "jail" / "folder" / "file").write_bytes(b"own")
    return tmp_path / "jail"


def path_of(path: Path) -> bytes:
    return os.fsencode(path)


def kind_of_refusal(files: LocalFiles, path: bytes) -> Refusal:
    with pytest.raises(TargetError) as caught:
        files.read_at(path, 0, 100, deadline())
    return caught.value.kind


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("/", b"/link{}/secret"),
        ("..", b"/link/secret"),
        ("../../{}", b"/link/secret"),
        ("folder", b"/link/file"),
        ("/proc/self/root", b"/link{}/secret"),
        ("/proc/self/cwd", b"/link/secret"),
    ],
)
def test_no_link_leads_out_of_a_tree_or_about_in_it(jail: Path, files: LocalFiles, target: str, asked: bytes) -> None:
    (jail / "link").symlink_to(target.format(path_of(jail.parent).decode()))
    path = asked.replace(b"{}", path_of(jail.parent))
    with files.below(path_of(jail)) as below:
        assert kind_of_refusal(below, path) is Refusal.REFUSED
        with pytest.raises(TargetError, match="a link on the way is not followed"):
            below.list(path.rpartition(b"/")[0] + b"/.", deadline())
        assert below.read_at(b"/folder/file", 0, 10, deadline()) == b"own"


def test_a_link_leads_out_where_links_are_followed(jail: Path) -> None:
    (jail / "link").symlink_to("..")
    with LocalFiles(path_of(jail)) as followed, LocalFiles(path_of(jail), follow_parents=False) as kept:
        assert followed.read_at(b"/link/secret", 0, 10, deadline()) == b"secret"
        assert kind_of_refusal(kept, b"/link/secret") is Refusal.REFUSED


@pytest.mark.parametrize("path", [b"/../secret", b"/folder/../../secret", b"/..", b"/folder/.."])
def test_no_path_climbs_out_of_a_tree(jail: Path, files: LocalFiles, path: bytes) -> None:
    with files.below(path_of(jail)) as below:
        assert kind_of_refusal(below, path) is Refusal.REFUSED


def test_below_crosses_a_link_to_it_once_and_then_stays(jail: Path, files: LocalFiles) -> None:
    (jail.parent / "way").symlink_to("jail")
    with files.below(path_of(jail.parent / "way")) as below:
        jail.rename(jail.parent / "moved")
        jail.mkdir()
        assert below.read_at(b"/folder/file", 0, 10, deadline()) == b"own"
        with pytest.raises(TargetError):
            below.below(b"/nowhere")


def test_a_tree_below_a_tree_does_not_follow_links_either(jail: Path, files: LocalFiles) -> None:
    (jail / "link").symlink_to("..")
    with files.below(path_of(jail)) as below:
        with below.below(b"/folder") as inner:
            assert [one.name for one in inner.list(b"/", deadline())] == [b"file"]
        with pytest.raises(TargetError, match="a link on the way is not followed"):
            below.below(b"/link")


def test_the_root_of_a_process_is_crossed_and_its_own_links_are_not(jail: Path, files: LocalFiles) -> None:
    """A process in a root of its own, as the kernel shows it below /proc: links there would lead out for us."""
    (jail / "link").symlink_to("/")
    code = "import os, sys; os.chroot(sys.argv[1]); print(flush=True); input()" if os.geteuid() == 0 else START
    with subprocess.Popen([sys.executable, "-I", "-c", code, jail], stdin=PIPE, stdout=PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with files.below(b"/proc/%d/root" % process.pid) as below:
            names = {one.name for one in below.list(b"/", deadline())}
            link = below.stat(b"/link", deadline()).kind if os.geteuid() == 0 else FileKind.LINK
        process.kill()
    assert names == ({b"folder", b"link"} if os.geteuid() == 0 else {os.fsencode(one.name) for one in ROOT.iterdir()})
    assert link is FileKind.LINK


def test_a_magic_link_inside_a_tree_is_not_crossed(files: LocalFiles) -> None:
    with files.below(b"/proc") as below:
        assert kind_of_refusal(below, b"/self/root/etc/passwd") is Refusal.REFUSED
        assert kind_of_refusal(below, b"/%d/cwd/x" % os.getpid()) is Refusal.REFUSED
        assert kind_of_refusal(below, b"/%d/exe" % os.getpid()) is Refusal.REFUSED


def test_what_is_behind_a_magic_link_is_had_by_asking_for_it(files: LocalFiles) -> None:
    inside = {one.name for one in files.list(b"/proc/self/root/.", deadline())}
    assert inside == {one.name for one in files.list(b"/", deadline())}


def test_a_fifo_is_never_opened_so_that_who_writes_to_it_still_waits(tmp_path: Path, files: LocalFiles) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: os.close(os.open(fifo, os.O_WRONLY)))
    writer.start()
    for _ in range(100):
        assert kind_of_refusal(files, path_of(fifo)) is Refusal.REFUSED
        files.stat(path_of(fifo), deadline())
        files.list(path_of(tmp_path), deadline())
    writer.join(0.2)
    still_waits = writer.is_alive()
    os.close(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK))
    writer.join()
    assert still_waits


def test_whatever_is_swapped_in_meanwhile_only_regular_files_of_the_tree_are_read(
    jail: Path, files: LocalFiles
) -> None:
    """Somebody puts a file, a FIFO, a link out and a folder of links in turn under one name, as fast as they can."""
    (jail / "a").mkdir()
    (jail / "a" / "x").write_bytes(b"own")
    (jail / "b").symlink_to("..")
    (jail.parent / "x").write_bytes(b"secret")
    os.mkfifo(jail / "fifo")
    (jail / "out").symlink_to("../x")
    stop, read, both = threading.Event(), set[bytes | Refusal](), {b"own", Refusal.REFUSED}

    def swap() -> None:
        while not stop.is_set():
            for name in ("a", "b", "fifo", "out"):
                (jail / name).rename(jail / "now")
                (jail / "now").rename(jail / name)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        with files.below(path_of(jail)) as below:
            end = time.monotonic() + 60
            while not read >= both and time.monotonic() < end:  # it depends on how the two take turns
                read |= {attempt(below, path) for _ in range(1500) for path in (b"/now/x", b"/now")}
    finally:
        stop.set()
        swapper.join()
    assert both <= read <= both | {Refusal.ABSENT}


def attempt(files: LocalFiles, path: bytes) -> bytes | Refusal:
    try:
        return files.read_at(path, 0, 100, deadline())
    except TargetError as error:
        return error.kind


@pytest.mark.parametrize("follow", [True, False])
def test_a_path_longer_than_the_kernel_takes_at_once_is_read(tmp_path: Path, follow: bool) -> None:
    name = "d" * 250
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(30):
        os.mkdir(name, dir_fd=folder)
        inner = os.open(name, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=folder))
    os.close(folder)
    path = path_of(tmp_path) + (b"/" + name.encode()) * 30
    with LocalFiles(follow_parents=follow) as files:
        assert [one.name for one in files.list(path, deadline())] == [b"file"]
        assert files.read_at(path + b"/file", 0, 10, deadline()) == b""


def test_reading_leaves_the_time_of_access_as_it_was(tmp_path: Path, files: LocalFiles) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    os.utime(file, (1000, 2000))
    os.utime(tmp_path, (1000, 2000))
    files.list(path_of(tmp_path), deadline())
    assert files.read_at(path_of(file), 0, 100, deadline()) == b"content"
    assert b"".join(bytes(piece) for piece in files.stream(path_of(file), deadline())) == b"content"
    facts = files.stat(path_of(file), deadline())
    assert (facts.accessed_ns, facts.modified_ns) == (1000 * 10**9, 2000 * 10**9)
    assert files.stat(path_of(tmp_path), deadline()).accessed_ns == 1000 * 10**9


def test_somebody_elses_file_is_read_though_its_time_of_access_cannot_be_kept(files: LocalFiles) -> None:
    with as_nobody():
        assert files.read_at(b"/etc/passwd", 0, 5, deadline()) == b"root:"


def test_a_folder_that_may_be_read_and_not_entered_is_refused_and_not_shown_empty(
    tmp_path: Path, files: LocalFiles
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    (tmp_path / "folder").chmod(0o444)
    tmp_path.chmod(0o755)
    with files.below(path_of(tmp_path)) as below, as_nobody(), pytest.raises(TargetError, match="no permission"):
        below.list(b"/folder", deadline())
    (tmp_path / "folder").chmod(0o755)


def test_a_file_that_somebody_has_a_lease_on_is_not_waited_for(tmp_path: Path, files: LocalFiles) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)  # tells the holder to let go
    try:
        with file.open("r+b") as holder:
            fcntl.fcntl(holder, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            with pytest.raises(TargetError, match="would have to be waited for"):
                files.read_at(path_of(file), 0, 10, deadline())
    finally:
        signal.signal(signal.SIGIO, before)
    assert files.read_at(path_of(file), 0, 10, deadline()) == b"content"


class Meanwhile:
    """A deadline that has something happen just when a file or folder was opened and nothing of it was read yet."""

    def __init__(self, happen: Callable[[], None]) -> None:
        self._happen, self._asked = happen, 0

    def remaining(self) -> float:
        self._asked += 1
        if self._asked == 2:
            self._happen()
        return 60.0

    def on_cancel(self, close: Callable[[], None]) -> Callable[[], None]:
        return lambda: None


def test_a_process_that_ends_just_then_is_absent(files: LocalFiles) -> None:
    with subprocess.Popen([sys.executable, "-I", "-c", START], stdin=PIPE, stdout=PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()

        def end() -> None:
            process.kill()
            process.wait()

        with pytest.raises(TargetError) as caught:
            files.read_at(b"/proc/%d/status" % process.pid, 0, 100, Meanwhile(end))
    assert caught.value.kind is Refusal.ABSENT


def test_names_that_go_while_a_folder_is_listed_are_left_out(tmp_path: Path, files: LocalFiles) -> None:
    names = [tmp_path / str(number) for number in range(10)]
    for name in names:
        name.touch()

    def remove() -> None:
        for name in names:
            name.unlink()

    assert files.list(path_of(tmp_path), Meanwhile(remove)) == []


def test_no_descriptor_is_left_open(jail: Path, files: LocalFiles) -> None:
    (jail / "link").symlink_to("..")
    before = open_files()
    for _ in range(20):
        for path in (b"", b"/folder/file", b"/link", b"/link/secret", b"/nothing", b"/folder/file/x"):
            attempt(files, path_of(jail) + path)
            stream = files.stream(path_of(jail) + b"/folder/file", deadline())
            next(stream)
            del stream
        with files.below(path_of(jail)) as below:
            attempt(below, b"/link/secret")
            below.list(b"/folder", deadline())
            below.free_space(b"/", deadline())
        with pytest.raises(TargetError):
            files.below(path_of(jail) + b"/folder/file")
    assert open_files() <= before  # what another test left may have been closed meanwhile


def test_after_closing_nothing_is_read(tmp_path: Path) -> None:
    files = LocalFiles(path_of(tmp_path))
    files.close()
    files.close()
    with pytest.raises(TargetError):
        files.list(b"/", deadline())


@pytest.mark.parametrize("root", [b"relative", b"/nowhere/at/all", b"/etc/passwd", b"/a/../b"])
def test_a_root_that_is_no_folder_is_refused(root: bytes) -> None:
    with pytest.raises(TargetError):
        LocalFiles(root)
