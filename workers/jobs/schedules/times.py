"""The times that a cron expression names in a time zone, also on the days when the clocks change.

A time that the clocks jump over runs right after the jump, and one that comes twice runs the first time only. Where
minute or hour begin with `*`, the expression means every such minute of the day as it is: what the clocks jump over
does not run, what comes twice runs twice. These are the rules of Debian's cron.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from infra.errors import BadInput

MINUTE = timedelta(minutes=1)
NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
MAY_HOLD = {
    "second": "0 to 59",
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day-of-month": "1 to 31 (a day that one of its months has), L or LW",
    "month": "1 to 12 or JAN to DEC",
    "day-of-week": "0 to 7 (0 and 7 are Sunday) or SUN to SAT",
}
FIELD_COUNT = (
    "Write five fields (minute, hour, day of month, month, day of week), six with seconds in front, or one of "
    f"{', '.join(NAMED)}."
)
NEVER = "Names no time in the next 50 years; choose a day that comes."
NO_SUCH_ZONE = "There is no such time zone; use an IANA name such as Europe/Berlin or America/New_York, or UTC."


class Times:
    """The times of one cron expression in one time zone; raises BadInput, with pointers, for what is neither."""

    def __init__(self, cron: str, timezone: str) -> None:
        problems = [
            {"pointer": f"/{name}", "detail": detail}
            for name, detail in (("cron", _problem_of(cron)), ("timezone", _problem_of_zone(timezone)))
            if detail
        ]
        if problems:
            raise BadInput("The schedule names no times; `errors` says why.", errors=problems)
        *seconds, minute, hour, day, month, weekday = _fields(cron)
        # Seconds are added here, so that six fields follow the same rules on the days when the clocks change as five.
        self._minutes = f"{minute} {hour} {day} {month} {weekday}"
        self._seconds = sorted(_parsed(cron).seconds) if seconds else [0]
        self._zone = ZoneInfo(timezone)

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The times later than `moment`, in UTC and in order; ends where 50 years have none."""
        before = (moment.replace(second=0, microsecond=0) - MINUTE).astimezone(self._zone)
        for minute in CronSim(self._minutes, before):
            for second in self._seconds:
                time = minute.astimezone(UTC) + timedelta(seconds=second)
                if time > moment:
                    yield time

    def first_after(self, moment: datetime) -> datetime | None:
        """The first of them."""
        return next(self.after(moment), None)

    def newest(self, first: datetime, until: datetime) -> datetime:
        """The newest time that is not later than `until`, or `first` where none is newer."""
        beyond = (until.replace(second=0, microsecond=0) + MINUTE).astimezone(self._zone)
        # Walking back may step over an hour that comes twice, so the last steps go forward again.
        back = next(islice(CronSim(self._minutes, beyond, reverse=True), 1, None), first).astimezone(UTC)
        later = takewhile(lambda time: time <= until, self.after(max(first, back - MINUTE)))
        return max(later, default=first)


@lru_cache(maxsize=4096)
def upcoming(cron: str, timezone: str, after: datetime, count: int) -> tuple[datetime, ...]:
    """The next times; kept, because rare ones (29 February, a Monday) take milliseconds to find."""
    return tuple(islice(Times(cron, timezone).after(after), count))


def _fields(cron: str) -> list[str]:
    return NAMED.get(cron.strip().lower(), cron).split()


def _parsed(cron: str) -> CronSim:
    return CronSim(" ".join(_fields(cron)), datetime(2000, 1, 1, tzinfo=UTC))


def _problem_of(cron: str) -> str | None:
    if len(_fields(cron)) not in (5, 6):
        return FIELD_COUNT
    try:
        _parsed(cron)
    except CronSimError as error:
        field = str(error).removeprefix("Bad ")
        return (
            f"Its {field} is wrong; write {MAY_HOLD[field]}, *, or lists (1,3), ranges (1-5) and steps (*/15) of them."
        )
    return None


@cache
def _zones() -> frozenset[str]:
    """The zones of the tzdata package: the same names on every machine."""
    return frozenset(files("tzdata").joinpath("zones").read_text().split())


def _problem_of_zone(timezone: str) -> str | None:
    return None if timezone in _zones() else NO_SUCH_ZONE
