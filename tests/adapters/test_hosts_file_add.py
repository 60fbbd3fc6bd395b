"""Adding a host: everything that was in the file stays to the byte, and nothing is ever half there."""

import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.adapters import hosts_file_add
from irkit.adapters.host_address import parse_address
from irkit.adapters.hosts_file import read_hosts
from irkit.adapters.hosts_file_add import add_host
from irkit.adapters.storage import write_file
from irkit.core.errors import StorageError, UsageError
from irkit.core.host import Host

NEW = Host(name="new", address="10.0.0.7", reach="ssh", user="root", labels={"env": "yes"}, groups=("web", "7"))
LINES = """\
  - name: new
    address: "10.0.0.7"
    user: root
    labels: {env: "yes"}
    groups: [web, "7"]
"""


def read(path: Path) -> tuple[Host, ...]:
    return read_hosts(path.read_bytes(), str(path), path.parent)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hosts.yml"


def test_the_first_host_makes_the_file_and_its_folder_for_the_responder_alone(tmp_path: Path) -> None:
    path = tmp_path / "a/b/hosts.yml"
    old = os.umask(0)
    try:
        add_host(path, NEW)
    finally:
        os.umask(old)
    assert read(path) == (NEW,)
    assert path.read_text() == hosts_file_add.HEAD + LINES
    assert "hosts.schema.json" in path.read_text().splitlines()[0]
    assert [mode(one) for one in (path, path.parent, path.parent.parent)] == [0o600, 0o700, 0o700]
    assert [one.name for one in path.parent.iterdir()] == ["hosts.yml"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "hosts:\n{new}"),
        ("# mine\n", "# mine\nhosts:\n{new}"),
        ("# mine", "# mine\nhosts:\n{new}"),
        ("---\n", "---\nhosts:\n{new}"),
        ("hosts:\n", "hosts:\n{new}"),
        ("hosts:   # none yet\n\n# end\n", "hosts:   # none yet\n{new}\n# end\n"),
        ("defaults: {user: x}\n", "defaults: {user: x}\nhosts:\n{new}"),
        ("hosts:\n  - name: a", "hosts:\n  - name: a\n{new}"),
        ("hosts:\n  - name: a\n", "hosts:\n  - name: a\n{new}"),
        ("hosts:\n  - name: a   # about a\n", "hosts:\n  - name: a   # about a\n{new}"),
        ("hosts:\n  - name: a\n    # about a\n  # too\n", "hosts:\n  - name: a\n    # about a\n  # too\n{new}"),
        ("hosts:\n  - name: a\n\n# of the file\n", "hosts:\n  - name: a\n{new}\n# of the file\n"),
        ("hosts:\n  - name: a\n# b\ndefaults:\n  user: x\n", "hosts:\n  - name: a\n{new}# b\ndefaults:\n  user: x\n"),
        ("hosts:\n  - {name: a,\n     user: b}\n\n\n", "hosts:\n  - {name: a,\n     user: b}\n{new}\n\n"),
        ("hosts:\n  - name: a\n    groups:\n      - x\n", "hosts:\n  - name: a\n    groups:\n      - x\n{new}"),
        (
            "hosts:\n  - name: a\n    labels:\n      x: |\n        y\n",
            "hosts:\n  - name: a\n    labels:\n      x: |\n        y\n{new}",
        ),
        (
            "hosts:\n  - name: a\n    labels: {x: 'y\n\n     z'}\n",
            "hosts:\n  - name: a\n    labels: {x: 'y\n\n     z'}\n{new}",
        ),
        ("hosts: []\n", "hosts: [{flow}]\n"),
        ("hosts: [ ] # none\n", "hosts: [ {flow}] # none\n"),
        ("hosts: [{name: a}]\n", "hosts: [{name: a}, {flow}]\n"),
        ("{hosts: [{name: a}]}\n", "{hosts: [{name: a}, {flow}]}\n"),
        ("hosts: [{name: a}\n ]\n", "hosts: [{name: a}\n , {flow}]\n"),
    ],
)
def test_the_entry_comes_after_the_others_and_all_else_stays(path: Path, before: str, after: str) -> None:
    flow = '{name: new, address: "10.0.0.7", user: root, labels: {env: "yes"}, groups: [web, "7"]}'
    path.write_text(before)
    add_host(path, NEW)
    assert path.read_text() == after.replace("{new}", LINES).replace("{flow}", flow)
    assert read(path)[-1].address == NEW.address


