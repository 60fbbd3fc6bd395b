"""Where changed files lie: by the engine's word, by mount tables, and not at all where the host is another one."""

import json

import pytest

from irkit.adapters.layer_place import find_upper, is_of_host, mounts_of, store_of
from irkit.adapters.memory_files import MemoryFiles
from irkit.core.errors import Refusal, TargetError
from irkit.core.ports import FileKind
from tests.contract.file_sites import deadline

ID = "ab" * 32
UPPER = f"/var/lib/docker/overlay2/{'cd' * 32}/diff"
SNAPSHOT = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs"
HOST_ROOT = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
OPTIONS = f"rw,lowerdir=/l/2:/l/1,upperdir={SNAPSHOT},workdir=/w,xino=off"
HOST = f"{HOST_ROOT}600 1 0:50 / /var/lib/docker/rootfs/overlayfs/{ID} rw,relatime - overlay overlay {OPTIONS}\n"


def inspected(**more: object) -> bytes:
    return json.dumps({"Id": ID, "State": {"Pid": 42}, **more}).encode()


@pytest.fixture
def files() -> MemoryFiles:
    made = MemoryFiles()
    made.put(b"/proc/42/cgroup", f"0::/docker/{ID}\n".encode())
    made.put(b"/proc/1/mountinfo", HOST.encode())
    for path in (UPPER, SNAPSHOT):
        made.put(path.encode(), kind=FileKind.DIRECTORY)
    return made


def test_the_engines_word_comes_first(files: MemoryFiles) -> None:
    driver = {"Name": "overlay2", "Data": {"UpperDir": UPPER, "LowerDir": "/l/init:/l/base"}}
    place = find_upper(files, store_of(inspected(GraphDriver=driver)), deadline())
    assert place == (UPPER.encode(), "the engine", (b"/l/init", b"/l/base"))


def test_without_it_the_hosts_own_mount_table_tells(files: MemoryFiles) -> None:
    place = find_upper(files, store_of(inspected(GraphDriver=None)), deadline())
    assert place == (SNAPSHOT.encode(), "the host's mount table", (b"/l/2", b"/l/1"))


def test_a_host_whose_first_process_sees_less_is_asked_for_irkits_own_table(files: MemoryFiles) -> None:
    files.put(b"/proc/1/mountinfo", HOST_ROOT.encode())
    files.put(b"/proc/self/mountinfo", HOST.encode())
    assert find_upper(files, store_of(inspected()), deadline()).path == SNAPSHOT.encode()


def test_a_root_that_the_container_mounted_for_itself_is_not_believed(files: MemoryFiles) -> None:
    own = HOST_ROOT + "702 700 0:52 / / rw - overlay overlay rw,lowerdir=/evil,upperdir=/root,workdir=/w2\n"
    for pid in (b"42", b"1", b"self"):
        files.put(b"/proc/%s/mountinfo" % pid, own.encode())
    files.put(b"/root", kind=FileKind.DIRECTORY)
    with pytest.raises(TargetError, match="the host's mount table has no overlay of it") as caught:
        find_upper(files, store_of(inspected()), deadline())
    assert caught.value.kind is Refusal.UNSUPPORTED


def test_a_root_of_another_containers_is_not_taken_for_its_own(files: MemoryFiles) -> None:
    files.put(b"/proc/42/mountinfo", b"700 600 0:50 / / rw - overlay overlay rw,lowerdir=/l,upperdir=/other,workdir=/w")
    files.put(b"/proc/1/mountinfo", HOST.replace(ID, "99" * 32).replace(SNAPSHOT, "/other").encode())
    files.put(b"/other", kind=FileKind.DIRECTORY)
    with pytest.raises(TargetError, match="the host's mount table has no overlay of it"):
        find_upper(files, store_of(inspected()), deadline())


def test_where_several_mounts_are_named_like_it_none_is_believed(files: MemoryFiles) -> None:
    forged = f"900 600 0:60 / /shared/{ID} rw - overlay overlay rw,lowerdir=/evil,upperdir=/root,workdir=/w2\n"
    files.put(b"/proc/1/mountinfo", (HOST + forged).encode())
    with pytest.raises(TargetError, match="more than one overlay of it"):
        find_upper(files, store_of(inspected()), deadline())


@pytest.mark.parametrize("group", ["0::/docker/" + "00" * 32, "0::/", ""])
def test_a_process_that_is_not_the_containers_tells_nothing(files: MemoryFiles, group: str) -> None:
    files.put(b"/proc/42/cgroup", group.encode())
    with pytest.raises(TargetError, match="no process on this host") as caught:
        find_upper(files, store_of(inspected()), deadline())
    assert caught.value.kind is Refusal.UNSUPPORTED


def test_an_upper_folder_that_is_told_by_half_is_not_guessed(files: MemoryFiles) -> None:
    files.put(b"/proc/1/mountinfo", HOST.replace(SNAPSHOT, "7/fs").encode())
    with pytest.raises(TargetError, match="whose upper folder can be told"):
        find_upper(files, store_of(inspected()), deadline())


def test_a_link_in_place_of_the_folder_is_not_followed(files: MemoryFiles) -> None:
    files.put(UPPER.encode(), b"/etc", kind=FileKind.LINK)
    driver = {"Name": "overlay2", "Data": {"UpperDir": UPPER}}
    with pytest.raises(TargetError, match="is no folder"):
        find_upper(files, store_of(inspected(GraphDriver=driver)), deadline())


def test_lower_folders_that_are_told_by_half_are_not_used(files: MemoryFiles) -> None:
    driver = {"Name": "overlay2", "Data": {"UpperDir": UPPER, "LowerDir": "l/A:l/B"}}
    assert find_upper(files, store_of(inspected(GraphDriver=driver)), deadline()).lowers == ()


def test_a_mount_table_is_read_to_the_byte() -> None:
    line = (
        rb"1 0 0:1 / /a\040b\012 rw shared:1 master:2 - overlay none rw,upperdir=/u\054x\072\134,nfs" + b"\ngarbage\n"
    )
    assert list(mounts_of(line)) == [(b"/a b\n", b"overlay", {b"rw": b"", b"upperdir": b"/u,x:\\", b"nfs": b""})]


def test_files_are_the_engines_hosts_where_something_of_the_containers_own_is_there(files: MemoryFiles) -> None:
    resolv = f"/var/lib/docker/containers/{ID}/resolv.conf"
    store = store_of(inspected(State={"Pid": 0}, ResolvConfPath=resolv, LogPath="/var/log/messages"))
    files.put(b"/var/log/messages", b"")
    assert not is_of_host(files, store, deadline()), "a path that any host may have proves nothing"
    files.put(resolv.encode(), b"")
    assert is_of_host(files, store, deadline())
    assert is_of_host(files, store_of(inspected()), deadline()), "its process is there"
    assert not is_of_host(MemoryFiles(), store_of(inspected()), deadline())
