"""Members of an archive as lines: what each is, in the manner of `ls -l`, with its bytes to be had back."""

import pytest

from irkit.core.listed_member import ListedMember
from irkit.tui.archive_lines import MemberLine, about_member, member_lines, time_text

SU = ListedMember(
    name=b"bin/su", type="file", mode=0o4755, uid=1000, gid=50, owner="ann:staff", size=35192, mtime="1700000000.5"
)


def texts(*found: ListedMember, width: int = 120) -> list[str]:
    return [line.text for line in member_lines(found, width)]


def test_a_member_is_told_with_mode_owner_size_time_and_name() -> None:
    assert texts(SU) == ["-rwsr-xr-x 1000:50            35192 2023-11-14 22:13:20  bin/su"]
    assert texts(SU, width=80) == ["-rwsr-xr-x   35.2 kB 2023-11-14  bin/su"]
    assert about_member(SU) == "file, 35192 bytes, 2023-11-14 22:13:20.5Z, owner 1000:50 (ann:staff)"


def test_names_are_told_so_that_their_bytes_can_be_had_back_and_none_makes_a_line() -> None:
    one = ListedMember(name=b"a\xff\n\x1b[2J\\", type="symlink", mode=0o777, link=b"/\xc2\x9b")
    (line,) = member_lines([one], 80)
    assert line.text.endswith(r"a\xff\x0a\x1b[2J\\ -> /\xc2\x9b") and line.value == r"a\xff\x0a\x1b[2J\\"
    assert isinstance(line, MemberLine) and line.member is one


def test_how_a_file_was_changed_stands_before_its_name_and_what_else_is_known_below() -> None:
    gone = ListedMember(name=b"etc/motd", type="file", change="deleted")
    left = ListedMember(name=b"x", type="file", mode=0o600, change="added", remarks=("not in the archive: too large",))
    shown = texts(gone, left, width=80)
    assert shown[0].endswith("  deleted  etc/motd") and shown[1].endswith("  added    x")
    assert shown[2].strip() == "! not in the archive: too large" and shown[0].startswith("-?????????")


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("0", "1970-01-01 00:00:00Z"),
        ("-1.25", "1969-12-31 23:59:59.25Z"),
        ("1700000000.123456789", "2023-11-14 22:13:20.123456789Z"),
        ("", "?"),
        ("9" * 30, "9" * 30),
        ("never", "never"),
    ],
)
def test_times_are_told_in_utc_and_what_is_none_as_it_stands(told: str, shown: str) -> None:
    assert time_text(told) == shown


def test_what_is_of_no_known_type_is_told_with_a_question_mark() -> None:
    assert texts(ListedMember(name=b"x", type="type V"), width=80)[0].startswith("??????????")
