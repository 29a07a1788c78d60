"""What the doctor hears of webhooks."""

from datetime import timedelta

from infra import db
from infra.clock import now
from tests.workers.webhooks.conftest import Desk
from workers.doctor import DatabaseFacts, _webhooks
from workers.webhooks import vitals

NOBODY = "http://127.0.0.1:9/"


def test_late_deliveries_and_endpoints_that_take_nothing_are_named_with_advice(desk: Desk) -> None:
    hour = timedelta(hours=1)
    late, gone = desk.endpoint(NOBODY), desk.endpoint(NOBODY, disabled_at=now() - hour, disabled_reason="gone")
    failing = desk.endpoint(NOBODY, failing_since=now() - 2 * hour)
    desk.endpoint(NOBODY, failing_since=now())
    desk.endpoint(NOBODY, disabled_at=now(), disabled_reason="manual")
    desk.endpoint(NOBODY, disabled_at=now() - 15 * 24 * hour, disabled_reason="failing")
    desk.endpoint(None, failing_since=now() - 2 * hour)
    desk.deliveries(late, 3, ago=70)
    desk.deliveries(gone, 3, ago=70)
    desk.deliveries(failing, 3, ago=50)
    with db.transaction() as session:
        facts = DatabaseFacts(webhooks_late=vitals.late(session), webhooks=vitals.troubled(session))
    first, *others = _webhooks(facts)
    assert first.says.endswith(": 1.") and "I/O worker" in first.advice
    assert {one.endpoint_id for one in facts.webhooks} == {gone, failing}
    assert all(one.advice for one in others)
    assert "was disabled" in others[0].says and "takes nothing since" in others[1].says
    assert _webhooks(DatabaseFacts())[0].ok
