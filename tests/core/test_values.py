"""Durations, sizes and moments: what they mean, and what is none."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.core.values import (
    DURATION_PATTERN,
    MOMENT_PATTERN,
    SIZE_PATTERN,
    bytes_of,
    check_moment,
    moment_of,
    seconds_of,
    utc_text,
)

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("24h", 86400), ("7d", 604800), ("1h30m", 5400), ("250ms", 0.25), ("0s", 0)],
)
def test_a_duration_in_seconds(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "s", "5 s", " 5s", "5s ", "5s\n", "-5s", "1.5h", "5S", "5w", "1e3s", "٣s", "1234567890s", "5m s"]
)
def test_what_is_no_duration(text: str) -> None:
    assert not re.search(DURATION_PATTERN, text)
    with pytest.raises(ValueError, match="is not a duration"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("500B", 500), ("64KiB", 65536), ("10MiB", 10 * 2**20), ("2GB", 2 * 10**9), ("1TiB", 2**40), ("0B", 0)],
)
def test_a_size_in_bytes(text: str, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "10", "10 MB", "10MiB\n", "-1B", "1.5GB", "10mb", "KB", "1PB", "1iB", "٣B"])
def test_what_is_no_size(text: str) -> None:
    assert not re.search(SIZE_PATTERN, text)
    with pytest.raises(ValueError, match="is not a size"):
        bytes_of(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("24h", NOW - timedelta(days=1)),
        ("0s", NOW),
        ("2026-01-31T10:00:00Z", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("2026-01-31T10:00:00+02:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31T10:00:00.123456789Z", datetime(2026, 1, 31, 10, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_a_moment_is_so_long_ago_or_a_time(text: str, moment: datetime) -> None:
    assert moment_of(text, NOW) == moment
    assert moment_of(text, NOW).utcoffset() == timedelta(0)
    check_moment(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "2026-01-31", "2026-01-31T10:00:00", "2026-01-31 10:00:00Z", "2026-01-31T10:00:00Z\n",
        "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-31T25:00:00Z", "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-31T10:00:00+99:99", "999999999d",
        "999999999d999999999d",
    ],
)  # fmt: skip
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        moment_of(text, NOW)


@pytest.mark.parametrize("text", ["", None])
def test_a_moment_that_is_not_given_is_none(text: str | None) -> None:
    check_moment(text)


@given(st.from_regex(MOMENT_PATTERN))
def test_a_text_of_the_right_form_is_a_moment_or_a_value_error(text: str) -> None:
    try:
        found = moment_of(text, NOW)
    except ValueError:
        return
    assert found.tzinfo is UTC


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_written_so_that_it_reads_back(moment: datetime) -> None:
    assert moment_of(utc_text(moment), NOW) == moment
    assert len(utc_text(moment)) == len("2026-01-31T10:00:00.000000Z")


def test_a_time_is_written_in_utc_wherever_it_is_from() -> None:
    there = timezone(timedelta(hours=-5))
    assert utc_text(datetime(2026, 1, 31, 10, tzinfo=there)) == "2026-01-31T15:00:00.000000Z"
