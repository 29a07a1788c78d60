"""The times of cron expressions, above all on the days when the clocks change."""

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from random import Random

import pytest

from infra.errors import BadInput
from workers.jobs.schedules.times import Times, upcoming

BERLIN, NEW_YORK, HAVANA = "Europe/Berlin", "America/New_York", "America/Havana"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def first(cron: str, zone: str, after: str, count: int) -> list[str]:
    return [f"{time:%Y-%m-%d %H:%M:%S}" for time in islice(Times(cron, zone).after(utc(after)), count)]


@pytest.mark.parametrize(
    ("cron", "zone", "after", "times"),
    [
        ("*/20 * * * *", "UTC", "2026-01-01 00:00:00", ["2026-01-01 00:20:00", "2026-01-01 00:40:00"]),
        ("0 9 * * MON-FRI", BERLIN, "2026-01-02 12:00", ["2026-01-05 08:00:00", "2026-01-06 08:00:00"]),
        ("@daily", NEW_YORK, "2026-01-01 00:00", ["2026-01-01 05:00:00", "2026-01-02 05:00:00"]),
        ("@Hourly", "UTC", "2026-01-01 00:30", ["2026-01-01 01:00:00", "2026-01-01 02:00:00"]),
        ("0 0 L * *", "UTC", "2026-01-31 00:00", ["2026-02-28 00:00:00", "2026-03-31 00:00:00"]),
        ("0 0 29 2 *", "UTC", "2026-01-01 00:00", ["2028-02-29 00:00:00", "2032-02-29 00:00:00"]),
        # Day of month and day of week both given: either is enough.
        ("0 0 13 * FRI", "UTC", "2026-03-07 00:00", ["2026-03-13 00:00:00", "2026-03-20 00:00:00"]),
        # With seconds in front.
        ("*/30 * * * * *", "UTC", "2026-01-01 00:00:29.5", ["2026-01-01 00:00:30", "2026-01-01 00:01:00"]),
        ("5 0 3 * * *", BERLIN, "2026-01-01 02:00:04", ["2026-01-01 02:00:05", "2026-01-02 02:00:05"]),
    ],
)
def test_a_cron_expression_names_its_times_in_its_zone(cron: str, zone: str, after: str, times: list[str]) -> None:
    assert first(cron, zone, after, len(times)) == times


@pytest.mark.parametrize(
    ("cron", "zone", "after", "times"),
    [
        # 29 March, 01:00 UTC: Berlin goes from 02:00 to 03:00.
        ("30 2 * * *", BERLIN, "2026-03-28 12:00", ["2026-03-29 01:00:00", "2026-03-30 00:30:00"]),
        ("0 30 2 * * *", BERLIN, "2026-03-28 12:00", ["2026-03-29 01:00:00", "2026-03-30 00:30:00"]),
        ("0,30 2 * * *", BERLIN, "2026-03-28 12:00", ["2026-03-29 01:00:00", "2026-03-30 00:00:00"]),
        ("0 2,3 * * *", BERLIN, "2026-03-28 12:00", ["2026-03-29 01:00:00", "2026-03-30 00:00:00"]),
        ("30 2 * * *", BERLIN, "2026-03-29 01:00", ["2026-03-30 00:30:00"]),
        ("*/30 2 * * *", BERLIN, "2026-03-28 12:00", ["2026-03-30 00:00:00", "2026-03-30 00:30:00"]),
        ("0 * * * *", BERLIN, "2026-03-28 23:30", ["2026-03-29 00:00:00", "2026-03-29 01:00:00"]),
        # 8 March, 07:00 UTC: New York goes from 02:00 to 03:00.
        ("15 2 * * *", NEW_YORK, "2026-03-07 12:00", ["2026-03-08 07:00:00", "2026-03-09 06:15:00"]),
        # The same day, 05:00 UTC: in Havana there is no midnight.
        ("0 0 * * *", HAVANA, "2026-03-07 12:00", ["2026-03-08 05:00:00", "2026-03-09 04:00:00"]),
    ],
)
def test_a_time_that_the_clocks_jump_over_runs_right_after_the_jump(
    cron: str, zone: str, after: str, times: list[str]
) -> None:
    assert first(cron, zone, after, len(times)) == times


@pytest.mark.parametrize(
    ("cron", "zone", "after", "times"),
    [
        # 25 October, 01:00 UTC: Berlin has 02:00 to 03:00 for the second time.
        ("30 2 * * *", BERLIN, "2026-10-24 12:00", ["2026-10-25 00:30:00", "2026-10-26 01:30:00"]),
        ("0 30 2 * * *", BERLIN, "2026-10-24 12:00", ["2026-10-25 00:30:00", "2026-10-26 01:30:00"]),
        # Asked in the second of the two hours, the first is over.
        ("45 2 * * *", BERLIN, "2026-10-25 01:30", ["2026-10-26 01:45:00"]),
        ("0 3 * * *", BERLIN, "2026-10-24 12:00", ["2026-10-25 02:00:00"]),
        (
            "0 * * * *",
            BERLIN,
            "2026-10-24 23:30",
            ["2026-10-25 00:00:00", "2026-10-25 01:00:00", "2026-10-25 02:00:00"],
        ),
        ("*/30 2 * * *", BERLIN, "2026-10-25 00:00", ["2026-10-25 00:30:00", "2026-10-25 01:00:00"]),
        ("30 1 * * *", NEW_YORK, "2026-11-01 00:00", ["2026-11-01 05:30:00", "2026-11-02 06:30:00"]),
        ("30 0 * * *", HAVANA, "2026-11-01 00:00", ["2026-11-01 04:30:00", "2026-11-02 05:30:00"]),
    ],
)
def test_a_time_that_comes_twice_runs_the_first_time_and_every_hour_runs_every_hour(
    cron: str, zone: str, after: str, times: list[str]
) -> None:
    assert first(cron, zone, after, len(times)) == times


