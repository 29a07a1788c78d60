"""How long deliveries are kept, and when those that cannot leave are given up."""

from typing import Any

from infra.clock import now
from tests.workers.webhooks.conftest import Desk
from workers.webhooks import retention

NOBODY = "http://127.0.0.1:9/"


def test_what_ended_14_days_ago_goes_and_nothing_else(desk: Desk) -> None:
    endpoint = desk.endpoint(NOBODY)
    desk.deliveries(endpoint, 40)
    desk.sql("UPDATE webhook_deliveries SET status = 'delivered', finished_at = now() - interval '14 days 1 second'")
    desk.deliveries(endpoint, 2)
    desk.sql(
        "UPDATE webhook_deliveries SET status = 'failed', finished_at = now() - interval '13 days 23 hours'"
        " WHERE finished_at IS NULL"
    )
    desk.deliveries(endpoint, 3, ago=13 * 86_400)
    assert retention.sweep() == 40
    assert desk.counts(endpoint) == {"failed": 2, "pending": 3}
    assert retention.sweep() == 0


def test_a_project_that_keeps_its_jobs_for_a_shorter_time_keeps_its_deliveries_as_short(desk: Desk) -> None:
    endpoint = desk.endpoint(NOBODY)
    for hours in (47, 49, 100, 200):
        desk.deliveries(endpoint)
        desk.sql(
            "UPDATE webhook_deliveries SET status = 'delivered', finished_at = now() - make_interval(hours => :hours)"
            " WHERE finished_at IS NULL",
            hours=hours,
        )
    gone = []
    # Two days at least, since the attempts at one may take as long.
    for days in (None, 365, 7, 3, 1):
        desk.sql("UPDATE projects SET retention_days = :days WHERE id = :id", days=days, id=desk.project)
        gone.append(retention.sweep())
    assert gone == [0, 0, 1, 1, 1] and desk.counts(endpoint) == {"delivered": 1}


def test_what_could_not_leave_for_14_days_fails_with_the_reason(desk: Desk) -> None:
    off = desk.endpoint(NOBODY, disabled_at=now())
    desk.deliveries(off, 5, ago=14 * 86_400 + 60)
    desk.deliveries(off, 1, ago=60)
    desk.sql("""UPDATE webhook_deliveries SET attempts = '[{"status": 500}]'""")
    assert retention.sweep() == 5
    assert desk.counts(off) == {"failed": 5, "pending": 1}
    rows: list[Any] = desk.sql(
        "SELECT attempts, finished_at, next_attempt_at FROM webhook_deliveries WHERE status = 'failed'"
    )
    for attempts, finished_at, next_attempt_at in rows:
        assert [one["status"] for one in attempts] == [500, None] and "14 days" in attempts[1]["error"]
        assert finished_at is not None and next_attempt_at is None


def test_deliveries_of_an_endpoint_that_is_gone_are_given_up_too(desk: Desk) -> None:
    endpoint = desk.endpoint(NOBODY)
    desk.deliveries(endpoint, 2, ago=15 * 86_400)
    desk.sql("DELETE FROM webhook_endpoints")
    assert retention.sweep() == 2 and desk.counts(endpoint) == {"failed": 2}
