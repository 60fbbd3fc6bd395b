"""What a process sees mounted, and what is hidden below it."""

from irkit.adapters.mount_table import MountTable

TABLE = rb"""20 1 0:30 / / rw - overlay overlay rw
21 20 0:31 / /a\040b rw shared:1 - tmpfs x rw
22 20 0:32 / /c rw - tmpfs x rw
23 22 0:33 / /c rw - tmpfs x rw
24 22 0:34 / /c/d rw - tmpfs x rw
25 20 0:35 /null /e rw - tmpfs x rw
26 21 0:36 / /a\040b/f rw - fuse.x x rw
nonsense
"""


def ids(place: bytes) -> list[int]:
    return [one.id for one in MountTable(TABLE).way(place)]


def test_the_way_to_a_place_passes_the_mounts_that_are_seen() -> None:
    assert ids(b"/") == [20] and ids(b"/nowhere") == [20]
    assert ids(b"/a b") == [20, 21] and ids(b"/a b/f/g") == [20, 21, 26]
    assert ids(b"/e") == [20, 25]


def test_what_is_mounted_over_hides_a_mount_and_all_below_it() -> None:
    assert ids(b"/c") == [20, 22, 23] and ids(b"/c/d") == [20, 22, 23]
    assert len(MountTable(TABLE).mounts) == 7


def test_of_a_process_whose_root_is_no_mount_the_places_are_found_too() -> None:
    table = MountTable(b"22 20 0:32 / /c rw - tmpfs x rw\n23 22 0:33 / /c/d rw - tmpfs x rw\n")
    assert [one.id for one in table.way(b"/c/d")] == [22, 23]