@pytest.mark.parametrize(("indent", "dash"), [("", "- "), ("    ", "-   ")])
def test_the_entry_is_set_in_as_the_others_are(path: Path, indent: str, dash: str) -> None:
    path.write_text(f"hosts:\n{indent}{dash}name: a\n")
    add_host(path, Host(name="b", address="b", reach="ssh", port=22))
    assert path.read_text() == f"hosts:\n{indent}{dash}name: a\n{indent}- name: b\n{indent}  port: 22\n"


def test_line_ends_of_windows_stay(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf# mine\r\nhosts:\r\n  - name: a\r\n# end\r\n")
    add_host(path, Host(name="b", address="b", reach="ssh", user="u"))
    assert path.read_bytes() == (
        b"\xef\xbb\xbf# mine\r\nhosts:\r\n  - name: a\r\n  - name: b\r\n    user: u\r\n# end\r\n"
    )


@pytest.mark.parametrize(
    "host",
    [
        parse_address("ssh://root@10.0.0.5:2222"),
        parse_address("ssh://root@[::1]:2222/run/user/5/docker.sock"),
        parse_address("web1"),
        parse_address("unix:///run/x.sock"),
        parse_address("tcp://127.0.0.1:2375"),
        Host(name="e", address="e.example.org", reach="tcp", port=2376, tls="/certs"),
        Host(name="j", address="j", reach="ssh", jump="me@gw:22,other", sudo=True),
        Host(
            name="true",
            address="true",
            reach="ssh",
            user="null",
            labels={"a/b": "ü: #{}\\\"'\u2603 x "},
            groups=("no",),
        ),
        Host(name="1e3", address="010", reach="ssh", labels={"on": "", "k": "*a"}),
    ],
    ids=lambda host: host.name,
)
def test_what_is_added_is_read_back_as_it_was(path: Path, host: Host) -> None:
    add_host(path, Host(name="first", address="first", reach="ssh"))
    add_host(path, host)
    assert read(path)[1:] == (host,)


def test_the_defaults_of_the_file_hold_for_a_new_host_too(path: Path) -> None:
    path.write_text("defaults: {user: ana, groups: [all-of-them]}\nhosts: []\n")
    add_host(path, Host(name="new", address="new", reach="ssh", groups=("web",)))
    assert read(path) == (Host(name="new", address="new", reach="ssh", user="ana", groups=("all-of-them", "web")),)


@pytest.mark.parametrize(
    ("before", "host", "words"),
    [
        ("hosts: [{name: new}]", NEW, "there is a host 'new' already"),
        ("hosts: [{name: new, address: b}]", NEW, "there is a host 'new' already"),
        ("hosts: [{name: a, prot: 1}]", NEW, "1:19: hosts[0].prot: unknown key"),
        ("hosts: [\n", NEW, "it is not YAML"),
        ("- a\n", NEW, "a file of hosts is a mapping"),
        ("[web]\nweb1\n", NEW, "an inventory of Ansible's"),
        ("all: {hosts: {web1: }}\n", NEW, "an inventory of Ansible's"),
        ("hosts: ~\n", NEW, "write the entry under hosts by hand"),
        ("hosts:\n  - name: a\n...\n", NEW, None),
        ("hosts: [{name: a},]\n", NEW, "write the entry under hosts by hand"),
        ("{defaults: {user: x}}\n", NEW, "write the entry under hosts by hand"),
        ("hosts: []", Host(name="a b", address="x", reach="ssh"), "'a b' cannot be added"),
        ("hosts: []", Host(name="all", address="x", reach="ssh"), "has a meaning of its own"),
        ("hosts: []", Host(name="x", address="10.0.0.9", reach="tcp"), "without TLS is refused"),
        ("hosts: []", Host(name="x", address="x", reach="ssh", user="a\nb"), "cannot be added"),
        ("hosts: []", Host(name="x", address="x", reach="ssh", labels={"a": "\x1b[31m"}), "hidden character"),
    ],
)
def test_what_cannot_be_added_leaves_the_file_as_it_was(path: Path, before: str, host: Host, words: str | None) -> None:
    path.write_text(before)
    if words is None:
        add_host(path, host)
        assert read(path)[-1].name == "new"
        return
    with pytest.raises(UsageError) as caught:
        add_host(path, host)
    assert words in str(caught.value)
    assert path.read_text() == before
    assert [one.name for one in path.parent.iterdir()] == ["hosts.yml"]


def test_the_file_keeps_its_mode_and_a_link_to_it_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yml", tmp_path / "hosts.yml"
    real.write_text("hosts: []\n")
    real.chmod(0o640)
    link.symlink_to(real)
    add_host(link, NEW)
    assert link.is_symlink()
    assert mode(real) == 0o640
    assert read(real) == (NEW,)


def test_the_file_keeps_its_owner(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root, too, who adds to the file of somebody else."""
    path.write_text("hosts: []\n")
    owner, given = path.stat(), []
    monkeypatch.setattr(os, "geteuid", lambda: owner.st_uid + 1)
    monkeypatch.setattr(os, "chown", lambda place, user, group: given.append((place.parent, user, group)))
    add_host(path, NEW)
    assert given == [(path.parent, owner.st_uid, owner.st_gid)]


@pytest.mark.parametrize("kind", ["folder", "pipe", "large"])
def test_what_is_no_file_of_hosts_is_refused(path: Path, kind: str) -> None:
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case _:
            path.write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(StorageError, match="hosts"):
        add_host(path, NEW)


def test_a_file_that_somebody_changed_meanwhile_is_not_written_over(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("hosts: []\n")

    def write_late(place: Path, data: bytes) -> None:
        write_file(place, data)
        path.write_text("hosts: [{name: theirs}]\n")

    monkeypatch.setattr(hosts_file_add, "write_file", write_late)
    with pytest.raises(StorageError, match="somebody else is changing the file"):
        add_host(path, NEW)
    assert path.read_text() == "hosts: [{name: theirs}]\n"
    assert [one.name for one in path.parent.iterdir()] == ["hosts.yml"]


def test_a_disk_that_fails_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("hosts: []\n")

    def fail(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(StorageError, match="No space left"):
        add_host(path, NEW)
    assert path.read_text() == "hosts: []\n"
    assert [one.name for one in path.parent.iterdir()] == ["hosts.yml"]


def test_hosts_that_are_added_at_once_are_all_there(path: Path) -> None:
    def add(number: int) -> None:
        add_host(path, Host(name=f"h{number}", address=f"h{number}", reach="ssh"))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {host.name for host in read(path)} == {f"h{number}" for number in range(16)}


_texts = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Cf", "Zl", "Zp")), max_size=20)


@given(_texts, st.lists(st.sampled_from(["# x", "", "  # y", "  - name: b", "    user: me", "    # z"]), max_size=8))
def test_whatever_is_there_stays_and_whatever_is_added_is_read_back(text: str, lines: list[str]) -> None:
    before = "hosts:\n  - name: a\n" + "".join(f"{line}\n" for line in lines)
    host = Host(name="new", address="new", reach="ssh", labels={"note": text})
    try:
        found = read_hosts(before.encode(), "hosts.yml", Path())
    except UsageError:
        return
    after = hosts_file_add.add_entry(before.encode(), hosts_file_add.entry_of(host), "hosts.yml")
    assert read_hosts(after, "hosts.yml", Path()) == (*found, host)
    rest = iter(after.decode().splitlines(keepends=True))
    assert all(line in rest for line in before.splitlines(keepends=True))
