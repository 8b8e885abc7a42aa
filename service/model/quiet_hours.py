"""Quiet hours: when nobody disturbs her, by the clock on her wall. Daylight saving is the time zone's affair."""

import re
from datetime import UTC, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from service.model.words import Channel

WRITTEN = re.compile(
    r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d) ([A-Z][\w+-]*(?:/[A-Z][\w+-]*){0,2})", re.ASCII
)
"""``22:00-07:00 Europe/Berlin``. A zone has a capital letter, unlike ``localtime``, which is the machine's."""
PATIENT = (Channel.WEB, Channel.COUNTER, Channel.INTERNAL, Channel.POST)
"""Channels that wake nobody: she comes to them, or they wait for her."""


class QuietHours(Struct, frozen=True):
    """From one time of day up to another, over midnight where the first is the later one."""

    start: time
    end: time
    zone: ZoneInfo

    def cover(self, now: datetime) -> bool:
        """Whether it is quiet at an instant."""
        clock = now.astimezone(self.zone).time()
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end


@lru_cache(maxsize=1024)
def quiet_hours(text: str) -> QuietHours:
    """Read quiet hours; raises ValueError for anything that is none."""
    found = WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError("write quiet hours as 22:00-07:00 Europe/Berlin")
    start, end = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
    if start == end:
        raise ValueError("quiet hours that begin when they end are none or all")
    return QuietHours(start, end, time_zone(found[5]))


def awake(text: str, channel: Channel, now: datetime) -> bool:
    """Whether a channel disturbs nobody now. Hours that cannot be read are quiet on every channel that reaches out."""
    if not text or channel in PATIENT:
        return True
    try:
        return not quiet_hours(text).cover(now)
    except ValueError:
        return False


def time_zone(key: str) -> ZoneInfo:
    """Return a time zone by its name; raises ValueError where there is none."""
    try:
        zone = ZoneInfo(key)
        datetime.min.replace(year=2000, tzinfo=UTC).astimezone(zone)
    except (OSError, KeyError, ValueError):
        raise ValueError("there is no such time zone") from None
    return zone
