"""What looks saw, as values: trees of processes whatever they claim of their parents, sockets, changes, log lines."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.app.seen import (
    LONGEST_LINE,
    Process,
    changes_of,
    log_line,
    processes_of,
    processes_of_list,
    sockets_of,
)

pids = st.integers(1, 30)
families = st.dictionaries(pids, st.integers(0, 40), max_size=25)


def proc_lines(parents: dict[int, int]) -> bytes:
    return b"".join(json.dumps({"pid": pid, "ppid": above}).encode() + b"\n" for pid, above in parents.items())


def tree(parents: dict[int, int]) -> list[Process]:
    return processes_of(proc_lines(parents))


@given(families)
def test_every_process_is_in_the_tree_once_whatever_the_parents_claim(parents: dict[int, int]) -> None:
    assert sorted(one.pid for one in tree(parents)) == sorted(parents)


@given(families)
def test_a_process_stands_below_its_parent_or_is_a_root(parents: dict[int, int]) -> None:
    seen: list[Process] = []
    for one in tree(parents):
        if one.depth:
            above = next(before for before in reversed(seen) if before.depth == one.depth - 1)
            assert above.pid == one.parent
        seen.append(one)


@given(families)
def test_only_a_lost_parent_or_a_ring_makes_a_root(parents: dict[int, int]) -> None:
    for one in tree(parents):
        if one.depth == 0 and one.parent in parents:
            reached, at = set(), one.pid
            while at in parents and at not in reached:
                reached.add(at)
                at = parents[at]
            assert at in reached, "it has a way up to a root, and is none itself"


def test_a_chain_as_deep_as_there_are_pids_is_walked_without_recursion() -> None:
    found = tree({pid: pid - 1 for pid in range(1, 40_000)})
    assert (found[-1].pid, found[-1].depth) == (39_999, 39_998)


def test_many_rings_of_parents_are_all_shown() -> None:
    parents = {pid: pid + 1 if pid % 2 else pid - 1 for pid in range(1, 30_001)}
    assert len(tree(parents)) == 30_000


def test_a_process_that_is_its_own_parent_is_a_root() -> None:
    (one,) = tree({1: 1})
    assert one.depth == 0


def test_what_the_kernel_tells_of_a_process_is_kept() -> None:
    line = {
        "pid": 7,
        "ppid": 1,
        "name": "kworker",
        "arguments": ["/tmp/.x", "-c", "pool"],
        "users": {"effective": 0},
        "started_at": "2026-01-31T14:02:11Z",
        "exe": {"path": "/tmp/.x", "deleted": True},
        "notes": ["its executable is deleted"],
    }
    (one,) = processes_of(json.dumps(line).encode() + b"\n")
    assert one.title == "/tmp/.x -c pool" and one.executable == "/tmp/.x (deleted)"
    assert (one.user, one.notes) == ("0", ("its executable is deleted",))


def test_a_process_without_arguments_is_shown_by_its_name() -> None:
    (one,) = processes_of(b'{"pid": 2, "ppid": 0, "name": "kthreadd"}\n')
    assert one.title == "[kthreadd]"


def test_a_line_that_was_cut_short_is_left_out_and_those_before_it_are_shown() -> None:
    whole = proc_lines({1: 0, 2: 1})
    for cut in range(len(whole)):
        found = processes_of(whole[:cut])
        assert len(found) == whole[:cut].count(b"\n")


def test_the_engines_list_is_a_tree_by_the_titles_of_its_own_ps() -> None:
    body = {"processes": [{"PID": "9", "PPID": "4", "USER": "root", "CMD": "sh"}, {"pid": 4, "ppid": 1, "uid": 7}]}
    found = processes_of_list(json.dumps(body).encode())
    assert [(one.pid, one.depth, one.user, one.title) for one in found] == [(4, 0, "7", ""), (9, 1, "root", "sh")]


def test_a_socket_shows_its_ends_and_who_holds_it_once() -> None:
    holder = {"pid": 7, "name": "nc"}
    lines = [
        {
            "protocol": "tcp6",
            "state": "ESTABLISHED",
            "local": {"address": "fd00::2", "port": 4444},
            "remote": {"address": "203.0.113.9", "port": 443},
            "processes": [holder, holder],
        },
        {"protocol": "unix", "state": "", "path": "/run/x.sock", "note": "of another namespace"},
    ]
    tcp, unix = sockets_of(b"".join(json.dumps(one).encode() + b"\n" for one in lines))
    assert (tcp.local, tcp.remote, tcp.holders) == ("[fd00::2]:4444", "203.0.113.9:443", ("nc (7)",))
    assert (unix.local, unix.remote, unix.note) == ("/run/x.sock", "", "of another namespace")


paths = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).map(lambda name: "/" + name)
)


def changes_body(names: list[str]) -> bytes:
    return json.dumps([{"Path": name, "Kind": number % 3} for number, name in enumerate(names)]).encode()


@given(paths, st.data())
def test_of_changes_cut_short_anywhere_the_whole_ones_are_shown(names: list[str], data: st.DataObject) -> None:
    body = changes_body(names)
    cut = data.draw(st.integers(0, len(body)))
    try:
        found = changes_of(body[:cut])
    except msgspec.MsgspecError:
        assert cut <= len(changes_body(names[:1])) + 5  # not one was whole
        return
    assert [one.path for one in found] == names[: len(found)]
    assert len(changes_body(names[: len(found) + 2])) + 5 > cut


def test_an_engine_that_says_null_has_no_changes() -> None:
    assert changes_of(b"null\n") == [] and changes_of(b"[]") == []


def test_kinds_are_words_and_one_that_is_not_known_is_a_change() -> None:
    body = b'[{"Path":"/a","Kind":0},{"Path":"/b","Kind":1},{"Path":"/c","Kind":2},{"Path":"/d","Kind":9}]'
    assert [one.kind for one in changes_of(body)] == ["changed", "added", "deleted", "changed"]


@pytest.mark.parametrize("body", [b"{}", b'[{"Kind":1}]', b"[1]", b'"x"', b'[{"Path":1,"Kind":0}]'])
def test_what_is_no_list_of_changes_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        changes_of(body)


@given(st.binary(max_size=300))
def test_a_log_line_of_any_bytes_is_text_without_its_end(content: bytes) -> None:
    line = log_line("stdout", "2026-01-31T14:02:11Z", content)
    assert not line.text.endswith("\n") or content.endswith(b"\n\n") or content.endswith(b"\n\r\n")
    assert not line.is_cut
    line.text.encode()


def test_a_line_longer_than_is_shown_is_cut_and_says_so() -> None:
    line = log_line("stderr", "", "é".encode() * LONGEST_LINE)
    assert line.is_cut and len(line.text) <= LONGEST_LINE


def test_a_record_of_windows_ends_ends_without_them() -> None:
    assert log_line("stdout", "", b"a\r\n").text == "a"
