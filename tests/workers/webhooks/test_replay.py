"""A replay beside senders and other replays: nobody stops anybody, and each event goes out once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from infra import db, ids
from infra.clock import now
from models import DeliveryStatus
from tests.workers.webhooks.conftest import Desk, soon
from workers.webhooks import claiming, outcomes, replay
from workers.webhooks.attempt import Said
from workers.webhooks.claiming import Wanted
from workers.webhooks.outcomes import Outcome

NOBODY = "http://127.0.0.1:9/"
# As the recording makes it: the test's deliveries have the ids that a replay looks for.
REAL_ID = """CAST(left(CAST(event_id AS text), 20) || left(md5(CAST(event_id AS text) || CAST(endpoint_id AS text)), 3)
  || '-' || substr(md5(CAST(event_id AS text) || CAST(endpoint_id AS text)), 4, 12) AS uuid)"""
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
TIME_ORDERED = "CAST(:first || substr(CAST(event_id AS text), 25) AS uuid)"


def prepare(desk: Desk, endpoint: UUID, many: int) -> None:
    """Pending deliveries, and their events, with the ids that they would have."""
    desk.deliveries(endpoint, many)
    first = str(ids.lowest_id_at(now()))[:24]
    desk.sql(f"UPDATE webhook_deliveries SET event_id = {TIME_ORDERED}", first=first)
    desk.sql("UPDATE job_events e SET id = d.event_id FROM webhook_deliveries d WHERE d.subject_id = e.job_id")
    desk.sql(f"UPDATE webhook_deliveries SET id = {REAL_ID}")


def run(desk: Desk, endpoint: UUID, which: str) -> int:
    """How many deliveries a replay of the last hour sends again."""
    with db.transaction() as session:
        return replay.replay(session, desk.project, endpoint, replay.Wanted(now() - timedelta(hours=1), which=which))


def claimed(endpoint: UUID, limit: int) -> list[Outcome]:
    """So many deliveries, claimed and delivered, and nothing written yet."""
    with db.transaction() as session:
        found = claiming.claim(
            session, [Wanted((endpoint, ""), 32, 32)], limit=limit, flying={}, lease_seconds=60
        ).claimed
    return [Outcome(one, DeliveryStatus.DELIVERED, said=Said(now(), 3, 204, None)) for one in found]


def test_a_replay_and_the_sender_of_what_it_looks_at_wait_for_nothing(desk: Desk) -> None:
    endpoint = desk.endpoint(NOBODY, failing_since=now())
    prepare(desk, endpoint, 4)
    done = claimed(endpoint, 1)
    with ThreadPoolExecutor() as others, db.transaction() as sender:
        # Between its two statements a sender holds the deliveries, and wants the endpoint next.
        sender.execute(text("UPDATE webhook_deliveries SET attempts = '[]' WHERE id = :id"), {"id": done[0].claimed.id})
        assert others.submit(run, desk, endpoint, "all").result(2.5) == 0
        outcomes.write(sender, done)
    assert desk.counts(endpoint) == {"delivered": 1, "pending": 3}
    assert desk.sql("SELECT failing_since FROM webhook_endpoints") == [(None,)]
    assert run(desk, endpoint, "all") == 1 and desk.counts(endpoint) == {"pending": 4}


def test_an_open_replay_keeps_no_sender_from_its_endpoint(desk: Desk) -> None:
    endpoint = desk.endpoint(NOBODY, failing_since=now())
    prepare(desk, endpoint, 4)
    desk.sql("UPDATE webhook_deliveries SET status = 'failed', finished_at = now() WHERE id IN (SELECT id FROM"
             " webhook_deliveries LIMIT 2)")  # fmt: skip
    with db.transaction() as session:
        wanted = replay.Wanted(now() - timedelta(hours=1), which="all")
        assert replay.replay(session, desk.project, endpoint, wanted) == 2
        with ThreadPoolExecutor() as others:
            done = others.submit(claimed, endpoint, 4).result(2.5)
            assert len(done) == 2
            others.submit(write, done).result(2.5)
    assert desk.counts(endpoint) == {"delivered": 2, "pending": 2}
    assert desk.sql("SELECT failing_since FROM webhook_endpoints") == [(None,)]


def test_what_is_being_sent_again_by_hand_is_passed_over(desk: Desk) -> None:
    endpoint = desk.endpoint(NOBODY)
    prepare(desk, endpoint, 3)
    desk.sql("UPDATE webhook_deliveries SET status = 'failed', finished_at = now(), next_attempt_at = NULL")
    for which in ("failed", "all"):
        with ThreadPoolExecutor() as others, db.transaction() as session:
            session.execute(text("SELECT FROM webhook_deliveries ORDER BY id LIMIT 1 FOR UPDATE"))
            assert others.submit(run, desk, endpoint, which).result(2.5) == 2
        assert desk.counts(endpoint) == {"failed": 1, "pending": 2}
        desk.sql("UPDATE webhook_deliveries SET status = 'failed', finished_at = now(), next_attempt_at = NULL")


def test_of_two_replays_at_once_the_second_waits_and_finds_nothing(desk: Desk) -> None:
    endpoint = desk.endpoint(NOBODY)
    prepare(desk, endpoint, 3)
    desk.sql("DELETE FROM webhook_deliveries")
    with ThreadPoolExecutor() as others:
        with db.transaction() as session:
            wanted = replay.Wanted(now() - timedelta(hours=1), which="missing")
            assert replay.replay(session, desk.project, endpoint, wanted) == 3
            second = others.submit(run, desk, endpoint, "missing")
            soon(lambda: desk.sql(WAITING)[0][0], 2.5)
        assert second.result(10) == 0
    assert desk.counts(endpoint) == {"pending": 3}


def write(given: list[Outcome]) -> None:
    with db.transaction() as session:
        outcomes.write(session, given)
