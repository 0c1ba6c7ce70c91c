"""Due times of schedules, especially around clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.triggers.schedule import next_time

ANCHORAGE = "America/Anchorage"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "zone", "after", "due"),
    [
        ("0 3 * * *", "UTC", "2026-11-27T03:00", "2026-11-28T03:00"),
        ("0 3 * * *", ANCHORAGE, "2026-11-27T00:00", "2026-11-27T12:00"),
        ("0 3 * * *", ANCHORAGE, "2026-07-01T00:00", "2026-07-01T11:00"),
        # On 8 March 2026 there is no 02:30 in Anchorage; on 1 November there are two of 01:30.
        ("30 2 * * *", ANCHORAGE, "2026-03-08T00:00", "2026-03-08T11:00"),
        ("30 1 * * *", ANCHORAGE, "2026-11-01T00:00", "2026-11-01T09:30"),
        ("30 1 * * *", ANCHORAGE, "2026-11-01T09:30", "2026-11-02T10:30"),
        ("*/15 * * * MON", "UTC", "2026-11-27T00:00", "2026-11-30T00:00"),
    ],
)
def test_the_next_time_is_found_across_changes_of_clocks(schedule: str, zone: str, after: str, due: str):
    assert next_time(schedule, zone, after=at(after)) == at(due)


@given(
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    after=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(["UTC", ANCHORAGE, "Europe/Oslo", "Asia/Kathmandu", "Pacific/Chatham"]),
)
def test_every_day_has_its_time_within_a_day_and_a_change_of_clocks(hour, minute, after, zone):
    due = next_time(f"{minute} {hour} * * *", zone, after=after)

    assert after < due <= after + timedelta(hours=25)
    local = due.astimezone(ZoneInfo(zone))
    assert (local.hour, local.minute) == (hour, minute) or _changes_near(due, zone)


def _changes_near(due: datetime, zone: str) -> bool:
    def offset(hours: int) -> timedelta | None:
        return (due + timedelta(hours=hours)).astimezone(ZoneInfo(zone)).utcoffset()

    return offset(-2) != offset(2)