@pytest.mark.parametrize(
    ("cron", "begin", "until", "newest"),
    [
        ("*/10 * * * *", "2026-01-01 00:00", "2026-01-01 05:09:59", "2026-01-01 05:00"),
        ("*/10 * * * *", "2026-01-01 00:00", "2026-01-01 05:10:00", "2026-01-01 05:10"),
        ("* * * * * *", "2016-01-01 00:00", "2026-01-01 05:00:01.9", "2026-01-01 05:00:01"),
        ("30 59 23 * * *", "2025-01-01 00:00", "2026-01-01 05:00", "2025-12-31 23:59:30"),
        # What was due first counts, on a cron time or not.
        ("0 0 1 1 *", "2026-03-03 03:33:33", "2026-04-01 00:00", "2026-03-03 03:33:33"),
        ("0 0 29 2 *", "1950-01-01 00:00", "2026-04-01 00:00", "2024-02-29 00:00"),
    ],
)
def test_the_newest_missed_time_is_found_however_long_the_outage(
    cron: str, begin: str, until: str, newest: str
) -> None:
    assert Times(cron, "UTC").newest(utc(begin), utc(until)) == utc(newest)


def test_the_newest_of_the_times_is_the_last_of_the_times_also_where_clocks_change() -> None:
    random = Random(7)
    days = {BERLIN: ["2026-03-29", "2026-10-25"], HAVANA: ["2026-03-08", "2026-11-01"]}
    for _ in range(200):
        zone = random.choice(list(days))
        minute = random.choice(["*/7", "0", "48", "10,40", "*"])
        times = Times(f"{minute} {random.choice(['*', '0', '1,2', '2', '3', '*/2'])} * * *", zone)
        begin = utc(random.choice(days[zone])) - timedelta(hours=random.randrange(30))
        until = begin + timedelta(seconds=random.randrange(60 * 3600))
        all_of_them = list(takewhile(until.__ge__, times.after(begin)))
        assert all_of_them == sorted(set(all_of_them))
        assert times.newest(begin, until) == max(all_of_them, default=begin)


def test_rare_times_are_found_once_and_kept() -> None:
    asked = ("0 0 * 2 MON#5", BERLIN, utc("2026-01-01"), 2)
    assert [time.year for time in upcoming(*asked)] == [2044, 2072]
    assert upcoming(*asked) is upcoming(*asked)


def test_a_time_that_never_comes_is_none() -> None:
    assert Times("0 0 */20 * 1L", "UTC").first_after(utc("2026-01-01")) is None


@pytest.mark.parametrize(
    ("cron", "zone", "pointer", "said"),
    [
        ("* * * *", "UTC", "/cron", "Write five fields"),
        ("* * * * * * *", "UTC", "/cron", "Write five fields"),
        ("", "UTC", "/cron", "Write five fields"),
        ("@reboot", "UTC", "/cron", "@hourly"),
        ("61 * * * *", "UTC", "/cron", "minute"),
        ("* 24 * * *", "UTC", "/cron", "hour"),
        ("* * 0 * *", "UTC", "/cron", "day-of-month"),
        ("30 2 30 2 *", "UTC", "/cron", "a day that one of its months has"),
        ("* * * 13 *", "UTC", "/cron", "JAN to DEC"),
        ("* * * * 8", "UTC", "/cron", "SUN to SAT"),
        ("60 * * * * *", "UTC", "/cron", "second"),
        ("*/0 * * * *", "UTC", "/cron", "minute"),
        ("5-1 * * * *", "UTC", "/cron", "minute"),
        ("a b c d e", "UTC", "/cron", "minute"),
        ("٣ * * * *", "UTC", "/cron", "minute"),
        ("* * * * ²L", "UTC", "/cron", "day-of-week"),
        ("* * * * *", "Mars/Olympus", "/timezone", "IANA"),
        ("* * * * *", "Europe", "/timezone", "IANA"),
        ("* * * * *", "../../etc/passwd", "/timezone", "IANA"),
        ("* * * * *", "/etc/localtime", "/timezone", "IANA"),
        ("* * * * *", "europe/berlin", "/timezone", "IANA"),
        ("* * * * *", "+02:00", "/timezone", "IANA"),
    ],
)
def test_nonsense_is_refused_with_a_sentence_that_says_what_to_write(
    cron: str, zone: str, pointer: str, said: str
) -> None:
    with pytest.raises(BadInput) as refused:
        Times(cron, zone)
    (one,) = refused.value.errors
    assert one["pointer"] == pointer and said in one["detail"]
