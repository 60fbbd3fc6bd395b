"""Changed files by folder: in order, each in its place, and no folder can push another out of view."""

from hypothesis import given
from hypothesis import strategies as st

from irkit.app.changed_files import MOST_IN_FOLDER, Folder, by_folder, shown_folders
from irkit.app.seen import Change

MOST = 10_000
kinds = st.sampled_from(["added", "changed", "deleted"])
names = st.lists(st.sampled_from(["a", "b", "etc", "x y", "\n"]), min_size=1, max_size=6)
changes = st.lists(st.builds(lambda kind, parts: Change(kind, "/" + "/".join(parts)), kinds, names), max_size=60)


def added(*paths: str) -> list[Change]:
    return [Change("added", path) for path in paths]


def named(found: list[Folder]) -> dict[str, Folder]:
    return {one.path: one for one in found}


@given(changes)
def test_every_change_is_in_its_folder_and_folders_and_names_come_in_order(some: list[Change]) -> None:
    found = by_folder(some)
    assert list(found) == sorted(found)
    assert sorted(one.path for within in found.values() for one in within) == sorted(one.path for one in some)
    for folder, within in found.items():
        assert [one.path for one in within] == sorted(one.path for one in within)
        assert all((one.path.rpartition("/")[0] or "/") == folder for one in within)


@given(changes, st.sampled_from([0, 10, 30, MOST]))
def test_every_change_is_shown_or_counted_once(some: list[Change], most: int) -> None:
    found = shown_folders(some, most)
    assert sum(one.total + one.left_below for one in found) == len(some)
    assert all(0 <= one.left <= one.total for one in found)


@given(changes)
def test_where_there_is_room_all_is_shown(some: list[Change]) -> None:
    assert sum(len(one.shown) for one in shown_folders(some, MOST)) == len(some)


def test_a_folder_with_many_files_leaves_the_later_ones_in_view() -> None:
    many = added(*(f"/big/{number:05}" for number in range(12_000)))
    found = named(shown_folders([*many, *added("/usr/bin/evil")], MOST))
    assert (len(found["/big"].shown), found["/big"].left) == (MOST_IN_FOLDER, 12_000 - MOST_IN_FOLDER)
    assert found["/usr/bin"].shown == added("/usr/bin/evil")


def test_a_changed_file_is_shown_among_however_many_were_added_to_its_folder() -> None:
    many = added(*(f"/bin/{number:05}" for number in range(500)))
    (found,) = shown_folders([*many, Change("changed", "/bin/ls"), Change("deleted", "/bin/zcat")], MOST)
    assert [one.path for one in found.shown][-2:] == ["/bin/ls", "/bin/zcat"]


def test_many_added_folders_leave_those_of_the_image_in_view() -> None:
    many = [path for number in range(12_000) for path in (f"/aaa/{number:05}", f"/aaa/{number:05}/x")]
    some = [Change("changed", "/etc"), Change("changed", "/etc/cron.d"), *added("/aaa", *many, "/etc/cron.d/job")]
    found = named(shown_folders(some, MOST))
    assert found["/etc/cron.d"].shown == added("/etc/cron.d/job")
    assert (found["/aaa"].folders_left, found["/aaa"].left_below) == (12_000 - MOST_IN_FOLDER,) * 2
    assert sum(one.lines for one in found.values()) <= MOST


def test_a_wide_and_deep_tree_of_added_folders_takes_no_more_than_there_is_room_for() -> None:
    tops = [f"/t{one:03}" for one in range(150)]
    folders = [*tops, *(f"{top}/{one:03}" for top in tops for one in range(150))]
    some = [*added(*folders, *(f"{one}/file" for one in folders)), Change("changed", "/etc"), *added("/etc/evil")]
    found = shown_folders(some, MOST)
    assert sum(one.lines for one in found) <= MOST
    assert sum(one.total + one.left_below for one in found) == len(some)
    assert added("/etc/evil") == named(found)["/etc"].shown
