"""Runs that nobody goes on with: their job was cancelled while it waited, ran out of attempts or time, or is gone."""

import structlog
from sqlalchemy import text

from infra import db, json
from models import Verdict
from workers.suites.running import ending

AT_ONCE = 100
GONE = "The run's job is not there any more."

log = structlog.get_logger(__name__)

FOUND = text("""
SELECT r.id, j.status, j.error ->> 'message' AS message FROM test_runs r LEFT JOIN jobs j ON j.id = r.id
WHERE r.verdict IS NULL AND (j.id IS NULL OR j.status NOT IN ('scheduled', 'queued', 'running'))
ORDER BY r.id LIMIT :at_most FOR UPDATE OF r SKIP LOCKED
""")
END = text("""
UPDATE test_runs SET verdict = :verdict, reason = :reason, counts = CAST(:counts AS jsonb), finished_at = now()
WHERE id = :run_id
""")


def sweep() -> int:
    """Ends them, with what they have come to; returns how many. Their job's own last event has told of it."""
    with db.transaction() as session:
        found = session.execute(FOUND, {"at_most": AT_ONCE}).all()
        for row in found:
            counts, _ = ending.counted(session, row.id)
            is_stopped = row.status in ("cancelled", "expired")
            verdict = Verdict.CANCELLED if is_stopped else Verdict.ERRORED
            reason = f"The run's job was {row.status}." if is_stopped else row.message or GONE
            asked = {"run_id": row.id, "verdict": verdict, "reason": reason, "counts": json.dumps(counts)}
            session.execute(END, asked)
    if found:
        log.info("test_runs.abandoned", count=len(found))
    return len(found)
