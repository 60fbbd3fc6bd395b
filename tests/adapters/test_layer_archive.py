"""Which archives are asked for, so that little is asked and nothing that was changed is missed."""

import pytest

from irkit.adapters.layer_archive import Wish, wishes_of
from irkit.adapters.layer_changes import ADDED, CHANGED, DELETED, as_told, kinds_of
from irkit.core.errors import TargetError


def paths(kinds: dict[str, int], mounts: tuple[str, ...] = ()) -> list[tuple[str, list[str] | None]]:
    return [(one.path, None if one.wanted is None else sorted(one.wanted)) for one in wishes_of(kinds, mounts)]


def test_an_added_folder_is_asked_for_once_with_all_that_is_in_it() -> None:
    kinds = {"opt": ADDED, "opt/a": ADDED, "opt/a/b": ADDED, "opt/c": ADDED}
    assert list(wishes_of(kinds, [])) == [Wish("opt")]


def test_a_folder_that_was_changed_is_not_asked_for_and_what_is_new_in_it_is() -> None:
    kinds = {"etc": CHANGED, "etc/passwd": CHANGED, "etc/cron.d": ADDED, "etc/cron.d/x": ADDED, "etc/gone": DELETED}
    assert paths(kinds) == [("etc/passwd", None), ("etc/cron.d", None)]


def test_a_name_that_cannot_be_asked_for_is_looked_for_in_its_folder() -> None:
    kinds = {"tmp": CHANGED, "tmp/a\ufffd": ADDED, "srv/b\ufffd": ADDED, "srv/b\ufffd/in": ADDED}
    assert paths(kinds) == [("tmp", ["tmp/a\ufffd"]), ("srv", ["srv/b\ufffd", "srv/b\ufffd/in"])]


def test_it_comes_with_an_added_folder_where_there_is_one() -> None:
    assert paths({"opt": ADDED, "opt/a\ufffd": ADDED, "opt/a\ufffd/in": ADDED})[0] == ("opt", None)


def test_many_names_of_one_folder_are_asked_for_together() -> None:
    kinds = {"tmp": CHANGED, **{f"tmp/{number}": ADDED for number in range(500)}}
    assert paths(kinds) == [("tmp", sorted(f"tmp/{number}" for number in range(500)))]


def test_many_names_of_the_root_are_asked_for_one_by_one() -> None:
    assert len(paths({str(number): ADDED for number in range(500)})) == 500


def test_what_is_mounted_there_is_not_asked_for() -> None:
    kinds = {"data": ADDED, "var": CHANGED, "var/www": ADDED, "var/www2": ADDED}
    assert paths(kinds, ("/data", "/var/www")) == [("var/www2", None)]


def test_each_byte_that_is_no_text_is_one_sign_in_the_engines_list() -> None:
    assert as_told(b"a\xff\xfe\xe2\x82z") == "a\ufffd\ufffd\ufffd\ufffdz"
    assert as_told("caf\u00e9".encode()) == "caf\u00e9"


def test_a_list_is_read_whether_its_bytes_are_text_or_not() -> None:
    assert kinds_of(b'[{"Path":"/a\\ufffd","Kind":1},{"Path":"/b\xff","Kind":2},{"Path":"/c","Kind":9}]') == {
        "a\ufffd": ADDED,
        "b\ufffd": DELETED,
    }
    assert kinds_of(b"null") == {}
    for wrong in (b"", b"{}", b"[1]", b'[{"Path":1}]', b"\xff"):
        with pytest.raises(TargetError):
            kinds_of(wrong)
