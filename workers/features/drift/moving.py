"""What was learnt of a feature that was merged goes over to the other: prompts, call sites, drifts. The facts of its
traces go with these (workers/features/moving.py)."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

# A prompt that both have is one: it was seen by both.
PROMPTS = (
    text("""
UPDATE feature_prompts p SET seen = p.seen + o.seen, days = greatest(p.days, o.days),
  first_seen_at = least(p.first_seen_at, o.first_seen_at),
  last_trace_id = CASE WHEN o.last_seen_at > p.last_seen_at THEN o.last_trace_id ELSE p.last_trace_id END,
  last_seen_at = greatest(p.last_seen_at, o.last_seen_at)
FROM feature_prompts o WHERE o.feature_id = :from_id AND p.feature_id = :to_id
  AND (o.call_site, o.fingerprint) = (p.call_site, p.fingerprint)
"""),
    text("""
DELETE FROM feature_prompts o USING feature_prompts p WHERE o.feature_id = :from_id AND p.feature_id = :to_id
  AND (o.call_site, o.fingerprint) = (p.call_site, p.fingerprint)
"""),
    text("UPDATE feature_prompts SET feature_id = :to_id WHERE feature_id = :from_id"),
)
OTHERS = (
    text("UPDATE feature_drifts SET feature_id = :to_id WHERE feature_id = :from_id"),
    # A call site that both have is learnt anew: the prompts of both are right there, and neither is a change.
    text("""
DELETE FROM feature_sites s USING feature_sites o WHERE o.call_site = s.call_site AND s.feature_id <> o.feature_id
  AND s.feature_id IN (:from_id, :to_id) AND o.feature_id IN (:from_id, :to_id)
"""),
    text("UPDATE feature_sites SET feature_id = :to_id WHERE feature_id = :from_id"),
    # Two mixtures are not compared: what comes from now on is.
    text("DELETE FROM feature_watches WHERE feature_id = :from_id"),
    text("UPDATE feature_watches SET reference_from = now(), streaks = '{}' WHERE feature_id = :to_id"),
)


def move(session: Session, from_id: UUID, to_id: UUID) -> None:
    """All that was learnt of one feature's prompts, and what changed about it, is the other's."""
    for statement in (*PROMPTS, *OTHERS):
        session.execute(statement, {"from_id": from_id, "to_id": to_id})
