"""Host patterns of Ansible inventories stand for the names that Ansible makes of them, and never for too many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.adapters.ansible_ranges import expand, split_port
from irkit.core.errors import UsageError


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("web1", ["web1"]),
        ("web[1:3]", ["web1", "web2", "web3"]),
        ("web[08:11].x", ["web08.x", "web09.x", "web10.x", "web11.x"]),
        ("web[:2]", ["web0", "web1", "web2"]),
        ("web[1:9:4]", ["web1", "web5", "web9"]),
        ("web[0:10:5]", ["web0", "web5", "web10"]),
        ("db-[a:c]", ["db-a", "db-b", "db-c"]),
        ("db-[a:e:2]", ["db-a", "db-c", "db-e"]),
        ("db-[y:B]", ["db-y", "db-z", "db-A", "db-B"]),
        ("[a:b][1:2]", ["a1", "a2", "b1", "b2"]),
        ("x[1:2]y[01:02]z", ["x1y01z", "x1y02z", "x2y01z", "x2y02z"]),
    ],
)
def test_a_pattern_stands_for_these(pattern: str, names: list[str]) -> None:
    assert expand(pattern, 100) == names


@pytest.mark.parametrize(
    "pattern",
    [
        "web[1:",
        "web1:3]",
        "web[]",
        "web[1]",
        "web[1:]",
        "web[:]",
        "web[1:2:0]",
        "web[1:2:-1]",
        "web[1:2:3:4]",
        "web[3:1]",
        "web[c:a]",
        "web[a:3]",
        "web[01:100]",
        "web[-1:3]",
        "web[1:1000000000000]",
        "web[[1:2]]",
        "web[aa:cc]",
        "web[\u0661:3]",
    ],
)
def test_a_range_that_makes_no_sense_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError):
        expand(pattern, 100)


@pytest.mark.parametrize("pattern", ["web[1:101]", "web[1:999999999]", "[1:11][1:11]", "[a:Z]" * 12, "[1:10]" * 9])
def test_too_many_hosts_are_refused_before_they_are_made(pattern: str) -> None:
    with pytest.raises(UsageError, match="too many hosts"):
        expand(pattern, 100)


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("web1", ("web1", 0)),
        ("web1:22", ("web1", 22)),
        ("web[1:3]", ("web[1:3]", 0)),
        ("web[1:3]:22", ("web[1:3]", 22)),
        ("[2001:db8::1]:22", ("2001:db8::1", 22)),
        ("2001:db8::1", ("2001:db8::1", 0)),
        ("web1:ssh", ("web1:ssh", 0)),
    ],
)
def test_a_port_behind_a_pattern_is_told_apart(pattern: str, parts: tuple[str, int]) -> None:
    assert split_port(pattern) == parts


@pytest.mark.parametrize("pattern", ["web1:0", "web1:65536", "web1:99999"])
def test_a_port_that_cannot_be_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match="no such port"):
        split_port(pattern)


@given(st.integers(0, 999), st.integers(0, 999), st.integers(1, 50))
def test_numbers_are_those_of_a_range_with_its_end(begin: int, end: int, step: int) -> None:
    wanted = [f"w{number}" for number in range(begin, end + 1, step)]
    try:
        assert expand(f"w[{begin}:{end}:{step}]", 1000) == wanted
    except UsageError:
        assert not wanted


@given(st.text("[]:ab019-", max_size=20))
def test_whatever_stands_there_is_names_without_ranges_or_one_line(pattern: str) -> None:
    try:
        names = expand(pattern, 50)
    except UsageError as error:
        assert str(error).isprintable()
    else:
        assert 0 < len(names) <= 50
        assert not any("[" in name or "]" in name for name in names)
