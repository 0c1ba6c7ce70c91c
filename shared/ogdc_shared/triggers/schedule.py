"""Schedules: cron expressions in a time zone.

At changes of the clocks they behave like Debian's cron: a skipped time comes right after the change, and a
repeated one counts once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ogdc_shared.errors import InvalidRequestError

MAX_SCHEDULE = 128
"""Characters."""


def next_time(schedule: str, time_zone: str, *, after: datetime) -> datetime:
    """Return the first scheduled time after another, in UTC.

    Args:
        schedule: A cron expression of five fields, such as `0 3 * * MON-FRI`.
        time_zone: Its time zone, by its name in the IANA database, such as `America/Anchorage`.
        after: A time with a time zone.

    Raises:
        InvalidRequestError: the expression or time zone is invalid, or there is no time in the next fifty
            years.
    """
    from cronsim import CronSim, CronSimError

    zone = _zone(time_zone)
    if len(schedule) > MAX_SCHEDULE or len(schedule.split()) != 5:
        raise InvalidRequestError(
            f"schedule={schedule!r:.150}: give minute, hour, day of the month, month and day of the week, "
            "as 0 3 * * MON-FRI."
        )
    try:
        return next(CronSim(schedule, after.astimezone(zone))).astimezone(UTC)
    except CronSimError as exc:
        raise InvalidRequestError(f"schedule={schedule!r}: {exc}.") from exc
    except StopIteration:
        raise InvalidRequestError(f"schedule={schedule!r} names no time in the next fifty years.") from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # as ZoneInfo says it of a name, a directory and a path
        raise InvalidRequestError(
            f"time_zone={name!r:.100}: give a name of the IANA database, such as America/Anchorage or UTC."
        ) from None
