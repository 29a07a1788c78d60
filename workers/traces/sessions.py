"""Sessions: what their traces add up to, kept by the roll-up; listed, and one with its traces.

Sums change by what a trace was before and is now; when a session began and ended is looked up in its traces, of which
an index knows the first and the last, so a session of a million traces costs no more than one of two.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text, tuple_
from sqlalchemy.orm import Session

from infra import json
from infra.errors import InvalidParameter, NotFound
from models import ObservationStatus, TraceSession
from workers.paging import PageOf

Json = dict[str, Any]

# How many of the newest traces are asked who the user is.
NAMING = 100

# The first and the last of a session's traces: none is left where there is no first.
REFRESH = text(f"""
INSERT INTO trace_sessions (project_id, id, first_seen_at, last_seen_at, user_id, environment, traces, observations,
  errors, input_tokens, output_tokens, cost, priced, unpriced)
SELECT :project_id, r.id, f.started_at, l.started_at + l.duration_ms * interval '1 ms', u.user_id, l.environment,
  r.traces, r.observations, r.errors, r.input_tokens, r.output_tokens, r.cost, r.priced, r.unpriced
FROM json_to_recordset(:rows) AS r(id text, traces int, observations bigint, errors int, input_tokens bigint,
  output_tokens bigint, cost numeric, priced bigint, unpriced bigint)
CROSS JOIN LATERAL (
  SELECT started_at FROM traces t WHERE t.project_id = :project_id AND t.session_id = r.id
  ORDER BY started_at LIMIT 1) f
CROSS JOIN LATERAL (
  SELECT started_at, duration_ms, environment FROM traces t WHERE t.project_id = :project_id AND t.session_id = r.id
  ORDER BY started_at DESC, id DESC LIMIT 1) l
LEFT JOIN LATERAL (
  SELECT user_id FROM (
    SELECT user_id, started_at, id FROM traces t WHERE t.project_id = :project_id AND t.session_id = r.id
    ORDER BY started_at DESC, id DESC LIMIT {NAMING}) newest
  WHERE user_id IS NOT NULL ORDER BY started_at DESC, id DESC LIMIT 1) u ON true
ON CONFLICT (project_id, id) DO UPDATE SET first_seen_at = EXCLUDED.first_seen_at,
  last_seen_at = EXCLUDED.last_seen_at, user_id = EXCLUDED.user_id, environment = EXCLUDED.environment,
  traces = trace_sessions.traces + EXCLUDED.traces,
  observations = trace_sessions.observations + EXCLUDED.observations,
  errors = trace_sessions.errors + EXCLUDED.errors,
  input_tokens = trace_sessions.input_tokens + EXCLUDED.input_tokens,
  output_tokens = trace_sessions.output_tokens + EXCLUDED.output_tokens,
  cost = trace_sessions.cost + EXCLUDED.cost,
  priced = trace_sessions.priced + EXCLUDED.priced,
  unpriced = trace_sessions.unpriced + EXCLUDED.unpriced
""")
FORGET = text("""
DELETE FROM trace_sessions s USING json_to_recordset(:rows) AS r(id text)
WHERE s.project_id = :project_id AND s.id = r.id AND NOT EXISTS (
  SELECT FROM traces t WHERE t.project_id = :project_id AND t.session_id = r.id)
""")


@dataclass(slots=True)
class Share:
    """What traces are of their session; `priced` and `unpriced` are traces whose cost is known, and calls whose cost
    is not."""

    traces: int = 0
    observations: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    priced: int = 0
    unpriced: int = 0


class Shares:
    """What a project's sessions gain and lose."""

    def __init__(self) -> None:
        self.found: dict[str, Share] = {}

    def add(self, trace: Any, times: int = 1) -> None:
        """Adds a trace (anything with the columns of one), or with -1 takes it away."""
        if trace.session_id is None:
            return
        share = self.found.setdefault(trace.session_id, Share())
        share.traces += times
        share.observations += times * trace.observations
        share.errors += times * (trace.status == ObservationStatus.ERROR)
        share.input_tokens += times * trace.input_tokens
        share.output_tokens += times * trace.output_tokens
        share.cost += times * (trace.cost or 0)
        share.priced += times * (trace.cost is not None)
        share.unpriced += times * trace.unpriced


def refresh(session: Session, project_id: UUID, shares: Shares) -> None:
    """Writes what has become of these sessions; their traces are written already. Only for whoever holds the project's
    lock (rolling_up.py)."""
    if not shares.found:
        return
    names = Share.__slots__
    rows = [{"id": id_, **{name: getattr(one, name) for name in names}} for id_, one in shares.found.items()]
    given = {"project_id": project_id, "rows": json.dump_for_postgres(rows)}
    session.execute(REFRESH, given)
    session.execute(FORGET, given)


def list_sessions(session: Session, project_id: UUID, wanted: Json) -> PageOf[Any]:
    """The project's sessions by when they were last seen; `wanted` is what TraceSessionsQuery loads. Raises
    InvalidParameter where `after` is no session."""
    query = TraceSession.in_project(project_id)
    for name in ("user_id", "environment"):
        if name in wanted:
            query = query.where(getattr(TraceSession, name) == wanted[name])
    if "seen_after" in wanted:
        query = query.where(TraceSession.last_seen_at >= wanted["seen_after"])
    if "seen_before" in wanted:
        query = query.where(TraceSession.last_seen_at < wanted["seen_before"])
    if "has_errors" in wanted:
        query = query.where(TraceSession.errors > 0 if wanted["has_errors"] else TraceSession.errors == 0)
    newest_first = wanted["order"] == "desc"
    place = (TraceSession.last_seen_at, TraceSession.id)
    if "after" in wanted:
        there = _place(session, project_id, wanted["after"])
        query = query.where(tuple_(*place) < there if newest_first else tuple_(*place) > there)
    order = [one.desc() if newest_first else one.asc() for one in place]
    found = list(session.scalars(query.order_by(*order).limit(wanted["limit"] + 1)))
    return PageOf(found[: wanted["limit"]], len(found) > wanted["limit"])


def get_session(session: Session, project_id: UUID, session_id: str) -> TraceSession:
    """The project's session of that id; raises NotFound."""
    found = session.scalars(TraceSession.in_project(project_id).where(TraceSession.id == session_id)).first()
    if found is None:
        raise NotFound("There is no such session.")
    return found


def _place(session: Session, project_id: UUID, session_id: str) -> Any:
    try:
        found = get_session(session, project_id, session_id)
    except NotFound:
        detail = "Is no session that is there; begin again."
        raise InvalidParameter(detail, errors=[{"pointer": "/after", "detail": detail}]) from None
    return found.last_seen_at, found.id
