"""How what attempts came to is written: under the lease they were made with, and for as many as came together."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from infra import db
from infra.clock import now
from models import DeliveryStatus
from tests.fakes.receiver import Receiver, Reply
from tests.workers.webhooks.conftest import Desk, sending, soon
from workers.webhooks import claiming, outcomes
from workers.webhooks.attempt import Parcel, Said
from workers.webhooks.claiming import Claimed, Wanted
from workers.webhooks.outcomes import Left, Outcome

NOBODY = "http://127.0.0.1:9/"


def claim(endpoint_id: UUID) -> list[Claimed]:
    with db.transaction() as session:
        found = claiming.claim(session, [Wanted((endpoint_id, ""), 32, 32)], limit=32, lease_seconds=60, flying={})
        return found.claimed


def said(status: int | None, *, ago: float = 0.0, **more: Any) -> Said:
    error = None if status == 204 else f"The receiver answered {status}."
    return Said(now() - timedelta(seconds=ago), 3, status, error, **more)


def outcome(claimed: Claimed, what: Said) -> Outcome:
    return outcomes.after(Parcel(claimed, NOBODY, b"", None), what)


def write(*given: Outcome, left: Left | None = None) -> Left:
    left = left or Left()
    with db.transaction() as session:
        return outcomes.write(session, [*left.outcomes, *given], left.accounts)


def test_a_sender_whose_lease_ended_changes_nothing(desk: Desk) -> None:
    endpoint = desk.endpoint(NOBODY)
    desk.deliveries(endpoint)
    (lost,) = claim(endpoint)
    desk.sql("UPDATE webhook_deliveries SET next_attempt_at = now()")
    (held,) = claim(endpoint)
    write(outcome(lost, said(500)), outcomes.handed_back(lost))
    assert desk.sql("SELECT attempt, attempts FROM webhook_deliveries") == [(2, [])]
    assert desk.sql("SELECT failing_since FROM webhook_endpoints") == [(None,)]
    write(outcome(held, said(204)))
    assert desk.counts(endpoint) == {"delivered": 1}
    # Nor does it undo what is done.
    write(outcome(held, said(500)))
    assert desk.counts(endpoint) == {"delivered": 1}


def test_one_sent_again_by_hand_belongs_to_whoever_takes_it_then(desk: Desk) -> None:
    endpoint = desk.endpoint(NOBODY)
    desk.deliveries(endpoint)
    (before,) = claim(endpoint)
    desk.sql("UPDATE webhook_deliveries SET attempt = 0, next_attempt_at = now()")
    (after,) = claim(endpoint)
    assert before.attempt == after.attempt == 1
    write(outcome(before, said(410)))
    assert desk.counts(endpoint) == {"pending": 1}


def test_the_log_keeps_the_last_20_attempts(desk: Desk) -> None:
    endpoint = desk.endpoint(NOBODY)
    desk.deliveries(endpoint)
    for number in range(23):
        desk.sql("UPDATE webhook_deliveries SET next_attempt_at = now(), attempt = 0")
        (claimed,) = claim(endpoint)
        write(outcome(claimed, said(500 + number)))
    ((entries,),) = desk.sql("SELECT attempts FROM webhook_deliveries")
    assert [one["status"] for one in entries] == list(range(503, 523))


def test_an_endpoint_fails_since_the_first_failure_after_its_last_success(desk: Desk) -> None:
    endpoint = desk.endpoint(NOBODY)

    def together(*answers: Said) -> Any:
        desk.deliveries(endpoint, len(answers))
        write(*(outcome(*both) for both in zip(claim(endpoint), answers, strict=True)))
        return desk.sql("SELECT failing_since FROM webhook_endpoints")[0][0]

    assert together(said(204)) is None
    first = said(500, ago=50)
    assert together(first, said(500, ago=40)) == first.at
    assert together(said(503, ago=30)) == first.at
    second = said(500, ago=10)
    assert together(said(500, ago=20), said(204, ago=15), second, said(500)) == second.at
    assert together(said(500), said(204)) is None


def test_an_endpoint_that_somebody_has_locked_is_settled_later(desk: Desk) -> None:
    back, gone = desk.endpoint(NOBODY, failing_since=now() - timedelta(hours=1)), desk.endpoint(NOBODY)
    for one in (back, gone):
        desk.deliveries(one)
    answers = outcome(claim(back)[0], said(204)), outcome(claim(gone)[0], said(410))
    with db.transaction() as locking:
        locking.execute(text("SELECT FROM webhook_endpoints FOR UPDATE"))
        left = write(*answers)
        assert desk.counts(back) == {"delivered": 1} and desk.counts(gone) == {"failed": 1}
        assert not left.outcomes and set(left.accounts) == {back, gone}
        left = write(left=left)
    assert not write(left=left)
    failing = "SELECT disabled_reason, failing_since IS NULL FROM webhook_endpoints WHERE id = :id"
    assert desk.sql(failing, id=back) == [(None, True)] and desk.sql(failing, id=gone) == [("gone", False)]


def test_a_delivery_that_somebody_has_locked_is_written_later(desk: Desk) -> None:
    endpoint = desk.endpoint(NOBODY)
    desk.deliveries(endpoint)
    (claimed,) = claim(endpoint)
    with db.transaction() as locking:
        locking.execute(text("SELECT FROM webhook_deliveries FOR UPDATE"))
        left = write(outcome(claimed, said(204)))
        assert left.outcomes and desk.counts(endpoint) == {"pending": 1}
    assert not write(left=left) and desk.counts(endpoint) == {"delivered": 1}


def test_who_locks_one_endpoint_delays_no_other(desk: Desk, receiver: Receiver) -> None:
    # Time to lock before the answer is there.
    slow = receiver.script("/held", Reply(204, delay=0.5))
    held = desk.endpoint(slow, failing_since=now() - timedelta(hours=1))
    other = desk.endpoint(receiver.url("/free"))
    desk.deliveries(held)
    with db.transaction() as locking, sending():
        soon(lambda: receiver.at("/held"))
        locking.execute(text("SELECT FROM webhook_endpoints WHERE id = :id FOR UPDATE"), {"id": held})
        locking.execute(text("SELECT FROM webhook_deliveries WHERE endpoint_id = :id FOR UPDATE"), {"id": held})
        desk.deliveries(other, 5)
        soon(lambda: desk.counts(other) == {"delivered": 5}, seconds=2.5)
        locking.commit()
        soon(lambda: desk.sql("SELECT FROM webhook_endpoints WHERE failing_since IS NOT NULL") == [])
    assert desk.counts(held) == {"delivered": 1}


def test_the_callback_endpoint_stands_for_many_receivers_and_fails_since_no_time(desk: Desk) -> None:
    callbacks = desk.endpoint(None)
    desk.deliveries(callbacks)
    write(outcome(claim(callbacks)[0], said(500)))
    assert desk.sql("SELECT failing_since FROM webhook_endpoints") == [(None,)]


def test_what_the_database_refuses_is_written_without_the_receivers_words() -> None:
    claimed: Any = None
    kept = outcomes.without_words(Outcome(claimed, DeliveryStatus.FAILED, said=said(500, body="\ud800")))
    assert kept.said is not None and kept.said.body is None and kept.said.error and kept.said.status == 500
