"""Quiet hours by the clock on her wall, against time zones by brute force."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model.quiet_hours import awake, quiet_hours
from service.model.words import Channel

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "UTC"]
CHANGES = [date(2026, 3, 29), date(2026, 10, 25), date(2026, 3, 8), date(2026, 11, 1), date(2026, 4, 5)]
"""Days on which clocks change somewhere."""
MINUTES = st.integers(0, 24 * 60 - 1)
WAKING = [Channel.EMAIL, Channel.SMS, Channel.PHONE, Channel.APP]


def written(start: int, end: int, zone: str) -> str:
    return f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02} {zone}"


def minute_on_her_wall(now: datetime, zone: str) -> int:
    """Count minutes since midnight from the offset alone."""
    offset = ZoneInfo(zone).utcoffset(now.astimezone(ZoneInfo(zone)))
    assert offset is not None
    return int((now.timestamp() + offset.total_seconds()) // 60) % (24 * 60)


@given(start=MINUTES, end=MINUTES, zone=st.sampled_from(ZONES), day=st.sampled_from(CHANGES))
def test_it_is_quiet_exactly_while_the_clock_on_her_wall_says_so(start: int, end: int, zone: str, day: date) -> None:
    if start == end:
        return
    quiet = {minute % (24 * 60) for minute in range(start, end if start < end else end + 24 * 60)}
    midnight, text = datetime(day.year, day.month, day.day, tzinfo=UTC), written(start, end, zone)
    for minute in range(-12 * 60, 36 * 60, 7):
        now = midnight + timedelta(minutes=minute)
        expected = minute_on_her_wall(now, zone) in quiet
        assert quiet_hours(text).cover(now) is expected
        assert awake(text, Channel.EMAIL, now) is not expected


@pytest.mark.parametrize(
    ("at", "quiet"),
    [
        ("2026-10-24T23:59:00Z", True),
        ("2026-10-25T00:30:00Z", True),
        ("2026-10-25T01:30:00Z", True),
        ("2026-10-25T05:59:00Z", True),
        ("2026-10-25T06:00:00Z", False),
        ("2026-03-28T20:59:00Z", False),
        ("2026-03-28T21:00:00Z", True),
        ("2026-03-29T04:59:00Z", True),
        ("2026-03-29T05:00:00Z", False),
    ],
)
def test_a_night_in_berlin_is_an_hour_longer_or_shorter_when_clocks_change(at: str, quiet: bool) -> None:  # noqa: FBT001  a value
    assert quiet_hours("22:00-07:00 Europe/Berlin").cover(datetime.fromisoformat(at)) is quiet


@pytest.mark.parametrize("channel", list(Channel))
def test_a_channel_that_disturbs_nobody_is_always_awake(channel: Channel) -> None:
    midnight = datetime(2026, 1, 1, tzinfo=UTC)
    assert awake("22:00-07:00 UTC", channel, midnight) is (channel not in WAKING)
    assert awake("", channel, midnight)


@pytest.mark.parametrize(
    "text",
    [
        "22:00-07:00",
        "22:00-22:00 UTC",
        "24:00-07:00 UTC",
        "22:60-07:00 UTC",
        "2:00-07:00 UTC",
        "22:00-07:00 Europe/Nowhere",
        "22:00-07:00 localtime",
        "22:00-07:00 posix/UTC",
        "22:00-07:00 ../UTC",
        "22:00-07:00 Europe",
        "22:00-07:00 Europe/Berlin\n",
        "22:00-07:00  Europe/Berlin",
        "٢٢:00-07:00 Europe/Berlin",
        "x",
    ],
)
def test_what_is_no_quiet_hours_is_refused_and_if_it_were_stored_all_hours_are_quiet(text: str) -> None:
    with pytest.raises(ValueError, match=r"quiet hours|time zone"):
        quiet_hours(text)
    assert [awake(text, channel, datetime(2026, 1, 1, 12, tzinfo=UTC)) for channel in WAKING] == [False] * 4
